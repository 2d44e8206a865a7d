//! The blocks that came and that no worker has yet.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::taking::{Arrival, Progress};
use crate::storage::piece_hasher::PieceHasher;
use crate::storage::{Block, Passage};

/// The blocks that came and that no worker has yet. Where pieces that are hashed together cost less, they are held back a
/// little while, so that several gather.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Blocks whose turn it is.
    ready: VecDeque<Arrival>,
    /// When the first of them is to be dealt with, however few there are.
    due: Option<Instant>,
    /// Pieces that come in several blocks.
    long: HashMap<Passage, Long>,
    /// How many workers have some.
    at_work: usize,
}

/// A piece that comes in several blocks, which workers take one after the other.
#[derive(Debug)]
struct Long {
    /// Blocks that came while a worker was at the one before.
    waiting: VecDeque<(Block, Vec<u8>)>,
    /// How far it is; a worker has it while it is away.
    progress: Option<Box<Progress>>,
}

impl Arrivals {
    /// For so long a piece waits for others to be hashed with: long enough for several to come where the processors are
    /// busy, and short beside what a window of requests takes on a network.
    const GATHERING: Duration = Duration::from_millis(2);

    /// Whether nothing waits for a worker, and no worker has anything.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.at_work == 0
    }

    /// What is there is to be dealt with now.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = Some(now).filter(|_| !self.ready.is_empty());
    }

    /// A piece came whole.
    pub(super) fn whole(&mut self, arrival: Arrival, now: Instant) {
        self.due.get_or_insert(now + Self::GATHERING);
        self.ready.push_back(arrival);
    }

    /// A block came of a piece that has several; where it is the first, the piece is begun.
    pub(super) fn part(&mut self, block: Block, buffer: Vec<u8>, begin: impl FnOnce() -> Box<Progress>, now: Instant) {
        let fresh = || Long { waiting: VecDeque::new(), progress: Some(begin()) };
        self.long.entry(block.passage).or_insert_with(fresh).waiting.push_back((block, buffer));
        self.ready_next(block.passage, now);
    }

    /// More is to come of a piece, of which a worker had a block.
    pub(super) fn further(&mut self, passage: Passage, progress: Box<Progress>, now: Instant) {
        if let Some(long) = self.long.get_mut(&passage) {
            long.progress = Some(progress);
            self.ready_next(passage, now);
        }
    }

    /// What a worker is to deal with now, if anything is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Vec<Arrival>> {
        let together = PieceHasher::together();
        if self.ready.len() < together && self.due.is_none_or(|due| due > now) {
            return None;
        }
        let some = self.ready.len().min(together);
        let taken = self.ready.drain(..some).collect();
        self.due = (!self.ready.is_empty()).then_some(now + Self::GATHERING);
        self.at_work += 1;
        Some(taken)
    }

    /// A worker has dealt with what it took.
    pub(super) fn worked(&mut self) {
        self.at_work -= 1;
    }

    /// How long until something is due.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(now))
    }

    /// What still waits of a passage is dropped; its buffers.
    pub(super) fn forget(&mut self, passage: Passage) -> impl Iterator<Item = Vec<u8>> + use<> {
        let waiting = self.long.remove(&passage).map(|long| long.waiting).unwrap_or_default();
        waiting.into_iter().map(|(_, buffer)| buffer)
    }

    /// Makes the next block of a long piece ready, where there is one and no worker has the one before it. It waits for no
    /// others: of pieces so long few are under way at once.
    fn ready_next(&mut self, passage: Passage, now: Instant) {
        let Some(long) = self.long.get_mut(&passage).filter(|long| !long.waiting.is_empty()) else { return };
        let Some(progress) = long.progress.take() else { return };
        if let Some((block, buffer)) = long.waiting.pop_front() {
            self.ready.push_back(Arrival { block, buffer, progress });
            self.due = Some(now);
        }
    }
}
