//! The assignment's storage: a segment's content is its hash line.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::OwnedFile;
use super::names::output_name;
use super::note::{Note, Segments};
use super::output_file::write_output;
use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceHashesError, PieceIndex, TorrentId, counted};
use crate::storage::{Storage, StorageError, Written};

/// Holds the segments of one client, and writes `client<R>_<name>` for each file that it finishes.
///
/// Owned content comes from the client's input. Received content is checked against the tracker's list and kept as it
/// came, apart from that list: an output is written from what was received, never from what should have been.
#[derive(Debug)]
pub struct HashList {
    client: u32,
    folder: PathBuf,
    files: Vec<File>,
    by_name: HashMap<String, usize>,
    by_number: HashMap<TorrentId, usize>,
    note: Option<Note>,
}

#[derive(Debug)]
struct File {
    name: String,
    pieces: u32,
    listed: PieceHashes,
    content: Content,
    /// What an earlier run kept of it, and nobody has compared with what is listed now.
    kept: Segments,
}

#[derive(Debug)]
enum Content {
    /// All of it, in order.
    Owned(PieceHashes),
    /// Some of it, in the order in which it came; `turn` tells for a piece when it came, counted from 1, or 0.
    Received { arrived: PieceHashes, turn: Vec<u32> },
}

impl HashList {
    /// What client `client` holds at first: the files that it owns. Its outputs go to `folder`, which is made when the
    /// first is written.
    #[must_use]
    pub fn new(client: u32, folder: &Path, owned: Vec<OwnedFile>) -> Self {
        let mut files = Vec::with_capacity(owned.len());
        let mut by_name = HashMap::with_capacity(owned.len());
        for OwnedFile { name, hashes } in owned {
            by_name.insert(name.clone(), files.len());
            let (pieces, listed, kept) = (hashes.len() as u32, PieceHashes::new(), Segments::new());
            files.push(File { name, pieces, listed, content: Content::Owned(hashes), kept });
        }
        Self { client, folder: folder.to_owned(), files, by_name, by_number: HashMap::new(), note: None }
    }

    /// Goes on from this note, and keeps in it what comes.
    #[must_use]
    pub fn going_on_from(self, note: Note) -> Self {
        Self { note: Some(note), ..self }
    }

    /// The note, once all is over.
    #[must_use]
    pub fn into_note(self) -> Option<Note> {
        self.note
    }

    /// Which segments of a file are held; none where the file is not known here.
    #[must_use]
    pub fn held(&self, name: &str) -> Option<Bitfield> {
        let file = &self.files[*self.by_name.get(name)?];
        let mut held = Bitfield::none(file.pieces);
        for piece in (0..file.pieces).map(PieceIndex) {
            if file.content.get(piece).is_some() {
                held.insert(piece);
            }
        }
        Some(held)
    }

    /// The names of the files that are known here, in the order in which they became known.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    fn file(&self, torrent: TorrentId) -> Option<&File> {
        self.by_number.get(&torrent).map(|&index| &self.files[index])
    }

    fn file_mut(&mut self, torrent: TorrentId) -> Option<&mut File> {
        self.by_number.get(&torrent).map(|&index| &mut self.files[index])
    }
}

impl Storage for HashList {
    fn open(&mut self, torrent: TorrentId, name: &str, layout: &Layout) {
        let index = *self.by_name.entry(name.to_owned()).or_insert_with(|| {
            let content = Content::Received { arrived: PieceHashes::new(), turn: Vec::new() };
            let kept = self.note.as_mut().map(|note| note.take(name)).unwrap_or_default();
            let (name, pieces) = (name.to_owned(), layout.pieces);
            self.files.push(File { name, pieces, listed: PieceHashes::new(), content, kept });
            self.files.len() - 1
        });
        self.by_number.insert(torrent, index);
    }

