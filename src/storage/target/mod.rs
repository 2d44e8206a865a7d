//! Where a rank puts a tree: built in a hidden folder beside its final name, checked piece by piece, and renamed when whole.
//!
//! The hidden folder is `DIR/.<top>.tema3/`: in it `lock` (one writer a place), `tree/` (what is being built), `parts` (what
//! pieces hold of files that are not wanted here) and, after a pause, `resume` (a hint). What is there already is found by
//! content: files of the old tree that are right stay where they are, and pieces that an earlier run or a file of another
//! name holds are copied. Nothing counts before it was hashed in this run.
//!
//! A final name is absent or whole at any moment: a tree that was not there comes by one rename, into one that was each file
//! comes by its own. No way through a symbolic link is ever taken below DIR (`DIR` itself may be one).
//!
//! Kept as they were: permission bits (all twelve; where none are given the umask decides), modification times, symbolic and
//! hard links, empty folders, holes of 64 KiB and more. Not kept: owners, extended attributes, access control lists.
//!
//! There are no threads here; all calls may be made by several at once. Linux only.

mod beneath;
mod commit;
mod content;
mod disk;
mod draft;
mod examine;
mod holes;
mod inventory;
mod leftovers;
mod lock;
mod merge;
#[cfg(test)]
mod mishap;
mod open_files;
mod outline;
mod parts;
mod pieces;
mod place;
mod prospect;
mod resume;
mod room;
mod shelf;
mod stamp;
mod survey;
mod sweep;
mod target_error;
#[cfg(test)]
mod tests;
mod walk;
mod writing;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

pub(super) use beneath::open_folder as open_beneath;
pub use draft::Draft;
pub use examine::Found;
pub use inventory::StockJob;
pub use prospect::{Amount, Prospect};
pub use room::Room;
pub use target_error::{Scarce, TargetError};

use self::content::Content;
use self::inventory::Inventory;
use self::outline::Outline;
use self::pieces::{Claim, Claimed, Pieces};
use self::place::Place;
use self::shelf::Shelf;
use self::stamp::Stamp;
use self::target_error::At;
use crate::metainfo::{Bitfield, Manifest, PieceIndex, PieceMap, Span};

/// What becomes of files that are in the way and differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// They stay, and the target is refused.
    Keep,
    /// They are replaced.
    Replace,
}

/// When what was written is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// When the system likes, as with `cp`. A crash of the program costs nothing; a loss of power may.
    Whenever,
    /// Before any final name appears, and again before success is told.
    AtEnd,
}

/// How a target is used.
#[derive(Clone, Debug)]
pub struct TargetOptions {
    /// What becomes of files that are in the way and differ.
    pub existing: Existing,
    /// When what was written is made durable.
    pub durable: Durable,
    /// What others are told who find the place taken: process, host, job.
    pub note: String,
}

/// A place on disk for a tree, held by this process until it is dropped. What is kept there by then and not put in place stays
/// for a later run.
#[derive(Debug)]
pub struct Target {
    content: Content,
    pieces: Arc<Pieces>,
    wanted: Bitfield,
    inventory: Inventory,
    hint: Option<Bitfield>,
    room: Room,
    durable: Durable,
    zeros: OnceLock<[u8; 20]>,
}

impl Target {
    /// Takes the place for the wanted entries of a tree in a folder, which is made where it is missing, sees what is there, and
    /// takes the room that is needed.
    ///
    /// # Errors
    /// Where somebody else holds the place ([`TargetError::Held`]: try again later); where something is in the way, or differs
    /// and is to stay, as far as that shows without reading; where it does not fit; where the system refuses. Nothing is left
    /// then that was not there before, but for the folder itself.
    pub fn open(
        dir: &Path,
        manifest: Arc<Manifest>,
        wanted: &BTreeSet<usize>,
        options: &TargetOptions,
    ) -> Result<Self, TargetError> {
        let outline = Arc::new(Outline::new(manifest, wanted)?);
        let place = Arc::new(Place::take(dir, &outline, &options.note)?);
        let taken = Self::take(Arc::clone(&place), outline, options);
        if taken.is_err() {
            place.remove_if_new();
        }
        taken
    }

    fn take(place: Arc<Place>, outline: Arc<Outline>, options: &TargetOptions) -> Result<Self, TargetError> {
        let hint = read_hint(&place, &outline)?;
        let pieces = outline.map().pieces();
        let mut wanted = Bitfield::none(pieces);
        for piece in (0..pieces).map(PieceIndex).filter(|&piece| outline.wants(piece)) {
            wanted.insert(piece);
        }
        let content = Content::new(place, outline, options.existing)?;
        let room = content.room()?;
        content.reserve()?;
        let (pieces, inventory, zeros) = (Pieces::new(pieces), Inventory::default(), OnceLock::new());
        Ok(Self { content, pieces, wanted, inventory, hint, room, durable: options.durable, zeros })
    }

    /// The pieces that something wanted has a part in.
    #[must_use]
    pub fn wanted_pieces(&self) -> &Bitfield {
        &self.wanted
    }

