//! What a rank sees of the sources, and whether another sees the same.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use sha1::{Digest, Sha1};

use super::Roots;
use crate::storage::WalkError;
use crate::storage::walk::{kind_of_special, own_name};

/// Those of the sources that a rank can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Where they lie.
    pub roots: Roots,
    /// What tells whether another rank sees the same.
    pub identity: Identity,
}

/// A fingerprint of what a view sees, made from the roots alone, without a walk. Two ranks on a file system that both mount
/// have the same: what makes it up (kind, inode, size, times) is told by the file system, not by the node. A copy has another
/// inode and another time of its last change, so it is another view.
///
/// It is a hint: two nodes that were cloned from one image look the same and may have drifted apart below the root. That is
/// found when a file is opened ([`Source`](super::Source) checks each against the manifest).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity([u8; 16]);

/// What a look at the sources found.
#[derive(Debug)]
pub struct Look {
    /// What can be read, where anything can.
    pub view: Option<View>,
    /// Each source that cannot be read here, and why. It is an error only where no rank can.
    pub unseen: Vec<WalkError>,
}

/// Why sources cannot be staged together, whoever can read them.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// They would lie in the same place.
    #[error("{} and {} would both become '{name}' in the target; stage them one after the other", one.display(), other.display())]
    SameName {
        /// The name.
        name: String,
        /// The first that has it.
        one: PathBuf,
        /// The second.
        other: PathBuf,
    },
    /// One has no name that it could have in the target.
    #[error(transparent)]
    NoName(WalkError),
}

impl View {
    /// Looks which of the sources this rank can read. Each goes by its own name; `.` and `..` by that of the folder that
    /// they mean.
    ///
    /// # Errors
    /// Where two of them have the same name, or one has none.
    pub fn look(sources: &[PathBuf]) -> Result<Look, ViewError> {
        let mut named = BTreeMap::new();
        let mut unseen = Vec::new();
        for path in sources {
            let found = readable(path);
            match own_name(path) {
                Ok(name) => claim(&mut named, name, (path, found.as_ref().ok().cloned()))?,
                Err(WalkError::Io { .. }) => {}
                Err(reason) => return Err(ViewError::NoName(reason)),
            }
            unseen.extend(found.err());
        }
        let (mut seen, mut digest) = (BTreeMap::new(), Sha1::new());
        for (name, (path, found)) in named {
            if let Some(found) = found {
                add_to(&mut digest, &name, &found);
                seen.insert(name, path.clone());
            }
        }
        let identity = Identity(*digest.finalize().first_chunk().expect("a SHA-1 has 20 bytes"));
        let view = (!seen.is_empty()).then(|| Self { roots: Roots::new(seen), identity });
        Ok(Look { view, unseen })
    }
}

/// A source, and what was found there.
type Found<'a> = (&'a PathBuf, Option<Metadata>);

/// Gives a name to a source, if no other has it.
fn claim<'a>(named: &mut BTreeMap<Vec<u8>, Found<'a>>, name: Vec<u8>, source: Found<'a>) -> Result<(), ViewError> {
    match named.entry(name) {
        Entry::Vacant(free) => {
            free.insert(source);
            Ok(())
        }
        Entry::Occupied(taken) => Err(ViewError::SameName {
            name: String::from_utf8_lossy(taken.key()).into_owned(),
            one: taken.get().0.clone(),
            other: source.0.clone(),
        }),
    }
}

/// What lies there, a link followed, where it can be read and shared.
fn readable(path: &Path) -> Result<Metadata, WalkError> {
    let refused = |error| WalkError::Io { path: path.to_owned(), error };
    let found = fs::metadata(path).map_err(refused)?;
    let kind = found.file_type();
    let access = match () {
        () if kind.is_file() => Access::READ_OK,
        () if kind.is_dir() => Access::READ_OK | Access::EXEC_OK,
        () => return Err(WalkError::Special { path: path.to_owned(), kind: kind_of_special(kind) }),
    };
    accessat(CWD, path, access, AtFlags::EACCESS).map_err(|error| refused(error.into()))?;
    Ok(found)
}

