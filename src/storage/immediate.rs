//! A depot over a storage that answers at once.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::{Block, Depot, LONGEST_BLOCK, OwnWord, Passage, Storage, StorageError, Word, Written};
use crate::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};

/// Does all that it is asked at once, in the caller's thread. For storages in memory, whose pieces are small.
#[derive(Debug)]
pub struct Immediate<S> {
    storage: S,
    habit: Habit,
    words: VecDeque<Word>,
    /// What has come so far of pieces of several blocks.
    begun: HashMap<Passage, Vec<u8>>,
    /// The last piece of which a part was asked for.
    whole: Vec<u8>,
}

/// What a depot does when it hears of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// It waits for pieces to come.
    Waits,
    /// It says which of them are here already.
    Looks,
}

impl<S: Storage> Immediate<S> {
    /// A depot over this storage.
    pub fn new(storage: S) -> Self {
        Self { storage, habit: Habit::Waits, words: VecDeque::new(), begun: HashMap::new(), whole: Vec::new() }
    }

    /// A depot over this storage, which may hold pieces from an earlier run: it says so when it hears of their hashes.
    pub fn looking(storage: S) -> Self {
        Self { habit: Habit::Looks, ..Self::new(storage) }
    }

    /// Its storage, when all is over.
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// Says which of these pieces are held.
    fn tell_of(&mut self, torrent: TorrentId, first: PieceIndex, count: u32) {
        let mut here = Vec::new();
        for piece in (first.0..first.0.saturating_add(count)).map(PieceIndex) {
            self.whole.clear();
            if self.storage.read(torrent, piece, &mut self.whole).is_ok() {
                here.push(piece);
            }
        }
        let held = here.clone();
        self.words.push_back(Word::Own(OwnWord::Learnt { torrent, first, count, here }));
        self.words.extend(held.into_iter().map(|piece| Word::Own(OwnWord::Held { torrent, piece })));
    }

    /// Whether a piece travels in several blocks.
    fn is_divided(&self, block: Block) -> bool {
        self.travels(block.torrent, block.piece).is_some_and(|bytes| bytes as usize > LONGEST_BLOCK)
    }

    /// Reads a part of a piece. The storage knows only whole ones.
    fn read_part(&mut self, block: Block, into: &mut Vec<u8>) -> Result<(), StorageError> {
        self.whole.clear();
        self.storage.read(block.torrent, block.piece, &mut self.whole)?;
        into.extend(self.whole.iter().skip(block.offset as usize).take(block.length as usize));
        Ok(())
    }
}

impl<S: Storage> Depot for Immediate<S> {
    fn open(&mut self, torrent: TorrentId, name: &str, layout: &Layout) {
        self.storage.open(torrent, name, layout);
    }

    fn learn(&mut self, torrent: TorrentId, first: PieceIndex, hashes: &PieceHashes) {
        self.storage.learn(torrent, first, hashes);
        if self.habit == Habit::Looks {
            self.tell_of(torrent, first, hashes.len() as u32);
        }
    }

    fn travels(&self, torrent: TorrentId, piece: PieceIndex) -> Option<u32> {
        self.storage.length(torrent, piece)
    }

    fn read(&mut self, block: Block, mut buffer: Vec<u8>) {
        buffer.clear();
        let result = match self.is_divided(block) {
            true => self.read_part(block, &mut buffer),
            false => self.storage.read(block.torrent, block.piece, &mut buffer),
        };
        // What is longer than any length is refused by its driver, as is all that is longer than a block.
        let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        self.words.push_back(Word::Read { block: Block { length, ..block }, buffer, result });
    }

    fn write(&mut self, block: Block, buffer: Vec<u8>) {
        let Block { passage, torrent, piece, length, .. } = block;
        let content = &buffer[..length as usize];
        let result = if self.is_divided(block) {
            let begun = self.begun.entry(passage).or_default();
            begun.extend_from_slice(content);
            match self.storage.length(torrent, piece) {
                Some(whole) if begun.len() < whole as usize => None,
                _ => self.begun.remove(&passage).map(|content| self.storage.write(torrent, piece, &content)),
            }
        } else {
            Some(self.storage.write(torrent, piece, content))
        };
        self.words.push_back(Word::Taken { buffer });
        self.words.extend(result.map(|result| Word::Arrived { passage, result }));
    }