    /// The pieces that were verified and are kept.
    #[must_use]
    pub fn held(&self) -> Bitfield {
        self.pieces.held()
    }

    /// What room was needed at the beginning, and what there was.
    #[must_use]
    pub fn room(&self) -> Room {
        self.room
    }

    /// Keeps a piece that was verified: what travels of it, without pads. One that is held already is left as it is.
    ///
    /// # Errors
    /// Where it could not be kept; where the old file differs and is to stay; where nothing wants the piece.
    ///
    /// # Panics
    /// Where the content is not as long as the piece: our own mistake.
    pub fn write_piece(&self, piece: PieceIndex, content: &[u8]) -> Result<(), TargetError> {
        self.check_wanted(piece)?;
        assert_eq!(content.len(), self.map().content_length(piece) as usize, "content of piece {piece}");
        let claim = match self.pieces.claim(piece) {
            Claimed::Free(claim) => claim,
            Claimed::Held => return Ok(()),
            Claimed::Drafted => return Err(TargetError::BeingWritten(piece)),
        };
        let spans = self.content.outline.spans(piece);
        let mut rest = content;
        for span in &spans {
            let (bytes, after) = rest.split_at(span.length as usize);
            self.content.settle(piece, span, bytes, None)?;
            rest = after;
        }
        self.hold(claim, &spans)
    }

    /// Begins to write a piece block by block, before it is verified. Nothing where it is held already, or somebody else is
    /// writing it: then the blocks are to be dropped, or to be kept until the whole is there.
    ///
    /// # Errors
    /// Where nothing wants the piece.
    pub fn begin_draft(&self, piece: PieceIndex) -> Result<Option<Draft>, TargetError> {
        self.check_wanted(piece)?;
        let claim = self.pieces.draft(piece);
        Ok(claim.map(|claim| Draft::new(claim, self.content.outline.spans(piece))))
    }

    /// Reads a part of what travels of a held piece, until the buffer is full. Works before, while and after the tree is put
    /// in place.
    ///
    /// # Errors
    /// Where the piece is not held, has no such part, or cannot be read.
    pub fn read_block(&self, piece: PieceIndex, offset: u32, into: &mut [u8]) -> Result<(), TargetError> {
        if !self.pieces.is_held(piece)
            || u64::from(offset) + into.len() as u64 > self.map().content_length(piece).into()
        {
            return Err(TargetError::NotHeld(piece));
        }
        let spans = self.content.outline.spans(piece);
        for (part, range) in draft::cut(&spans, offset, offset + into.len() as u32) {
            let place = (range.start - offset) as usize..(range.end - offset) as usize;
            self.content.read(piece, &part, &mut into[place])?;
        }
        Ok(())
    }

    /// Puts the tree in place, after which nothing of ours is left beside it. To be called once all wanted pieces are held
    /// and no other call is under way but reads.
    ///
    /// # Errors
    /// Where a file is not complete, or was changed by somebody else, or the system refuses. A name in the final tree is then
    /// absent, as it was, or whole, and the next run goes on from there.
    pub fn commit(&self) -> Result<(), TargetError> {
        commit::commit(&self.content, self.durable)
    }

    /// Notes for a later run what is held and not in place. Where that is nothing, there is nothing to note.
    ///
    /// # Errors
    /// Where the note cannot be written. The next run then looks at everything.
    pub fn suspend(&self) -> Result<(), TargetError> {
        if !self.content.keeps_any(&self.held()) {
            return Ok(());
        }
        let (place, note) = (&self.content.place, resume::encode(&self.content.outline, &self.held()));
        resume::write(place.hidden(), &note).at("write", || place.hidden_path().join("resume"))
    }

    fn map(&self) -> &PieceMap {
        self.content.outline.map()
    }

    fn check_wanted(&self, piece: PieceIndex) -> Result<(), TargetError> {
        if self.wanted.contains(piece) { Ok(()) } else { Err(TargetError::NotWanted(piece)) }
    }

    /// A claimed piece rests where it belongs: from now on it is held.
    fn hold(&self, claim: Claim, spans: &[Span]) -> Result<(), TargetError> {
        claim.fulfil();
        self.content.count(spans)
    }
}

impl Drop for Target {
    /// A place that was taken in vain, for nothing was kept there, is left as it was found.
    fn drop(&mut self) {
        if !self.content.are_placed.load(Ordering::SeqCst) && !self.content.keeps_any(&self.held()) {
            self.content.place.remove_if_new();
        }
    }
}

/// What an earlier run noted, where that can be believed.
fn read_hint(place: &Place, outline: &Outline) -> Result<Option<Bitfield>, TargetError> {
    let path = || place.hidden_path().join("resume");
    let Some(bytes) = resume::read(place.hidden()).at("read", path)? else { return Ok(None) };
    Ok(resume::decode(&bytes, outline)
        .inspect_err(|reason| log::warn!("{}: {reason}; everything is looked at", path().display()))
        .ok())
}
