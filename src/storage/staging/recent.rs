//! The pieces of small files that came last, in memory: to be read for others, each of their files would have to be opened
//! again.

use crate::metainfo::{PieceIndex, PieceMap};
use crate::storage::source::{Lookup, NoRoom, PieceCache};

/// What came last of pieces in which many files have a part. Others that want the same tree ask for it soon.
#[derive(Debug)]
pub(super) struct Recent {
    cache: PieceCache,
}

impl Recent {
    /// So many files in a piece are many: to open them costs more than to copy the piece.
    const MANY: usize = 4;

    /// Within so many bytes of memory, for pieces of this map.
    pub(super) fn new(map: &PieceMap, memory: usize) -> Self {
        Self { cache: PieceCache::new(memory, map.piece_length() as usize) }
    }

    /// Keeps a piece that was verified, if it is of many files.
    pub(super) fn keep(&self, map: &PieceMap, piece: PieceIndex, content: &[u8]) {
        if map.spans(piece).nth(Self::MANY - 1).is_none() {
            return;
        }
        if let Lookup::Vacant(mut vacancy) = self.cache.find(piece, NoRoom::Tell) {
            vacancy.room()[..content.len()].copy_from_slice(content);
            drop(vacancy.fill(content.len()));
        }
    }

    /// Fills `into` with what begins at `offset` in a piece, if that is here.
    pub(super) fn read_block(&self, piece: PieceIndex, offset: u32, into: &mut [u8]) -> bool {
        let Some(held) = self.cache.held(piece) else { return false };
        let part = held.get(offset as usize..).and_then(|rest| rest.get(..into.len()));
        part.map(|part| into.copy_from_slice(part)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::Extent;

    #[test]
    fn pieces_of_many_files_are_read_from_memory_as_long_as_there_is_room() {
        let small = [Extent::Content(5); 8];
        let map = PieceMap::new(20, small.into_iter().chain([Extent::Content(20)]));
        let recent = Recent::new(&map, 40);
        let content = |piece: u8| [piece; 20];
        let read = |piece: u32| {
            let mut into = [9; 3];
            recent.read_block(PieceIndex(piece), 17, &mut into).then_some(into)
        };
        for piece in 0..3 {
            recent.keep(&map, PieceIndex(piece), &content(piece as u8));
        }
        assert_eq!([read(0), read(1), read(2)], [Some([0; 3]), Some([1; 3]), None], "the last is of one file");
        let mut beyond = [0; 4];
        assert!(!recent.read_block(PieceIndex(1), 17, &mut beyond));
    }
}
