//! What nodes say to each other. `net::codec` gives it bytes; the simulator hands it over as it is.
//!
//! Two kinds of talk: a [`Call`] from a client to the tracker of its term, which always gets an [`Answer`] of the same
//! sequence number, and what peers say to each other (BEP 3's messages and BEP 6's reject). The pieces themselves are not
//! here: they travel as raw bytes under their [`Slot`]'s tag.

#![allow(missing_docs, reason = "a variant's sentence speaks of its fields")]

use serde::{Deserialize, Serialize};

use super::{Incarnation, Outcome, Prospects, Rank, Slot, Term, Traffic};
use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex, TorrentId};

/// One control message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The highest term that the sender knows.
    pub term: Term,
    /// The sender's life.
    pub incarnation: Incarnation,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Body {
    /// Client to tracker. `sequence` counts a client's calls; a repeat carries the same number.
    Call { sequence: u32, call: Call },
    /// Still here; like every message it names the highest term that its sender knows.
    Pong,
    /// Tracker to client: the answer to the call of this number.
    Answer { sequence: u32, answer: Answer },
    /// Are you there? The tracker asks it of who is silent, a client in a new life of all.
    Ping,
    /// Tracker to client: everybody has finished (or the run is given up); finish what you are sending, then say
    /// [`Call::Drained`].
    Stop { outcome: Outcome, ending: Ending },
    /// Tracker to client: leave with this outcome.
    Exit { outcome: Outcome },
    /// Peer to peer: send me this piece, under this slot. `news` is what I hold since I last told you (BEP 3's `have`,
    /// in batches).
    Request { slot: Slot, torrent: TorrentId, piece: PieceIndex, manner: Manner, news: News },
    /// Peer to peer: you will not get it from me now (BEP 6).
    Reject { slot: Slot, reason: Reason, holders: Vec<Rank> },
    /// Peer to peer: I no longer need what I asked for.
    Cancel { slot: Slot },
}

/// Why a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// All have what can be had.
    Done,
    /// It is given up: what is missing now is no shortage.
    GivenUp,
}

/// How much a requester wants a piece from just this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Manner {
    /// Another holder would do: a seed may say who else has it.
    Willing,
    /// From you: I know of no better place.
    Insistent,
}

/// Why a request gets no piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The piece is not held here.
    NotHeld,
    /// Too much is waiting already.
    Busy,
    /// It was given already, to the ranks that the reject names.
    Elsewhere,
    /// It could not be read.
    Unreadable,
}

/// Pieces of one torrent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pieces {
    /// Whose.
    pub torrent: TorrentId,
    /// Which.
    pub pieces: Vec<PieceIndex>,
}

/// What a client has come to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct News {
    /// New pieces, by torrent.
    pub held: Vec<Pieces>,
}

/// Where in its journal a tracker's answer stands; 0 is the beginning.
pub type Version = u64;

/// What a client asks of the tracker or tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Call {
    /// What I own, with its hashes, in chunks that `part` counts: 0 begins anew. The last is answered by
    /// [`Answer::Start`] once all have spoken.
    /// The last chunk also says what will be wanted, so that all downloaders of a torrent can be told of each other.
    Publish { part: u32, files: Vec<Publication>, wanted: Vec<String>, more: More, about: About },
    /// I have come to own this. Answered by [`Answer::Offered`].
    Offer { file: Publication },
    /// I will offer nothing more, by all that I have heard up to this version. Answered by [`Answer::Noted`].
    AllOffered { since: Version },
    /// I want these names, which somebody may still come to offer; tell me when one of them is there, or a rank is gone.
    /// Answered by [`Answer::Joined`], not at once.
    Await { since: Version, wanted: Vec<String> },
    /// What I said under this number before, which is long. Answered as that is, or by [`Answer::Unheard`].
    Again,
    /// I want these names, and have applied this version. Answered by [`Answer::Joined`].
    Join { since: Version, wanted: Vec<String> },
    /// The hashes of a torrent from `first` on. Answered by [`Answer::Hashes`].
    Hashes { torrent: TorrentId, first: PieceIndex },
    /// What I have received, and give me what changed. Answered by [`Answer::Swarm`].
    Announce(Report),
    /// These torrents are complete and closed. `finished` once there is nothing more to be had. Answered by
    /// [`Answer::Swarm`].
    Completed { report: Report, torrents: Vec<TorrentId>, finished: Option<Outcome> },
    /// The run cannot go on, and why.
    Abort { outcome: Outcome, reason: String },
    /// I have stopped and closed everything; `received` is what I have not told yet. Answered by [`Body::Exit`] once all
    /// have.
    Drained { received: Vec<Received>, finish: Finish, traffic: Traffic },
}

/// What a client says of itself, with the last chunk of what it publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct About {
    /// What all others are to know of it.
    #[serde(with = "serde_bytes")]
    pub card: Vec<u8>,
    /// Whether it may come to offer more.
    pub prospects: Prospects,
}

/// What a rank said of itself, for all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Card {
    /// Which rank.
    pub rank: Rank,
    /// Its words.
    #[serde(with = "serde_bytes")]
    pub card: Vec<u8>,
}

/// Whether a list goes on in the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum More {
    /// There is another chunk.
    Follows,
    /// This was the last.
    Done,
}

