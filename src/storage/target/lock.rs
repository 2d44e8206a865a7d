//! One writer a place: a lock that ends with whoever holds it, however that ends.

use std::os::fd::OwnedFd;
use std::path::Path;

use super::disk::{self, Answer};
use super::target_error::At;
use super::{Stamp, TargetError};

/// The file's name in the hidden folder.
pub(super) const LOCK: &[u8] = b"lock";

/// How long the word is that a holder leaves for others.
const LONGEST_NOTE: usize = 200;

/// A lock that is held until this is dropped. The file system lets go of it when the process ends, killed or not.
#[derive(Debug)]
pub(super) struct Lock {
    file: OwnedFd,
}

impl Lock {
    /// Locks the hidden folder, and leaves a word there for others. Nothing where the folder is just being taken away.
    pub(super) fn take(hidden: &OwnedFd, place: &Path, note: &str) -> Result<Option<Self>, TargetError> {
        let path = || place.join("lock");
        // In a folder that was taken away nothing can be made any more.
        match disk::found(disk::make_to_write(hidden, LOCK, 0o600)).at("open", path)? {
            Some(file) => Self::hold(file, hidden, place, note),
            None => Ok(None),
        }
    }

    fn hold(file: OwnedFd, hidden: &OwnedFd, place: &Path, note: &str) -> Result<Option<Self>, TargetError> {
        let path = || place.join("lock");
        if !disk::lock(&file).at("lock", path)? {
            let by = said(&file).at("read", path)?;
            return Err(TargetError::Held { place: place.to_owned(), by });
        }
        let lock = Self { file };
        if !lock.is_the_one_in(hidden).at("look at", path)? {
            return Ok(None);
        }
        // Always as long: to cut a file and write it again makes some file systems wait for their disk.
        let note: Vec<u8> = note.bytes().chain(std::iter::repeat(b' ')).take(LONGEST_NOTE).collect();
        let noted = disk::write_at(&lock.file, &note, 0);
        // The note is a courtesy; on a full disk there is none.
        noted.unwrap_or_else(|error| log::debug!("{}: {error}", path().display()));
        Ok(Some(lock))
    }

    /// Whether the file that is locked is still the one of that name: who finished before us took it away.
    fn is_the_one_in(&self, hidden: &OwnedFd) -> Answer<bool> {
        let mine = Stamp::of(&disk::stat_open(&self.file)?);
        Ok(disk::stat(hidden, LOCK)?.is_some_and(|found| Stamp::of(&found).is_same_file(&mine)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        disk::unlock(&self.file);
    }
}

/// What the holder of a lock wrote into it.
fn said(file: &OwnedFd) -> Answer<String> {
    let mut note = [0; LONGEST_NOTE];
    let length = disk::read_at(file, &mut note, 0)?;
    let note = String::from_utf8_lossy(&note[..length]).trim().escape_debug().to_string();
    Ok(if note.is_empty() { "somebody else".to_owned() } else { note })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_on_a_file_that_was_taken_away_meanwhile_is_none() {
        let root = tempfile::tempdir().unwrap();
        let hidden: OwnedFd = std::fs::File::open(root.path()).unwrap().into();
        // Somebody opens the file, and the holder takes it away; a third one comes and makes a new one.
        let opened = disk::make_to_write(&hidden, LOCK, 0o600).unwrap();
        disk::unlink(&hidden, LOCK).unwrap();
        let third = Lock::take(&hidden, root.path(), "the third").unwrap();
        assert!(third.is_some());
        assert!(Lock::hold(opened, &hidden, root.path(), "").unwrap().is_none());
        let held = Lock::take(&hidden, root.path(), "").unwrap_err();
        assert!(matches!(&held, TargetError::Held { by, .. } if by == "the third"), "{held}");
        // A process that is just being started has all files open that we have, for a moment.
        let copy = third.as_ref().unwrap().file.try_clone().unwrap();
        drop(third);
        assert!(Lock::take(&hidden, root.path(), "").unwrap().is_some());
        drop(copy);
    }
}
