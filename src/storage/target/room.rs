//! Whether the tree fits, and the room that is taken for it before the first byte comes.

use super::content::{Content, Lies, Made, Opened};
use super::target_error::{At, Scarce};
use super::{TargetError, disk};

/// The room that a tree takes on a disk, beside what is there of it already, and what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The bytes that are still to be written, in whole blocks of the file system.
    pub needed: u64,
    /// The bytes that it has left for us.
    pub available: u64,
}

impl Content {
    /// What is needed and what there is.
    ///
    /// # Errors
    /// Where it does not fit.
    pub(super) fn room(&self) -> Result<Room, TargetError> {
        let place = || self.place.dir_path().to_owned();
        let left = disk::room(self.place.hidden()).at("ask for the room of", place)?;
        let block = left.f_frsize.max(1);
        let (mut needed, mut files) = (self.parts.length(), 0);
        for (entry, length) in self.outline.wanted_files() {
            let home = self.slots[entry].home();
            if home.lies == Lies::Tree {
                let has = self.leftovers.files.get(&entry).map_or(0, |left| left.allocated);
                needed += length.div_ceil(block).saturating_mul(block).saturating_sub(has);
                files += u64::from(home.made == Made::Not);
            }
        }
        let room = Room { needed, available: left.f_bavail.saturating_mul(block) };
        let lack = |what, needed, available| Err(TargetError::NoRoom { place: place(), what, needed, available });
        match () {
            () if room.needed > room.available => lack(Scarce::Bytes, room.needed, room.available),
            // Some file systems make files as they need them and count none.
            () if left.f_files > 0 && files > left.f_favail => lack(Scarce::Files, files, left.f_favail),
            () => Ok(room),
        }
    }

    /// Takes the room of every file that comes in several pieces; one that comes in one piece is made with all that is in it.
    ///
    /// # Errors
    /// Where the file system refuses, as it does when a quota is used up; then nothing more is taken than before.
    pub(super) fn reserve(&self) -> Result<(), TargetError> {
        let mut made = Vec::new();
        for (entry, _) in self.outline.wanted_files().filter(|&(entry, _)| !self.outline.comes_at_once(entry)) {
            let home = &mut *self.slots[entry].home();
            if home.lies != Lies::Tree {
                continue;
            }
            if home.made == Made::Not {
                made.push(entry);
            }
            if let Err(error) = self.prepared(entry, home) {
                self.give_back(&made);
                return Err(error);
            }
        }
        Ok(())
    }

    fn give_back(&self, made: &[usize]) {
        for &entry in made {
            self.open.forget(Opened::Writing(entry));
            if let Err(error) = self.remove_from_tree(entry) {
                log::warn!("{error}");
            }
        }
    }

    /// Takes away what the tree that is being built has under this name.
    pub(super) fn remove_from_tree(&self, entry: usize) -> Result<(), TargetError> {
        match self.tree.folder(&self.outline, self.outline.folder_of(entry))? {
            Some(folder) => {
                disk::unlink(folder, self.outline.name(entry)).at("remove", || self.path(Lies::Tree, entry))
            }
            None => Ok(()),
        }
    }
}
