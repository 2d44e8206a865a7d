//! The place of a piece in its torrent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The zero-based place of a piece in its torrent (BEP 3's piece index). What a reader sees is one-based: see
/// [`PieceIndex::ordinal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct PieceIndex(pub u32);

impl PieceIndex {
    /// The index as an offset into a list of pieces.
    #[must_use]
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// The number under which people count it: the first segment is segment 1.
    #[must_use]
    pub fn ordinal(self) -> u64 {
        u64::from(self.0) + 1
    }
}

impl fmt::Display for PieceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
