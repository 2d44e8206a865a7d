//! Hashes the pieces of files on all cores.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use lru::LruCache;

use super::piece_hasher::PieceHasher;
use crate::metainfo::{Bitfield, PieceIndex, PieceMap, Span};

/// How many files all threads keep open together, and one of them at most: a process may have about a thousand.
const OPEN_FILES: usize = 512;
const OPEN_FILES_OF_ONE: usize = 32;
/// How much a thread reads of a piece at once: that of several pieces stays in the processor's caches until it is hashed.
const READ: usize = 256 << 10;
/// About how much a thread takes on at once: long enough to be read in one go.
const STINT: u32 = 4 << 20;
/// Into so many stints a thread's part is cut at least, where several pieces make one: short enough that all end together.
const STINTS: u32 = 4;

/// The SHA-1 of a piece.
pub type PieceDigest = [u8; 20];

/// Why a piece could not be hashed.
#[derive(Debug)]
pub struct UnreadPiece {
    /// The file that could not be opened or read, as its place in the manifest. Where it is shorter than it should be, the
    /// error is [`io::ErrorKind::UnexpectedEof`].
    pub entry: usize,
    /// The system's answer.
    pub error: io::Error,
}

/// Hashes these pieces on so many threads, and tells of each as it is done, in any order, on the thread that asks. Each byte
/// is read once, and a file stays open while pieces are read in step that have parts in it; `open` gives a file by its place
/// in the manifest. Ends early where `each` says so.
pub fn hash_pieces<O>(
    map: &PieceMap,
    pieces: &Bitfield,
    threads: NonZeroUsize,
    open: O,
    mut each: impl FnMut(PieceIndex, Result<PieceDigest, UnreadPiece>) -> ControlFlow<()>,
) where
    O: Fn(usize) -> io::Result<File> + Sync,
{
    let (done, hashed) = mpsc::channel();
    let next = AtomicU32::new(0);
    let (next, open) = (&next, &open);
    let fair = pieces.pieces() / (threads.get() as u32).saturating_mul(STINTS);
    let stint = fair.min(PieceHasher::together() as u32).max(STINT / map.piece_length()).max(1);
    let files = NonZeroUsize::new((OPEN_FILES / threads).min(OPEN_FILES_OF_ONE)).unwrap_or(NonZeroUsize::MIN);
    thread::scope(|scope| {
        for _ in 0..threads.get() {
            let done = done.clone();
            let opened = LruCache::new(files);
            let mut reader = Reader { map, open, opened, parts: Vec::new() };
            scope.spawn(move || reader.work(pieces, stint, next, &done));
        }
        drop(done);
        // Where nobody listens any more, the threads end after the pieces at hand.
        _ = hashed.into_iter().try_for_each(|(piece, digest)| each(piece, digest));
    });
}

type Done = (PieceIndex, Result<PieceDigest, UnreadPiece>);

/// A thread's part.
struct Reader<'a, O> {
    map: &'a PieceMap,
    open: &'a O,
    /// The files that were read last: more of each is likely read next.
    opened: LruCache<usize, File>,
    /// What was read of each of the pieces that are hashed together.
    parts: Vec<Vec<u8>>,
}

/// A piece that is being read.
struct Reading {
    hasher: PieceHasher,
    /// What is still to be read, the next last.
    spans: Vec<Span>,
    unread: Option<UnreadPiece>,
}

impl<O: Fn(usize) -> io::Result<File>> Reader<'_, O> {
    /// Takes stint after stint, from `next` on, until all pieces are taken or nobody listens.
    fn work(&mut self, pieces: &Bitfield, stint: u32, next: &AtomicU32, done: &Sender<Done>) {
        let take = |from: u32| (from < pieces.pieces()).then(|| from.saturating_add(stint));
        while let Ok(first) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            let stint = first..first.saturating_add(stint).min(pieces.pieces());
            let asked: Vec<PieceIndex> = stint.map(PieceIndex).filter(|&piece| pieces.contains(piece)).collect();
            for some in asked.chunks(PieceHasher::together()) {
                if self.hash(some).into_iter().try_for_each(|result| done.send(result)).is_err() {
                    return;
                }
            }
        }
    }

    /// Reads pieces part by part, in step, and hashes what was read of all at once.
    fn hash(&mut self, pieces: &[PieceIndex]) -> Vec<Done> {
        let mut parts = std::mem::take(&mut self.parts);
        parts.resize_with(pieces.len().max(parts.len()), || vec![0; READ]);
        let mut readings: Vec<Reading> = pieces.iter().map(|&piece| Reading::new(self.map, piece)).collect();
        loop {
            let mut read = Vec::new();
            for (reading, part) in readings.iter_mut().zip(&mut parts) {
                let length = self.read(reading, part);
                read.push((&mut reading.hasher, &part[..length]));
            }
            if read.iter().all(|(_, part)| part.is_empty()) {
                break;
            }
            PieceHasher::add_to_all(&mut read);
        }
        self.parts = parts;
        let result = |reading: Reading| reading.unread.map_or_else(|| Ok(reading.hasher.finish()), Err);
        pieces.iter().copied().zip(readings.into_iter().map(result)).collect()
    }

    /// Fills a part with what comes next of a piece; how much that is.
    fn read(&mut self, reading: &mut Reading, part: &mut [u8]) -> usize {
        let mut read = 0;
        while let Some(span) = reading.spans.last_mut().filter(|_| read < part.len()) {
            let length = (part.len() - read).min(span.length as usize);
            if let Err(error) = self.read_span(span, &mut part[read..read + length]) {
                reading.unread = Some(UnreadPiece { entry: span.entry, error });
                reading.spans.clear();
                return 0;
            }
            (span.offset, span.length) = (span.offset + length as u64, span.length - length as u32);
            if span.length == 0 {
                reading.spans.pop();
            }
            read += length;
        }
        read
    }

    fn read_span(&mut self, span: &Span, into: &mut [u8]) -> io::Result<()> {
        let file = self.opened.try_get_or_insert(span.entry, || (self.open)(span.entry))?;
        file.read_exact_at(into, span.offset)
    }
}

