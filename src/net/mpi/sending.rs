//! The pieces on their way out: which block of which is read next, and when the last of each has left.

use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Rank, Slot, Time};
use crate::storage::{Block, LONGEST_BLOCK, Passage};

/// Blocks of one piece that are under way at once: one is read while the one before it is sent.
const MOST_OF_A_PIECE: u32 = 2;

/// Bytes on their way to one receiver at once: more than what fits into the caches makes nothing faster.
const MOST_BYTES_TO_ONE: u64 = 2 << 20;

/// A piece that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Departure {
    pub(super) passage: Passage,
    pub(super) to: Rank,
    pub(super) slot: Slot,
    pub(super) torrent: TorrentId,
    pub(super) piece: PieceIndex,
    /// How long it is, where that is known before it is read.
    pub(super) travels: Option<u32>,
    /// When it may leave at the earliest.
    pub(super) due: Time,
    /// Which of its bytes, modulo its length, is to arrive wrong.
    pub(super) wrong_at: Option<u32>,
    pub(super) telling: Telling,
}

/// Whether the node is told what became of a piece that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    Told,
    /// The second copy, of which the node does not know.
    Untold,
}

/// All pieces on their way out, by receiver: each receiver gets a block in turn, so that a slow one holds up no other.
#[derive(Debug)]
pub(super) struct Sending {
    receivers: Vec<Receiver>,
    /// Whose turn it is next, modulo their number.
    turn: usize,
    /// Lists of receivers to whom nothing is on its way any more, for the next.
    spares: Vec<Vec<Leaving>>,
    /// Blocks on their way to one receiver at once, at most: one that is gone keeps their buffers.
    most_to_one: u32,
}

#[derive(Debug)]
struct Receiver {
    rank: Rank,
    /// In the order in which they are to leave.
    pieces: Vec<Leaving>,
}

#[derive(Debug)]
struct Leaving {
    departure: Departure,
    /// How much of it the depot was asked for.
    asked: u32,
    stage: Stage,
    /// Blocks that are being read or sent.
    under_way: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Begun,
    /// The depot was asked for all of it.
    Asked,
    /// A block could not be read.
    Failed,
}

impl Sending {
    pub(super) fn new(most_to_one: u32) -> Self {
        Self { receivers: Vec::new(), turn: 0, spares: Vec::new(), most_to_one }
    }

    /// Whether no piece is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.receivers.is_empty()
    }

    /// When the next of those that wait for their time may leave.
    pub(super) fn next_due(&self, now: Time) -> Option<Time> {
        let pieces = self.receivers.iter().flat_map(|receiver| &receiver.pieces);
        pieces.map(|piece| piece.departure.due).filter(|&due| due > now).min()
    }

    /// One more is to be sent.
    pub(super) fn start(&mut self, departure: Departure) {
        let piece = Leaving { departure, asked: 0, stage: Stage::Waiting, under_way: 0 };
        match self.receivers.iter_mut().find(|receiver| receiver.rank == departure.to) {
            Some(receiver) => receiver.pieces.push(piece),
            None => {
                let mut pieces = self.spares.pop().unwrap_or_default();
                pieces.push(piece);
                self.receivers.push(Receiver { rank: departure.to, pieces });
            }
        }
    }

    /// Nothing more is to be sent.
    pub(super) fn stop(&mut self) {
        self.receivers.clear();
    }

    /// The block that is to be read next, and how long it is where that is known. It is under way from now on.
    pub(super) fn next(&mut self, now: Time) -> Option<(Block, Option<u32>)> {
        let receivers = self.receivers.len();
        for turn in self.turn..self.turn + receivers {
            if let Some(found) = self.receivers[turn % receivers].next(now, self.most_to_one) {
                self.turn = (turn + 1) % receivers;
                return Some(found);
            }
        }
        None
    }

    /// The piece of which a block was read; none where it is not to be sent any more.
    pub(super) fn departure(&self, passage: Passage) -> Option<Departure> {
        let (receiver, piece) = self.find(passage)?;
        let Leaving { departure, stage, .. } = self.receivers[receiver].pieces[piece];
        (stage != Stage::Failed).then_some(departure)
    }

    /// A block has left, or is not to be sent any more. Returns the piece where it was its last.
    pub(super) fn left(&mut self, passage: Passage) -> Option<Departure> {
        let (receiver, at) = self.find(passage)?;
        let pieces = &mut self.receivers[receiver].pieces;
        let piece = &mut pieces[at];
        piece.under_way -= 1;
        if piece.under_way > 0 || matches!(piece.stage, Stage::Waiting | Stage::Begun) {
            return None;
        }
        let Leaving { departure, stage, .. } = pieces.remove(at);
        if pieces.is_empty() {
            self.spares.push(self.receivers.swap_remove(receiver).pieces);
        }
        (stage == Stage::Asked).then_some(departure)
    }

    /// A block could not be read. Returns the piece, where that was not known of it.
    pub(super) fn failed(&mut self, passage: Passage) -> Option<Departure> {
        let departure = self.departure(passage);
        if let Some((receiver, piece)) = self.find(passage) {
            self.receivers[receiver].pieces[piece].stage = Stage::Failed;
            self.left(passage);
        }
        departure
    }

    /// Where a piece is. Of many the last is asked for most: a storage in memory has answered by then.
    fn find(&self, passage: Passage) -> Option<(usize, usize)> {
        self.receivers.iter().enumerate().rev().find_map(|(receiver, Receiver { pieces, .. })| {
            let piece = pieces.iter().rposition(|piece| piece.departure.passage == passage)?;
            Some((receiver, piece))
        })
    }
}

