//! What a piece holds of files that are not wanted here: it is kept beside the tree, so that the piece can be given on whole.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::outline::Outline;
use super::target_error::At;
use super::{TargetError, disk};
use crate::metainfo::PieceIndex;

/// The file's name in the hidden folder.
pub(super) const PARTS: &[u8] = b"parts";

/// The file of such parts. Each piece that has some is given room for a whole one, in the order of the pieces, so nothing
/// needs to be written down about what lies where.
#[derive(Debug)]
pub(super) struct Parts {
    pieces: Vec<PieceIndex>,
    piece_length: u64,
    path: PathBuf,
    file: Mutex<Option<Arc<OwnedFd>>>,
}

impl Parts {
    /// The parts of a tree; the file is opened where it is there.
    pub(super) fn open(outline: &Outline, hidden: &OwnedFd, hidden_path: &Path) -> Result<Self, TargetError> {
        let map = outline.map();
        let is_mixed =
            |piece: &PieceIndex| outline.wants(*piece) && map.spans(*piece).any(|span| !outline.is_wanted(span.entry));
        let path = hidden_path.join("parts");
        let left = disk::stat(hidden, PARTS).at("look at", || path.clone())?;
        let parts = Self {
            pieces: (0..map.pieces()).map(PieceIndex).filter(is_mixed).collect(),
            piece_length: map.piece_length().into(),
            path,
            file: Mutex::new(None),
        };
        if left.is_some() {
            parts.make(hidden)?;
        }
        Ok(parts)
    }

    /// How much room they may take.
    pub(super) fn length(&self) -> u64 {
        self.pieces.len() as u64 * self.piece_length
    }

    /// Whether there may be some of a piece.
    pub(super) fn has(&self, piece: PieceIndex) -> bool {
        self.pieces.binary_search(&piece).is_ok() && self.file().is_some()
    }

    fn file(&self) -> Option<Arc<OwnedFd>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn make(&self, hidden: &OwnedFd) -> Result<Arc<OwnedFd>, TargetError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match &*file {
            Some(file) => Ok(Arc::clone(file)),
            None => {
                let opened = disk::make_to_write(hidden, PARTS, 0o600).at("make", || self.path.clone())?;
                Ok(Arc::clone(file.insert(Arc::new(opened))))
            }
        }
    }

    fn offset(&self, piece: PieceIndex, place: u64) -> Option<u64> {
        let slot = self.pieces.binary_search(&piece).ok()?;
        Some(slot as u64 * self.piece_length + place)
    }

    /// Writes a part that begins at this place of the piece.
    pub(super) fn write(
        &self,
        hidden: &OwnedFd,
        piece: PieceIndex,
        place: u64,
        bytes: &[u8],
    ) -> Result<(), TargetError> {
        let offset = self.offset(piece, place).ok_or(TargetError::NotWanted(piece))?;
        disk::write_at(self.make(hidden)?, bytes, offset).at("write", || self.path.clone())
    }

    /// Reads a part; tells whether all of it is there. Works as long as this lives, also once the file's name is gone.
    pub(super) fn read(&self, piece: PieceIndex, place: u64, into: &mut [u8]) -> Result<bool, TargetError> {
        let (Some(file), Some(offset)) = (self.file(), self.offset(piece, place)) else { return Ok(false) };
        Ok(disk::read_at(file, into, offset).at("read", || self.path.clone())? == into.len())
    }
}
