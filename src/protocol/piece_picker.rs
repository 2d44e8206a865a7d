//! Which piece comes next: rarest first.
//!
//! Two words have a fixed meaning here. A piece's *availability* is the number of peers known to hold it. A piece is
//! *pickable* while it is neither held nor asked for.

use super::Picking;
use crate::metainfo::{Bitfield, PieceIndex};

/// Orders the pieces of one torrent by how few hold them.
#[derive(Debug)]
pub(super) struct PiecePicker {
    picking: Picking,
    /// place in the order -> piece
    order: Vec<u32>,
    /// piece -> place in the order
    place: Vec<u32>,
    availability: Vec<u32>,
    pickable: Bitfield,
    /// By availability: which places hold a pickable piece of it. Bits are places, not pieces.
    levels: Vec<Level>,
}

#[derive(Clone, Debug)]
struct Level {
    places: Bitfield,
    /// No place below this one is in the level.
    lowest: u32,
}

impl PiecePicker {
    /// A picker for a torrent of which `held` is held already; ties fall by `order`, which names each piece once.
    pub(super) fn new(picking: Picking, order: Vec<u32>, held: &Bitfield) -> Self {
        let pieces = held.pieces();
        debug_assert_eq!(order.len(), pieces as usize);
        let mut place = vec![0; order.len()];
        for (at, &piece) in (0..).zip(&order) {
            place[piece as usize] = at;
        }
        let mut picker = Self {
            picking,
            order,
            place,
            availability: vec![0; pieces as usize],
            pickable: Bitfield::none(pieces),
            levels: Vec::new(),
        };
        for piece in (0..pieces).map(PieceIndex).filter(|&piece| !held.contains(piece)) {
            picker.put_back(piece);
        }
        picker
    }

    /// One more peer holds the piece.
    pub(super) fn gained_holder(&mut self, piece: PieceIndex) {
        self.change_availability(piece, self.availability[piece.as_usize()] + 1);
    }

    /// One peer fewer holds the piece.
    pub(super) fn lost_holder(&mut self, piece: PieceIndex) {
        let availability = self.availability[piece.as_usize()];
        debug_assert!(availability > 0, "piece {piece} lost a holder that it never had");
        self.change_availability(piece, availability.saturating_sub(1));
    }

    /// The piece is held, or asked for.
    pub(super) fn take(&mut self, piece: PieceIndex) {
        if self.pickable.remove(piece) {
            let level = self.level_of(self.availability[piece.as_usize()]);
            self.levels[level].remove(self.place[piece.as_usize()]);
        }
    }

    /// The piece was asked for and did not come.
    pub(super) fn put_back(&mut self, piece: PieceIndex) {
        if self.pickable.insert(piece) {
            let level = self.level_of(self.availability[piece.as_usize()]);
            self.insert(level, piece);
        }
    }

    /// The pieces that are neither held nor asked for.
    pub(super) fn pickable(&self) -> &Bitfield {
        &self.pickable
    }

    /// The pickable pieces that somebody holds, the best first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = PieceIndex> {
        self.levels.iter().skip(1).flat_map(|level| level.iter()).map(|place| PieceIndex(self.order[place as usize]))
    }

    /// The same without regard to rarity: the first piece should come soon, and be one that few others begin with.
    pub(super) fn first_candidates(&self) -> impl Iterator<Item = PieceIndex> {
        let candidate = |piece: &PieceIndex| self.pickable.contains(*piece) && self.availability[piece.as_usize()] > 0;
        self.order.iter().map(|&piece| PieceIndex(piece)).filter(candidate)
    }

    fn change_availability(&mut self, piece: PieceIndex, availability: u32) {
        let before = self.level_of(self.availability[piece.as_usize()]);
        self.availability[piece.as_usize()] = availability;
        let after = self.level_of(availability);
        if before != after && self.pickable.contains(piece) {
            self.levels[before].remove(self.place[piece.as_usize()]);
            self.insert(after, piece);
        }
    }

    /// Only rarest first tells more than 'nobody' from 'somebody'.
    fn level_of(&self, availability: u32) -> usize {
        match self.picking {
            Picking::RarestFirst => availability as usize,
            Picking::Sequential | Picking::Random => availability.min(1) as usize,
        }
    }

    fn insert(&mut self, level: usize, piece: PieceIndex) {
        if level >= self.levels.len() {
            let empty = Level { places: Bitfield::none(self.pickable.pieces()), lowest: u32::MAX };
            self.levels.resize(level + 1, empty);
        }
        self.levels[level].insert(self.place[piece.as_usize()]);
    }
}