impl Receiver {
    fn next(&mut self, now: Time, most: u32) -> Option<(Block, Option<u32>)> {
        let blocks: u32 = self.pieces.iter().map(|piece| piece.under_way).sum();
        let bytes: u64 = self.pieces.iter().map(Leaving::bytes_under_way).sum();
        if blocks >= most || bytes >= MOST_BYTES_TO_ONE {
            return None;
        }
        let at = (0..self.pieces.len()).find(|&at| self.may_go_on(at, now))?;
        Some(self.pieces[at].next())
    }

    /// Whether one more block of this piece may be read. The blocks of two pieces under one slot would be taken for those of
    /// one: the second waits until all of the first has left.
    fn may_go_on(&self, at: usize, now: Time) -> bool {
        let Leaving { departure: Departure { slot, due, .. }, stage, under_way, .. } = self.pieces[at];
        let same_slot = |other: &Leaving| other.departure.slot == slot && other.stage != Stage::Waiting;
        match stage {
            Stage::Waiting => due <= now && !self.pieces.iter().any(same_slot),
            Stage::Begun => under_way < MOST_OF_A_PIECE,
            Stage::Asked | Stage::Failed => false,
        }
    }
}

impl Leaving {
    fn bytes_under_way(&self) -> u64 {
        let block =
            self.departure.travels.map_or(LONGEST_BLOCK as u64, |whole| u64::from(whole).min(LONGEST_BLOCK as u64));
        block * u64::from(self.under_way)
    }

