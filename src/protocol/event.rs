//! What a node hears.

use serde::{Deserialize, Serialize};

use super::{Message, Owned, Rank, Refusal, Slot};
use crate::metainfo::{PieceIndex, TorrentId};

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// The driver runs; said once, first.
    Start,
    /// The time that [`super::Node::next_timeout`] named has come.
    Timeout,
    /// A control message came.
    Message {
        /// Who sent it.
        from: Rank,
        /// What it says. Nothing in it can be trusted.
        message: Message,
    },
    /// A message came that no node sends: unreadable, or of another version.
    Garbled {
        /// Who sent it.
        from: Rank,
    },
    /// A piece came in.
    Piece {
        /// Who sent it.
        from: Rank,
        /// The slot under which it came.
        slot: Slot,
        /// What became of it.
        arrival: Arrival,
    },
    /// A piece has left: its buffer is free again.
    Sent {
        /// To whom.
        to: Rank,
    },
    /// A held piece that was to be sent could not be read.
    ReadFailed {
        /// Who asked for it.
        to: Rank,
        /// Under which slot.
        slot: Slot,
        /// Which piece.
        torrent: TorrentId,
        /// Which piece.
        piece: PieceIndex,
    },
    /// A torrent's output is whole and in place.
    Closed {
        /// Whose.
        torrent: TorrentId,
    },
    /// A piece or an output could not be written.
    WriteFailed {
        /// Whose.
        torrent: TorrentId,
    },
    /// The storage has heard of hashes, as [`super::Decision::Learn`] told it: of these pieces it has what may be their
    /// content, and will say [`Event::Held`] or [`Event::Lacking`] of each. Never under [`super::Sameness::Traded`].
    Learnt {
        /// Whose.
        torrent: TorrentId,
        /// The piece of the first hash.
        first: PieceIndex,
        /// How many hashes there were.
        count: u32,
        /// The pieces that it is going to look at.
        here: Vec<PieceIndex>,
    },
    /// A piece is held that was not fetched: it was here, or was copied.
    Held {
        /// Whose.
        torrent: TorrentId,
        /// Which.
        piece: PieceIndex,
    },
    /// A piece that might have been here, or was to be copied, has to be fetched after all.
    Lacking {
        /// Whose.
        torrent: TorrentId,
        /// Which.
        piece: PieceIndex,
    },
    /// This rank has come to own a torrent.
    Offer(Box<Owned>),
    /// This rank has come to want these torrents.
    Want {
        /// Their names, each once.
        names: Vec<String>,
    },
    /// Neither of the two will be said again, unless a rank is lost ([`super::Prospects::Reserve`]). It is said anew after
    /// [`super::Decision::Succeed`], when what follows from all of these has been said.
    AllOffered,
    /// This rank cannot go on, and the run is to end for all.
    GiveUp(Refusal),
    /// All sends have left and all files are closed, as [`super::Decision::Drain`] asked.
    Drained {
        /// What this rank has sent so far.
        traffic: Traffic,
    },
    /// The driver knows that a peer is gone.
    PeerLost {
        /// Who.
        rank: Rank,
    },
    /// The run is to end early.
    Stop {
        /// Why.
        cause: StopCause,
    },
}

/// What became of a piece that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Arrival {
    /// It matches its hash and is kept.
    Verified,
    /// It does not match its hash.
    Corrupt,
    /// It has another length.
    Short,
    /// It matches its hash and is not kept, for another copy of it is on its way into the same place.
    Redundant,
    /// Nobody was waiting for it.
    Unexpected,
}

/// Why a run ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StopCause {
    /// A signal asked for it.
    Signal,
    /// Its time is over.
    TimeLimit,
}

/// What a rank has sent, counted at its sends, and what it did with content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Traffic {
    /// Messages, control and pieces: one MPI send is one message.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What it did with content.
    pub volume: Volume,
}

/// How much content went through a rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Volume {
    /// Bytes of pieces that it sent.
    pub sent: u64,
    /// Bytes of pieces that came and were right.
    pub received: u64,
    /// Bytes of pieces that came in vain: wrong, twice, or too late.
    pub wasted: u64,
    /// Pieces that came and did not match their hash.
    pub corrupt: u64,
    /// Bytes that it read of the source.
    pub source_read: u64,
    /// Pieces of the source that were asked for and still in its memory.
    pub cache_hits: u64,
    /// Pieces that it had, or copied from others that it had.
    pub found: u64,
}