    fn learn(&mut self, torrent: TorrentId, first: PieceIndex, hashes: &PieceHashes) {
        let Some(file) = self.file_mut(torrent) else { return };
        if matches!(file.content, Content::Owned(_)) {
            return;
        }
        let known = file.listed.len();
        debug_assert!(first.as_usize() <= known, "hashes come in order");
        for (index, hash) in (first.as_usize()..file.pieces as usize).zip(hashes.iter()) {
            if index == file.listed.len() && file.listed.push(hash).is_err() {
                log::error!("the hashes of '{}' take over 4 GiB", file.name);
                return;
            }
        }
        let unfit = file.take_up_kept();
        if unfit > 0
            && let (name, Some(note)) = (file.name.clone(), &self.note)
        {
            let path = note.path().display();
            log::warn!(
                "{path}: fetching {} of '{name}' anew: what was kept is of another run with other inputs",
                counted(unfit, "segment")
            );
        }
    }

    fn read(&mut self, torrent: TorrentId, piece: PieceIndex, into: &mut Vec<u8>) -> Result<(), StorageError> {
        let content = self.file(torrent).and_then(|file| file.content.get(piece));
        into.extend_from_slice(content.ok_or(StorageError::NotHeld { torrent, piece })?);
        Ok(())
    }

    fn write(&mut self, torrent: TorrentId, piece: PieceIndex, content: &[u8]) -> Result<Written, StorageError> {
        let index = *self.by_number.get(&torrent).ok_or(StorageError::NotHeld { torrent, piece })?;
        let file = &mut self.files[index];
        if matches!(file.content, Content::Owned(_)) {
            return Ok(Written::Verified);
        }
        match file.listed.get(piece) {
            None => return Ok(Written::Corrupt),
            Some(hash) if hash.len() != content.len() => return Ok(Written::Short),
            Some(hash) if hash != content => return Ok(Written::Corrupt),
            Some(_) => {}
        }
        let taken = file.content.take_up(piece, content).map_err(|error| StorageError::Io {
            path: file.name.clone(),
            source: io::Error::new(io::ErrorKind::OutOfMemory, error),
        })?;
        if let (Taken::New, Some(note)) = (taken, &mut self.note) {
            note.keep(&file.name, piece, content);
        }
        Ok(Written::Verified)
    }

    fn close(&mut self, torrent: TorrentId) -> Result<(), StorageError> {
        let not_held = |piece| StorageError::NotHeld { torrent, piece };
        let file = self.file(torrent).ok_or_else(|| not_held(PieceIndex(0)))?;
        if let Some(missing) = (0..file.pieces).map(PieceIndex).find(|piece| file.content.get(*piece).is_none()) {
            return Err(not_held(missing));
        }
        let path = self.folder.join(output_name(self.client, &file.name));
        let lines = (0..file.pieces).map(PieceIndex).filter_map(|piece| file.content.get(piece));
        write_output(&path, lines).map_err(|source| StorageError::Io { path: path.display().to_string(), source })
    }
}

impl File {
    /// Takes up what was kept of it and matches what is listed by now; tells how many segments do not.
    fn take_up_kept(&mut self) -> usize {
        let Self { kept, listed, content, pieces, .. } = self;
        let later = kept.split_off(&(listed.len() as u32));
        let mut unfit = 0;
        for (index, segment) in std::mem::replace(kept, later) {
            let piece = PieceIndex(index);
            let fits = listed.get(piece) == Some(&segment[..]);
            unfit += usize::from(!(fits && content.take_up(piece, &segment).is_ok()));
        }
        if listed.len() == *pieces as usize {
            unfit += std::mem::take(kept).len();
        }
        unfit
    }
}

/// Whether a segment was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    New,
    Again,
}

impl Content {
    /// Takes up a segment that matches its hash.
    fn take_up(&mut self, piece: PieceIndex, segment: &[u8]) -> Result<Taken, PieceHashesError> {
        let Self::Received { arrived, turn } = self else { return Ok(Taken::Again) };
        if turn.len() <= piece.as_usize() {
            turn.resize(piece.as_usize() + 1, 0);
        }
        if turn[piece.as_usize()] != 0 {
            return Ok(Taken::Again);
        }
        arrived.push(segment)?;
        turn[piece.as_usize()] = arrived.len() as u32;
        Ok(Taken::New)
    }

