//! How a torrent is cut into pieces.

use serde::{Deserialize, Serialize};

use super::PieceIndex;

/// How many pieces a torrent has, and how long they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// The number of pieces; none is legal (an empty file).
    pub pieces: u32,
    /// The length of the longest piece, in bytes. What is asked for at once is bounded by it.
    pub piece_length: u32,
}

impl Layout {
    /// Whether the torrent has a piece of this index. What came over the wire must be asked this before it is used.
    #[must_use]
    pub fn contains(&self, piece: PieceIndex) -> bool {
        piece.0 < self.pieces
    }
}