    fn forget(&mut self, passage: Passage) {
        self.begun.remove(&passage);
    }

    fn copy(&mut self, from: (TorrentId, PieceIndex), to: (TorrentId, PieceIndex)) {
        let (torrent, piece) = to;
        self.whole.clear();
        let read = self.storage.read(from.0, from.1, &mut self.whole);
        let copied = read.and_then(|()| self.storage.write(torrent, piece, &self.whole));
        self.words.push_back(Word::Own(match copied {
            Ok(Written::Verified) => OwnWord::Held { torrent, piece },
            Ok(Written::Corrupt | Written::Short | Written::Redundant) | Err(_) => OwnWord::Lacking { torrent, piece },
        }));
    }

    fn close(&mut self, torrent: TorrentId) {
        let result = self.storage.close(torrent);
        self.words.push_back(Word::Closed { torrent, result });
    }

    fn next(&mut self) -> Option<Word> {
        self.words.pop_front()
    }

    fn is_busy(&self) -> bool {
        false
    }

    /// There is nothing to wait for.
    fn wait(&mut self, _at_most: Duration) {}
}

#[cfg(test)]
mod tests {
    use super::super::Model;
    use super::*;
    use crate::metainfo::Bitfield;

    const TORRENT: TorrentId = TorrentId(4);
    const LENGTH: u32 = 2 * LONGEST_BLOCK as u32 + 5;
    const LAYOUT: Layout = Layout { pieces: 1, piece_length: LENGTH };

    fn content() -> Vec<u8> {
        (0..LENGTH).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
    }

    /// Knows the hash of a piece of three blocks, and holds it or not.
    fn depot(held: &Bitfield) -> Immediate<Model> {
        let mut model = Model::default();
        model.place("file", LAYOUT, held, &content());
        let mut depot = Immediate::new(model);
        let mut hashes = PieceHashes::new();
        hashes.push(&Model::hash(&content())).unwrap();
        depot.open(TORRENT, "file", &LAYOUT);
        depot.learn(TORRENT, PieceIndex(0), &hashes);
        depot
    }

    fn blocks(passage: u64) -> impl Iterator<Item = Block> {
        (0..LENGTH).step_by(LONGEST_BLOCK).map(move |offset| Block {
            passage: Passage(passage),
            torrent: TORRENT,
            piece: PieceIndex(0),
            offset,
            length: (LENGTH - offset).min(LONGEST_BLOCK as u32),
        })
    }

    fn give(depot: &mut Immediate<Model>, block: Block, content: &[u8]) {
        // A buffer may be longer than its block.
        let mut buffer = content[block.offset as usize..][..block.length as usize].to_vec();
        buffer.extend(b"left from before");
        depot.write(block, buffer);
        assert!(matches!(depot.next(), Some(Word::Taken { .. })));
    }

