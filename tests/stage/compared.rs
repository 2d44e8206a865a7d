//! What lies in a folder, and whether it is the same as in another.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Everything about a file, folder or link that a staging keeps.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    File {
        mode: u32,
        modified: (i64, i64),
        content: Content,
    },
    /// Another name of a file that was met before.
    AnotherName(PathBuf),
    Folder {
        mode: u32,
        modified: (i64, i64),
    },
    Link {
        to: PathBuf,
        modified: (i64, i64),
    },
    Special,
}

/// Bytes that are compared, and not shown.
#[derive(PartialEq, Eq)]
struct Content(Vec<u8>);

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes that begin with {:?}", self.0.len(), &self.0[..self.0.len().min(8)])
    }
}

/// Checks that two trees, or files, are the same in all that is kept.
pub(crate) fn assert_alike(one: &Path, other: &Path) {
    let (left, right) = (found(one), found(other));
    for (path, what) in &left {
        assert_eq!(Some(what), right.get(path), "{} in {} and {}", path.display(), one.display(), other.display());
    }
    let more: Vec<_> = right.keys().filter(|path| !left.contains_key(*path)).collect();
    assert!(more.is_empty(), "{} has also {more:?}", other.display());
}

/// Checks that a folder has just these names in it, hidden ones too.
pub(crate) fn assert_only(folder: &Path, names: &[&str]) {
    let mut found: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, names, "in {}", folder.display());
}

/// What is there, by path.
fn found(root: &Path) -> BTreeMap<PathBuf, Found> {
    let (mut found, mut first_names) = (BTreeMap::new(), HashMap::new());
    look(root, Path::new(""), &mut found, &mut first_names);
    found
}

fn look(
    root: &Path,
    path: &Path,
    found: &mut BTreeMap<PathBuf, Found>,
    first_names: &mut HashMap<(u64, u64), PathBuf>,
) {
    let place = if path == Path::new("") { root.to_owned() } else { root.join(path) };
    let met = fs::symlink_metadata(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let (mode, modified) = (met.mode() & 0o7777, (met.mtime(), met.mtime_nsec()));
    let kind = met.file_type();
    let what = if kind.is_symlink() {
        Found::Link { to: fs::read_link(&place).unwrap(), modified }
    } else if kind.is_dir() {
        Found::Folder { mode, modified }
    } else if kind.is_file() {
        match first_names.get(&(met.dev(), met.ino())) {
            Some(first) => Found::AnotherName(first.clone()),
            None => {
                first_names.insert((met.dev(), met.ino()), path.to_owned());
                Found::File { mode, modified, content: Content(fs::read(&place).unwrap()) }
            }
        }
    } else {
        Found::Special
    };
    found.insert(path.to_owned(), what);
    if kind.is_dir() {
        let mut names: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.iter().for_each(|name| look(root, &path.join(name), found, first_names));
    }
}