/// One chunk of one published torrent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Publication {
    /// Its name.
    pub name: String,
    /// How it is cut.
    pub layout: Layout,
    /// Whether the publisher has the content or only the hashes.
    pub claim: Claim,
    /// Where this chunk of hashes begins.
    pub first: PieceIndex,
    /// The hashes, in order.
    pub hashes: PieceHashes,
    /// Who is going to download it, where the publisher knows.
    pub takers: Option<Vec<Rank>>,
}

impl Publication {
    /// Whether its hashes are those of pieces that there are.
    #[must_use]
    pub fn is_within(&self) -> bool {
        u64::from(self.first.0) + self.hashes.len() as u64 <= u64::from(self.layout.pieces)
    }
}

/// What a publisher has of a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Claim {
    /// All of it.
    Seed,
    /// Its hashes, learnt from a tracker that is gone; what is held is announced piece by piece.
    Hashes,
}

/// What a client has received since it last said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Report {
    /// The version that the client has applied.
    pub since: Version,
    /// New pieces, by whom they came from.
    pub received: Vec<Received>,
    /// Ranks that do not answer.
    pub suspects: Vec<Rank>,
    /// Ranks that are said to have what is missing, and never gave it.
    pub useless: Vec<Rank>,
    /// How urgent an answer with other neighbours is.
    pub need: Need,
}

/// Pieces of one torrent from one peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Received {
    /// Who sent them; the client itself for what it already held when it came.
    pub from: Rank,
    /// Which they are.
    pub pieces: Pieces,
}

/// Whether a client can go on with the neighbours it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Need {
    /// It can.
    #[default]
    Fresh,
    /// None of its neighbours has what it lacks, or gives it: it wants all that is known.
    Starving,
}

/// The end of a client's download.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finish {
    /// How it ended.
    pub outcome: Outcome,
    /// What is missing, for people; empty where nothing is.
    pub shortfalls: Vec<Shortfall>,
}

/// A wanted file that did not become complete.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shortfall {
    /// Its name.
    pub name: String,
    /// How many pieces are missing, where that is known.
    pub missing: Option<u32>,
    /// Why, as part of a sentence.
    pub why: Lack,
}

/// Why a file did not become complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lack {
    /// Nobody published it.
    Unowned,
    /// Nobody left holds some piece.
    NoHolder,
    /// Its owners' hashes contradict each other.
    Conflict,
    /// What came never matched the hashes.
    Corrupt,
    /// It could not be written.
    Unwritable,
}

/// What the tracker answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// All have spoken: go. The numbers of the published files, in their order; none where a file is refused because
    /// another owner's hashes differ.
    Start { torrents: Vec<Option<TorrentId>>, cards: Vec<Card> },
    /// The number of what was offered; none where it is refused because others' hashes contradicted each other before.
    Offered { torrent: Option<TorrentId> },
    /// What was offered is refused: these are not the hashes that another owner published. Whose, and where they first
    /// differ.
    Contradicted { publisher: Rank, piece: PieceIndex },
    /// Heard, but not all have spoken: ask again.
    Wait,
    /// Heard.
    Noted,
    /// I have not heard what you said under this number: say it in full.
    Unheard,
    /// I do not know you (I came back without memory): publish again.
    Unknown,
    /// The names of a [`Call::Join`] or a [`Call::Await`], in its order, and who holds what.
    Joined { files: Vec<Described>, swarm: Swarm },
    /// Hashes from `first` on.
    Hashes { torrent: TorrentId, first: PieceIndex, hashes: PieceHashes },
    /// What changed.
    Swarm(Swarm),
}

/// What the tracker knows of a wanted name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Described {
    /// It can be had. `hashes` are the first of its hashes; the rest is asked for by [`Call::Hashes`]. `takers` are those
    /// who wanted it at the start, the same for all.
    Known { torrent: TorrentId, layout: Layout, hashes: PieceHashes, takers: Vec<Rank> },
    /// Nobody published it.
    Unowned,
    /// Nobody published it so far, but a client that might is missing: ask again.
    Awaited,
    /// Nobody published it so far, but somebody who is here may: await it.
    Coming,
    /// Two owners published different hashes.
    Conflict,
}

/// Who holds what, as far as the asker needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Swarm {
    /// The tracker's version after these changes.
    pub version: Version,
    /// What changed, in order.
    pub changes: Vec<Change>,
    /// How many pieces each neighbour has served, by what the receivers reported.
    pub loads: Vec<(Rank, u32)>,
    /// How many clients still download.
    pub downloaders: u32,
}

/// One change in a swarm.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Change {
    /// What follows is all that is known: what the client knew before is out of date.
    Anew,
    /// A client came to hold pieces.
    Has { rank: Rank, pieces: Pieces },
    /// A client holds all of a torrent.
    HasAll { rank: Rank, torrent: TorrentId },
    /// A client holds these: in lists of all that is known.
    Holds { rank: Rank, torrent: TorrentId, bits: Bitfield },
    /// What was known of a client no longer holds: it is gone, or came back in another life.
    Gone { rank: Rank },
}

impl Lack {
    /// What a run ends with in which a file has this lack.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Unowned | Self::NoHolder => Outcome::Incomplete,
            Self::Conflict | Self::Corrupt => Outcome::Integrity,
            Self::Unwritable => Outcome::Disk,
        }
    }
}