    fn get(&self, piece: PieceIndex) -> Option<&[u8]> {
        match self {
            Self::Owned(lines) => lines.get(piece),
            Self::Received { arrived, turn } => {
                let turn = *turn.get(piece.as_usize())?;
                arrived.get(PieceIndex(turn.checked_sub(1)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TorrentId = TorrentId(7);

    fn hashes(of: &[&str]) -> PieceHashes {
        let mut hashes = PieceHashes::new();
        of.iter().for_each(|hash| hashes.push(hash.as_bytes()).unwrap());
        hashes
    }

    fn layout(pieces: u32) -> Layout {
        Layout { pieces, piece_length: 255 }
    }

    /// A client that wants `x`, of which it knows these hashes.
    fn wanting(folder: &Path, listed: &[&str]) -> HashList {
        let mut list = HashList::new(3, folder, Vec::new());
        list.open(T, "x", &layout(listed.len() as u32));
        list.learn(T, PieceIndex(0), &hashes(listed));
        list
    }

    fn files_in(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn segments_are_written_in_their_order_whatever_the_order_they_came_in() {
        let folder = tempfile::tempdir().unwrap();
        let mut list = wanting(folder.path(), &["aa", "b", "aa"]);
        for piece in [2, 0, 1, 0] {
            let content = ["aa", "b", "aa"][piece];
            assert_eq!(list.write(T, PieceIndex(piece as u32), content.as_bytes()).unwrap(), Written::Verified);
        }
        list.close(T).unwrap();
        assert_eq!(std::fs::read(folder.path().join("client3_x")).unwrap(), b"aa\nb\naa");
        assert_eq!(files_in(folder.path()), ["client3_x"]);
    }

    #[test]
    fn content_that_does_not_match_the_list_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut list = wanting(folder.path(), &["aa", "bb"]);
        assert_eq!(list.write(T, PieceIndex(0), b"ab").unwrap(), Written::Corrupt);
        assert_eq!(list.write(T, PieceIndex(0), b"a").unwrap(), Written::Short);
        assert_eq!(list.write(T, PieceIndex(2), b"aa").unwrap(), Written::Corrupt);
        assert_eq!(list.held("x"), Some(Bitfield::none(2)));
        assert!(matches!(list.read(T, PieceIndex(0), &mut Vec::new()), Err(StorageError::NotHeld { .. })));
    }

    #[test]
    fn an_output_does_not_appear_while_a_segment_is_missing_though_its_hash_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut list = wanting(folder.path(), &["aa", "bb"]);
        list.write(T, PieceIndex(1), b"bb").unwrap();
        assert!(matches!(list.close(T), Err(StorageError::NotHeld { piece: PieceIndex(0), .. })));
        assert!(files_in(folder.path()).is_empty());
    }

    #[test]
    fn hashes_may_come_in_chunks_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut list = HashList::new(3, folder.path(), Vec::new());
        list.open(T, "x", &layout(3));
        for (first, chunk) in [(0, &["a", "b"][..]), (0, &["a", "b"]), (1, &["b", "c"]), (2, &["c"])] {
            list.learn(T, PieceIndex(first), &hashes(chunk));
        }
        list.open(T, "x", &layout(3));
        for (piece, content) in ["a", "b", "c"].iter().enumerate() {
            let written = list.write(T, PieceIndex(piece as u32), content.as_bytes()).unwrap();
            assert_eq!(written, Written::Verified);
        }
        assert_eq!(list.held("x"), Some(Bitfield::all(3)));
    }

    #[test]
    fn an_owned_file_is_held_before_it_has_a_number_and_is_written_from_what_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out/deep");
        let owned = vec![OwnedFile { name: "x".into(), hashes: hashes(&["mine", "too"]) }];
        let mut list = HashList::new(3, &output, owned);
        assert_eq!(list.held("x"), Some(Bitfield::all(2)));
        list.open(T, "x", &layout(2));
        list.learn(T, PieceIndex(0), &hashes(&["other", "list"]));
        let mut content = b"before ".to_vec();
        list.read(T, PieceIndex(1), &mut content).unwrap();
        assert_eq!(content, b"before too");
        list.close(T).unwrap();
        assert_eq!(std::fs::read(output.join("client3_x")).unwrap(), b"mine\ntoo");
    }

    #[test]
    fn a_file_without_segments_becomes_an_empty_output() {
        let folder = tempfile::tempdir().unwrap();
        let mut list = wanting(folder.path(), &[]);
        list.close(T).unwrap();
        assert_eq!(std::fs::read(folder.path().join("client3_x")).unwrap(), b"");
    }

    #[test]
    fn an_older_output_is_replaced_and_an_error_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut list = wanting(folder.path(), &["aa"]);
        list.write(T, PieceIndex(0), b"aa").unwrap();
        std::fs::write(folder.path().join("client3_x"), "older and longer").unwrap();
        list.close(T).unwrap();
        assert_eq!(std::fs::read(folder.path().join("client3_x")).unwrap(), b"aa");

        std::fs::remove_file(folder.path().join("client3_x")).unwrap();
        std::fs::create_dir(folder.path().join("client3_x")).unwrap();
        let error = list.close(T).unwrap_err().to_string();
        assert!(error.contains("client3_x") && !error.contains(".tema3-"), "{error}");
        assert_eq!(files_in(folder.path()), ["client3_x"]);
    }

    #[test]
    fn an_output_folder_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        std::fs::write(&output, "").unwrap();
        let mut list = wanting(&output, &["aa"]);
        list.write(T, PieceIndex(0), b"aa").unwrap();
        let error = list.close(T).unwrap_err().to_string();
        assert!(error.ends_with("/out is not a folder"), "{error}");
    }

