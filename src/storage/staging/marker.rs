//! The mark by which ranks find out that they write to the same place.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

/// A file with a random word in the folder into which a rank stages, or above it, where that is not there yet. The first rank
/// that comes puts it there, and whoever finds it has the same place, on whichever node. Other users, and jobs that stage to
/// other places, have markers of their own: they come and go at other times.
#[derive(Debug)]
pub struct Marker {
    path: PathBuf,
    word: String,
}

impl Marker {
    /// The length of a word, in bytes.
    const WORD: usize = 16;

    /// Reads the marker of a place below a folder, or puts one into the folder.
    ///
    /// # Errors
    /// Where that is not possible.
    pub fn find_or_put(folder: &Path, below: &Path) -> io::Result<Self> {
        let name = name(below, rustix::process::geteuid().as_raw());
        let path = folder.join(&name);
        loop {
            match File::open(&path) {
                Ok(mut file) => {
                    let mut word = String::new();
                    file.read_to_string(&mut word)?;
                    return Ok(Self { path, word });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            // Whole before it has its name; where another was faster, its word counts.
            let mut own = tempfile::Builder::new().prefix(&name).rand_bytes(Self::WORD).tempfile_in(folder)?;
            let name = own.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
            own.write_all(&name.as_bytes()[name.len() - Self::WORD..])?;
            match own.persist_noclobber(&path) {
                Ok(_) => {}
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.error),
            }
        }
    }

    /// Its word: the same for all that share the place.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Takes the marker away, where it is still this one: all have read it.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn remove(&self) -> io::Result<()> {
        match fs::read_to_string(&self.path) {
            // All who share the place take it away, and one of them is the first.
            Ok(word) if word == self.word => fs::remove_file(&self.path),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }
}

fn name(below: &Path, user: u32) -> String {
    let mut digest = Sha1::new();
    digest.update(user.to_le_bytes());
    digest.update(below.as_os_str().as_bytes());
    digest.finalize().iter().fold(".tema3-place-".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_come_to_a_folder_find_the_same_word_and_in_another_folder_another() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let words: Vec<String> = std::thread::scope(|scope| {
            let find = || scope.spawn(|| Marker::find_or_put(one.path(), Path::new("")).unwrap().word().to_owned());
            let ranks: Vec<_> = (0..8).map(|_| find()).collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        });
        assert!(words.iter().all(|word| *word == words[0] && word.len() == Marker::WORD));
        assert_ne!(Marker::find_or_put(other.path(), Path::new("")).unwrap().word(), words[0]);
        assert_eq!(fs::read_dir(one.path()).unwrap().count(), 1, "only the marker is left");
    }

    #[test]
    fn other_users_and_other_places_below_a_folder_have_markers_of_their_own() {
        let names = [("", 1), ("", 2), ("out/0", 1), ("out/1", 1)].map(|(below, user)| name(Path::new(below), user));
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }

    #[test]
    fn all_who_share_a_marker_may_take_it_away_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..200 {
            let marker = Marker::find_or_put(folder.path(), Path::new("")).unwrap();
            std::thread::scope(|scope| {
                (0..4).for_each(|_| _ = scope.spawn(|| marker.remove().unwrap()));
            });
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_marker_that_another_run_has_put_since_stays() {
        let folder = tempfile::tempdir().unwrap();
        let old = Marker::find_or_put(folder.path(), Path::new("")).unwrap();
        old.remove().unwrap();
        let new = Marker::find_or_put(folder.path(), Path::new("")).unwrap();
        old.remove().unwrap();
        assert_eq!(Marker::find_or_put(folder.path(), Path::new("")).unwrap().word(), new.word());
    }
}
