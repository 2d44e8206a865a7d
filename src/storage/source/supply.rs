//! The pieces of a source, read once where memory allows.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Held, Lookup, NoRoom, PieceCache, Source, SourceError, Vacancy};
use crate::metainfo::PieceIndex;
use crate::storage::PieceDigest;
use crate::storage::piece_hasher::PieceHasher;

/// Reads pieces for those who hash and those who send them, and keeps what is still to be sent or asked for again. Threads
/// share one; each does its own reading, hashing and waiting.
#[derive(Debug)]
pub struct Supply {
    source: Source,
    cache: PieceCache,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How often blocks were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockCounts {
    /// Of pieces that were in memory, or were just being read.
    pub hits: u64,
    /// Of pieces that had to be read for it.
    pub misses: u64,
}

impl Supply {
    /// What this source has, with so many bytes of memory for what was read.
    #[must_use]
    pub fn new(source: Source, budget: usize) -> Self {
        let map = source.map();
        let longest = map.total().clamp(1, u64::from(map.piece_length()));
        let cache = PieceCache::new(budget, longest as usize);
        Self { source, cache, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// Where it is read from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Takes room for a piece that is to be hashed, and then kept until it was sent: see [`PieceCache::reserve`].
    pub fn reserve(&self, piece: PieceIndex) -> bool {
        self.source.map().content_length(piece) == 0 || self.cache.reserve(piece)
    }

    /// Reads pieces and tells the SHA-1 of the content and pads of each. The content is kept until it is sent where room was
    /// reserved for that, else while there is room.
    ///
    /// # Errors
    /// Where a file changed or cannot be read.
    pub fn hash(&self, pieces: &[PieceIndex]) -> Result<Vec<PieceDigest>, SourceError> {
        let map = self.source.map();
        let mut digests = Vec::with_capacity(pieces.len());
        while let Some(left) = pieces.get(digests.len()..).filter(|left| !left.is_empty()) {
            let read = self.have_some(left)?;
            let mut hashers: Vec<PieceHasher> =
                left.iter().zip(&read).map(|(&piece, _)| PieceHasher::new(map, piece)).collect();
            let content = read.iter().map(|held| held.as_deref().unwrap_or(&[]));
            PieceHasher::add_to_all(&mut hashers.iter_mut().zip(content).collect::<Vec<_>>());
            digests.extend(hashers.into_iter().map(PieceHasher::finish));
        }
        Ok(digests)
    }

    /// How many pieces are best hashed at once, so that they cost little and leave room for what is asked for.
    #[must_use]
    pub fn together(&self) -> usize {
        PieceHasher::together().min(self.cache.buffers() / 4).max(1)
    }

    /// The content of the first of these pieces, and of as many after it as there is room for at this moment, read if need
    /// be: none where a piece has none.
    fn have_some(&self, pieces: &[PieceIndex]) -> Result<Vec<Option<Held<'_>>>, SourceError> {
        let mut have: Vec<Option<Held<'_>>> = Vec::with_capacity(pieces.len());
        for &piece in pieces {
            if self.source.map().content_length(piece) == 0 {
                have.push(None);
                continue;
            }
            let no_room = if have.iter().any(Option::is_some) { NoRoom::Tell } else { NoRoom::Wait };
            match self.cache.find(piece, no_room) {
                Lookup::Held(held) => have.push(Some(held)),
                Lookup::Vacant(vacancy) => have.push(Some(self.read_into(vacancy, piece)?)),
                Lookup::Full => break,
            }
        }
        Ok(have)
    }

    /// Fills `into` with what begins at `offset` in the content of a piece. What is not in memory is read, and with it the
    /// rest of the piece, for who asks for one block asks for the others.
    ///
    /// # Errors
    /// Where a file changed or cannot be read.
    ///
    /// # Panics
    /// Where the piece has less content.
    pub fn read_block(&self, piece: PieceIndex, offset: u32, into: &mut [u8]) -> Result<(), SourceError> {
        if into.is_empty() {
            return Ok(());
        }
        let found = self.cache.find(piece, NoRoom::Tell);
        let count = if matches!(found, Lookup::Held(_)) { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        let held = match found {
            Lookup::Held(held) => held,
            Lookup::Vacant(vacancy) => self.read_into(vacancy, piece)?,
            Lookup::Full => return self.source.read_block(piece, offset, into),
        };
        let start = offset as usize;
        into.copy_from_slice(&held[start..start + into.len()]);
        Ok(())
    }

    /// A piece was sent, whole: see [`PieceCache::sent`].
    pub fn sent(&self, piece: PieceIndex) {
        self.cache.sent(piece);
    }

    /// Keeps the oldest unsent piece no longer: see [`PieceCache::let_go_oldest`].
    pub fn let_go_oldest(&self) -> Option<PieceIndex> {
        self.cache.let_go_oldest()
    }

    /// How often blocks were asked for so far.
    #[must_use]
    pub fn counts(&self) -> BlockCounts {
        BlockCounts { hits: self.hits.load(Ordering::Relaxed), misses: self.misses.load(Ordering::Relaxed) }
    }

    /// The memory that is used for content, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// Reads a piece into the room for it.
    fn read_into<'a>(&self, mut vacancy: Vacancy<'a>, piece: PieceIndex) -> Result<Held<'a>, SourceError> {
        self.source.fetch_ahead(piece)?;
        let mut read = 0;
        for span in self.source.map().spans(piece) {
            let room = &mut vacancy.room()[read..read + span.length as usize];
            self.source.read_part(span.entry, span.offset, room)?;
            read += span.length as usize;
        }
        Ok(vacancy.fill(read))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::thread;

    use sha1::{Digest, Sha1};
    use tempfile::TempDir;

    use super::*;
    use crate::metainfo::{Entry, Manifest, Node, TreePath};
    use crate::storage::source::{Roots, Sharing};

    /// What is in each file: bytes that tell their place.
    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|place| (place / 3) as u8).collect()
    }

