//! Who takes which piece from the seeds first, so that the seeds give each piece once and the others trade the rest.
//!
//! All downloaders of a torrent share one order of its pieces and divide it into equal stretches, one each. A downloader
//! begins with its own stretch, which nobody else asks the seeds for; for a piece of another's stretch it may ask that
//! one even before it can know that it is there: the request waits for the piece. So the load is balanced whatever the
//! order in which the ranks happen to run, and without a message more.

use std::collections::BTreeSet;

use crate::protocol::Rank;

/// The downloaders of a torrent, as all of them know them.
#[derive(Debug, Default)]
pub(super) struct Takers {
    ranks: Vec<Rank>,
    /// Those that did not keep what was expected of them.
    faithless: BTreeSet<Rank>,
}

impl Takers {
    pub(super) fn new(ranks: Vec<Rank>) -> Self {
        Self { ranks, faithless: BTreeSet::new() }
    }

    /// Where in the shared order of `pieces` a downloader's stretch begins.
    pub(super) fn begin(&self, rank: Rank, pieces: u32) -> Option<u32> {
        let index = self.ranks.iter().position(|&taker| taker == rank)? as u64;
        Some((index * u64::from(pieces) / self.ranks.len() as u64) as u32)
    }

    /// In whose stretch a place of the shared order lies, unless nothing is to be expected of that one.
    pub(super) fn of(&self, place: u32, pieces: u32) -> Option<Rank> {
        let count = self.ranks.len() as u64;
        let index = ((u64::from(place) + 1) * count).checked_sub(1)? / u64::from(pieces.max(1));
        let taker = *self.ranks.get(index as usize)?;
        (!self.faithless.contains(&taker)).then_some(taker)
    }

    /// Nothing is to be expected of a downloader any more.
    pub(super) fn distrust(&mut self, rank: Rank) {
        self.faithless.insert(rank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_lies_in_the_stretch_that_begins_last_before_it() {
        for (count, pieces) in [(1, 5), (3, 10), (4, 80), (13, 100), (7, 3)] {
            let takers = Takers::new((1..=count).map(Rank).collect());
            for place in 0..pieces {
                let begun = (1..=count).filter(|&rank| takers.begin(Rank(rank), pieces).unwrap() <= place).max();
                assert_eq!(takers.of(place, pieces), begun.map(Rank), "place {place} of {pieces} for {count}");
            }
        }
    }

    #[test]
    fn nothing_is_expected_of_one_that_failed_and_of_nobody() {
        let mut takers = Takers::new(vec![Rank(3), Rank(5)]);
        takers.distrust(Rank(5));
        assert_eq!((takers.of(0, 10), takers.of(9, 10)), (Some(Rank(3)), None));
        assert_eq!(Takers::default().of(0, 10), None);
        assert_eq!(takers.begin(Rank(4), 10), None);
    }
}
