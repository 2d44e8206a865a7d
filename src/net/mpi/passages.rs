//! The pieces that are waited for, block by block, and what still comes of those that no longer are.

use std::collections::VecDeque;

use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Rank, Slot};
use crate::storage::{Block, LONGEST_BLOCK, Passage};

/// Of how many pieces that are not waited for the blocks are recognised.
const MOST_STRAYS: usize = 256;

/// All passages in. There are few at a time (the windows), so lists serve.
#[derive(Debug, Default)]
pub(super) struct Passages {
    awaited: Vec<Awaited>,
    strays: VecDeque<Stray>,
}

/// What is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) passage: Passage,
    pub(super) from: Rank,
    pub(super) slot: Slot,
    pub(super) torrent: TorrentId,
    pub(super) piece: PieceIndex,
    /// How long it is, where that is known before it comes.
    pub(super) travels: Option<u32>,
}

/// A piece of which blocks come, or of which all have come and the depot has not said yet what became of it.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    expected: Expected,
    came: u32,
    coming: Coming,
    /// How much came after its last block: the piece again.
    again: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coming {
    Blocks,
    Nothing,
}

/// A piece of several blocks that is waited for no more, of which blocks may come all the same.
#[derive(Clone, Copy, Debug)]
struct Stray {
    from: Rank,
    slot: Slot,
    travels: u32,
    /// How much of it comes, if any more does.
    next: u32,
    /// How much of it is still to come after a block that was told of.
    told: u32,
}

/// What a block that came is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The next one of this passage.
    Next(Block),
    /// Of another length than the next one of this passage, which is at its end now.
    Unfit(Passage),
    /// The first of a piece that is not waited for.
    Stray,
    /// One more of a piece that is not waited for, of which the node has been told or will be.
    Waste,
}

/// The end of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over {
    pub(super) expected: Expected,
    /// How many bytes of it came.
    pub(super) came: u32,
    /// Whether the piece had begun to come again.
    pub(super) repeated: Repeated,
}

/// Whether something came more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    Yes,
    No,
}

impl Passages {
    /// Whether nothing is waited for.
    pub(super) fn is_empty(&self) -> bool {
        self.awaited.is_empty()
    }

    /// From now on a piece is waited for. Returns the passage that was open under the same slot, which is at its end.
    pub(super) fn expect(&mut self, expected: Expected) -> Option<Passage> {
        let earlier = self.forget(expected.from, expected.slot);
        self.strays.retain(|stray| (stray.from, stray.slot) != (expected.from, expected.slot));
        self.awaited.push(Awaited { expected, came: 0, coming: Coming::Blocks, again: None });
        earlier
    }

    /// What comes under this slot is no longer waited for. Returns its passage, where one was open.
    pub(super) fn forget(&mut self, from: Rank, slot: Slot) -> Option<Passage> {
        let at = self.find(from, slot)?;
        Some(self.end(at).expected.passage)
    }

    /// A block of this length came.
    pub(super) fn came(&mut self, from: Rank, slot: Slot, length: u32) -> Found {
        let Some(at) = self.find(from, slot) else { return self.came_astray(from, slot, length) };
        let awaited = &mut self.awaited[at];
        let Expected { passage, torrent, piece, travels, .. } = awaited.expected;
        if awaited.coming == Coming::Nothing {
            // What becomes of the piece is told first: else this would pass for its answer.
            awaited.again = Some(awaited.again.unwrap_or(0).saturating_add(length));
            return Found::Waste;
        }
        let rest = travels.map(|whole| whole - awaited.came);
        if rest.is_some_and(|rest| length != rest.min(LONGEST_BLOCK as u32)) {
            self.end(at);
            return Found::Unfit(passage);
        }
        let block = Block { passage, torrent, piece, offset: awaited.came, length };
        awaited.came += length;
        if rest.is_none_or(|rest| rest == length) {
            awaited.coming = Coming::Nothing;
        }
        Found::Next(block)
    }

    /// The depot has said what became of a piece. Returns the passage, where it is still open.
    pub(super) fn arrived(&mut self, passage: Passage) -> Option<Over> {
        let at = self.awaited.iter().position(|awaited| awaited.expected.passage == passage)?;
        Some(self.end(at))
    }

    fn find(&self, from: Rank, slot: Slot) -> Option<usize> {
        self.awaited.iter().position(|awaited| (awaited.expected.from, awaited.expected.slot) == (from, slot))
    }

    fn end(&mut self, at: usize) -> Over {
        let Awaited { expected, came, again, .. } = self.awaited.swap_remove(at);
        if let Some(travels) = expected.travels.filter(|&whole| whole as usize > LONGEST_BLOCK) {
            let Expected { from, slot, .. } = expected;
            let next = if came < travels { travels - came } else { travels };
            let told = again.map_or(0, |again| (travels - again % travels) % travels);
            self.strays.truncate(MOST_STRAYS - 1);
            self.strays.push_front(Stray { from, slot, travels, next, told });
        }
        Over { expected, came, repeated: if again.is_some() { Repeated::Yes } else { Repeated::No } }
    }

