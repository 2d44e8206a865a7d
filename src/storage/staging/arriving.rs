//! Pieces of the tree on their way in and out: hashed while hot, written when right, read for whoever asks.

use std::sync::Arc;
use std::time::Instant;

use super::taking::{Arrival, Progress, Step, Taken, take_all};
use super::task::Done;
use super::{Staging, Urgency};
use crate::storage::target::TargetError;
use crate::storage::{Block, Passage, StorageError, Word};

impl Staging {
    /// A block of a piece of the tree came.
    pub(super) fn write_tree(&mut self, block: Block, buffer: Vec<u8>) {
        let own = self.place.as_ref().and_then(|place| place.target().cloned().zip(place.recent().cloned()));
        let piece = self.tree_piece(block.torrent, block.piece);
        let (Some(plan), Some((target, recent)), Some(piece)) = (self.plan.clone(), own, piece) else {
            let Block { passage, torrent, piece, .. } = block;
            self.words.push_back(Word::Taken { buffer });
            let result = Err(StorageError::NotHeld { torrent, piece });
            return self.words.push_back(Word::Arrived { passage, result });
        };
        let progress = || Box::new(Progress::new(Arc::clone(&plan), target, recent, piece));
        let now = Instant::now();
        if block.offset == 0 && block.length >= plan.map.content_length(piece) {
            self.arrivals.whole(Arrival { block, buffer, progress: progress() }, now);
        } else {
            self.arrivals.part(block, buffer, progress, now);
        }
        self.take_arrivals();
    }

    /// Gives what came and is due to the workers.
    pub(super) fn take_arrivals(&mut self) {
        while let Some(arrivals) = self.arrivals.take(Instant::now()) {
            self.workers.submit(Urgency::Now, move || Done::Written(take_all(arrivals)));
        }
    }

    pub(super) fn written(&mut self, taken: Vec<Taken>) {
        self.arrivals.worked();
        for Taken { passage, buffer, step } in taken {
            self.words.push_back(Word::Taken { buffer });
            match step {
                Step::Further(progress) => self.arrivals.further(passage, progress, Instant::now()),
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
        self.take_arrivals();
        if self.settled {
            self.suspend();
        }
    }

    /// What still waits of a passage is dropped; the buffers go back.
    pub(super) fn forget_arrival(&mut self, passage: Passage) {
        let buffers = self.arrivals.forget(passage);
        self.words.extend(buffers.map(|buffer| Word::Taken { buffer }));
    }

    /// Another rank wants a block: it comes from the own target, or from the source where it is not there.
    pub(super) fn read_tree(&mut self, block: Block, mut buffer: Vec<u8>) {
        let Block { torrent, piece, offset, length, .. } = block;
        let not_held = StorageError::NotHeld { torrent, piece };
        let (Some(plan), Some(of_tree)) = (self.plan.clone(), self.tree_piece(torrent, piece)) else {
            return self.words.push_back(Word::Read { block, buffer, result: Err(not_held) });
        };
        let target = self.place.as_ref().and_then(|place| place.target().cloned());
        let recent = self.place.as_ref().and_then(|place| place.recent().cloned());
        let supply = self.origin.as_ref().map(|origin| Arc::clone(origin.supply()));
        let is_last = offset + length >= plan.map.content_length(of_tree);
        self.workers.submit(Urgency::Now, move || {
            let content = &mut buffer[..length as usize];
            if recent.is_some_and(|recent| recent.read_block(of_tree, offset, content)) {
                return Done::Read { block, buffer, result: Ok(()), of_source: false };
            }
            let mut of_source = false;
            let in_target = target.map(|target| target.read_block(of_tree, offset, content));
            let result = match (in_target, supply) {
                (Some(Ok(())), _) => Ok(()),
                (None | Some(Err(TargetError::NotHeld(_))), Some(supply)) => {
                    let read = supply.read_block(of_tree, offset, content);
                    of_source = is_last && read.is_ok();
                    if of_source {
                        supply.sent(of_tree);
                    }
                    read.map_err(StorageError::from)
                }
                (Some(Err(error)), _) => Err(error.into()),
                (None, None) => Err(not_held),
            };
            Done::Read { block, buffer, result, of_source }
        });
    }
}