    #[test]
    fn what_an_earlier_run_kept_is_held_as_soon_as_its_hash_is_known_and_matches() {
        let folder = tempfile::tempdir().unwrap();
        let note = || Note::open(folder.path(), 3).unwrap();
        let mut list = wanting(folder.path(), &["aa", "b", "cc"]).going_on_from(note());
        list.write(T, PieceIndex(2), b"cc").unwrap();
        list.write(T, PieceIndex(2), b"cc").unwrap();
        list.write(T, PieceIndex(0), b"aa").unwrap();
        drop(list);

        let mut list = HashList::new(3, folder.path(), Vec::new()).going_on_from(note());
        list.open(T, "x", &layout(3));
        assert_eq!(list.held("x"), Some(Bitfield::none(3)));
        list.learn(T, PieceIndex(0), &hashes(&["aa", "b"]));
        assert_eq!(list.held("x").unwrap().iter().collect::<Vec<_>>(), [PieceIndex(0)]);
        list.learn(T, PieceIndex(2), &hashes(&["other"]));
        assert_eq!(list.held("x").unwrap().iter().collect::<Vec<_>>(), [PieceIndex(0)]);
        list.write(T, PieceIndex(1), b"b").unwrap();
        list.write(T, PieceIndex(2), b"other").unwrap();
        list.close(T).unwrap();
        assert_eq!(std::fs::read(folder.path().join("client3_x")).unwrap(), b"aa\nb\nother");
        drop(list);

        let kept = note().take("x");
        assert_eq!(kept.values().map(|content| &content[..]).collect::<Vec<_>>(), [&b"aa"[..], b"b", b"other"]);
    }

    #[test]
    fn an_absurd_layout_allocates_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut list = HashList::new(3, folder.path(), Vec::new());
        list.open(T, "x", &Layout { pieces: u32::MAX, piece_length: u32::MAX });
        list.learn(T, PieceIndex(0), &hashes(&["aa"]));
        assert_eq!(list.write(T, PieceIndex(u32::MAX - 1), b"aa").unwrap(), Written::Corrupt);
        assert_eq!(list.write(T, PieceIndex(0), b"aa").unwrap(), Written::Verified);
    }
}