    fn came_astray(&mut self, from: Rank, slot: Slot, length: u32) -> Found {
        let Some(stray) = self.strays.iter_mut().find(|stray| (stray.from, stray.slot) == (from, slot)) else {
            return Found::Stray;
        };
        if stray.told > 0 {
            stray.told = stray.told.saturating_sub(length);
            return Found::Waste;
        }
        stray.told = stray.next.saturating_sub(length);
        stray.next = stray.travels;
        Found::Stray
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Rank = Rank(3);
    const MIB: u32 = LONGEST_BLOCK as u32;
    const WHOLE: u32 = 2 * MIB + 7;

    fn slot() -> Slot {
        Slot::new(5, 1)
    }

    fn expected(passage: u64, travels: Option<u32>) -> Expected {
        let (torrent, piece) = (TorrentId(1), PieceIndex(9));
        Expected { passage: Passage(passage), from: FROM, slot: slot(), torrent, piece, travels }
    }

    fn expecting(travels: Option<u32>) -> Passages {
        let mut passages = Passages::default();
        assert_eq!(passages.expect(expected(1, travels)), None);
        passages
    }

    fn next(offset: u32, length: u32) -> Found {
        Found::Next(Block { passage: Passage(1), torrent: TorrentId(1), piece: PieceIndex(9), offset, length })
    }

    fn come(passages: &mut Passages, lengths: &[u32]) -> Vec<Found> {
        lengths.iter().map(|&length| passages.came(FROM, slot(), length)).collect()
    }

    #[test]
    fn the_blocks_of_a_piece_follow_each_other() {
        let mut passages = expecting(Some(WHOLE));
        let found = come(&mut passages, &[MIB, MIB, 7]);
        assert_eq!(found, [next(0, MIB), next(MIB, MIB), next(2 * MIB, 7)]);
        assert_eq!(passages.came(Rank(4), slot(), 7), Found::Stray, "another rank's slot is another slot");
        let over = passages.arrived(Passage(1)).unwrap();
        assert_eq!(over, Over { expected: expected(1, Some(WHOLE)), came: WHOLE, repeated: Repeated::No });
        assert!(passages.is_empty());
        assert_eq!(passages.arrived(Passage(1)), None);
    }

    #[test]
    fn an_empty_piece_and_one_of_unknown_length_are_one_block() {
        for (travels, length) in [(Some(0), 0), (None, 0), (None, 200), (Some(MIB), MIB)] {
            let mut passages = expecting(travels);
            assert_eq!(come(&mut passages, &[length, length]), [next(0, length), Found::Waste]);
        }
    }

    #[test]
    fn a_block_of_another_length_ends_its_passage() {
        for lengths in [&[7][..], &[MIB, 7], &[MIB, MIB, MIB], &[MIB, MIB, 0]] {
            let mut passages = expecting(Some(WHOLE));
            let found = come(&mut passages, lengths);
            assert_eq!(found.last(), Some(&Found::Unfit(Passage(1))), "{lengths:?}");
            assert!(passages.is_empty());
        }
        assert_eq!(come(&mut expecting(Some(0)), &[1]), [Found::Unfit(Passage(1))]);
    }

    #[test]
    fn of_a_piece_that_comes_again_the_node_is_told_once_and_after_its_own_end() {
        let mut passages = expecting(Some(WHOLE));
        come(&mut passages, &[MIB, MIB, 7]);
        assert_eq!(come(&mut passages, &[MIB]), [Found::Waste]);
        assert_eq!(passages.arrived(Passage(1)).unwrap().repeated, Repeated::Yes);
        assert_eq!(come(&mut passages, &[MIB, 7]), [Found::Waste, Found::Waste]);
        let again = come(&mut passages, &[MIB, MIB, 7]);
        assert_eq!(again, [Found::Stray, Found::Waste, Found::Waste], "and once more for the third");
    }

    #[test]
    fn of_the_late_blocks_of_a_forgotten_passage_the_node_is_told_once() {
        let mut passages = expecting(Some(WHOLE));
        come(&mut passages, &[MIB]);
        assert_eq!(passages.forget(FROM, slot()), Some(Passage(1)));
        assert_eq!(passages.forget(FROM, slot()), None);
        assert_eq!(come(&mut passages, &[MIB, 7]), [Found::Stray, Found::Waste]);
        assert_eq!(come(&mut passages, &[MIB, MIB, 7]), [Found::Stray, Found::Waste, Found::Waste]);
    }

    #[test]
    fn a_slot_that_is_used_again_is_a_new_passage() {
        let mut passages = expecting(Some(WHOLE));
        come(&mut passages, &[MIB]);
        assert_eq!(passages.expect(expected(2, Some(8))), Some(Passage(1)));
        assert_eq!(passages.arrived(Passage(1)), None, "a word that is too late");
        assert!(matches!(come(&mut passages, &[8])[..], [Found::Next(Block { passage: Passage(2), offset: 0, .. })]));
    }

    #[test]
    fn what_was_never_asked_for_is_told_each_time() {
        assert_eq!(come(&mut Passages::default(), &[MIB, MIB]), [Found::Stray, Found::Stray]);
    }

    #[test]
    fn no_more_strays_are_remembered_than_may_be() {
        let mut passages = Passages::default();
        for passage in 0..1000 {
            passages.expect(Expected { from: Rank(passage), ..expected(u64::from(passage), Some(WHOLE)) });
            passages.forget(Rank(passage), slot());
        }
        assert_eq!(passages.strays.len(), MOST_STRAYS);
        assert_eq!(passages.came(Rank(999), slot(), MIB), Found::Stray);
        assert_eq!(passages.came(Rank(999), slot(), MIB), Found::Waste);
    }
}
