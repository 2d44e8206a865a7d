//! What one rank is asked to do in a staging.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use crate::metainfo::{InfoHash, Manifest, PieceHashes, TreePath};
use crate::storage::LONGEST_BLOCK;
use crate::storage::source::View;
use crate::storage::target::{Durable, Existing};

/// What is staged, from where and to where, as one rank sees it.
#[derive(Debug)]
pub struct Order {
    /// What all of this is for.
    pub purpose: Purpose,
    /// This rank.
    pub rank: u32,
    /// The name of its machine.
    pub host: String,
    /// What is staged, as it was typed; nothing where a `.torrent` says it.
    pub sources: Vec<PathBuf>,
    /// What it can read of the source, where it can read any.
    pub view: Option<View>,
    /// What is staged, where that is known before the source was looked at (a `.torrent`).
    pub known: Option<Known>,
    /// The folder into which it puts the tree; none where it wants nothing.
    pub target: Option<PathBuf>,
    /// Who wants what.
    pub wishes: Wishes,
    /// What becomes of what is in the way.
    pub existing: Existing,
    /// What is durable at the end.
    pub durable: Durable,
    /// How many bytes of the source it keeps in memory, with what is on its way to others.
    pub memory: usize,
    /// How many bytes a second it reads of the source, at most.
    pub read_limit: Option<NonZero<u64>>,
    /// The piece length, where it is not left to the size of the tree.
    pub piece_length: Option<u32>,
}

impl Order {
    /// Blocks that are usually on their way to receivers: what they take is taken from what is kept of the source, so that
    /// the length of pieces makes no difference.
    const ON_THE_WAY: usize = 8;

    /// How many bytes there are for pieces of the source that wait to be sent.
    pub(super) fn room_for_source(&self, piece_length: u32) -> usize {
        let block = LONGEST_BLOCK.min(piece_length as usize);
        self.memory.saturating_sub(Self::ON_THE_WAY * block)
    }
}

/// What a staging is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To put the tree in place.
    Stage,
    /// To tell what that would come to, and to change nothing.
    Forecast,
}

/// A tree that is known from its `.torrent`.
#[derive(Clone, Debug)]
pub struct Known {
    /// What it consists of.
    pub manifest: Arc<Manifest>,
    /// The SHA-1 of each piece.
    pub hashes: PieceHashes,
    /// The name that the `.torrent` gives it.
    pub info_hash: InfoHash,
}

/// Tells whether a rank wants what lies at a path. All ranks are told the same.
#[derive(Clone)]
pub struct Wishes {
    wish: Arc<Wish>,
    idle: Arc<Idle>,
}

type Wish = dyn Fn(u32, &TreePath) -> bool + Send + Sync;
type Idle = dyn Fn(&Manifest) -> Option<String> + Send + Sync;

impl Wishes {
    /// Wishes that the first function tells; the second tells, as a sentence, of one that no tree like this can fulfil.
    pub fn new(
        wish: impl Fn(u32, &TreePath) -> bool + Send + Sync + 'static,
        idle: impl Fn(&Manifest) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { wish: Arc::new(wish), idle: Arc::new(idle) }
    }

    /// Whether the rank wants it.
    #[must_use]
    pub fn of(&self, rank: u32, path: &TreePath) -> bool {
        (self.wish)(rank, path)
    }

    /// What is wrong with the wishes, where one is for nothing that is in the tree.
    #[must_use]
    pub fn idle(&self, manifest: &Manifest) -> Option<String> {
        (self.idle)(manifest)
    }
}

impl fmt::Debug for Wishes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wishes")
    }
}
