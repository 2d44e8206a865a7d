//! Trees to be staged.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tempfile::TempDir;

/// Bytes that are no pattern, and the same each time.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Pcg64::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// A folder to work in, which has a tree `data` of a few files, as long as `lengths` says.
pub(crate) fn plain(lengths: &[usize]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    for (number, &length) in lengths.iter().enumerate() {
        fs::write(folder.path().join(format!("data/file{number}")), noise(number as u64, length)).unwrap();
    }
    folder
}

/// A folder to work in, which has a tree `data` with everything that a tree can have.
pub(crate) fn everything() -> TempDir {
    let folder = plain(&[700_001, 0, 1, 16_384, 300]);
    let tree = folder.path().join("data");
    let deep = "deep/er".repeat(20);
    for made in ["empty", "empty/too", "пакет", "closed", &deep] {
        fs::create_dir_all(tree.join(made)).unwrap();
    }
    fs::write(tree.join(deep).join("bottom"), noise(10, 5_000)).unwrap();
    fs::write(tree.join("пакет/ünï \"' 🦀"), noise(11, 70_000)).unwrap();
    fs::write(tree.join(std::ffi::OsStr::from_bytes(b"no \xff text")), noise(12, 40)).unwrap();
    fs::write(tree.join("-rf"), noise(13, 50)).unwrap();
    for (file, mode) in [("file0", 0o755), ("file1", 0o600), ("file2", 0o400), ("file3", 0o1777), ("file4", 0o4711)] {
        fs::set_permissions(tree.join(file), Permissions::from_mode(mode)).unwrap();
    }
    for (link, target) in [("near", "file0"), ("empty/up", "../file1"), ("dangling", "no/where"), ("absolute", "/etc")]
    {
        symlink(target, tree.join(link)).unwrap();
    }
    fs::hard_link(tree.join("file0"), tree.join("empty/other name")).unwrap();
    fs::hard_link(tree.join("file0"), tree.join("a third name")).unwrap();
    sparse(&tree.join("sparse"));
    // What is written into a folder changes its time, and what is closed is not written into.
    for (touched, nanos) in [("file0", 123_456_789), ("file1", 1), ("sparse", 999_999_999), ("empty", 5), ("", 7)] {
        touch(&tree.join(touched), Duration::new(1_000_000_000, nanos));
    }
    fs::set_permissions(tree.join("closed"), Permissions::from_mode(0o550)).unwrap();
    folder
}

/// A file of 8 MiB, of which all but two runs is a hole.
fn sparse(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(8 << 20).unwrap();
    for at in [1 << 20, 5 << 20] {
        file.write_all_at(&noise(at, 100_000), at).unwrap();
    }
}

/// Sets the time of a file's or folder's last change, so long after 1970.
pub(crate) fn touch(path: &Path, since: Duration) {
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + since);
    File::open(path).unwrap().set_times(times).unwrap();
}
