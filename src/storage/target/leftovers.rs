//! What an earlier run left in the hidden folder.

use std::collections::HashMap;
use std::ops::Range;

use super::outline::Outline;
use super::target_error::At;
use super::walk::{Met, Onward, walk};
use super::{Shelf, TargetError, disk, sweep};
use crate::metainfo::{Node, TreePath};

/// The files of an unfinished tree.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Those that are wanted now.
    pub(super) files: HashMap<usize, Left>,
    /// What has no place in the tree that is wanted now: it goes before the tree is put in place.
    pub(super) strays: Vec<Stray>,
}

/// A file of which an earlier run wrote something.
#[derive(Debug)]
pub(super) struct Left {
    /// The room that it takes.
    pub(super) allocated: u64,
    /// The parts of it that are no holes, in order.
    data: Vec<Range<u64>>,
}

/// What does not belong to the tree.
#[derive(Debug)]
pub(super) struct Stray {
    /// Where it lies.
    pub(super) path: TreePath,
    /// Its length, where it is a file.
    pub(super) length: Option<u64>,
}

/// What is to have a name in the tree.
#[derive(Clone, Copy)]
enum Role {
    File(usize),
    Link,
    Folder,
}

impl Left {
    /// Whether something was written there.
    pub(super) fn has_data(&self, range: Range<u64>) -> bool {
        let first = self.data.partition_point(|data| data.end <= range.start);
        self.data.get(first).is_some_and(|data| data.start < range.end)
    }
}

impl Leftovers {
    /// Looks at what is left. What can only have been made while an earlier run put its tree in place is taken away.
    pub(super) fn of(tree: &Shelf, outline: &Outline) -> Result<Self, TargetError> {
        let mut leftovers = Self::default();
        let listing = disk::open_listing(tree.root(), b".").at("open", || tree.path().to_owned())?;
        if disk::names(listing).at("list", || tree.path().to_owned())?.is_empty() {
            return Ok(leftovers);
        }
        let roles = roles(outline);
        let mut shared = Vec::new();
        walk(tree, None, &mut |met| leftovers.meet(met, &roles, tree, outline, &mut shared))?;
        for entry in shared {
            leftovers.part_from_other_names(entry, tree, outline)?;
        }
        Ok(leftovers)
    }

    fn meet(
        &mut self,
        met: &Met,
        roles: &HashMap<&TreePath, Role>,
        tree: &Shelf,
        outline: &Outline,
        shared: &mut Vec<usize>,
    ) -> Result<Onward, TargetError> {
        let path = || tree.path_of(met.path);
        let role = roles.get(met.path).copied();
        match role {
            Some(Role::Folder) | None if met.kind().is_dir() => {
                if met.stat.st_mode & 0o700 != 0o700 {
                    let soften = |folder| disk::set_mode(folder, met.stat.st_mode | 0o700);
                    disk::open_listing(met.folder, met.name).and_then(soften).at("change the mode of", path)?;
                }
                if role.is_none() {
                    self.strays.push(Stray { path: met.path.clone(), length: None });
                }
                return Ok(Onward::In);
            }
            Some(Role::File(entry)) if met.kind().is_file() => {
                let (size, allocated) = (met.stat.st_size as u64, met.stat.st_blocks as u64 * 512);
                let data = if outline.comes_at_once(entry) {
                    std::iter::once(0..size).collect()
                } else {
                    let file = disk::open_to_read(met.folder, met.name);
                    file.and_then(|file| disk::data_ranges(file, size)).at("look into", path)?
                };
                self.files.insert(entry, Left { allocated, data });
                if met.stat.st_nlink > 1 {
                    shared.push(entry);
                }
            }
            None if met.kind().is_file() => {
                self.strays.push(Stray { path: met.path.clone(), length: Some(met.stat.st_size as u64) });
            }
            _ => sweep::sweep(met.folder, met.name).at("remove", path)?,
        }
        Ok(Onward::Past)
    }

    /// A file that has another name still, now that links are gone, is not written into: the other may be in place already.
    fn part_from_other_names(&mut self, entry: usize, tree: &Shelf, outline: &Outline) -> Result<(), TargetError> {
        let path = || tree.path_of(&outline.entry(entry).path);
        let Some(folder) = tree.folder(outline, outline.folder_of(entry))? else { return Ok(()) };
        let found = disk::stat(&folder, outline.name(entry)).at("look at", path)?;
        if found.is_some_and(|found| found.st_nlink > 1) {
            disk::unlink(&folder, outline.name(entry)).at("remove", path)?;
            self.files.remove(&entry);
        }
        Ok(())
    }
}

fn roles(outline: &Outline) -> HashMap<&TreePath, Role> {
    let role = |entry, node: &Node| match node {
        Node::File { .. } => Some(Role::File(entry)),
        Node::Symlink { .. } | Node::HardLink { .. } => Some(Role::Link),
        Node::Folder | Node::Pad { .. } => None,
    };
    let entries = outline.wanted().filter_map(|(entry, it)| Some((&it.path, role(entry, &it.node)?)));
    let folders = outline.needed_folders().map(|(_, path)| (path, Role::Folder));
    folders.chain(entries).collect()
}
