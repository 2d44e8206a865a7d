//! A set of pieces of one torrent.

use serde::{Deserialize, Serialize};

use super::PieceIndex;

const WORD: u32 = u64::BITS;

/// Which pieces of a torrent are meant (BEP 3's `bitfield`), one bit each, with their count at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Bitfield {
    pieces: u32,
    words: Vec<u64>,
    #[serde(skip)]
    ones: u32,
}

#[derive(Deserialize)]
struct Unchecked {
    pieces: u32,
    words: Vec<u64>,
}

impl TryFrom<Unchecked> for Bitfield {
    type Error = &'static str;

    fn try_from(Unchecked { pieces, words }: Unchecked) -> Result<Self, Self::Error> {
        if words.len() != pieces.div_ceil(WORD) as usize {
            return Err("a bitfield's words do not fit its number of pieces");
        }
        let spare = pieces % WORD;
        if spare != 0 && words.last().is_some_and(|last| last >> spare != 0) {
            return Err("a bitfield has bits past its last piece");
        }
        let ones = words.iter().map(|word| word.count_ones()).sum();
        Ok(Self { pieces, words, ones })
    }
}

impl Bitfield {
    /// The empty set of a torrent with so many pieces.
    #[must_use]
    pub fn none(pieces: u32) -> Self {
        Self { pieces, words: vec![0; pieces.div_ceil(WORD) as usize], ones: 0 }
    }

    /// The full set.
    #[must_use]
    pub fn all(pieces: u32) -> Self {
        let mut words = vec![u64::MAX; pieces.div_ceil(WORD) as usize];
        if let (Some(last), spare @ 1..) = (words.last_mut(), pieces % WORD) {
            *last = (1 << spare) - 1;
        }
        Self { pieces, words, ones: pieces }
    }

    /// The number of pieces of the torrent, in the set or not.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        self.pieces
    }

    /// The number of pieces in the set.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.ones
    }

    /// The pieces that are not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut rest = Self::none(self.pieces());
        for piece in (0..self.pieces()).map(PieceIndex).filter(|&piece| !self.contains(piece)) {
            rest.insert(piece);
        }
        rest
    }

    /// Whether every piece is in the set.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.ones == self.pieces
    }

    /// Whether the piece is in the set; a piece that the torrent does not have never is.
    #[must_use]
    pub fn contains(&self, piece: PieceIndex) -> bool {
        piece.0 < self.pieces && self.words[(piece.0 / WORD) as usize] >> (piece.0 % WORD) & 1 == 1
    }

    /// Puts the piece into the set; tells whether that changed it. A piece that the torrent does not have is left out.
    pub fn insert(&mut self, piece: PieceIndex) -> bool {
        if piece.0 >= self.pieces || self.contains(piece) {
            return false;
        }
        self.words[(piece.0 / WORD) as usize] |= 1 << (piece.0 % WORD);
        self.ones += 1;
        true
    }

    /// Takes the piece out of the set; tells whether that changed it.
    pub fn remove(&mut self, piece: PieceIndex) -> bool {
        if !self.contains(piece) {
            return false;
        }
        self.words[(piece.0 / WORD) as usize] &= !(1 << (piece.0 % WORD));
        self.ones -= 1;
        true
    }

    /// The first piece in the set at or after `from`.
    #[must_use]
    pub fn next_from(&self, from: PieceIndex) -> Option<PieceIndex> {
        if from.0 >= self.pieces {
            return None;
        }
        let first = (from.0 / WORD) as usize;
        let mut word = self.words[first] & (u64::MAX << (from.0 % WORD));
        for index in first..self.words.len() {
            if index > first {
                word = self.words[index];
            }
            if word != 0 {
                return Some(PieceIndex(index as u32 * WORD + word.trailing_zeros()));
            }
        }
        None
    }

    /// The first piece at or after `from` that is in both sets, which belong to the same torrent.
    #[must_use]
    pub fn next_common(&self, other: &Self, from: PieceIndex) -> Option<PieceIndex> {
        if from.0 >= self.pieces.min(other.pieces) {
            return None;
        }
        let first = (from.0 / WORD) as usize;
        let mut mask = u64::MAX << (from.0 % WORD);
        for (index, (mine, theirs)) in self.words.iter().zip(&other.words).enumerate().skip(first) {
            let common = mine & theirs & mask;
            if common != 0 {
                return Some(PieceIndex(index as u32 * WORD + common.trailing_zeros()));
            }
            mask = u64::MAX;
        }
        None
    }

    /// The pieces in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> {
        let mut from = Some(PieceIndex(0));
        std::iter::from_fn(move || {
            let piece = self.next_from(from?)?;
            from = piece.0.checked_add(1).map(PieceIndex);
            Some(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_set_has_every_piece_and_no_other() {
        for pieces in [0, 1, 63, 64, 65, 200] {
            let all = Bitfield::all(pieces);
            assert_eq!(all.iter().count(), pieces as usize);
            assert!(all.is_full());
            assert!(!all.contains(PieceIndex(pieces)));
        }
    }

    #[test]
    fn insert_and_remove_keep_the_count() {
        let mut set = Bitfield::none(70);
        assert!(set.insert(PieceIndex(69)) && !set.insert(PieceIndex(69)));
        assert!(!set.insert(PieceIndex(70)));
        assert_eq!(set.count(), 1);
        assert!(set.remove(PieceIndex(69)) && !set.remove(PieceIndex(69)));
        assert_eq!(set, Bitfield::none(70));
    }

    #[test]
    fn common_pieces_are_found_across_words() {
        let (mut mine, mut theirs) = (Bitfield::none(200), Bitfield::none(200));
        for piece in [3, 130, 190] {
            mine.insert(PieceIndex(piece));
        }
        for piece in [4, 130, 190] {
            theirs.insert(PieceIndex(piece));
        }
        assert_eq!(mine.next_common(&theirs, PieceIndex(0)), Some(PieceIndex(130)));
        assert_eq!(mine.next_common(&theirs, PieceIndex(131)), Some(PieceIndex(190)));
        assert_eq!(mine.next_common(&theirs, PieceIndex(191)), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Bitfield::try_from(Unchecked { pieces: 65, words: vec![0] }).is_err());
        assert!(Bitfield::try_from(Unchecked { pieces: 3, words: vec![8] }).is_err());
        let set = Bitfield::try_from(Unchecked { pieces: 3, words: vec![5] }).unwrap();
        assert_eq!(set.count(), 2);
    }
}
