//! A way through all that lies below a folder, links not followed.

use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Stat};

use super::target_error::At;
use super::{Shelf, TargetError, disk};
use crate::metainfo::TreePath;

/// Something that is met on the way.
pub(super) struct Met<'a> {
    /// The folder that it lies in.
    pub(super) folder: &'a OwnedFd,
    /// Where it lies.
    pub(super) path: &'a TreePath,
    /// Its name there.
    pub(super) name: &'a [u8],
    /// What it is.
    pub(super) stat: Stat,
}

impl Met<'_> {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

/// Whether the way leads into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Onward {
    /// It does.
    In,
    /// It leads past it.
    Past,
}

/// Goes through what lies below a folder of a shelf (below its root, where none is named). What has a name that no tree can
/// have is passed by.
pub(super) fn walk(
    shelf: &Shelf,
    from: Option<&TreePath>,
    meet: &mut dyn FnMut(&Met) -> Result<Onward, TargetError>,
) -> Result<(), TargetError> {
    let folder = match from {
        Some(path) => shelf.find(path)?,
        None => Some(disk::open_folder(shelf.root(), b".").at("open", || shelf.path().to_owned())?),
    };
    folder.map_or(Ok(()), |folder| go_through(shelf, &folder, from, meet))
}

fn go_through(
    shelf: &Shelf,
    folder: &OwnedFd,
    at: Option<&TreePath>,
    meet: &mut dyn FnMut(&Met) -> Result<Onward, TargetError>,
) -> Result<(), TargetError> {
    let path_of_folder = || at.map_or_else(|| shelf.path().to_owned(), |path| shelf.path_of(path));
    let listing = disk::open_listing(folder, b".").at("open", path_of_folder)?;
    for name in disk::names(&listing).at("list", path_of_folder)? {
        let Ok(path) = at.map_or_else(|| TreePath::new([&name]), |path| path.join(&name)) else { continue };
        let Some(stat) = disk::stat(folder, &name).at("look at", || shelf.path_of(&path))? else { continue };
        let met = Met { folder, path: &path, name: &name, stat };
        if meet(&met)? == Onward::In && met.kind().is_dir() {
            let inner = disk::open_folder(folder, &name).at("open", || shelf.path_of(&path))?;
            go_through(shelf, &inner, Some(&path), meet)?;
        }
    }
    Ok(())
}