impl Level {
    fn insert(&mut self, place: u32) {
        self.places.insert(PieceIndex(place));
        self.lowest = self.lowest.min(place);
    }

    fn remove(&mut self, place: u32) {
        self.places.remove(PieceIndex(place));
        if place == self.lowest {
            self.lowest = self.places.next_from(PieceIndex(place)).map_or(u32::MAX, |next| next.0);
        }
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let mut next = (self.places.count() > 0).then_some(self.lowest);
        std::iter::from_fn(move || {
            let place = self.places.next_from(PieceIndex(next?))?.0;
            next = Some(place + 1);
            Some(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picker from a drawing: a digit is a piece's availability, a star a piece that is held.
    fn picker(availability: &str, held: &str, picking: Picking) -> PiecePicker {
        let mut have = Bitfield::none(availability.len() as u32);
        for (piece, mark) in (0..).zip(held.chars()) {
            if mark == '*' {
                have.insert(PieceIndex(piece));
            }
        }
        let mut picker = PiecePicker::new(picking, (0..have.pieces()).collect(), &have);
        for (piece, digit) in (0..).zip(availability.chars()) {
            for _ in 0..digit.to_digit(10).unwrap() {
                picker.gained_holder(PieceIndex(piece));
            }
        }
        picker
    }

    fn picks(picker: &PiecePicker) -> Vec<u32> {
        picker.candidates().map(|piece| piece.0).collect()
    }

    #[test]
    fn the_rarest_piece_comes_first() {
        assert_eq!(picks(&picker("2131", "", Picking::RarestFirst)), [1, 3, 0, 2]);
        assert_eq!(picks(&picker("3221", "  * ", Picking::RarestFirst)), [3, 1, 0]);
    }

    #[test]
    fn a_piece_that_is_held_or_that_nobody_holds_is_not_picked() {
        assert_eq!(picks(&picker("1011", "*   ", Picking::Sequential)), [2, 3]);
    }

    #[test]
    fn sequential_goes_by_index_whatever_the_rarity() {
        assert_eq!(picks(&picker("3121", "", Picking::Sequential)), [0, 1, 2, 3]);
    }

    #[test]
    fn ties_fall_by_the_order_that_was_given() {
        let mut picker = PiecePicker::new(Picking::RarestFirst, vec![2, 0, 3, 1], &Bitfield::none(4));
        [0, 1, 2, 2, 3].into_iter().for_each(|piece| picker.gained_holder(PieceIndex(piece)));
        assert_eq!(picks(&picker), [0, 3, 1, 2]);
    }

    #[test]
    fn a_piece_that_is_asked_for_is_left_out_until_it_is_put_back() {
        let mut picker = picker("111", "", Picking::Sequential);
        picker.take(PieceIndex(0));
        assert_eq!(picks(&picker), [1, 2]);
        picker.put_back(PieceIndex(0));
        assert_eq!(picks(&picker), [0, 1, 2]);
    }

    #[test]
    fn a_holder_more_or_fewer_moves_a_piece() {
        let mut picker = picker("12", "", Picking::RarestFirst);
        picker.gained_holder(PieceIndex(0));
        picker.gained_holder(PieceIndex(0));
        assert_eq!(picks(&picker), [1, 0]);
        picker.lost_holder(PieceIndex(1));
        picker.lost_holder(PieceIndex(1));
        assert_eq!(picks(&picker), [0]);
    }
}
