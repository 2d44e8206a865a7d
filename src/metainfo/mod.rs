//! What is shared: torrents and their pieces, and which of them somebody holds.

mod arrangement;
mod bencode;
mod bitfield;
mod counted;
mod info_hash;
mod layout;
mod legible;
mod listing;
mod manifest;
mod piece_hashes;
mod piece_index;
mod piece_map;
mod sized;
mod soundness;
mod torrent_file;
mod torrent_id;
mod tree_path;

pub use bencode::BencodeError;
pub use bitfield::Bitfield;
pub use counted::counted;
pub use info_hash::InfoHash;
pub use layout::Layout;
pub use legible::Legible;
pub use listing::ListingError;
pub use manifest::{Entry, Extent, Manifest, Modified, Node};
pub use piece_hashes::{PieceHashes, PieceHashesError};
pub use piece_index::PieceIndex;
pub use piece_map::{PieceMap, Span};
pub use sized::sized;
pub use soundness::ManifestError;
pub use torrent_file::{About, Fitted, Info, Metainfo, MetainfoError, SymlinkFault, symlink_target};
pub use torrent_id::TorrentId;
pub use tree_path::{TreePath, TreePathError};
