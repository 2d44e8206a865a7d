//! The seam between a driver and the place where content rests: block by block, and without ever waiting.

use std::time::Duration;

use super::{StorageError, Written};
use crate::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};

/// The longest block of a piece, in bytes: what one message carries of it.
pub const LONGEST_BLOCK: usize = 1 << 20;

/// One way of a piece in or out, from its first block to its last. The driver gives each a number of its own; two requests
/// for the same piece are two passages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Passage(pub u64);

/// A part of a piece on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// On which way.
    pub passage: Passage,
    /// Of which piece.
    pub torrent: TorrentId,
    /// Of which piece.
    pub piece: PieceIndex,
    /// Where it begins in what travels of the piece (its content, without pads).
    pub offset: u32,
    /// Its length, at most [`LONGEST_BLOCK`]. Where nobody knows it before the piece is read: [`LONGEST_BLOCK`] in what is
    /// asked, and what it turned out to be in the answer.
    pub length: u32,
}

/// What a depot has to say, in its own time.
#[derive(Debug)]
pub enum Word {
    /// A block was read: the buffer begins with it. Or it could not be.
    Read {
        /// Which.
        block: Block,
        /// The buffer that was given for it, as long as the block or longer.
        buffer: Vec<u8>,
        /// Whether it worked.
        result: Result<(), StorageError>,
    },
    /// The buffer of a block that was written is free again.
    Taken {
        /// The buffer.
        buffer: Vec<u8>,
    },
    /// The last block of a passage was dealt with, and this became of the piece.
    Arrived {
        /// On which way it came.
        passage: Passage,
        /// What became of it; an error where it matches its hash and could not be kept.
        result: Result<Written, StorageError>,
    },
    /// A torrent's output is in place, or could not be put there.
    Closed {
        /// Whose.
        torrent: TorrentId,
        /// How it went.
        result: Result<(), StorageError>,
    },
    /// Something that no call asked for.
    Own(OwnWord),
}

/// What a depot says of its own accord, because it looks for what it has and for what there is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnWord {
    /// It has heard of hashes, as [`Depot::learn`] told it, and is going to look whether it has the content of these pieces.
    /// Said once for each call of `learn`, by a depot that looks.
    Learnt {
        /// Whose hashes.
        torrent: TorrentId,
        /// The piece of the first.
        first: PieceIndex,
        /// How many there were.
        count: u32,
        /// The pieces that it looks at, in order; [`OwnWord::Held`] or [`OwnWord::Lacking`] follows for each.
        here: Vec<PieceIndex>,
    },
    /// A piece was found, or copied, and matches its hash.
    Held {
        /// Whose.
        torrent: TorrentId,
        /// Which.
        piece: PieceIndex,
    },
    /// A piece is not here after all, or could not be copied.
    Lacking {
        /// Whose.
        torrent: TorrentId,
        /// Which.
        piece: PieceIndex,
    },
    /// It has come to hold all of a torrent.
    Offer(Offer),
    /// It has come to want these torrents, each named once.
    Want(Vec<String>),
    /// Nothing more can be kept of a torrent; why, it has told the user.
    Unwritable {
        /// Of which.
        torrent: TorrentId,
    },
    /// It will neither offer nor want anything more.
    AllOffered,
    /// It cannot go on, and nobody can without it.
    GiveUp(Failure),
}

/// A torrent that a depot has come to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// How it is cut.
    pub layout: Layout,
    /// The hashes of all its pieces.
    pub hashes: PieceHashes,
    /// The ranks that are going to download it, lowest first.
    pub takers: Vec<u32>,
}

/// Why a depot cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of thing went wrong.
    pub kind: FailureKind,
    /// What is wrong, where, and what to do.
    pub reason: String,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// What was asked for cannot be done.
    Input,
    /// A disk or a file system refuses.
    Disk,
    /// Content is not what it was said to be, or changes.
    Integrity,
}

