//! What a worker does with blocks that came: hashes them, several at once, writes them while they are hot, and decides.

use std::sync::Arc;

use super::plan::Plan;
use super::recent::Recent;
use crate::metainfo::PieceIndex;
use crate::storage::piece_hasher::PieceHasher;
use crate::storage::target::{Draft, Target, TargetError};
use crate::storage::{Block, Passage, Written};

/// A block that came, and what came before it of its piece.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) block: Block,
    pub(super) buffer: Vec<u8>,
    pub(super) progress: Box<Progress>,
}

/// How far a piece is.
#[derive(Debug)]
pub(super) struct Progress {
    plan: Arc<Plan>,
    target: Arc<Target>,
    recent: Arc<Recent>,
    piece: PieceIndex,
    hasher: PieceHasher,
    /// Where a piece of several blocks is written; nowhere if it is held already, or comes from somebody else too.
    draft: Option<Draft>,
}

/// What a worker has to say of a block.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) passage: Passage,
    pub(super) buffer: Vec<u8>,
    pub(super) step: Step,
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
    pub(super) fn new(plan: Arc<Plan>, target: Arc<Target>, recent: Arc<Recent>, piece: PieceIndex) -> Self {
        let hasher = PieceHasher::new(&plan.map, piece);
        Self { plan, target, recent, piece, hasher, draft: None }
    }

    /// Takes a block that was hashed, and with the last of them decides.
    fn take(mut self: Box<Self>, offset: u32, content: &[u8]) -> Step {
        let whole = self.plan.map.content_length(self.piece);
        let end = offset + content.len() as u32;
        if offset == 0 && end >= whole {
            return Step::Over((*self).keep_whole(content));
        }
        match self.write(offset, content) {
            Ok(()) if end < whole => Step::Further(self),
            Ok(()) => Step::Over((*self).decide()),
            Err(error) => Step::Over(Err(error)),
        }
    }

    /// A piece that came as one block counts if its hash is right, and only then is written.
    fn keep_whole(self, content: &[u8]) -> Result<Written, TargetError> {
        let Self { plan, target, recent, piece, hasher, .. } = self;
        if content.len() != plan.map.content_length(piece) as usize {
            return Ok(Written::Short);
        }
        if plan.digests[piece.as_usize()].get() != Some(&hasher.finish()) {
            return Ok(Written::Corrupt);
        }
        target.write_piece(piece, content)?;
        recent.keep(&plan.map, piece, content);
        Ok(Written::Verified)
    }

    fn write(&mut self, offset: u32, content: &[u8]) -> Result<(), TargetError> {
        if offset == 0 {
            self.draft = self.target.begin_draft(self.piece)?;
        }
        self.draft.as_ref().map_or(Ok(()), |draft| self.target.write_block(draft, offset, content))
    }

    fn decide(self) -> Result<Written, TargetError> {
        let Self { plan, target, piece, hasher, draft, .. } = self;
        if plan.digests[piece.as_usize()].get() != Some(&hasher.finish()) {
            return Ok(Written::Corrupt);
        }
        match draft {
            Some(draft) => target.keep_draft(draft).map(|()| Written::Verified),
            None if target.held().contains(piece) => Ok(Written::Verified),
            // The other one who sends it has the place; where that one fails, it is asked for again.
            None => Ok(Written::Redundant),
        }
    }
}

/// Hashes what came, all at once, and writes each while it is hot.
pub(super) fn take_all(mut arrivals: Vec<Arrival>) -> Vec<Taken> {
    let mut parts: Vec<(&mut PieceHasher, &[u8])> = arrivals
        .iter_mut()
        .map(|Arrival { block, buffer, progress }| (&mut progress.hasher, &buffer[..block.length as usize]))
        .collect();
    PieceHasher::add_to_all(&mut parts);
    let taken = |Arrival { block, buffer, progress }: Arrival| {
        let step = progress.take(block.offset, &buffer[..block.length as usize]);
        Taken { passage: block.passage, buffer, step }
    };
    arrivals.into_iter().map(taken).collect()
}
