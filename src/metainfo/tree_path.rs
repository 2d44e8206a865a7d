//! A place in a tree of files that cannot lead out of it.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Legible;

/// A relative path of one or more plain names, as bytes: no name is empty, `.` or `..`, holds a `/` or a NUL, or is longer
/// than 255 bytes. Paths are ordered name by name, as BEP 52 orders files.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TreePath {
    /// The names, with a `/` between each two.
    joined: Box<[u8]>,
}

/// Why something is no path in a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreePathError {
    /// There is no name at all.
    #[error("a path needs a name")]
    Empty,
    /// A name is empty, `.` or `..`, or holds a separator or a NUL.
    #[error("{0:?} is no name of a file")]
    Name(String),
    /// A name has more than 255 bytes, which no file system takes.
    #[error("a name of {0} bytes is too long (255 are the most)")]
    TooLong(usize),
    /// More names than [`TreePath::DEEPEST`].
    #[error("a path of {0} names is too deep (100 are the most)")]
    TooDeep(usize),
}

impl TreePath {
    /// The most names in a path (libtorrent's limit).
    pub const DEEPEST: usize = 100;
    const LONGEST_NAME: usize = 255;

    /// The path of these names, outermost first.
    ///
    /// # Errors
    /// Where one of them is no plain name, or there are none or too many.
    pub fn new<N: AsRef<[u8]>>(names: impl IntoIterator<Item = N>) -> Result<Self, TreePathError> {
        let mut joined = Vec::new();
        let mut depth = 0;
        for name in names {
            let name = name.as_ref();
            check(name)?;
            if depth > 0 {
                joined.push(b'/');
            }
            joined.extend_from_slice(name);
            depth += 1;
        }
        match depth {
            0 => Err(TreePathError::Empty),
            1..=Self::DEEPEST => Ok(Self { joined: joined.into() }),
            _ => Err(TreePathError::TooDeep(depth)),
        }
    }

    /// The names, outermost first.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.joined.split(|&byte| byte == b'/')
    }

    /// How many names there are.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.names().count()
    }

    /// The outermost name.
    #[must_use]
    pub fn first_name(&self) -> &[u8] {
        self.names().next().unwrap_or_default()
    }

    /// The folder that it lies in, where it is not at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let at = self.joined.iter().rposition(|&byte| byte == b'/')?;
        Some(Self { joined: self.joined[..at].into() })
    }

    /// The same path seen from the thing that the outermost name names, where it is not that thing itself.
    #[must_use]
    pub fn below_first_name(&self) -> Option<&Path> {
        let at = self.joined.iter().position(|&byte| byte == b'/')?;
        Some(Path::new(OsStr::from_bytes(&self.joined[at + 1..])))
    }

    /// Whether it lies in this folder, or in one that lies in it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        self.joined.strip_prefix(&*folder.joined).is_some_and(|rest| rest.first() == Some(&b'/'))
    }

    /// What this name is called in this folder.
    ///
    /// # Errors
    /// Where it is no plain name, or lies too deep.
    pub fn join(&self, name: &[u8]) -> Result<Self, TreePathError> {
        Self::new(self.names().chain([name]))
    }

    /// The same as the system's path, relative to wherever the tree lies.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.joined))
    }
}

fn check(name: &[u8]) -> Result<(), TreePathError> {
    if name.len() > TreePath::LONGEST_NAME {
        return Err(TreePathError::TooLong(name.len()));
    }
    let plain = !matches!(name, b"" | b"." | b"..") && !name.iter().any(|&byte| byte == b'/' || byte == 0);
    if plain { Ok(()) } else { Err(TreePathError::Name(String::from_utf8_lossy(name).into_owned())) }
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(other.names())
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Legible(&String::from_utf8_lossy(&self.joined)).fmt(f)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.split('/')).unwrap()
    }

    #[test]
    fn a_path_that_could_lead_outside_is_none() {
        for names in [&["..", "etc"][..], &["a", ".."], &["."], &[""], &["a", "", "b"], &["a/b"], &["/etc"], &["a\0"]] {
            assert!(matches!(TreePath::new(names), Err(TreePathError::Name(_))), "{names:?}");
        }
        assert_eq!(TreePath::new::<&str>([]), Err(TreePathError::Empty));
        assert_eq!(TreePath::new([[b'x'; 256]]), Err(TreePathError::TooLong(256)));
        assert_eq!(TreePath::new(["a"; 101]), Err(TreePathError::TooDeep(101)));
        assert_eq!(TreePath::new(["a"; 100]).unwrap().depth(), 100);
    }

    #[test]
    fn paths_are_ordered_name_by_name() {
        let mut paths = ["a.b", "a/z", "a", "a-b/c"].map(path);
        paths.sort();
        assert_eq!(paths, ["a", "a/z", "a-b/c", "a.b"].map(path));
    }

    #[test]
    fn a_path_is_taken_apart_and_put_together() {
        let whole = path("top/in/file");
        assert_eq!((whole.first_name(), whole.depth()), (&b"top"[..], 3));
        assert_eq!(whole.parent(), Some(path("top/in")));
        assert_eq!(whole.parent().unwrap().join(b"file"), Ok(whole));
        assert_eq!(path("top").parent(), None);
        assert_eq!(path("top/in/file").below_first_name(), Some(Path::new("in/file")));
        assert_eq!(path("top").below_first_name(), None);
        assert!(path("top/in/file").is_within(&path("top")) && path("top/in").is_within(&path("top")));
        assert!(!path("top").is_within(&path("top")) && !path("topmost").is_within(&path("top")));
    }
}
