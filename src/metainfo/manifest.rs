//! What a tree of files consists of: what is shared, apart from the bytes.

use super::{PieceMap, TreePath};

const OWNER_MAY_RUN: u32 = 0o100;

/// All that lies in a tree, in the order in which the bytes of its files follow each other. Paths are relative to the folder
/// into which the tree is put, so each begins with the name under which it is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The length of every piece but the last, in bytes; BEP 3's `piece length`.
    pub piece_length: u32,
    /// What there is. No two have the same path, and what lies in something lies in a folder; folders need not be named.
    pub entries: Vec<Entry>,
}

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies.
    pub path: TreePath,
    /// What it is.
    pub node: Node,
    /// Its permission bits (the lower 12 of `st_mode`), where they are known.
    pub mode: Option<u32>,
    /// When its content last changed, where that is known.
    pub modified: Option<Modified>,
}

/// What a thing in a tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file of so many bytes.
    File {
        /// Its length in bytes.
        length: u64,
    },
    /// Zeros that lie between two files in the bytes of the torrent and nowhere else (BEP 47).
    Pad {
        /// Their number.
        length: u64,
    },
    /// A symbolic link.
    Symlink {
        /// What it says, as it stands.
        target: Vec<u8>,
    },
    /// A folder, named for its mode and time, or because it is empty.
    Folder,
    /// Another name of a file that comes before it.
    HardLink {
        /// The file's first name.
        to: TreePath,
    },
}

/// A time in the file system's reckoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Modified {
    /// Seconds since 1970, negative before.
    pub seconds: i64,
    /// Nanoseconds after that second, below 1,000,000,000.
    pub nanos: u32,
}

impl Manifest {
    /// How its files are cut into pieces.
    #[must_use]
    pub fn piece_map(&self) -> PieceMap {
        PieceMap::new(self.piece_length, self.entries.iter().map(Entry::extent))
    }

    /// The bytes of all files together, without pads.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        let of_file = |entry: &Entry| if let Node::File { length } = entry.node { length } else { 0 };
        self.entries.iter().map(of_file).sum()
    }
}

/// The part that an entry has in the bytes of its torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many bytes of content.
    Content(u64),
    /// So many zeros.
    Zeros(u64),
    /// None.
    Nothing,
}

impl Entry {
    /// Zeros in the bytes of what is shared under this name, called as others call them: `.pad/<length>`.
    #[must_use]
    pub fn pad(shared_name: &[u8], length: u64) -> Self {
        let path = TreePath::new([shared_name, b".pad", length.to_string().as_bytes()]);
        let path = path.expect("the name is one of a path, and the others are plain");
        Self { path, node: Node::Pad { length }, mode: None, modified: None }
    }

    /// Whether its owner may run it, as far as its mode is known.
    #[must_use]
    pub fn is_program(&self) -> bool {
        self.mode.is_some_and(|mode| mode & OWNER_MAY_RUN != 0)
    }

    /// The part that it has in the bytes of its torrent.
    #[must_use]
    pub fn extent(&self) -> Extent {
        match self.node {
            Node::File { length } => Extent::Content(length),
            Node::Pad { length } => Extent::Zeros(length),
            Node::Symlink { .. } | Node::Folder | Node::HardLink { .. } => Extent::Nothing,
        }
    }
}
