//! Pieces of the tree on their way in and out: hashed while hot, written when right, read for whoever asks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::plan::Plan;
use super::task::Done;
use super::{Staging, Urgency};
use crate::metainfo::PieceIndex;
use crate::storage::piece_hasher::PieceHasher;
use crate::storage::target::{Draft, Target, TargetError};
use crate::storage::{Block, Passage, StorageError, Word, Written};

/// The pieces of several blocks that are on their way in.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    long: HashMap<Passage, Long>,
}

/// A piece that comes in several blocks, which workers take one after the other.
#[derive(Debug)]
struct Long {
    /// Blocks that came while a worker was at the one before.
    waiting: VecDeque<(Block, Vec<u8>)>,
    /// How far it is; a worker has it while it is away.
    progress: Option<Box<Progress>>,
}

/// How far a piece of several blocks is.
#[derive(Debug)]
pub(super) struct Progress {
    plan: Arc<Plan>,
    target: Arc<Target>,
    piece: PieceIndex,
    hasher: PieceHasher,
    /// Where it is written; nowhere if it is held already, or comes from somebody else too.
    draft: Option<Draft>,
}

/// What became of a block.
#[derive(Debug)]
pub(super) enum Step {
    /// More of its piece is to come.
    Further(Box<Progress>),
    /// It was the last.
    Over(Result<Written, TargetError>),
}

impl Progress {
    fn new(plan: Arc<Plan>, target: Arc<Target>, piece: PieceIndex) -> Self {
        let hasher = PieceHasher::new(&plan.map, piece);
        Self { plan, target, piece, hasher, draft: None }
    }

    /// Hashes and writes a block, and with the last of them decides.
    fn take(mut self: Box<Self>, offset: u32, content: &[u8]) -> Step {
        match self.write(offset, content) {
            Ok(()) if offset + (content.len() as u32) < self.plan.map.content_length(self.piece) => Step::Further(self),
            Ok(()) => Step::Over((*self).decide()),
            Err(error) => Step::Over(Err(error)),
        }
    }

    fn write(&mut self, offset: u32, content: &[u8]) -> Result<(), TargetError> {
        if offset == 0 {
            self.draft = self.target.begin_draft(self.piece)?;
        }
        self.hasher.add(content);
        self.draft.as_ref().map_or(Ok(()), |draft| self.target.write_block(draft, offset, content))
    }

    fn decide(self) -> Result<Written, TargetError> {
        let Self { plan, target, piece, hasher, draft } = self;
        if plan.digests[piece.as_usize()].get() != Some(&hasher.finish()) {
            return Ok(Written::Corrupt);
        }
        match draft {
            Some(draft) => target.keep_draft(draft).map(|()| Written::Verified),
            None if target.held().contains(piece) => Ok(Written::Verified),
            // The other one who sends it has the place; where that one fails, it is asked for again.
            None => Ok(Written::Short),
        }
    }
}

impl Staging {
    /// A block of a piece of the tree came.
    pub(super) fn write_tree(&mut self, block: Block, buffer: Vec<u8>) {
        let target = self.place.as_ref().and_then(|place| place.target().cloned());
        let piece = self.tree_piece(block.torrent, block.piece);
        let (Some(plan), Some(target), Some(piece)) = (self.plan.clone(), target, piece) else {
            let Block { passage, torrent, piece, .. } = block;
            self.words.push_back(Word::Taken { buffer });
            let result = Err(StorageError::NotHeld { torrent, piece });
            return self.words.push_back(Word::Arrived { passage, result });
        };
        if block.offset == 0 && block.length >= plan.map.content_length(piece) {
            return self.workers.submit(Urgency::Now, move || {
                let result = write_whole(&plan, &target, piece, &buffer[..block.length as usize]);
                Done::Written { passage: block.passage, buffer, step: Step::Over(result) }
            });
        }
        let long = self.arrivals.long.entry(block.passage).or_insert_with(|| Long {
            waiting: VecDeque::new(),
            progress: Some(Box::new(Progress::new(plan, target, piece))),
        });
        long.waiting.push_back((block, buffer));
        self.work_on(block.passage);
    }

    /// Gives the next block of a long piece to a worker, where none has one already.
    fn work_on(&mut self, passage: Passage) {
        let Some(long) = self.arrivals.long.get_mut(&passage) else { return };
        if long.progress.is_none() {
            return;
        }
        let Some((block, buffer)) = long.waiting.pop_front() else { return };
        if let Some(progress) = long.progress.take() {
            self.workers.submit(Urgency::Now, move || {
                let step = progress.take(block.offset, &buffer[..block.length as usize]);
                Done::Written { passage, buffer, step }
            });
        }
    }

    pub(super) fn written(&mut self, passage: Passage, buffer: Vec<u8>, step: Step) {
        self.words.push_back(Word::Taken { buffer });
        match step {
            Step::Further(progress) => {
                if let Some(long) = self.arrivals.long.get_mut(&passage) {
                    long.progress = Some(progress);
                    self.work_on(passage);
                }
            }
            Step::Over(result) => {
                self.forget_arrival(passage);
                if let Err(error) = &result {
                    self.target_failed(error);
                }
                let result = result.map_err(StorageError::from);
                self.words.push_back(Word::Arrived { passage, result });
            }
        }
    }

    /// What still waits of a passage is dropped; the buffers go back.
    pub(super) fn forget_arrival(&mut self, passage: Passage) {
        if let Some(long) = self.arrivals.long.remove(&passage) {
            self.words.extend(long.waiting.into_iter().map(|(_, buffer)| Word::Taken { buffer }));
        }
    }

    /// Another rank wants a block: it comes from the own target, or from the source where it is not there.
    pub(super) fn read_tree(&mut self, block: Block, mut buffer: Vec<u8>) {
        let Block { torrent, piece, offset, length, .. } = block;
        let not_held = StorageError::NotHeld { torrent, piece };
        let (Some(plan), Some(of_tree)) = (self.plan.clone(), self.tree_piece(torrent, piece)) else {
            return self.words.push_back(Word::Read { block, buffer, result: Err(not_held) });
        };
        let target = self.place.as_ref().and_then(|place| place.target().cloned());
        let supply = self.origin.as_ref().map(|origin| Arc::clone(origin.supply()));
        let is_last = offset + length >= plan.map.content_length(of_tree);
        self.workers.submit(Urgency::Now, move || {
            let content = &mut buffer[..length as usize];
            let in_target = target.map(|target| target.read_block(of_tree, offset, content));
            let result = match (in_target, supply) {
                (Some(Ok(())), _) => Ok(()),
                (None | Some(Err(TargetError::NotHeld(_))), Some(supply)) => {
                    let read = supply.read_block(of_tree, offset, content);
                    if is_last && read.is_ok() {
                        supply.sent(of_tree);
                    }
                    read.map_err(StorageError::from)
                }
                (Some(Err(error)), _) => Err(error.into()),
                (None, None) => Err(not_held),
            };
            Done::Read { block, buffer, result }
        });
    }
}

/// A piece that came as one block counts if its hash is right, and only then is written.
fn write_whole(plan: &Plan, target: &Target, piece: PieceIndex, content: &[u8]) -> Result<Written, TargetError> {
    if content.len() != plan.map.content_length(piece) as usize {
        return Ok(Written::Short);
    }
    let mut hasher = PieceHasher::new(&plan.map, piece);
    hasher.add(content);
    if plan.digests[piece.as_usize()].get() != Some(&hasher.finish()) {
        return Ok(Written::Corrupt);
    }
    target.write_piece(piece, content).map(|()| Written::Verified)
}