    fn next(&mut self) -> (Block, Option<u32>) {
        let Departure { passage, torrent, piece, travels, .. } = self.departure;
        let (offset, longest) = (self.asked, LONGEST_BLOCK as u32);
        let known = travels.map(|whole| (whole - offset).min(longest));
        let length = known.unwrap_or(longest);
        self.asked += length;
        self.under_way += 1;
        self.stage = if travels.is_none_or(|whole| whole == self.asked) { Stage::Asked } else { Stage::Begun };
        (Block { passage, torrent, piece, offset, length }, known)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: u32 = LONGEST_BLOCK as u32;
    const NOW: Time = Time::ZERO;

    /// A piece of which passage, slot and index have the same number.
    fn piece(number: u16, to: u32, travels: Option<u32>) -> Departure {
        Departure {
            passage: Passage(u64::from(number)),
            to: Rank(to),
            slot: Slot::new(number, 0),
            torrent: TorrentId(1),
            piece: PieceIndex(u32::from(number)),
            travels,
            due: Time::ZERO,
            wrong_at: None,
            telling: Telling::Told,
        }
    }

    fn sending(pieces: &[Departure]) -> Sending {
        let mut sending = Sending::new(8);
        pieces.iter().for_each(|&piece| sending.start(piece));
        sending
    }

    /// The numbers of the pieces of which blocks are read next, until no more can be.
    fn next_of(sending: &mut Sending) -> Vec<u64> {
        std::iter::from_fn(|| sending.next(NOW)).map(|(block, _)| block.passage.0).collect()
    }

    fn next(sending: &mut Sending) -> Option<(u32, u32)> {
        sending.next(NOW).map(|(block, _)| (block.offset, block.length))
    }

    #[test]
    fn a_block_is_read_while_the_one_before_it_is_sent() {
        let whole = piece(1, 2, Some(3 * MIB + 5));
        let mut sending = sending(&[whole]);
        assert_eq!(next(&mut sending), Some((0, MIB)));
        assert_eq!(next(&mut sending), Some((MIB, MIB)));
        assert_eq!(next(&mut sending), None);
        assert_eq!(sending.left(Passage(1)), None);
        assert_eq!(next(&mut sending), Some((2 * MIB, MIB)));
        assert_eq!(sending.left(Passage(1)), None);
        assert_eq!(next(&mut sending), Some((3 * MIB, 5)));
        assert_eq!(next(&mut sending), None);
        assert_eq!(sending.left(Passage(1)), None);
        assert_eq!(sending.left(Passage(1)), Some(whole));
        assert!(sending.is_idle());
    }

    #[test]
    fn an_empty_piece_and_one_of_unknown_length_are_one_block() {
        for (travels, length) in [(Some(0), 0), (Some(MIB), MIB), (None, MIB)] {
            let mut sending = sending(&[piece(1, 2, travels)]);
            assert_eq!(next(&mut sending), Some((0, length)));
            assert_eq!(next(&mut sending), None);
            assert!(sending.left(Passage(1)).is_some() && sending.is_idle());
        }
    }

    #[test]
    fn receivers_take_turns_and_to_each_the_earlier_pieces_go_first() {
        let pieces = [(1, 7), (2, 7), (3, 8), (4, 9)].map(|(number, to)| piece(number, to, Some(MIB)));
        let mut sending = sending(&pieces);
        assert_eq!(next_of(&mut sending), [1, 3, 4, 2]);
    }

    #[test]
    fn a_receiver_that_takes_nothing_ties_up_few_buffers_and_little_of_the_caches() {
        for (length, most) in [(4 * MIB, 2), (MIB, 2), (1000, 8), (0, 8)] {
            let pieces: Vec<Departure> = (0..20).map(|number| piece(number, 7, Some(length))).collect();
            let mut sending = sending(&pieces);
            assert_eq!(next_of(&mut sending).len(), most, "{length}");
            sending.start(piece(20, 8, None));
            assert_eq!(next_of(&mut sending), [20]);
        }
    }

    #[test]
    fn two_pieces_under_one_slot_go_one_after_the_other() {
        let mut sending =
            sending(&[piece(1, 7, Some(2 * MIB)), Departure { slot: Slot::new(1, 0), ..piece(2, 7, None) }]);
        assert_eq!(next_of(&mut sending), [1, 1]);
        sending.left(Passage(1));
        assert_eq!(next_of(&mut sending), [0; 0]);
        assert!(sending.left(Passage(1)).is_some());
        assert_eq!(next_of(&mut sending), [2]);
    }

    #[test]
    fn what_is_delayed_leaves_in_its_time_and_holds_up_nobody() {
        let due = Time::ZERO + Duration::from_millis(5);
        let mut sending = sending(&[Departure { due, ..piece(1, 7, None) }, piece(2, 7, None)]);
        assert_eq!(sending.next_due(NOW), Some(due));
        assert_eq!(next_of(&mut sending), [2]);
        assert_eq!(sending.next(due).map(|(block, _)| block.passage), Some(Passage(1)));
        assert_eq!(sending.next_due(due), None);
    }

    #[test]
    fn of_a_piece_that_cannot_be_read_nothing_more_leaves() {
        let whole = piece(1, 7, Some(4 * MIB));
        let mut sending = sending(&[whole]);
        assert_eq!(next_of(&mut sending), [1, 1]);
        assert_eq!(sending.departure(Passage(1)), Some(whole));
        assert_eq!(sending.failed(Passage(1)), Some(whole));
        assert_eq!(next_of(&mut sending), [0; 0]);
        assert_eq!(sending.departure(Passage(1)), None, "the block that was read meanwhile is not sent");
        assert_eq!(sending.failed(Passage(1)), None, "that is told once");
        assert!(sending.is_idle());
        assert_eq!(sending.left(Passage(1)), None, "and a word that is too late does no harm");
    }
}
