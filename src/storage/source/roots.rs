//! Where on disk the trees lie that are shared together.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::metainfo::{Entry, Manifest, TreePath};
use crate::storage::{WalkError, place_of, walk};

/// The places of some trees, each under the name by which it is shared: the outermost name of the paths in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    by_name: BTreeMap<Vec<u8>, PathBuf>,
}

impl Roots {
    /// All trees of a manifest in one folder, each under its own name: what `--from DIR` means.
    #[must_use]
    pub fn in_folder(folder: &Path, manifest: &Manifest) -> Self {
        let mut by_name = BTreeMap::new();
        for name in manifest.entries.iter().map(|entry| entry.path.first_name()) {
            if !by_name.contains_key(name) {
                by_name.insert(name.to_vec(), folder.join(OsStr::from_bytes(name)));
            }
        }
        Self { by_name }
    }

    pub(super) fn new(by_name: BTreeMap<Vec<u8>, PathBuf>) -> Self {
        Self { by_name }
    }

    /// Where the trees lie.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.by_name.values().map(PathBuf::as_path)
    }

    /// Where the tree of this name lies.
    #[must_use]
    pub fn root(&self, name: &[u8]) -> Option<&Path> {
        self.by_name.get(name).map(PathBuf::as_path)
    }

    /// Where an entry lies, where its tree is one of these.
    #[must_use]
    pub fn place_of(&self, path: &TreePath) -> Option<PathBuf> {
        Some(place_of(self.root(path.first_name())?, path))
    }

    /// Lists all that lies in these trees, in the order of the paths.
    ///
    /// # Errors
    /// At the first thing that cannot be shared or read.
    pub fn list(&self) -> Result<Vec<Entry>, WalkError> {
        let mut entries = Vec::new();
        for root in self.by_name.values() {
            entries.append(&mut walk(root)?);
        }
        Ok(entries)
    }
}
