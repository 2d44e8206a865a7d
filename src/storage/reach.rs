//! What lies below a folder, looked at and opened without a link on the way being followed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::target::open_beneath;
use crate::metainfo::TreePath;

/// A folder, from which paths of a tree lead down and nowhere else.
#[derive(Debug)]
pub struct Reach {
    folder: OwnedFd,
}

/// What lies at a path.
#[derive(Debug)]
pub enum Reached {
    /// Nothing, or there is a file on the way.
    Nothing,
    /// Nobody knows, for this is a link on the way.
    Barred(TreePath),
    /// This, a link itself not followed.
    Thing(Box<Stat>),
}

impl Reach {
    /// The paths that lead down from this folder, which may itself be a link.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn below(folder: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { folder: rustix::fs::open(folder, flags, Mode::empty())? })
    }

    /// What lies there.
    ///
    /// # Errors
    /// Where the system refuses to tell.
    pub fn look(&self, path: &TreePath) -> io::Result<Reached> {
        match self.stat(path) {
            Ok(found) => Ok(Reached::Thing(Box::new(found))),
            Err(Errno::NOENT) => Ok(Reached::Nothing),
            Err(Errno::NOTDIR | Errno::LOOP) => Ok(self.first_link(path).map_or(Reached::Nothing, Reached::Barred)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a plain file. A pipe is not waited for.
    ///
    /// # Errors
    /// Where it cannot be opened, a link is on the way, or it is something else.
    pub fn open(&self, path: &TreePath) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = self.within(path, |folder, name| rustix::fs::openat(folder, name, flags, Mode::empty()))?;
        let file = File::from(opened);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("no plain file")) }
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Errno> {
        self.within(path, |folder, name| rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW))
    }

    /// Does something with the folder that a path lies in, and its name there.
    fn within<T>(
        &self,
        path: &TreePath,
        act: impl FnOnce(std::os::fd::BorrowedFd<'_>, &[u8]) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let name = path.names().next_back().unwrap_or_default();
        match path.parent() {
            Some(parent) => act(open_beneath(&self.folder, &parent)?.as_fd(), name),
            None => act(self.folder.as_fd(), name),
        }
    }

    /// The outermost link on the way to something.
    fn first_link(&self, path: &TreePath) -> Option<TreePath> {
        let above = (1..path.depth()).filter_map(|depth| TreePath::new(path.names().take(depth)).ok());
        let mut above = above.map_while(|folder| Some((self.stat(&folder).ok()?, folder)));
        above.find(|(found, _)| FileType::from_raw_mode(found.st_mode).is_symlink()).map(|(_, folder)| folder)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_lies_behind_a_link_is_not_reached_and_the_outermost_link_is_named() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/file"), "x").unwrap();
        symlink("b", at("a/in")).unwrap();
        symlink("/", at("a/b/out")).unwrap();
        let reach = Reach::below(root.path()).unwrap();
        let path = |text: &str| TreePath::new(text.split('/')).unwrap();
        let look = |text| match reach.look(&path(text)).unwrap() {
            Reached::Thing(found) => super::super::called(found.st_mode).to_owned(),
            Reached::Barred(link) => link.to_string(),
            Reached::Nothing => "nothing".to_owned(),
        };
        for (text, found) in [
            ("a", "a folder"),
            ("a/b/file", "a file"),
            ("a/in", "a symbolic link"),
            ("a/in/file", "a/in"),
            ("a/in/out/tmp", "a/in"),
            ("a/b/out/tmp", "a/b/out"),
            ("a/b/file/x", "nothing"),
            ("none/x", "nothing"),
        ] {
            assert_eq!(look(text), found, "{text}");
        }
        let opens = |text| reach.open(&path(text)).is_ok();
        assert!(opens("a/b/file") && !opens("a/in/file") && !opens("a/in") && !opens("a/b"));
    }
}
