//! What a client has received so far, kept on disk for another run.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::metainfo::PieceIndex;

/// The first line of every note.
const HEADER: &[u8] = b"tema3 segments 1\n";
/// How long another run may still hold a note: ranks that are killed can live on for a moment.
const HELD_FOR: Duration = Duration::from_secs(5);

/// Segments of a file, by their index.
pub(super) type Segments = BTreeMap<u32, Vec<u8>>;

/// A file to which a line is added for each segment that comes: so a run that ends in whatever way, a kill among them, leaves
/// all but the segments on their way. A line that was cut is none, and nothing in it is believed: whoever takes a segment out
/// compares it with what the tracker lists.
#[derive(Debug)]
pub struct Note {
    path: PathBuf,
    file: File,
    kept: HashMap<String, Segments>,
    failure: Option<io::Error>,
}

/// Why a note cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// The operating system refused.
    #[error("{}: {source}; --resume needs a folder that can be written", path.display())]
    Io {
        /// What was to be opened.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another run writes it.
    #[error("{}: another run uses it; wait for its end, or name another folder with --resume", .0.display())]
    Held(PathBuf),
    /// Something else has its name.
    #[error("{}: this is no note of this tema3's; remove it, or name another folder with --resume", .0.display())]
    Foreign(PathBuf),
}

impl Note {
    /// The note of client `client` in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// Where it cannot be read and written, or something else stands in its place.
    pub fn open(folder: &Path, client: u32) -> Result<Self, NoteError> {
        Self::open_within(HELD_FOR, folder, client)
    }

