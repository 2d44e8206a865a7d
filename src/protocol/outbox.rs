//! What a node decides, for its driver to carry out.

use serde::{Deserialize, Serialize};

use super::{Card, Message, Observed, Rank, Slot};
use crate::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};

/// Something for the driver to do. Decisions are carried out in their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Decision {
    /// Send a control message.
    Send {
        /// To whom; to the node's own rank it is handed over without MPI.
        to: Rank,
        /// What.
        message: Message,
    },
    /// Send a held piece, raw, under the slot's tag; answer with [`super::Event::Sent`] when its buffer is free, or with
    /// [`super::Event::ReadFailed`].
    SendPiece {
        /// To whom.
        to: Rank,
        /// Under which slot.
        slot: Slot,
        /// Which piece.
        torrent: TorrentId,
        /// Which piece.
        piece: PieceIndex,
    },
    /// What comes from this peer under this slot is this piece.
    Expect {
        /// From whom.
        from: Rank,
        /// Under which slot.
        slot: Slot,
        /// Which piece.
        torrent: TorrentId,
        /// Which piece.
        piece: PieceIndex,
    },
    /// What comes under this slot is no longer waited for.
    Forget {
        /// From whom.
        from: Rank,
        /// Under which slot.
        slot: Slot,
    },
    /// Give a torrent its number in the storage.
    Open {
        /// Its number.
        torrent: TorrentId,
        /// Its name.
        name: String,
        /// How it is cut.
        layout: Layout,
    },
    /// Hand known hashes to the storage.
    Learn {
        /// Whose.
        torrent: TorrentId,
        /// The piece of the first hash.
        first: PieceIndex,
        /// The hashes, in order.
        hashes: PieceHashes,
    },
    /// Make a piece out of another of the same hash, which is held; answer with [`super::Event::Held`] or
    /// [`super::Event::Lacking`].
    Copy {
        /// The piece that is held.
        from: (TorrentId, PieceIndex),
        /// The one that is not.
        to: (TorrentId, PieceIndex),
    },
    /// All ranks have come: this is what each said of itself, by rank.
    Convene {
        /// The cards of all that are here.
        cards: Vec<Card>,
    },
    /// The tracker has given a rank up: who is to do its work may begin. Answer with [`super::Event::AllOffered`], after what
    /// there is to offer and to want on its behalf.
    Succeed {
        /// Which rank.
        rank: Rank,
    },
    /// The storage has come to own what it takes for a torrent, and another rank says otherwise.
    Contradict {
        /// The torrent's name.
        name: String,
        /// Whose word is against it.
        publisher: Rank,
        /// The first piece of which the hashes differ.
        piece: PieceIndex,
    },
    /// Finish a complete torrent; answer with [`super::Event::Closed`] or [`super::Event::WriteFailed`].
    Close {
        /// Which.
        torrent: TorrentId,
    },
    /// Let all sends leave and close all files; answer with [`super::Event::Drained`].
    Drain,
    /// Tell whoever watches.
    Tell(Observed),
}

/// The decisions of one call of [`super::Node::handle`], in order. The driver owns one and reuses it.
#[derive(Debug, Default)]
pub struct Outbox {
    decisions: Vec<Decision>,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a decision.
    pub fn push(&mut self, decision: Decision) {
        self.decisions.push(decision);
    }

    /// Adds word for those who watch.
    pub fn tell(&mut self, observed: Observed) {
        self.push(Decision::Tell(observed));
    }

    /// Takes the decisions out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Decision> + '_ {
        self.decisions.drain(..)
    }

    /// The decisions, in order.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Whether nothing is to be done. Drivers assert it before they call a node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty()
    }
}
