//! What lies in a tree on disk.

use std::collections::HashMap;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::metainfo::{Entry, Modified, Node, TreePath, TreePathError};

/// The permission bits of `st_mode`.
const PERMISSIONS: u32 = 0o7777;
const READABLE_BY_ALL: u32 = 0o444;

/// Why a tree cannot be shared as it lies on disk.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The root of the file system, which has no name under which it could be shared.
    #[error("{0}: it has no name under which it could be shared; give a folder in it")]
    NoName(PathBuf),
    /// A name that other machines could not make: too long, or too deep.
    #[error("{path}: {reason}")]
    Name {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        reason: TreePathError,
    },
    /// Something that has no content of its own.
    #[error("{path} is {kind}; only files, folders and links can be shared")]
    Special {
        /// Where it lies.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// The operating system refused.
    #[error("{path}: {error}")]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
}

/// Lists what lies at `root` and below: files, symbolic links as they stand, folders; of several hard links to a file all
/// but the first as such. The paths begin with the root's own name and are in their own order, so a folder comes before
/// what lies in it. Only a `root` that is itself a symbolic link is followed: it was asked for by name. Folders on which
/// others are mounted are gone into.
///
/// # Errors
/// At the first thing that cannot be shared or read.
pub fn walk(root: &Path) -> Result<Vec<Entry>, WalkError> {
    let mut walk = Walk { entries: Vec::new(), first_names: HashMap::new() };
    let name = own_name(root)?;
    let path = TreePath::new([name]).map_err(|reason| WalkError::Name { path: root.to_owned(), reason })?;
    let found = fs::metadata(root).map_err(refused(root))?;
    walk.visit(root, path, &found)?;
    Ok(walk.entries)
}

/// Where on disk an entry lies that [`walk`] found at this `root`.
#[must_use]
pub fn place_of(root: &Path, path: &TreePath) -> PathBuf {
    match path.below_first_name() {
        Some(below) => root.join(below),
        None => root.to_owned(),
    }
}

/// What the root is called, also where it is given as `.` or the like.
pub(super) fn own_name(root: &Path) -> Result<Vec<u8>, WalkError> {
    if let Some(name) = root.file_name() {
        return Ok(name.as_bytes().to_vec());
    }
    let whole = root.canonicalize().map_err(refused(root))?;
    match whole.file_name() {
        Some(name) => Ok(name.as_bytes().to_vec()),
        None => Err(WalkError::NoName(root.to_owned())),
    }
}

fn refused(path: &Path) -> impl FnOnce(io::Error) -> WalkError {
    move |error| WalkError::Io { path: path.to_owned(), error }
}

struct Walk {
    entries: Vec<Entry>,
    /// The first name of each file that has several, by device and inode.
    first_names: HashMap<(u64, u64), TreePath>,
}

impl Walk {
    fn visit(&mut self, place: &Path, path: TreePath, found: &Metadata) -> Result<(), WalkError> {
        let kind = found.file_type();
        let node = if kind.is_file() {
            self.file(place, &path, found)?
        } else if kind.is_symlink() {
            let target = fs::read_link(place).map_err(refused(place))?;
            Node::Symlink { target: target.as_os_str().as_bytes().to_vec() }
        } else if kind.is_dir() {
            Node::Folder
        } else {
            return Err(WalkError::Special { path: place.to_owned(), kind: kind_of_special(kind) });
        };
        let (mode, modified) = match node {
            // Those of the file stand with its first name.
            Node::HardLink { .. } => (None, None),
            // A link's mode means nothing.
            Node::Symlink { .. } => (None, Some(modified(found))),
            _ => (Some(found.mode() & PERMISSIONS), Some(modified(found))),
        };
        self.entries.push(Entry { path: path.clone(), node, mode, modified });
        if kind.is_dir() { self.folder(place, &path) } else { Ok(()) }
    }

    fn file(&mut self, place: &Path, path: &TreePath, found: &Metadata) -> Result<Node, WalkError> {
        if found.nlink() > 1 {
            let inode = (found.dev(), found.ino());
            if let Some(first) = self.first_names.get(&inode) {
                return Ok(Node::HardLink { to: first.clone() });
            }
            self.first_names.insert(inode, path.clone());
        }
        // Better now than after an hour of hashing. Most need no question.
        if found.mode() & READABLE_BY_ALL != READABLE_BY_ALL {
            let readable = accessat(CWD, place, Access::READ_OK, AtFlags::EACCESS);
            readable.map_err(|error| refused(place)(error.into()))?;
        }
        Ok(Node::File { length: found.len() })
    }

    /// Visits what lies in a folder. It goes no deeper than a path may be.
    fn folder(&mut self, place: &Path, path: &TreePath) -> Result<(), WalkError> {
        let mut within = Vec::new();
        for entry in fs::read_dir(place).map_err(refused(place))? {
            let entry = entry.map_err(refused(place))?;
            // Asked of the folder that is open: quicker than by the whole path.
            let found = entry.metadata().map_err(|error| refused(&entry.path())(error))?;
            within.push((entry.file_name(), found));
        }
        within.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, found) in within {
            let place = place.join(&name);
            match path.join(name.as_bytes()) {
                Ok(path) => self.visit(&place, path, &found)?,
                Err(reason) => return Err(WalkError::Name { path: place, reason }),
            }
        }
        Ok(())
    }
}

/// When its content last changed.
pub(super) fn modified(found: &Metadata) -> Modified {
    // The system keeps it below a second; one that does not is no reason to stop.
    let nanos = u32::try_from(found.mtime_nsec()).unwrap_or(0);
    Modified { seconds: found.mtime(), nanos }
}