    fn open_within(patience: Duration, folder: &Path, client: u32) -> Result<Self, NoteError> {
        let path = folder.join(format!("client{client}.segments"));
        let refused = |source| NoteError::Io { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(|source| NoteError::Io { path: folder.to_owned(), source })?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(refused)?;
        if !lock(&file, patience).map_err(refused)? {
            return Err(NoteError::Held(path));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(refused)?;
        let Some((kept, whole)) = parse(&bytes) else { return Err(NoteError::Foreign(path)) };
        if !kept.is_empty() {
            let segments: usize = kept.values().map(BTreeMap::len).sum();
            log::info!("{}: {segments} segments of an earlier run", path.display());
        }
        // What follows is added to whole lines.
        file.set_len(whole as u64).map_err(refused)?;
        file.seek(SeekFrom::End(0)).map_err(refused)?;
        if whole == 0 {
            file.write_all(HEADER).map_err(refused)?;
        }
        Ok(Self { path, file, kept, failure: None })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes out what an earlier run kept of a file.
    pub(super) fn take(&mut self, name: &str) -> Segments {
        self.kept.remove(name).unwrap_or_default()
    }

    /// Keeps a segment of a file. After a failure nothing more is kept; the run goes on.
    pub(super) fn keep(&mut self, name: &str, piece: PieceIndex, content: &[u8]) {
        if self.failure.is_none() {
            let line = [piece.0.to_string().as_bytes(), b" ", content, b" ", name.as_bytes(), b"\n"].concat();
            self.failure = self.file.write_all(&line).err();
        }
    }

    /// Removes it: nobody has to go on from there.
    ///
    /// # Errors
    /// Where that is refused.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }

    /// Why not all was kept, where that is so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.as_ref().map(|error| format!("{}: not all segments could be kept: {error}", self.path.display()))
    }
}

/// Locks a note for this process, for which it waits so long; tells whether that worked.
fn lock(file: &File, patience: Duration) -> io::Result<bool> {
    let begun = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(error) if error != rustix::io::Errno::WOULDBLOCK => return Err(error.into()),
            Err(_) if begun.elapsed() >= patience => return Ok(false),
            // No lock is waited for with a limit: it is asked for again.
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// What the bytes of a note say, and how many of them are whole lines; nothing where they are of something else. One of which
/// not even the header was written is as good as new.
fn parse(bytes: &[u8]) -> Option<(HashMap<String, Segments>, usize)> {
    if HEADER.starts_with(bytes) && bytes.len() < HEADER.len() {
        return Some((HashMap::new(), 0));
    }
    let lines = bytes.strip_prefix(HEADER)?;
    let whole = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let mut kept: HashMap<String, Segments> = HashMap::new();
    for (name, index, content) in lines[..whole].split(|&byte| byte == b'\n').filter_map(segment) {
        kept.entry(name.to_owned()).or_default().insert(index, content.to_owned());
    }
    Some((kept, HEADER.len() + whole))
}

/// `<index> <content> <name>`; nothing where a line says anything else.
fn segment(line: &[u8]) -> Option<(&str, u32, &[u8])> {
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let (index, content, name) = (words.next()?, words.next()?, words.next()?);
    Some((str::from_utf8(name).ok()?, str::from_utf8(index).ok()?.parse().ok()?, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(folder: &Path) -> Vec<(u32, Vec<u8>)> {
        Note::open(folder, 2).unwrap().take("a file").into_iter().collect()
    }

    /// Three segments of a file whose name has a blank.
    fn written(folder: &Path) -> PathBuf {
        let mut note = Note::open(folder, 2).unwrap();
        for (index, content) in [(7, "seven"), (0, "zero"), (1, "one")] {
            note.keep("a file", PieceIndex(index), content.as_bytes());
        }
        note.path().to_owned()
    }

    #[test]
    fn what_was_kept_is_there_for_the_next_run_and_more_is_added_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("made/by/it");
        written(&folder);
        Note::open(&folder, 2).unwrap().keep("a file", PieceIndex(2), b"two");
        let all = [(0, "zero"), (1, "one"), (2, "two"), (7, "seven")];
        assert_eq!(kept(&folder), all.map(|(index, content)| (index, content.as_bytes().to_vec())));
        assert_eq!(Note::open(&folder, 3).unwrap().take("a file"), Segments::new(), "another client's");
    }

    #[test]
    fn wherever_it_was_cut_its_whole_lines_count_and_more_can_be_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let bytes = fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let lines = bytes[..cut].iter().filter(|&&byte| byte == b'\n').count();
            Note::open(folder.path(), 2).unwrap().keep("a file", PieceIndex(9), b"nine");
            assert_eq!(kept(folder.path()).len(), lines.saturating_sub(1) + 1, "cut at {cut}");
        }
    }

    #[test]
    fn lines_that_say_something_else_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(
            b"\n\0\0\0\nx y z\n-1 y a file\n99999999999 y a file\n4 four\n5 five \xff\n3 three a file\n",
        );
        fs::write(&path, bytes).unwrap();
        assert_eq!(kept(folder.path()).iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1, 3, 7]);
    }

    #[test]
    fn what_is_no_note_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client2.segments");
        for content in ["a list of my own\n", "tema3 segments 2\n0 a b\n"] {
            fs::write(&path, content).unwrap();
            assert!(matches!(Note::open(folder.path(), 2), Err(NoteError::Foreign(_))), "{content}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn two_runs_do_not_write_one_note() {
        let folder = tempfile::tempdir().unwrap();
        let first = Note::open(folder.path(), 2).unwrap();
        let second = Note::open_within(Duration::from_millis(50), folder.path(), 2);
        assert!(matches!(second, Err(NoteError::Held(_))), "{second:?}");
        drop(first);
        Note::open(folder.path(), 2).unwrap().remove().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_disk_that_is_full_is_told_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut note = Note::open(folder.path(), 2).unwrap();
        note.keep("x", PieceIndex(0), b"kept");
        assert_eq!(note.failure(), None);
        note.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        (1..3).for_each(|index| note.keep("x", PieceIndex(index), b"lost"));
        assert!(note.failure().unwrap().contains("client2.segments: not all segments could be kept: No space left"));
    }
}