impl Reading {
    fn new(map: &PieceMap, piece: PieceIndex) -> Self {
        let mut spans: Vec<Span> = map.spans(piece).collect();
        spans.reverse();
        Self { hasher: PieceHasher::new(map, piece), spans, unread: None }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::AtomicUsize;

    use sha1::{Digest, Sha1};
    use tempfile::TempDir;

    use super::*;
    use crate::metainfo::Extent;

    const FEW: NonZeroUsize = NonZeroUsize::new(3).unwrap();

    /// Files of these lengths, called by their places, and what is in them all, one after the other.
    fn files(lengths: &[Extent]) -> (TempDir, PieceMap, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let mut whole = Vec::new();
        for (place, extent) in lengths.iter().enumerate() {
            match *extent {
                Extent::Content(length) => {
                    let content: Vec<_> = (0..length).map(|byte| (byte * 31 + place as u64) as u8).collect();
                    fs::write(folder.path().join(place.to_string()), &content).unwrap();
                    whole.extend(content);
                }
                Extent::Zeros(length) => whole.extend(vec![0; length as usize]),
                Extent::Nothing => {}
            }
        }
        (folder, PieceMap::new(10_000, lengths.iter().copied()), whole)
    }

    fn hashed(map: &PieceMap, pieces: &Bitfield, folder: &TempDir) -> Vec<Option<PieceDigest>> {
        let mut digests = vec![None; map.pieces() as usize];
        let open = |entry: usize| File::open(folder.path().join(entry.to_string()));
        hash_pieces(map, pieces, FEW, open, |piece, digest| {
            assert!(digests[piece.as_usize()].is_none(), "{piece} is told twice");
            digests[piece.as_usize()] = digest.ok();
            ControlFlow::Continue(())
        });
        digests
    }

    const MANY: [Extent; 10] = [
        Extent::Content(70_001),
        Extent::Content(0),
        Extent::Zeros(9_999),
        Extent::Content(4),
        Extent::Zeros(100),
        Extent::Content(5_000),
        Extent::Zeros(4_896),
        Extent::Content(700_123),
        Extent::Zeros(9_000),
        Extent::Nothing,
    ];

    #[test]
    fn each_piece_is_hashed_over_its_files_and_the_zeros_between_and_behind_them() {
        let (folder, map, whole) = files(&MANY);
        let expected: Vec<_> = whole.chunks(10_000).map(|piece| Some(Sha1::digest(piece).into())).collect();
        assert_eq!(hashed(&map, &Bitfield::all(map.pieces()), &folder), expected);
    }

    #[test]
    fn only_those_asked_for_are_hashed() {
        let (folder, map, whole) = files(&MANY);
        let mut some = Bitfield::none(map.pieces());
        some.insert(PieceIndex(3));
        some.insert(PieceIndex(map.pieces() - 1));
        let digests = hashed(&map, &some, &folder);
        assert_eq!(digests.iter().flatten().count(), 2);
        assert_eq!(digests[3], Some(Sha1::digest(&whole[30_000..40_000]).into()));
        assert_eq!(hashed(&map, &Bitfield::none(map.pieces()), &folder), vec![None; map.pieces() as usize]);
    }

    #[test]
    fn what_cannot_be_read_is_told_for_its_pieces_alone() {
        let (folder, map, _) = files(&MANY);
        fs::remove_file(folder.path().join("3")).unwrap();
        File::options().write(true).open(folder.path().join("7")).unwrap().set_len(699_000).unwrap();
        let mut unread = Vec::new();
        let open = |entry: usize| File::open(folder.path().join(entry.to_string()));
        hash_pieces(&map, &Bitfield::all(map.pieces()), FEW, open, |piece, digest| {
            unread.extend(digest.err().map(|UnreadPiece { entry, error }| (piece.0, entry, error.kind())));
            ControlFlow::Continue(())
        });
        unread.sort_unstable_by_key(|&(piece, ..)| piece);
        let short = io::ErrorKind::UnexpectedEof;
        assert_eq!(unread, [(8, 3, io::ErrorKind::NotFound), (78, 7, short), (79, 7, short)]);
    }

    #[test]
    fn a_file_is_opened_once_for_pieces_that_are_read_in_step() {
        let long = Extent::Content(1_200_000);
        let (folder, _, _) = files(&[long; 3]);
        let map = PieceMap::new(1_200_000, [long; 3]);
        let opened = AtomicUsize::new(0);
        let open = |entry: usize| {
            opened.fetch_add(1, Ordering::Relaxed);
            File::open(folder.path().join(entry.to_string()))
        };
        let alone = NonZeroUsize::MIN;
        hash_pieces(&map, &Bitfield::all(map.pieces()), alone, open, |_, _| ControlFlow::Continue(()));
        assert_eq!(opened.into_inner(), 3);
    }

    #[test]
    fn who_has_heard_enough_is_told_no_more() {
        let (folder, map, _) = files(&MANY);
        let mut told = 0;
        let open = |entry: usize| File::open(folder.path().join(entry.to_string()));
        hash_pieces(&map, &Bitfield::all(map.pieces()), FEW, open, |_, _| {
            told += 1;
            ControlFlow::Break(())
        });
        assert_eq!(told, 1);
    }
}
