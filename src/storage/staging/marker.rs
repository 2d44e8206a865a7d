//! The mark by which ranks find out that they write to the same place.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use crate::storage::target::TargetError;
use crate::storage::{called, open_plain_file};

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
    /// How often another's marker may be gone again when it is read before that is taken for a mistake.
    const TRIES: usize = 100;

    /// Reads the marker of a place below a folder, or puts one into the folder.
    ///
    /// # Errors
    /// Where something else has its name, or the system refuses.
    pub fn find_or_put(folder: &Path, below: &Path) -> Result<Self, TargetError> {
        let path = folder.join(name(below, rustix::process::geteuid().as_raw()));
        let refused = |doing| {
            let path = path.clone();
            move |source| TargetError::Io { doing, path, source }
        };
        for _ in 0..Self::TRIES {
            if let Some(word) = read(&path)? {
                return Ok(Self { path, word });
            }
            put(folder, &path).map_err(refused("make"))?;
        }
        Err(refused("read")(io::Error::other("it comes and goes")))
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
    pub fn remove(&self) -> Result<(), TargetError> {
        match read(&self.path)? {
            // All who share the place take it away, and one of them is the first.
            Some(word) if word == self.word => match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(TargetError::Io { doing: "remove", path: self.path.clone(), source: error })
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// The word of a marker, where there is one. A link is not followed, a pipe is not waited for, and of a file that is none of
/// ours no more is read than shows that.
fn read(path: &Path) -> Result<Option<String>, TargetError> {
    let in_the_way = |found| TargetError::InTheWay { path: path.to_owned(), found, wanted: "our marker" };
    let refused = |source| TargetError::Io { doing: "read", path: path.to_owned(), source };
    let found =
        |answer: io::Error| if answer.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(refused(answer)) };
    match path.symlink_metadata() {
        Err(answer) => return found(answer),
        Ok(there) if !there.is_file() => return Err(in_the_way(called(there.mode()))),
        Ok(_) => {}
    }
    let file = match open_plain_file(path) {
        Ok(file) => file,
        Err(answer) => return found(answer),
    };
    let mut word = Vec::new();
    file.take(Marker::WORD as u64 + 1).read_to_end(&mut word).map_err(refused)?;
    match String::from_utf8(word) {
        Ok(word) if word.len() == Marker::WORD => Ok(Some(word)),
        _ => Err(in_the_way("a file of somebody else's")),
    }
}

/// Puts a marker there, unless another was faster: then its word counts.
fn put(folder: &Path, path: &Path) -> io::Result<()> {
    let prefix = path.file_name().unwrap_or_default();
    let mut own = tempfile::Builder::new().prefix(prefix).rand_bytes(Marker::WORD).tempfile_in(folder)?;
    let name = own.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    own.write_all(&name.as_bytes()[name.len() - Marker::WORD..])?;
    // Whole before it has its name, for other machines too: a closed file is.
    match own.into_temp_path().persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
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
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType};

    use super::*;

    type Make = fn(&Path);

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

    #[test]
    fn what_has_the_markers_name_and_is_none_is_named_and_neither_followed_nor_waited_for() {
        let kinds: [(&str, Make); 5] = [
            ("a symbolic link", |path| symlink("/tmp/nowhere/pl", path).unwrap()),
            ("a pipe", |path| rustix::fs::mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap()),
            ("a folder", |path| fs::create_dir(path).unwrap()),
            ("a file of somebody else's", |path| fs::write(path, vec![0xff; 1 << 20]).unwrap()),
            ("a file of somebody else's", |path| fs::write(path, "").unwrap()),
        ];
        for (found, make) in kinds {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name(Path::new("x"), rustix::process::geteuid().as_raw()));
            make(&path);
            let error = Marker::find_or_put(folder.path(), Path::new("x")).unwrap_err().to_string();
            let told = format!("{} is {found} where our marker belongs: move it away", path.display());
            assert_eq!((error, fs::read_dir(folder.path()).unwrap().count()), (told, 1));
        }
    }
}
