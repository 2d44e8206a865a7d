//! The files of a source that are open.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::Roots;
use crate::metainfo::TreePath;

/// How many files stay open. Each reader has at most one more, and MPI needs some for itself.
const FILES: NonZero<usize> = NonZero::new(128).unwrap();
/// How many folders stay open, so that the files in them are quick to open. More than a path is deep.
const FOLDERS: NonZero<usize> = NonZero::new(128).unwrap();

/// What was not created by whoever opens it, may turn out to be no file, and is not handed on to other programs.
const READING: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
const PASSING: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens the files of some trees for several threads, and keeps those open that were used last. It goes into a tree folder by
/// folder and follows no symbolic link there, so nothing outside of it is ever read, whoever plants a link meanwhile; only
/// the root itself may be one.
#[derive(Debug)]
pub(super) struct OpenFiles {
    roots: Roots,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    /// By place in the manifest.
    files: LruCache<usize, Arc<File>>,
    folders: LruCache<TreePath, Arc<OwnedFd>>,
}

impl OpenFiles {
    pub(super) fn new(roots: Roots) -> Self {
        Self { roots, open: Mutex::new(Open { files: LruCache::new(FILES), folders: LruCache::new(FOLDERS) }) }
    }

    pub(super) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// The file, if it is open.
    pub(super) fn get(&self, entry: usize) -> Option<Arc<File>> {
        self.lock().files.get(&entry).cloned()
    }

    /// Opens what lies there, whatever it is, except a symbolic link. It is not kept.
    pub(super) fn open(&self, path: &TreePath) -> io::Result<File> {
        let file = match path.parent() {
            Some(folder) => openat(&*self.folder(&folder)?, last_name(path), READING | OFlags::NOFOLLOW, Mode::empty()),
            None => openat(CWD, self.root(path)?, READING, Mode::empty()),
        };
        Ok(file?.into())
    }

    /// Keeps a file open, until others are used more.
    pub(super) fn keep(&self, entry: usize, file: Arc<File>) {
        self.lock().files.put(entry, file);
    }

    /// Keeps a file open no longer.
    pub(super) fn let_go(&self, entry: usize) {
        self.lock().files.pop(&entry);
    }

    /// Opens a folder in its own, and so on up to the root. What takes time is done without the lock; two threads may open
    /// the same, and one of them is kept.
    fn folder(&self, path: &TreePath) -> io::Result<Arc<OwnedFd>> {
        if let Some(folder) = self.lock().folders.get(path) {
            return Ok(folder.clone());
        }
        let folder = match path.parent() {
            Some(outer) => openat(&*self.folder(&outer)?, last_name(path), PASSING | OFlags::NOFOLLOW, Mode::empty()),
            None => openat(CWD, self.root(path)?, PASSING, Mode::empty()),
        };
        let folder = Arc::new(folder?);
        self.lock().folders.put(path.clone(), folder.clone());
        Ok(folder)
    }

    fn root(&self, path: &TreePath) -> io::Result<&Path> {
        self.roots.root(path.first_name()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_name(path: &TreePath) -> &[u8] {
    path.names().next_back().unwrap_or_default()
}
