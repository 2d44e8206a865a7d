//! A folder under which the tree's paths lie.

use std::num::NonZero;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::disk;
use super::open_files::OpenFiles;
use super::outline::{FolderId, Outline, ROOT, last_name};
use super::target_error::At;
use super::{TargetError, beneath};
use crate::metainfo::TreePath;

/// How many folders are kept open, for each shelf.
const FOLDERS_OPEN: NonZero<usize> = NonZero::new(64).unwrap();

/// One of the two folders that hold the tree: the hidden one in which it is built, and the one that it is meant for. No link
/// below it is ever followed.
#[derive(Debug)]
pub(super) struct Shelf {
    root: Arc<OwnedFd>,
    path: PathBuf,
    open: OpenFiles<FolderId>,
}

impl Shelf {
    /// The shelf in this folder, which has this path.
    pub(super) fn new(root: OwnedFd, path: PathBuf) -> Self {
        Self { root: Arc::new(root), path, open: OpenFiles::new(FOLDERS_OPEN) }
    }

    /// The folder itself.
    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// What a path in the tree is called by people.
    pub(super) fn path_of(&self, path: &TreePath) -> PathBuf {
        self.path.join(path.as_path())
    }

    /// The same of a folder of the tree.
    pub(super) fn path_of_folder(&self, outline: &Outline, id: FolderId) -> PathBuf {
        outline.folder(id).path.as_ref().map_or_else(|| self.path.clone(), |path| self.path_of(path))
    }

    /// The path of the shelf itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder of the tree, where it is there.
    pub(super) fn folder(&self, outline: &Outline, id: FolderId) -> Result<Option<Arc<OwnedFd>>, TargetError> {
        let Some(path) = outline.folder(id).path.as_ref().filter(|_| id != ROOT) else {
            return Ok(Some(Arc::clone(&self.root)));
        };
        if let Some(folder) = self.open.get(id) {
            return Ok(Some(folder));
        }
        let folder = self.find(path)?;
        Ok(folder.map(|folder| self.open.keep(id, folder)))
    }

    fn is_link(&self, path: &TreePath) -> bool {
        let found =
            self.find_parent(path).ok().flatten().and_then(|folder| disk::stat(folder, last_name(path)).ok()?);
        found.is_some_and(|found| FileType::from_raw_mode(found.st_mode).is_symlink())
    }

    /// Opens a folder by its path, where it is there.
    pub(super) fn find(&self, path: &TreePath) -> Result<Option<OwnedFd>, TargetError> {
        let in_the_way = |found| TargetError::InTheWay { path: self.path_of(path), found, wanted: "a folder" };
        match disk::found(beneath::open_folder(&self.root, path)) {
            Err(Errno::LOOP) => Err(in_the_way("a symbolic link")),
            // A link at the end of the path is no folder either.
            Err(Errno::NOTDIR) if self.is_link(path) => Err(in_the_way("a symbolic link")),
            Err(Errno::NOTDIR) => Err(in_the_way("a file")),
            answer => answer.at("open", || self.path_of(path)),
        }
    }

    /// A folder of the tree, made where it is missing.
    pub(super) fn make_folder(&self, outline: &Outline, id: FolderId) -> Result<Arc<OwnedFd>, TargetError> {
        if let Some(folder) = self.folder(outline, id)? {
            return Ok(folder);
        }
        let parent = self.make_folder(outline, outline.folder(id).parent)?;
        // What is to be read-only is so only once it is full.
        let bits = outline.folder_entry(id).and_then(|entry| entry.mode).map_or(0o777, |mode| mode & 0o777 | 0o700);
        let path = || self.path_of_folder(outline, id);
        disk::make_folder(&parent, outline.folder_name(id), bits).at("make the folder", path)?;
        self.folder(outline, id)?.ok_or_else(|| TargetError::Changed { path: path() })
    }

    /// The folder that something lies in, and its name there; nothing where that folder is not there.
    pub(super) fn find_parent(&self, path: &TreePath) -> Result<Option<OwnedFd>, TargetError> {
        match path.parent() {
            Some(parent) => self.find(&parent),
            None => self.root.as_fd().try_clone_to_owned().map(Some).map_err(|source| TargetError::Io {
                doing: "open",
                path: self.path.clone(),
                source,
            }),
        }
    }
}
