//! The settings of a node.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Incarnation, Outcome, Rank};
use crate::metainfo::{Bitfield, Layout, PieceHashes};

/// Who a node is and how it behaves. All nodes of a swarm share the behaviour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// This node's address.
    pub rank: Rank,
    /// How many ranks there are, the tracker's included.
    pub world: u32,
    /// This node's life, 0 at first.
    pub incarnation: Incarnation,
    /// Breaks ties; the same for all nodes of a run.
    pub seed: u64,
    /// How the swarm behaves.
    pub policy: Policy,
    /// How long to wait.
    pub patience: Patience,
}

/// How a swarm behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// When a client tells the tracker what has come.
    pub announcing: Announcing,
    /// How many pieces a client has in flight at most, apart from those that lag, of which there may be as many again.
    pub window_pieces: u32,
    /// How many bytes a client has in flight at most, though at least two pieces.
    pub window_bytes: u64,
    /// Which piece comes next.
    pub picking: Picking,
    /// What a seed answers when it is asked for what it has given already.
    pub seeding: Seeding,
    /// Whom a client asks for a piece that another takes from the seeds.
    pub preference: Preference,
    /// How many neighbours the tracker tells a client of.
    pub neighbours: u32,
    /// Whether the first tracker's rank is a client too.
    pub office: Office,
    /// What a client does about a piece that it could have without fetching it.
    pub sameness: Sameness,
}

/// When a client tells the tracker what has come, though no file is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Announcing {
    /// After so many new pieces.
    Every(u32),
    /// After a hundredth of all pieces that it downloads, but not before so long after the last time. Peers hear more often:
    /// news of pieces ride on requests.
    Sparingly(Duration),
}

/// Whether the first tracker's rank is a client too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Office {
    /// It only tracks.
    Apart,
    /// It also takes part, as a client like the others.
    Beside,
}

/// What a client does about a piece that it could have without fetching it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sameness {
    /// It trades every piece, whatever it holds of the same content.
    Traded,
    /// It asks its storage first, and copies what another piece of the same hash brought.
    Copied,
    /// It asks its storage first, which may have kept the piece from an earlier run, and trades all that is not there.
    Found,
}

impl Sameness {
    /// Whether it asks its storage for a piece before it asks others.
    pub(super) fn asks_storage(self) -> bool {
        match self {
            Self::Traded => false,
            Self::Copied | Self::Found => true,
        }
    }
}

/// Which piece comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Picking {
    /// The one that the fewest hold.
    RarestFirst,
    /// The first in order.
    Sequential,
    /// Any, by the seed.
    Random,
}

/// What a seed answers when it is asked for what it has given already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seeding {
    /// The piece.
    Freely,
    /// Who has it by now, unless the asker insists.
    OnceEach,
}

/// Whom a client asks for a piece that another downloader takes from the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preference {
    /// Whoever has served the least, so that the load is even.
    LeastLoaded,
    /// Downloaders, while there is no reason to ask others, so that the seeds give each piece once.
    Takers,
}

/// How long a node waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// For a piece, before its sender is suspected.
    pub request: Duration,
    /// For the tracker's answer, before the call is repeated.
    pub call: Duration,
    /// For any word from the tracker, before the next term.
    pub tracker: Duration,
    /// The tracker's, for a word from a client, before it is pinged; after three times this it is lost.
    pub client: Duration,
    /// The tracker's, for all clients to publish.
    pub start: Duration,
    /// With pieces that no live rank holds, before they are given up.
    pub starving: Duration,
}

impl Policy {
    /// The rules of the assignment: an update after every 10 segments, segments of a line each.
    #[must_use]
    pub fn assignment() -> Self {
        Self {
            announcing: Announcing::Every(10),
            window_pieces: 10,
            window_bytes: 4 << 20,
            picking: Picking::RarestFirst,
            seeding: Seeding::Freely,
            preference: Preference::LeastLoaded,
            neighbours: 50,
            office: Office::Apart,
            sameness: Sameness::Traded,
        }
    }

    /// For real files, which every rank may want: large pieces, each from the seeds once, the same content once. While some of
    /// what came is hashed, as much again is to be under way.
    #[must_use]
    pub fn stage() -> Self {
        Self {
            announcing: Announcing::Sparingly(Duration::from_millis(100)),
            window_pieces: 64,
            window_bytes: 8 << 20,
            preference: Preference::Takers,
            office: Office::Beside,
            sameness: Sameness::Copied,
            ..Self::assignment()
        }
    }
}

impl Patience {
    /// For ranks of one job on a healthy network.
    #[must_use]
    pub fn job() -> Self {
        Self {
            request: Duration::from_secs(1),
            call: Duration::from_secs(1),
            tracker: Duration::from_secs(5),
            client: Duration::from_secs(2),
            start: Duration::from_secs(20),
            starving: Duration::from_secs(5),
        }
    }
}

/// What a client brings and wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Files that it has, whole or, when it came back from a crash, in part.
    pub owned: Vec<Owned>,
    /// Names of the files that it wants, in order, each once.
    pub wanted: Vec<String>,
    /// Why it cannot take part, if so: it will say so to all and the run ends.
    pub refusal: Option<Refusal>,
    /// What it says of itself to all others, who alone know what it means; at most [`Catalog::LONGEST_CARD`] bytes.
    #[serde(with = "serde_bytes")]
    pub card: Vec<u8>,
    /// Whether it may come to offer and want more than this.
    pub prospects: Prospects,
}

impl Catalog {
    /// The longest card, in bytes: all cards of a run go to every rank.
    pub const LONGEST_CARD: usize = 1024;
}

/// Whether more is to be expected of a client than it has published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Prospects {
    /// This is all.
    #[default]
    Final,
    /// It may offer more, until it says that it will not.
    Open,
    /// This is all, unless a rank is lost whose work it is to do then.
    Reserve,
}

/// Why a rank cannot take part.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// How the run ends for all.
    pub outcome: Outcome,
    /// What is wrong, where, and what to do.
    pub reason: String,
}

/// A file that a client brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owned {
    /// Its name.
    pub name: String,
    /// How it is cut.
    pub layout: Layout,
    /// The hashes of all its pieces.
    pub hashes: PieceHashes,
    /// Which pieces it has.
    pub held: Bitfield,
    /// Who is going to download it, in rank order, where the owner knows; else those who said so at the start.
    pub takers: Option<Vec<Rank>>,
}