    /// Files and pads of these lengths, one after the other; a pad is negative.
    fn supply(piece_length: u32, lengths: &[i64], budget: usize) -> (TempDir, Supply) {
        let folder = tempfile::tempdir().unwrap();
        let entry = |(number, &length): (usize, &i64)| {
            let name = format!("file {number}");
            let path = TreePath::new([&name]).unwrap();
            let amount = length.unsigned_abs();
            let node = if length < 0 { Node::Pad { length: amount } } else { Node::File { length: amount } };
            if length >= 0 {
                fs::write(folder.path().join(name), content(amount as usize)).unwrap();
            }
            Entry { path, node, mode: None, modified: None }
        };
        let entries = lengths.iter().enumerate().map(entry).collect();
        let manifest = Manifest { piece_length, entries };
        let source = Source::new(Roots::in_folder(folder.path(), &manifest), Arc::new(manifest), Sharing::Shared, None);
        (folder, Supply::new(source, budget))
    }

    /// The hash of a piece that is to be kept until it is sent, where there is room for that.
    fn hash(supply: &Supply, piece: u32) -> Option<PieceDigest> {
        let piece = PieceIndex(piece);
        supply.reserve(piece).then(|| supply.hash(&[piece]).unwrap()[0])
    }

    fn block(supply: &Supply, piece: u32, offset: u32, length: usize) -> Vec<u8> {
        let mut into = vec![0xff; length];
        supply.read_block(PieceIndex(piece), offset, &mut into).unwrap();
        into
    }

    fn sha1(parts: &[&[u8]]) -> Option<PieceDigest> {
        Some(Sha1::digest(parts.concat()).into())
    }

    #[test]
    fn the_hash_is_over_content_and_the_zeros_between_and_behind() {
        let pad = 40_000;
        let (_folder, supply) = supply(100_000, &[10_000, -pad, 20_000, -pad, 30_000], 1 << 20);
        let (zeros, content) = (vec![0; pad as usize], content(30_000));
        let first = sha1(&[&content[..10_000], &zeros, &content[..20_000], &zeros[..30_000]]);
        // Once read, and once from memory.
        assert_eq!([hash(&supply, 0), hash(&supply, 0)], [first, first]);
        assert_eq!(hash(&supply, 1), sha1(&[&zeros[..10_000], &content]));
        assert_eq!(supply.source().bytes_read(), 60_000);
    }

    #[test]
    fn a_piece_of_zeros_alone_is_hashed_and_not_kept() {
        let (_folder, supply) = supply(8, &[4, -12], 1 << 20);
        assert_eq!(hash(&supply, 1), sha1(&[&[0; 8]]));
        assert_eq!((block(&supply, 1, 0, 0), supply.bytes()), (vec![], 0));
    }