/// What has no content of its own is, with its article.
pub(super) fn kind_of_special(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use tempfile::TempDir;

    use super::*;

    /// A folder `tree` to be filled, in one that is removed at the end.
    fn tree() -> (TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("tree");
        fs::create_dir(&root).unwrap();
        (outer, root)
    }

    fn paths(entries: &[Entry]) -> Vec<String> {
        entries.iter().map(|entry| entry.path.to_string()).collect()
    }

    fn find<'a>(entries: &'a [Entry], path: &str) -> &'a Entry {
        entries.iter().find(|entry| entry.path.to_string() == path).unwrap()
    }

    #[test]
    fn a_tree_is_listed_in_the_order_of_its_paths_folders_first() {
        let (_outer, root) = tree();
        for folder in ["b", "empty"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        for file in ["b-c", "b/z", "b.d", "a"] {
            fs::write(root.join(file), file).unwrap();
        }

        let entries = walk(&root).unwrap();

        assert_eq!(paths(&entries), ["tree", "tree/a", "tree/b", "tree/b/z", "tree/b-c", "tree/b.d", "tree/empty"]);
        assert!(entries.is_sorted_by(|one, other| one.path < other.path));
        assert_eq!(find(&entries, "tree/b/z").node, Node::File { length: 3 });
        assert_eq!(find(&entries, "tree/empty").node, Node::Folder);
    }

    #[test]
    fn modes_and_times_are_told() {
        let (_outer, root) = tree();
        let file = root.join("run");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o4750)).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789);
        fs::File::open(&file).unwrap().set_modified(time).unwrap();

        let entries = walk(&root).unwrap();

        let Entry { mode, modified, .. } = find(&entries, "tree/run");
        assert_eq!(*mode, Some(0o4750));
        assert_eq!(*modified, Some(Modified { seconds: 1_000_000_000, nanos: 123_456_789 }));
        assert!(entries[0].mode.is_some() && entries[0].modified.is_some());
    }

    #[test]
    fn a_symbolic_link_is_told_as_it_stands_and_not_followed() {
        let (_outer, root) = tree();
        symlink("../nowhere\n", root.join("dangling")).unwrap();
        symlink(".", root.join("loop")).unwrap();

        let entries = walk(&root).unwrap();

        assert_eq!(paths(&entries).len(), 3);
        assert_eq!(find(&entries, "tree/dangling").node, Node::Symlink { target: b"../nowhere\n".to_vec() });
        assert_eq!(find(&entries, "tree/loop").mode, None);
    }

    #[test]
    fn the_second_name_of_a_file_is_a_hard_link_to_the_first() {
        let (outer, root) = tree();
        fs::write(root.join("m"), "content").unwrap();
        fs::hard_link(root.join("m"), root.join("a")).unwrap();
        fs::write(outer.path().join("elsewhere"), "").unwrap();
        fs::hard_link(outer.path().join("elsewhere"), root.join("z")).unwrap();

        let entries = walk(&root).unwrap();

        assert_eq!(find(&entries, "tree/a").node, Node::File { length: 7 });
        let to = find(&entries, "tree/a").path.clone();
        assert_eq!(find(&entries, "tree/m").node, Node::HardLink { to });
        // Its other name lies outside of the tree.
        assert_eq!(find(&entries, "tree/z").node, Node::File { length: 0 });
    }

    #[test]
    fn names_that_are_no_text_are_kept() {
        let (_outer, root) = tree();
        let name = std::ffi::OsStr::from_bytes(b"\xff\xfe");
        fs::write(root.join(name), "").unwrap();
        let entries = walk(&root).unwrap();
        assert_eq!(entries[1].path.names().nth(1), Some(&b"\xff\xfe"[..]));
        assert_eq!(place_of(&root, &entries[1].path), root.join(name));
    }

    #[test]
    fn a_root_is_a_file_a_followed_link_or_the_current_folder_too() {
        let (outer, root) = tree();
        fs::write(root.join("f"), "1234").unwrap();
        symlink(&root, outer.path().join("link")).unwrap();

        let alone = walk(&root.join("f")).unwrap();
        assert_eq!((paths(&alone), &alone[0].node), (vec!["f".to_owned()], &Node::File { length: 4 }));
        assert_eq!(place_of(&root.join("f"), &alone[0].path), root.join("f"));
        assert_eq!(paths(&walk(&outer.path().join("link")).unwrap()), ["link", "link/f"]);
        assert_eq!(paths(&walk(&root.join("../tree/.")).unwrap()), ["tree", "tree/f"]);
        assert_eq!(paths(&walk(&root.join("../tree/../tree/..")).unwrap()).len(), 4);
    }

    #[test]
    fn what_has_no_content_is_refused_by_name() {
        let (_outer, root) = tree();
        let _socket = UnixListener::bind(root.join("s")).unwrap();
        let refused = walk(&root).unwrap_err();
        assert!(matches!(&refused, WalkError::Special { path, kind: "a socket" } if *path == root.join("s")));
        assert!(refused.to_string().ends_with("tree/s is a socket; only files, folders and links can be shared"));
        assert!(matches!(walk(Path::new("/dev/null")), Err(WalkError::Special { kind: "a device", .. })));
    }

    #[test]
    fn what_is_not_there_too_deep_or_nameless_is_an_error_with_its_path() {
        let (_outer, root) = tree();
        let gone = walk(&root.join("gone")).unwrap_err().to_string();
        assert!(gone.contains("tree/gone: No such file"), "{gone}");
        assert!(matches!(walk(Path::new("/")), Err(WalkError::NoName(_))));
        fs::create_dir_all(root.join(vec!["d"; TreePath::DEEPEST].join("/"))).unwrap();
        assert!(matches!(walk(&root), Err(WalkError::Name { reason: TreePathError::TooDeep(_), .. })));
    }
}
