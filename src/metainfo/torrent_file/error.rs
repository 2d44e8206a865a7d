//! What can be wrong with a `.torrent`, or with a tree that is to become one.

use crate::metainfo::{BencodeError, ManifestError, TreePath, TreePathError, counted};

/// Why a `.torrent` is refused, or cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetainfoError {
    /// It is not canonical bencode within the limits, or a value is of the wrong kind.
    #[error("not a sound .torrent: {0}")]
    Bencode(#[from] BencodeError),
    /// It is bencode, but no dictionary.
    #[error("not a .torrent: it is no dictionary")]
    NotADictionary,
    /// A key that must be there is not.
    #[error("it has no '{0}'")]
    Missing(&'static str),
    /// It says what it has only in the way of BEP 52.
    #[error("it is of BitTorrent v2 alone; only v1 and hybrid torrents are read here")]
    OnlyV2,
    /// A piece length of zero, less, or over 2^30.
    #[error("'piece length' is {0}, which is not possible (1 to 2^30 are)")]
    PieceLength(i64),
    /// The hashes are not 20 bytes each.
    #[error("'pieces' has {0} bytes, which is no multiple of 20: the hashes are cut off")]
    HashesCutOff(usize),
    /// More pieces than are read.
    #[error("it has {0} pieces; 2,097,152 are the most that are read")]
    TooManyPieces(usize),
    /// There are not as many hashes as pieces.
    #[error("it has {} for {}", counted(*hashes, "hash"), counted(*pieces, "piece"))]
    HashCount {
        /// How many hashes it has.
        hashes: usize,
        /// How many pieces its files make.
        pieces: u32,
    },
    /// It has both 'length' and 'files', and so is of one file and of several.
    #[error("it has both 'length' and 'files'")]
    LengthAndFiles,
    /// Its list of files is empty.
    #[error("it has no files")]
    NoFiles,
    /// A name that could lead outside, or is none.
    #[error("{place}: {fault}")]
    Path {
        /// The key, and which file.
        place: String,
        /// What is wrong with it.
        fault: TreePathError,
    },
    /// A file with less than no bytes.
    #[error("{path} has a length of {length}")]
    Length {
        /// The file.
        path: TreePath,
        /// What it says.
        length: i64,
    },
    /// A symbolic link whose target a `.torrent` cannot or must not say.
    #[error("{path} is a symbolic link to '{target}', {fault}")]
    Symlink {
        /// The link.
        path: TreePath,
        /// What it says.
        target: String,
        /// What is wrong with it.
        fault: SymlinkFault,
    },
    /// What it has could not be on a disk.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A name that is no UTF-8, as BEP 3 wants it.
    #[error("{0}: its name is not UTF-8, as names in a .torrent are")]
    NotText(TreePath),
    /// A folder, a hard link, or several things side by side.
    #[error("{0}: a .torrent has no place for it")]
    NoPlace(TreePath),
    /// A torrent without a byte, which other programs refuse.
    #[error("there is not a byte in it, and other programs refuse such a .torrent")]
    NoContent,
}

/// Why a symbolic link has no place in a `.torrent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymlinkFault {
    /// It is absolute, or has more `..` than folders around it.
    #[error("which leads outside of what is shared")]
    LeadsOutside,
    /// It is the top folder.
    #[error("which is the shared folder itself: a .torrent has no word for that")]
    IsTheWhole,
    /// It has a `..` after something that is another link, or is not there.
    #[error("whose '..' goes back out of a link or of what is not there: a .torrent cannot say that")]
    GoesBack,
}
