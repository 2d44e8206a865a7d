//! A tree that goes into one that is there: file by file, each whole at any moment.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::content::{Content, Lies};
use super::outline::FolderId;
use super::target_error::At;
use super::{Existing, TargetError, disk, stamp};
use crate::metainfo::{Entry, Node};

/// What of the owner's rights is needed to change something in a folder.
const CHANGING: u32 = 0o300;

/// The way of one tree into another.
pub(super) struct Merge<'a> {
    content: &'a Content,
    /// Folders that were looked at, and the mode of those that had to be made writable.
    softened: HashMap<FolderId, Option<u32>>,
}

impl<'a> Merge<'a> {
    pub(super) fn new(content: &'a Content) -> Self {
        Self { content, softened: HashMap::new() }
    }

    /// Puts all that is wanted under this name in place. What is there under other names is left alone.
    pub(super) fn run(mut self, top: &[u8]) -> Result<(), TargetError> {
        let outline = &self.content.outline;
        let folders = || outline.needed_folders().filter(|(_, path)| path.first_name() == top);
        for (id, _) in folders() {
            if self.content.old.folder(outline, id)?.is_none() {
                self.soften(outline.folder(id).parent)?;
                self.content.old.make_folder(outline, id)?;
            }
        }
        for (entry, it) in outline.wanted().filter(|(_, it)| it.path.first_name() == top) {
            self.place(entry, it)?;
        }
        for (id, _) in folders().rev() {
            let entry = outline.folder_entry(id);
            let mode = entry.and_then(|entry| entry.mode).or(self.softened.get(&id).copied().flatten());
            self.content.dress_folder(&self.content.old, id, mode, entry.and_then(|entry| entry.modified))?;
        }
        Ok(())
    }

    fn place(&mut self, entry: usize, it: &Entry) -> Result<(), TargetError> {
        let stays = match it.node {
            Node::Folder | Node::Pad { .. } => return Ok(()),
            Node::File { .. } => self.content.slots[entry].home().lies == Lies::Old,
            Node::Symlink { .. } | Node::HardLink { .. } => self.content.link_stays(entry),
        };
        if stays { self.correct(entry, it) } else { self.bring(entry, it) }
    }

    /// Gives a file its final name.
    fn bring(&mut self, entry: usize, it: &Entry) -> Result<(), TargetError> {
        let (outline, id) = (&self.content.outline, self.content.outline.folder_of(entry));
        let path = || self.content.old.path_of(&it.path);
        let name = outline.name(entry);
        let from = folder(self.content.tree.folder(outline, id)?, path)?;
        let to = folder(self.content.old.folder(outline, id)?, path)?;
        self.soften(id)?;
        let path = || self.content.old.path_of(&it.path);
        match self.content.existing {
            Existing::Replace => disk::rename_over(from, name, to, name).at("put in place", path),
            Existing::Keep => match disk::rename_to_free(from, name, to, name) {
                Err(Errno::EXIST) => Err(TargetError::Changed { path: path() }),
                answer => answer.at("put in place", path),
            },
        }
    }

    /// Gives what stays its mode and time, where it has others.
    fn correct(&self, entry: usize, it: &Entry) -> Result<(), TargetError> {
        let outline = &self.content.outline;
        let path = || self.content.old.path_of(&it.path);
        let name = outline.name(entry);
        let folder = folder(self.content.old.folder(outline, outline.folder_of(entry))?, path)?;
        let found = disk::stat(&folder, name).at("look at", path)?;
        let found = found.ok_or_else(|| TargetError::Changed { path: path() })?;
        let is_link = matches!(it.node, Node::Symlink { .. });
        if let Some(bits) = it.mode.filter(|bits| !is_link && bits & 0o7777 != found.st_mode & 0o7777) {
            let file = disk::open_to_read(&folder, name);
            file.and_then(|file| disk::set_mode(file, bits)).at("change the mode of", path)?;
        }
        match it.modified.filter(|&time| time != stamp::modified(&found)) {
            Some(time) => disk::set_time_of(&folder, name, time).at("set the time of", path),
            None => Ok(()),
        }
    }

    /// Makes a folder of the old tree writable for us, until it gets its mode at the end.
    fn soften(&mut self, id: FolderId) -> Result<(), TargetError> {
        let content = self.content;
        if content.outline.folder(id).path.is_none() || self.softened.contains_key(&id) {
            return Ok(());
        }
        let path = || content.old.path_of_folder(&content.outline, id);
        let folder = folder(content.old.folder(&content.outline, id)?, path)?;
        let bits = disk::stat_open(&folder).at("look at", path)?.st_mode & 0o7777;
        let is_hard = bits & CHANGING != CHANGING;
        if is_hard {
            let listing = disk::open_listing(&folder, b".");
            listing.and_then(|listing| disk::set_mode(listing, bits | CHANGING)).at("change the mode of", path)?;
        }
        self.softened.insert(id, is_hard.then_some(bits));
        Ok(())
    }
}

fn folder(found: Option<Arc<OwnedFd>>, path: impl FnOnce() -> std::path::PathBuf) -> Result<Arc<OwnedFd>, TargetError> {
    found.ok_or_else(|| TargetError::Changed { path: path() })
}
