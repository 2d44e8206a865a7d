//! Who takes which piece from the seeds first, so that the seeds give each piece once and the others trade the rest.
//!
//! All downloaders of a torrent share one order of its pieces and divide it into equal stretches, one each. A downloader
//! begins with its own stretch, which nobody else asks the seeds for; for a piece of another's stretch it may ask that
//! one even before it can know that it is there: the request waits for the piece. So the load is balanced whatever the
//! order in which the ranks happen to run, and without a message more.

use std::collections::BTreeSet;

use crate::metainfo::PieceIndex;
use crate::protocol::{Rank, seeded};

/// The downloaders of a torrent, as all of them know them, and what each takes.
#[derive(Debug)]
pub(super) struct Takers {
    ranks: Vec<Rank>,
    /// By piece: who takes it, as a place in `ranks`.
    taken_by: Vec<u16>,
    /// Those that did not keep what was expected of them.
    faithless: BTreeSet<Rank>,
}

impl Takers {
    /// More downloaders than this do not divide a torrent.
    pub(super) const MOST: usize = 1024;

    /// Nobody takes anything.
    pub(super) fn nobody() -> Self {
        Self { ranks: Vec::new(), taken_by: Vec::new(), faithless: BTreeSet::new() }
    }

    /// The takers of a torrent, and the order in which the client of this rank wants its pieces: its own stretch, then
    /// from all others' stretches in turn, what they take first before what they take later.
    pub(super) fn divide(mut ranks: Vec<Rank>, shared: &[u32], own: Rank) -> (Self, Vec<u32>) {
        ranks.truncate(Self::MOST);
        let count = ranks.len();
        let stretch = |index: usize| index * shared.len() / count..(index + 1) * shared.len() / count;
        let mut taken_by = vec![0; if count == 0 { 0 } else { shared.len() }];
        for index in 0..count {
            shared[stretch(index)].iter().for_each(|&piece| taken_by[piece as usize] = index as u16);
        }
        let order = match ranks.iter().position(|&rank| rank == own) {
            Some(first) => {
                let mut order = shared[stretch(first)].to_vec();
                for column in 0..shared.len().div_ceil(count) {
                    let others = (1..count).map(|step| stretch((first + step) % count));
                    order.extend(others.filter_map(|stretch| shared[stretch].get(column)));
                }
                order
            }
            None => {
                let mut order = shared.to_vec();
                order.rotate_left(seeded::spread(own.0, shared.len() as u32) as usize);
                order
            }
        };
        (Self { ranks, taken_by, faithless: BTreeSet::new() }, order)
    }

    /// Who takes a piece, unless nothing is to be expected of that one.
    pub(super) fn of(&self, piece: PieceIndex) -> Option<Rank> {
        let taker = self.ranks[usize::from(*self.taken_by.get(piece.as_usize())?)];
        (!self.faithless.contains(&taker)).then_some(taker)
    }

    /// Whether the torrent is not divided.
    pub(super) fn are_nobody(&self) -> bool {
        self.ranks.is_empty()
    }

    /// Whether this is one of the downloaders.
    pub(super) fn include(&self, rank: Rank) -> bool {
        self.ranks.contains(&rank)
    }

    /// Whether a piece is this rank's to take.
    pub(super) fn is(&self, rank: Rank, piece: PieceIndex) -> bool {
        self.taken_by.get(piece.as_usize()).is_some_and(|&index| self.ranks[usize::from(index)] == rank)
    }

    /// Nothing is to be expected of a downloader any more.
    pub(super) fn distrust(&mut self, rank: Rank) {
        self.faithless.insert(rank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(count: u32) -> Vec<Rank> {
        (1..=count).map(Rank).collect()
    }

    #[test]
    fn each_takes_an_equal_share_and_begins_with_it() {
        for (count, pieces) in [(1, 5), (3, 10), (4, 80), (13, 100), (7, 3)] {
            let shared = seeded::permutation(5, pieces);
            for rank in ranks(count) {
                let (takers, order) = Takers::divide(ranks(count), &shared, rank);
                let own = (0..pieces).filter(|&piece| takers.of(PieceIndex(piece)) == Some(rank)).count();
                assert!((pieces / count..=pieces.div_ceil(count)).contains(&(own as u32)));
                assert!(order[..own].iter().all(|&piece| takers.of(PieceIndex(piece)) == Some(rank)));
            }
        }
    }

    #[test]
    fn everybody_wants_every_piece_once() {
        for (count, pieces, own) in [(3, 10, 2), (7, 3, 7), (4, 80, 9), (0, 6, 1)] {
            let (_, mut order) = Takers::divide(ranks(count), &seeded::permutation(5, pieces), Rank(own));
            order.sort_unstable();
            assert_eq!(order, (0..pieces).collect::<Vec<_>>());
        }
    }

    #[test]
    fn after_its_own_a_client_wants_from_all_others_in_turn() {
        let shared: Vec<u32> = (0..9).collect();
        assert_eq!(Takers::divide(ranks(3), &shared, Rank(2)).1, [3, 4, 5, 6, 0, 7, 1, 8, 2]);
    }

    #[test]
    fn nothing_is_expected_of_one_that_failed_and_of_nobody() {
        let (mut takers, _) = Takers::divide(ranks(2), &[0, 1, 2, 3], Rank(1));
        takers.distrust(Rank(2));
        assert_eq!((takers.of(PieceIndex(0)), takers.of(PieceIndex(3))), (Some(Rank(1)), None));
        assert_eq!(takers.of(PieceIndex(4)), None);
        assert_eq!(Takers::nobody().of(PieceIndex(0)), None);
    }
}