    fn arrived(depot: &mut Immediate<Model>) -> Option<(Passage, Written)> {
        match depot.next()? {
            Word::Arrived { passage, result } => Some((passage, result.unwrap())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_that_looks_says_what_is_here_when_it_hears_of_the_hashes() {
        for (held, count) in [(Bitfield::all(1), 1), (Bitfield::none(1), 0)] {
            let mut model = Model::default();
            model.place("file", LAYOUT, &held, &content());
            let mut depot = Immediate::looking(model);
            let mut hashes = PieceHashes::new();
            hashes.push(&Model::hash(&content())).unwrap();
            depot.open(TORRENT, "file", &LAYOUT);
            depot.learn(TORRENT, PieceIndex(0), &hashes);
            let Some(Word::Own(OwnWord::Learnt { here, count: 1, .. })) = depot.next() else {
                panic!("it says nothing")
            };
            assert_eq!(here.len(), count);
            let told = std::iter::from_fn(|| depot.next()).collect::<Vec<_>>();
            assert!(told.len() == count && told.iter().all(|word| matches!(word, Word::Own(OwnWord::Held { .. }))));
        }
        let mut waits = depot(&Bitfield::all(1));
        assert!(waits.next().is_none());
    }

    #[test]
    fn a_piece_of_several_blocks_is_read_block_by_block() {
        let mut depot = depot(&Bitfield::all(1));
        assert_eq!(depot.travels(TORRENT, PieceIndex(0)), Some(LENGTH));
        let mut read = Vec::new();
        for asked in blocks(1) {
            depot.read(asked, b"left from before".to_vec());
            let Some(Word::Read { block, buffer, result: Ok(()) }) = depot.next() else { panic!("nothing was read") };
            assert_eq!(block, asked);
            read.extend_from_slice(&buffer[..block.length as usize]);
        }
        assert!(read == content());
    }

    #[test]
    fn the_blocks_of_two_passages_that_come_in_turn_are_kept_apart() {
        let mut depot = depot(&Bitfield::none(1));
        let mut wrong = content();
        wrong[LONGEST_BLOCK + 1] ^= 1;
        for (one, other) in blocks(1).zip(blocks(2)) {
            assert_eq!(arrived(&mut depot), None);
            give(&mut depot, one, &wrong);
            let last = one.offset + one.length == LENGTH;
            assert_eq!(arrived(&mut depot), last.then_some((Passage(1), Written::Corrupt)));
            give(&mut depot, other, &content());
        }
        assert_eq!(arrived(&mut depot), Some((Passage(2), Written::Verified)));
    }

    #[test]
    fn of_a_forgotten_passage_nothing_is_kept() {
        let mut depot = depot(&Bitfield::none(1));
        give(&mut depot, blocks(1).next().unwrap(), &content());
        depot.forget(Passage(1));
        for block in blocks(1) {
            assert_eq!(arrived(&mut depot), None);
            give(&mut depot, block, &content());
        }
        assert_eq!(arrived(&mut depot), Some((Passage(1), Written::Verified)));
    }

    #[test]
    fn what_is_not_held_is_told_with_the_buffer() {
        let mut depot = depot(&Bitfield::none(1));
        depot.read(blocks(1).next().unwrap(), vec![7; 9]);
        let Some(Word::Read { buffer, result: Err(StorageError::NotHeld { .. }), .. }) = depot.next() else {
            panic!("it is not held")
        };
        assert!(buffer.capacity() >= 9);
        depot.close(TORRENT);
        assert!(matches!(depot.next(), Some(Word::Closed { torrent: TORRENT, result: Err(_) })));
    }

    /// Its pieces have lengths of which nobody knows before they come.
    struct Lines;

    impl Storage for Lines {
        fn open(&mut self, _: TorrentId, _: &str, _: &Layout) {}

        fn learn(&mut self, _: TorrentId, _: PieceIndex, _: &PieceHashes) {}

        fn read(&mut self, _: TorrentId, _: PieceIndex, into: &mut Vec<u8>) -> Result<(), StorageError> {
            into.extend_from_slice(b"line");
            Ok(())
        }

        fn write(&mut self, _: TorrentId, _: PieceIndex, content: &[u8]) -> Result<Written, StorageError> {
            Ok(if content == b"line" { Written::Verified } else { Written::Short })
        }

        fn close(&mut self, _: TorrentId) -> Result<(), StorageError> {
            Ok(())
        }
    }

    #[test]
    fn a_piece_of_unknown_length_travels_as_one_block_of_what_length_it_has() {
        let mut depot = Immediate::new(Lines);
        assert_eq!(depot.travels(TORRENT, PieceIndex(0)), None);
        let asked = Block { length: LONGEST_BLOCK as u32, ..blocks(1).next().unwrap() };
        depot.read(asked, Vec::new());
        let Some(Word::Read { block, mut buffer, .. }) = depot.next() else { panic!("nothing was read") };
        assert_eq!((block.length, &buffer[..]), (4, &b"line"[..]));
        buffer.resize(9, 0);
        for (length, written) in [(3, Written::Short), (4, Written::Verified)] {
            depot.write(Block { length, ..block }, buffer.clone());
            assert!(matches!(depot.next(), Some(Word::Taken { .. })));
            assert!(matches!(depot.next(), Some(Word::Arrived { result: Ok(found), .. }) if found == written));
        }
    }
}
