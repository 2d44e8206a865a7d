//! The end: the tree that was built gets its final name.
//!
//! The order is what makes it safe. All that can fail for want of room is done in the hidden folder; then, where that is
//! wished, everything is made durable; then names change, one call each; and the hidden folder goes last, so that whoever is
//! killed in between finds what is not placed yet where it was.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::content::{Content, Lies};
use super::merge::Merge;
use super::outline::{FolderId, last_name};
use super::target_error::At;
use super::{Durable, Shelf, Stamp, TargetError, disk, stamp, sweep};
use crate::metainfo::{Modified, Node, TreePath};

/// Puts a tree in place of which everything is held.
pub(super) fn commit(content: &Content, durable: Durable) -> Result<(), TargetError> {
    for (entry, length) in content.outline.wanted_files() {
        content.complete(entry, length)?;
    }
    for stray in &content.leftovers.strays {
        if let Some(folder) = content.tree.find_parent(&stray.path)? {
            sweep::sweep(folder, last_name(&stray.path)).at("remove", || content.tree.path_of(&stray.path))?;
        }
    }
    content.make_links()?;
    let tops: BTreeSet<&[u8]> = content.outline.wanted().map(|(_, it)| it.path.first_name()).collect();
    let (merged, fresh): (BTreeSet<&[u8]>, BTreeSet<&[u8]>) =
        tops.into_iter().partition(|&top| content.survey.tops.contains(top));
    content.fill_folders(&fresh)?;

    content.make_durable(durable)?;
    content.are_placed.store(true, Ordering::SeqCst);
    for top in &fresh {
        content.place_whole(top)?;
    }
    for top in &merged {
        Merge::new(content).run(top)?;
    }
    content.make_durable(durable)?;
    // The tree is in place: what cannot be taken away now does not make that untrue.
    content.place.remove().unwrap_or_else(|error| log::warn!("{error}"));
    Ok(())
}

impl Content {
    /// Sees to it that a file is whole: here in the tree, with all that belongs to it, or unchanged where it was found right.
    fn complete(&self, entry: usize, length: u64) -> Result<(), TargetError> {
        if self.slots[entry].remaining.load(Ordering::Acquire) > 0 {
            return Err(TargetError::Incomplete { path: self.path(Lies::Tree, entry) });
        }
        if self.slots[entry].home().lies == Lies::Old {
            return self.check_unchanged(entry);
        }
        self.take_over(entry)?;
        // One without bytes, which no piece brings, is made here.
        self.finish(entry)?;
        self.check_whole(entry, length)
    }

    fn check_unchanged(&self, entry: usize) -> Result<(), TargetError> {
        let path = || self.path(Lies::Old, entry);
        let folder = self.old.folder(&self.outline, self.outline.folder_of(entry))?;
        let folder = folder.ok_or_else(|| TargetError::Changed { path: path() })?;
        let found = disk::stat(folder, self.outline.name(entry)).at("look at", path)?;
        if found.map(|found| Stamp::of(&found)).as_ref() == self.survey.files.get(&entry) {
            return Ok(());
        }
        Err(TargetError::Changed { path: path() })
    }

    fn check_whole(&self, entry: usize, length: u64) -> Result<(), TargetError> {
        let path = || self.path(Lies::Tree, entry);
        let name = self.outline.name(entry);
        let incomplete = || TargetError::Incomplete { path: path() };
        let folder = self.tree.folder(&self.outline, self.outline.folder_of(entry))?.ok_or_else(incomplete)?;
        let found = disk::stat(&folder, name).at("look at", path)?.ok_or_else(incomplete)?;
        if !FileType::from_raw_mode(found.st_mode).is_file() || found.st_size as u64 != length {
            return Err(incomplete());
        }
        // Until now it had to be readable, whatever its mode says.
        match self.outline.entry(entry).mode {
            Some(bits) if bits & 0o7777 != found.st_mode & 0o7777 => disk::open_to_read(&folder, name)
                .and_then(|file| disk::set_mode(file, bits))
                .at("change the mode of", path),
            _ => Ok(()),
        }
    }

