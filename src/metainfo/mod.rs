//! What is shared: torrents and their pieces, and which of them somebody holds.

mod bitfield;
mod layout;
mod piece_hashes;
mod piece_index;
mod torrent_id;

pub use bitfield::Bitfield;
pub use layout::Layout;
pub use piece_hashes::{PieceHashes, PieceHashesError};
pub use piece_index::PieceIndex;
pub use torrent_id::TorrentId;
