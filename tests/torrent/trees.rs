//! Trees to be shared.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tempfile::TempDir;

/// Bytes that are no pattern, and the same each time.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 32) as u8
    };
    (0..length).map(|_| next(&mut state)).collect()
}

/// A folder to work in, with a tree `tree` that has everything which a `.torrent` can say: files of many pieces, so that there
/// are pads, and of none; a program; links to a file and a folder, up and down; names in other scripts.
pub(crate) fn everything() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("sub/deeper")).unwrap();
    fs::create_dir_all(tree.join("пакет")).unwrap();
    let write = |at: &str, length| fs::write(tree.join(at), noise(length as u64, length)).unwrap();
    write("a large one", 300_001);
    write("sub/deeper/larger", 500_000);
    write("sub/none", 0);
    write("пакет/ünï \"'", 7);
    for n in 0..40 {
        write(&format!("sub/small{n}"), n * 211 + 1);
    }
    fs::write(tree.join("run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(tree.join("run"), PermissionsExt::from_mode(0o750)).unwrap();
    for (link, target) in
        [("latest", "sub/small7"), ("sub/up", "../run"), ("sub/deep", "deeper"), ("sub/beside", "none")]
    {
        symlink(target, tree.join(link)).unwrap();
    }
    folder
}

/// A folder to work in, with a file `single` of a few pieces.
pub(crate) fn single() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("single"), noise(1, 70_000)).unwrap();
    folder
}

/// Changes a byte of a file.
pub(crate) fn spoil(file: &Path, at: usize) {
    let mut content = fs::read(file).unwrap();
    content[at] ^= 1;
    fs::write(file, content).unwrap();
}