/// What a depot did that its driver cannot see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that were read of a source.
    pub source_read: u64,
    /// Pieces of it that were asked for and still in memory.
    pub cache_hits: u64,
    /// Pieces that were found where they belong, or copied.
    pub found: u64,
}

/// Holds the content of pieces for a driver, which moves blocks between it and the wire. No call waits for a disk: what takes
/// time is answered later, by [`Depot::next`].
///
/// The driver's buffers are few. Each that is handed over comes back in a word, whatever happened to its passage, and
/// without the passage's next block having come.
pub trait Depot {
    /// Gives a torrent its number: from now on it is asked for by `torrent`. Repeating it is harmless.
    fn open(&mut self, torrent: TorrentId, name: &str, layout: &Layout);

    /// Adds known hashes: those of the pieces from `first` on. Repeating it is harmless.
    fn learn(&mut self, torrent: TorrentId, first: PieceIndex, hashes: &PieceHashes);

    /// How many bytes of a piece travel, where that is known before they do: in blocks of [`LONGEST_BLOCK`], of which the last
    /// may be shorter. A piece of which none do still travels as one empty block. Where it is not known, the piece travels
    /// as one block, and [`Depot::write`] finds out whether it is as long as it should be.
    fn travels(&self, torrent: TorrentId, piece: PieceIndex) -> Option<u32>;

    /// Reads a block of a held piece into the buffer; answered by [`Word::Read`]. Blocks of a passage are asked for, and
    /// answered, in order. The buffer is as long as the block or longer; only where nobody knows how long that is, the depot
    /// makes it fit.
    fn read(&mut self, block: Block, buffer: Vec<u8>);

    /// Whether any piece is on its way out, or about to be. A depot that prepares nothing for those to come has nothing to do.
    fn sends(&mut self, _any: bool) {}

    /// Takes a block that came, which the buffer begins with; answered by [`Word::Taken`], and after the last of the
    /// passage by [`Word::Arrived`]. Blocks of a passage come in order and without gaps.
    fn write(&mut self, block: Block, buffer: Vec<u8>);

    /// Nothing more comes or is wanted on this way: its piece is given up, unless it is whole already. What is still
    /// answered to it is of no interest, but for the buffers.
    fn forget(&mut self, passage: Passage);

    /// Makes a piece out of another with the same hash, which is held; answered by [`OwnWord::Held`] or
    /// [`OwnWord::Lacking`].
    fn copy(&mut self, from: (TorrentId, PieceIndex), to: (TorrentId, PieceIndex));

    /// All ranks have come, and this is what each said of itself, by rank. A depot that has nothing to find out has nothing
    /// to do.
    fn convene(&mut self, _cards: &[(u32, &[u8])]) {}

    /// A rank was given up: what it was to do is for others now. From now on [`OwnWord::AllOffered`] says that this is done
    /// too, and is said anew. A depot that does nothing for others has nothing to do.
    fn succeed(&mut self, _rank: u32) {}

    /// What was offered under this name is refused: this rank offered something else, which differs first at this piece. A
    /// depot whose user knows it by that name has nothing to do.
    fn contradict(&mut self, _name: &str, _rank: u32, _piece: PieceIndex) {}

    /// The run ends, and nothing more is asked for: what is here is to be kept for another run. Until it is, the depot is
    /// busy.
    fn settle(&mut self) {}

    /// Finishes a torrent of which every piece is held; answered by [`Word::Closed`]. Afterwards its output is whole and in
    /// place.
    fn close(&mut self, torrent: TorrentId);

    /// What it has to say next.
    fn next(&mut self) -> Option<Word>;

    /// Whether it works on something, and so will have something to say without being asked.
    fn is_busy(&self) -> bool;

    /// What people call a piece, where that is not by its torrent's name.
    fn called(&self, _torrent: TorrentId, _piece: PieceIndex) -> Option<String> {
        None
    }

    /// What it did so far that its driver cannot see.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// Waits until it may have something to say, at most so long. Called while it is busy.
    fn wait(&mut self, at_most: Duration);
}