fn add_to(digest: &mut Sha1, name: &[u8], found: &Metadata) {
    digest.update((name.len() as u64).to_le_bytes());
    digest.update(name);
    digest.update([u8::from(found.is_dir())]);
    for number in [found.ino(), found.len()] {
        digest.update(number.to_le_bytes());
    }
    for time in [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()] {
        digest.update(time.to_le_bytes());
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn view(sources: &[&Path]) -> View {
        let sources: Vec<_> = sources.iter().map(|path| path.to_path_buf()).collect();
        View::look(&sources).unwrap().view.expect("something can be read")
    }

    fn identity(source: &Path) -> Identity {
        view(&[source]).identity
    }

    #[test]
    fn the_same_thing_is_the_same_on_whatever_way_it_is_reached() {
        let outer = tempfile::tempdir().unwrap();
        let tree = outer.path().join("tree");
        fs::create_dir_all(tree.join("in")).unwrap();
        fs::create_dir(outer.path().join("beside")).unwrap();
        symlink(&tree, outer.path().join("beside/tree")).unwrap();

        let own = identity(&tree);
        // Another path to the same place, as another mount would be.
        assert_eq!(identity(&Path::new("/proc/self/root").join(tree.strip_prefix("/").unwrap())), own);
        assert_eq!(identity(&outer.path().join("beside/tree")), own);
        for same in ["tree/", "tree/.", "tree/in/..", "beside/../tree"] {
            assert_eq!(identity(&outer.path().join(same)), own, "{same}");
        }
        assert_eq!(own.to_string().len(), 32);
    }

    #[test]
    fn a_hard_link_is_the_same_and_a_copy_is_not() {
        let outer = tempfile::tempdir().unwrap();
        let at = |folder: &str| outer.path().join(folder).join("file");
        for folder in ["original", "linked", "copied"] {
            fs::create_dir(outer.path().join(folder)).unwrap();
        }
        fs::write(at("original"), "content").unwrap();
        fs::hard_link(at("original"), at("linked")).unwrap();
        fs::copy(at("original"), at("copied")).unwrap();
        let time = fs::metadata(at("original")).unwrap().modified().unwrap();
        fs::File::options().write(true).open(at("copied")).unwrap().set_modified(time).unwrap();

        assert_eq!(identity(&at("linked")), identity(&at("original")));
        assert_ne!(identity(&at("copied")), identity(&at("original")));
    }

    #[test]
    fn twins_of_one_moment_are_two_views() {
        let outer = tempfile::tempdir().unwrap();
        for folder in ["one", "other"] {
            fs::create_dir(outer.path().join(folder)).unwrap();
        }
        let times = |path: &Path| fs::metadata(path).map(|found| (found.mtime_nsec(), found.ctime_nsec())).unwrap();
        let of_one_moment = (0..10_000).find_map(|number| {
            let pair = ["one", "other"].map(|folder| outer.path().join(format!("{folder}/{number}")));
            pair.iter().for_each(|path| fs::write(path, "").unwrap());
            (times(&pair[0]) == times(&pair[1])).then_some(pair)
        });
        let [one, other] = of_one_moment.expect("two are made within a tick of the clock");
        assert_ne!(identity(&one), identity(&other));
    }

    #[test]
    fn another_part_of_the_sources_or_another_name_is_another_view() {
        let outer = tempfile::tempdir().unwrap();
        let at = |name: &str| outer.path().join(name);
        fs::write(at("a"), "").unwrap();
        fs::write(at("b"), "").unwrap();
        symlink("a", at("c")).unwrap();
        let all = view(&[&at("a"), &at("b")]);
        assert_eq!(view(&[&at("b"), &at("a")]), all, "their order means nothing");
        assert_ne!(view(&[&at("a"), &at("gone")]).identity, all.identity);
        assert_ne!(identity(&at("c")), identity(&at("a")));
    }

    #[test]
    fn a_view_lists_what_it_sees_in_order() {
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir_all(outer.path().join("b/in")).unwrap();
        fs::write(outer.path().join("a"), "").unwrap();
        let roots = view(&[&outer.path().join("b/in/.."), &outer.path().join("a")]).roots;
        let paths: Vec<_> = roots.list().unwrap().iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(paths, ["a", "b", "b/in"]);
    }

    #[test]
    fn what_cannot_be_read_here_is_told_with_its_reason() {
        let outer = tempfile::tempdir().unwrap();
        let _socket = UnixListener::bind(outer.path().join("socket")).unwrap();
        let sources = ["gone", "gone/..", "socket"].map(|name| outer.path().join(name));

        let Look { view, unseen } = View::look(&sources).unwrap();

        assert_eq!(view, None);
        let reasons: Vec<_> = unseen.iter().map(ToString::to_string).collect();
        let start = outer.path().display();
        assert_eq!(reasons[0], format!("{start}/gone: No such file or directory (os error 2)"));
        assert_eq!(reasons[1], format!("{start}/gone/..: No such file or directory (os error 2)"));
        assert!(reasons[2].starts_with(&format!("{start}/socket is a socket")));
    }

    #[test]
    fn two_of_one_name_are_refused_also_where_they_cannot_be_read() {
        let look = |sources: &[&str]| View::look(&sources.iter().map(PathBuf::from).collect::<Vec<_>>()).unwrap_err();
        assert_eq!(
            look(&["/no/model", "/nowhere/model/"]).to_string(),
            "/no/model and /nowhere/model/ would both become 'model' in the target; stage them one after the other"
        );
        assert!(matches!(look(&["/"]), ViewError::NoName(_)));
    }
}
