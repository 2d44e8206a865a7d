//! What is told to whoever watches: one value per step of the protocol, with the half that took it.

#![allow(missing_docs, reason = "a variant's sentence speaks of its fields")]

use serde::{Deserialize, Serialize};

use super::{Lack, Outcome, Rank, Reason, Term, Time, Volume};
use crate::metainfo::{PieceIndex, TorrentId};

/// A step that an observer may want to see. It changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Observed {
    /// Download: told the tracker what is owned. Counts of files.
    Init { owned: u32, wanted: u32 },
    /// Download: the tracker said that all have spoken.
    Started,
    /// Download: a wanted torrent, as the tracker knows it.
    Joined { torrent: TorrentId, name: String, pieces: u32 },
    /// Download: a wanted file that cannot be had.
    Unavailable { name: String, why: Lack },
    /// Download: asked for a piece.
    Requested { torrent: TorrentId, piece: PieceIndex, to: Rank },
    /// Download: got it, verified.
    Received { torrent: TorrentId, piece: PieceIndex, from: Rank },
    /// Download: was refused it.
    Rejected { torrent: TorrentId, piece: PieceIndex, from: Rank, reason: Reason },
    /// Download: what came does not match its hash, or has another length.
    Corrupt { torrent: TorrentId, piece: PieceIndex, from: Rank },
    /// Download: a piece that nobody was waiting for; it is dropped.
    Wasted { from: Rank },
    /// Download: no answer in time; asked somebody else.
    TimedOut { torrent: TorrentId, piece: PieceIndex, from: Rank },
    /// Download: told the tracker of so many new pieces.
    Announced { pieces: u32 },
    /// Download: a file is complete and closed.
    FileFinished { torrent: TorrentId },
    /// Download: nothing more is to be had.
    AllFinished { outcome: Outcome },
    /// Upload: sent a piece.
    Served { torrent: TorrentId, piece: PieceIndex, to: Rank },
    /// Upload: refused one.
    Refused { torrent: TorrentId, piece: PieceIndex, to: Rank, reason: Reason },
    /// Either half: a peer, or the tracker, is silent.
    Suspected { rank: Rank },
    /// Either half: it spoke again.
    Recovered { rank: Rank },
    /// Either half: a message that breaks the protocol; it is dropped.
    Misbehaved { from: Rank, how: String },
    /// Download: the tracker was lost or deposed; this term has another.
    TermChanged { term: Term, tracker: Rank },
    /// Upload: the tracker said that everybody has finished.
    Stopped { outcome: Outcome },
    /// Upload: leaves.
    Left { outcome: Outcome },

    /// Tracker: a client has said what it owns.
    Published { rank: Rank, files: u32 },
    /// Tracker: all have spoken; so many clients take part.
    SwarmStarted { clients: u32 },
    /// Tracker: two owners' hashes of a file differ first at this piece.
    Conflict { name: String, first: Rank, second: Rank, piece: PieceIndex, hashes: Box<[String; 2]> },
    /// Tracker: so many of all wanted pieces have been reported, and this client, which reports, holds so many by now.
    Progress { done: u64, wanted: u64, client: Rank, held: u64 },
    /// Tracker: a client has all that can be had.
    ClientFinished { rank: Rank, outcome: Outcome },
    /// Tracker: a client did not get a file.
    Short { rank: Rank, name: String, missing: Option<u32>, why: Lack },
    /// Tracker: a client gave the run up.
    Aborted { rank: Rank, outcome: Outcome, reason: String },
    /// Tracker: a client is gone.
    Lost { rank: Rank },
    /// Tracker: the end of the run.
    Summary(Box<Summary>),
}

/// Which part of a rank took a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// The half that downloads and talks with the tracker.
    Download,
    /// The half that answers other clients.
    Upload,
    /// The tracker.
    Tracker,
}

impl Observed {
    /// Which half took the step.
    #[must_use]
    pub fn half(&self) -> Half {
        match self {
            Self::Served { .. } | Self::Refused { .. } | Self::Stopped { .. } | Self::Left { .. } => Half::Upload,
            Self::Published { .. }
            | Self::SwarmStarted { .. }
            | Self::Conflict { .. }
            | Self::Progress { .. }
            | Self::ClientFinished { .. }
            | Self::Short { .. }
            | Self::Aborted { .. }
            | Self::Lost { .. }
            | Self::Summary(_) => Half::Tracker,
            _ => Half::Download,
        }
    }
}

/// What the tracker knows at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Summary {
    /// How the run ended, for all.
    pub outcome: Outcome,
    /// One row a client, by rank.
    pub clients: Vec<ClientSummary>,
    /// MPI messages of all ranks together, where all clients said theirs.
    pub messages: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Pieces that were traded.
    pub traded: u64,
}

/// What one client did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientSummary {
    /// Who.
    pub rank: Rank,
    /// Pieces it owned when it came.
    pub had: u64,
    /// Pieces of the files that it wanted and did not own.
    pub wanted: u64,
    /// Pieces that it received.
    pub got: u64,
    /// From whom, by rank.
    pub sources: Vec<Rank>,
    /// Pieces that others received from it.
    pub served: u64,
    /// How it ended; none where it was lost.
    pub outcome: Option<Outcome>,
    /// How much content went through it.
    pub volume: Volume,
    /// When it had all that it could get, since the tracker began.
    pub finished: Option<Time>,
}

impl ClientSummary {
    /// That of a client of which nothing is known.
    #[must_use]
    pub fn of(rank: Rank) -> Self {
        let (had, wanted, got, served) = (0, 0, 0, 0);
        let (sources, volume) = (Vec::new(), Volume::default());
        Self { rank, had, wanted, got, sources, served, outcome: None, volume, finished: None }
    }
}
