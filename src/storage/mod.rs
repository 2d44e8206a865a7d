//! Where it rests: the content of pieces, checked against their hashes as it arrives.

mod depot;
mod hashing;
mod immediate;
mod kind;
mod model;
mod piece_hasher;
mod plain_file;
mod reach;
mod sha1_lanes;
mod sha1_stream;
pub mod source;
pub mod staging;
pub mod target;
mod walk;

pub use depot::{Block, Depot, Failure, FailureKind, LONGEST_BLOCK, Offer, OwnWord, Passage, Usage, Word};
pub use hashing::{PieceDigest, UnreadPiece, hash_pieces};
pub use immediate::Immediate;
pub use kind::called;
pub use model::Model;
pub use plain_file::open_plain_file;
pub use reach::{Reach, Reached};
pub use walk::{WalkError, place_of, walk};

use crate::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};

/// What a storage found when a piece's content was handed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It matches its hash and is kept.
    Verified,
    /// It does not match and is dropped.
    Corrupt,
    /// It has another length than the piece and is dropped.
    Short,
    /// It matches its hash and is dropped, for another copy is being written to its place.
    Redundant,
}

/// Why a storage could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The piece is not held.
    #[error("piece {piece} of {torrent} is not held")]
    NotHeld {
        /// Whose piece.
        torrent: TorrentId,
        /// Which.
        piece: PieceIndex,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// What was being read or written.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It cannot be done, for a reason that names what is wrong and where.
    #[error("{0}")]
    Refused(String),
}

/// Holds the content of pieces. A driver owns one per node and moves bytes between it and the wire; the protocol never
/// sees it.
pub trait Storage {
    /// Gives a torrent its number: from now on it is asked for by `torrent`. Repeating it is harmless.
    fn open(&mut self, torrent: TorrentId, name: &str, layout: &Layout);

    /// Adds known hashes: those of the pieces from `first` on. Repeating it is harmless.
    fn learn(&mut self, torrent: TorrentId, first: PieceIndex, hashes: &PieceHashes);

    /// How long a piece is, where that is known before its content has come.
    fn length(&self, _torrent: TorrentId, _piece: PieceIndex) -> Option<u32> {
        None
    }

    /// Appends a held piece's content to `into`.
    ///
    /// # Errors
    /// Where the piece is not held or cannot be read.
    fn read(&mut self, torrent: TorrentId, piece: PieceIndex, into: &mut Vec<u8>) -> Result<(), StorageError>;

    /// Checks a piece's content against its hash and keeps it where it matches.
    ///
    /// # Errors
    /// Where it matches and could not be kept.
    fn write(&mut self, torrent: TorrentId, piece: PieceIndex, content: &[u8]) -> Result<Written, StorageError>;

    /// Finishes a torrent of which every piece is held: afterwards its output is whole and in place.
    ///
    /// # Errors
    /// Where the output could not be written; then nothing of it is in place.
    fn close(&mut self, torrent: TorrentId) -> Result<(), StorageError>;
}
