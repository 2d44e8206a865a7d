//! What workers have to say when they are done.

use std::sync::Arc;
use std::time::Duration;

use super::plan::{Listing, Plan};
use super::taking::Taken;
use crate::metainfo::{PieceIndex, TorrentId};
use crate::storage::depot::Failure;
use crate::storage::source::SourceError;
use crate::storage::target::{Found, Prospect, StockJob, Target, TargetError};
use crate::storage::{Block, PieceDigest, StorageError};

/// A job's result.
#[derive(Debug)]
pub(super) enum Done {
    /// A block for another rank.
    Read {
        block: Block,
        buffer: Vec<u8>,
        result: Result<(), StorageError>,
        /// Whether it was the last of a piece that came from the source: who asks for one asks for more.
        of_source: bool,
    },
    /// Blocks that came were dealt with.
    Written(Vec<Taken>),
    /// What this rank's view can read.
    Listed(Result<(Listing, Vec<u8>), Failure>),
    /// What all are to do.
    Planned(Result<Arc<Plan>, Failure>),
    /// Pieces of the source, and how long they took.
    Hashed { results: Vec<HashedPiece>, took: Duration },
    /// The place for the tree, and the pieces that may be there already.
    Opened(Result<Opened, TargetError>),
    /// Whether a piece was there already.
    Examined { torrent: TorrentId, piece: PieceIndex, result: Result<Found, TargetError> },
    /// What there is to hash of old files.
    StockListed(Result<Vec<StockJob>, TargetError>),
    /// One of them is hashed.
    StockTaken,
    /// A piece was made out of another, if it was.
    Copied { torrent: TorrentId, piece: PieceIndex, result: Result<bool, TargetError> },
    /// What is to be expected of this rank's place.
    Foreseen(Result<Prospect, TargetError>),
    /// The tree is in place.
    Committed(Result<(), TargetError>),
    /// What is here is kept for another run.
    Suspended(Result<(), TargetError>),
}

/// A piece of the source, its hash, and what became of it in this rank's own target.
pub(super) type HashedPiece = (PieceIndex, Result<(PieceDigest, Result<Placed, TargetError>), HashError>);

/// What became of a piece of the source in this rank's own target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It is there, or not wanted there.
    Settled,
    /// It comes from another rank right now; whether all of it comes is not known.
    Coming,
}

/// A target that was taken.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) target: Arc<Target>,
    pub(super) prospects: Vec<PieceIndex>,
    /// Where nothing lies in its place: what old files there are.
    pub(super) stock: Vec<StockJob>,
}

/// Why a piece of the source is not offered.
#[derive(Debug)]
pub(super) enum HashError {
    /// It cannot be read, or changed.
    Source(SourceError),
    /// It is not what its `.torrent` says.
    Differs,
}