    /// Makes the links in the tree, apart from those that are right in the old one.
    fn make_links(&self) -> Result<(), TargetError> {
        for (entry, it) in self.outline.wanted().filter(|&(entry, _)| !self.link_stays(entry)) {
            let path = || self.tree.path_of(&it.path);
            let name = self.outline.name(entry);
            let folder = || self.tree.make_folder(&self.outline, self.outline.folder_of(entry));
            match &it.node {
                Node::Symlink { target } => {
                    let folder = folder()?;
                    disk::unlink(&folder, name)
                        .and_then(|()| disk::make_symlink(target, &folder, name))
                        .and_then(|()| it.modified.map_or(Ok(()), |time| disk::set_time_of(&folder, name, time)))
                        .at("make the link", path)?;
                }
                Node::HardLink { to } => {
                    let folder = folder()?;
                    let first = self.outline.linked(entry).ok_or_else(|| TargetError::Incomplete { path: path() })?;
                    let shelf = if self.slots[first].home().lies == Lies::Old { &self.old } else { &self.tree };
                    let from = shelf.folder(&self.outline, self.outline.folder_of(first))?;
                    let from = from.ok_or_else(|| TargetError::Changed { path: shelf.path_of(to) })?;
                    disk::unlink(&folder, name)
                        .and_then(|()| disk::make_hard_link(from, self.outline.name(first), &folder, name))
                        .at("make the hard link", path)?;
                }
                Node::File { .. } | Node::Pad { .. } | Node::Folder => {}
            }
        }
        Ok(())
    }

    /// Whether a link is right in the old tree, and stays so.
    pub(super) fn link_stays(&self, entry: usize) -> bool {
        let first_stays = |first: usize| self.slots[first].home().lies == Lies::Old;
        self.survey.same_links.contains(&entry) && self.outline.linked(entry).is_none_or(first_stays)
    }

    /// Makes the folders of trees that are not there yet, empty ones too, and gives them their modes and times, inner ones
    /// first.
    fn fill_folders(&self, tops: &BTreeSet<&[u8]>) -> Result<(), TargetError> {
        let folders = || self.outline.needed_folders().filter(|(_, path)| tops.contains(path.first_name()));
        for (id, _) in folders() {
            self.tree.make_folder(&self.outline, id)?;
        }
        for (id, path) in folders().rev() {
            let Some(entry) = self.outline.folder_entry(id) else { continue };
            // A folder that is to get another parent must be ours to write until it has.
            let until_placed = if is_top(path) { 0o600 } else { 0 };
            self.dress_folder(&self.tree, id, entry.mode.map(|mode| mode | until_placed), entry.modified)?;
        }
        Ok(())
    }

    /// Gives a folder its mode and time, where it has others.
    pub(super) fn dress_folder(
        &self,
        shelf: &Shelf,
        id: FolderId,
        mode: Option<u32>,
        modified: Option<Modified>,
    ) -> Result<(), TargetError> {
        let path = || shelf.path_of_folder(&self.outline, id);
        let name = self.outline.folder_name(id);
        let missing = || TargetError::Changed { path: path() };
        let parent = shelf.folder(&self.outline, self.outline.folder(id).parent)?.ok_or_else(missing)?;
        let found = disk::stat(&parent, name).at("look at", path)?.ok_or_else(missing)?;
        if let Some(bits) = mode.filter(|bits| bits & 0o7777 != found.st_mode & 0o7777) {
            let folder = disk::open_listing(&parent, name);
            folder.and_then(|folder| disk::set_mode(folder, bits)).at("change the mode of", path)?;
        }
        match modified.filter(|&time| time != stamp::modified(&found)) {
            Some(time) => disk::set_time_of(&parent, name, time).at("set the time of", path),
            None => Ok(()),
        }
    }

    /// Gives a tree that was not there its final name.
    fn place_whole(&self, top: &[u8]) -> Result<(), TargetError> {
        let path = || self.place.dir_path().join(std::ffi::OsStr::from_bytes(top));
        match disk::rename_to_free(self.tree.root(), top, self.old.root(), top) {
            Err(Errno::EXIST) => return Err(TargetError::Changed { path: path() }),
            answer => answer.at("put in place", path)?,
        }
        let folder = self.outline.needed_folders().find(|(_, path)| is_top(path) && path.first_name() == top);
        match folder.and_then(|(id, _)| Some((id, self.outline.folder_entry(id)?))) {
            Some((id, entry)) => self.dress_folder(&self.old, id, entry.mode, entry.modified),
            None => Ok(()),
        }
    }

    fn make_durable(&self, durable: Durable) -> Result<(), TargetError> {
        match durable {
            Durable::Whenever => Ok(()),
            Durable::AtEnd => {
                disk::sync_all(self.place.hidden()).at("make durable", || self.place.dir_path().to_owned())
            }
        }
    }
}

fn is_top(path: &TreePath) -> bool {
    path.parent().is_none()
}