    #[test]
    fn pieces_that_are_hashed_together_have_their_own_hashes_and_each_is_read_once() {
        let content = content(950);
        let pieces: Vec<PieceIndex> = (0..10).map(PieceIndex).collect();
        let hashes: Vec<Option<PieceDigest>> = content.chunks(100).map(|piece| sha1(&[piece])).collect();
        // With room for two, for eight and for all.
        for budget in [0, 800, 1000] {
            let (_folder, supply) = supply(100, &[950], budget);
            let hashed = supply.hash(&pieces).unwrap();
            assert_eq!(hashed.into_iter().map(Some).collect::<Vec<_>>(), hashes);
            assert_eq!(supply.source().bytes_read(), 950);
        }
    }

    #[test]
    fn jobs_that_hash_more_than_there_is_room_for_wait_for_one_another() {
        let (_folder, supply) = supply(100, &[40_000], 400);
        let content = content(40_000);
        assert!(supply.reserve(PieceIndex(399)));
        thread::scope(|scope| {
            for job in 0..8 {
                let (supply, content) = (&supply, &content);
                scope.spawn(move || {
                    let pieces: Vec<PieceIndex> = (job * 50..job * 50 + 50).map(PieceIndex).collect();
                    let hashed = supply.hash(&pieces).unwrap();
                    for (digest, piece) in hashed.iter().zip(content[job as usize * 5000..].chunks(100)) {
                        assert_eq!(Some(*digest), sha1(&[piece]));
                    }
                });
            }
        });
        assert_eq!((supply.source().bytes_read(), supply.bytes()), (40_000, 400));
    }

    #[test]
    fn what_was_hashed_is_sent_from_memory_and_then_makes_room() {
        let (_folder, supply) = supply(8, &[80], 48);
        let hashed: Vec<_> = (0..10).take_while(|&piece| hash(&supply, piece).is_some()).collect();
        assert_eq!(hashed, [0, 1, 2], "half of the room is for what is asked for again");
        let content = content(80);
        for piece in hashed {
            assert_eq!(block(&supply, piece, 0, 4), content[8 * piece as usize..][..4]);
            assert_eq!(block(&supply, piece, 4, 4), content[8 * piece as usize + 4..][..4]);
        }
        assert_eq!((supply.source().bytes_read(), supply.counts()), (24, BlockCounts { hits: 6, misses: 0 }));
        supply.sent(PieceIndex(1));
        assert!(hash(&supply, 3).is_some() && hash(&supply, 4).is_none());
        assert_eq!(supply.let_go_oldest(), Some(PieceIndex(0)));
        assert!(hash(&supply, 4).is_some());
        assert!(supply.bytes() <= 48);
    }

    #[test]
    fn many_who_ask_for_the_same_have_it_read_once() {
        let (_folder, supply) = supply(512, &[64, 40_000], 1 << 20);
        let content = [content(64), content(40_000)].concat();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for (at, expected) in content.chunks(128).enumerate() {
                        let at = at as u32;
                        assert_eq!(block(&supply, at / 4, at % 4 * 128, expected.len()), expected);
                    }
                });
            }
        });
        assert_eq!(supply.source().bytes_read(), content.len() as u64);
        let BlockCounts { hits, misses } = supply.counts();
        assert_eq!(
            (misses, hits + misses),
            (content.len().div_ceil(512) as u64, 8 * content.len().div_ceil(128) as u64)
        );
    }

    #[test]
    fn without_room_a_block_is_read_alone() {
        let (_folder, supply) = supply(8, &[80], 16);
        let _held = [0, 1].map(|piece| match supply.cache.find(PieceIndex(piece), NoRoom::Tell) {
            Lookup::Vacant(vacancy) => vacancy.fill(8),
            other => panic!("{other:?}"),
        });
        assert_eq!(block(&supply, 9, 6, 2), content(80)[78..]);
        assert_eq!(supply.source().bytes_read(), 2);
    }

    #[test]
    fn a_piece_of_a_file_that_changed_has_no_hash_and_is_not_kept() {
        let (folder, supply) = supply(8, &[8, 12], 64);
        assert!(hash(&supply, 1).is_some());
        supply.sent(PieceIndex(1));
        fs::write(folder.path().join("file 1"), "longer than it was").unwrap();
        for piece in [2, 2] {
            assert!(supply.reserve(PieceIndex(piece)));
            let refused = supply.hash(&[PieceIndex(piece)]);
            assert!(matches!(refused, Err(SourceError::Changed { .. })), "{refused:?}");
        }
        assert!(supply.read_block(PieceIndex(2), 0, &mut [0; 4]).is_err());
        assert!(hash(&supply, 0).is_some(), "its room was given back");
    }
}
