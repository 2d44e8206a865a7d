//! A tree and its hashes as a receipt has them: legible, and for names that are no text byte by byte.

use serde::{Deserialize, Serialize};

use crate::metainfo::{
    Entry, Legible, Manifest, ManifestError, Node, PieceHashes, PieceHashesError, TreePath, TreePathError, counted,
};

/// The tree of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tree {
    /// The bytes of all files, for people.
    length: u64,
    piece_length: u32,
    entries: Vec<Row>,
    piece_hashes: Vec<String>,
}

/// Why a receipt's tree is none.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A path leads outside, or is none.
    #[error("its entry {0}: {1}")]
    Path(usize, TreePathError),
    /// Digits that stand for bytes are none.
    #[error("{0} is no list of bytes in hexadecimal digits")]
    Bytes(String),
    /// A mode is no octal number of 12 bits.
    #[error("{0} is no mode of a file: four octal digits are")]
    Mode(String),
    /// What is in it does not fit together.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A hash is no SHA-1.
    #[error("{0} is no SHA-1: 40 hexadecimal digits are")]
    Hash(String),
    /// There are more or fewer hashes than pieces.
    #[error("it has {} for {}", counted(*.0, "hash"), counted(*.1, "piece"))]
    Count(usize, u32),
    /// There are too many hashes.
    #[error(transparent)]
    Hashes(#[from] PieceHashesError),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    path: Text,
    #[serde(flatten)]
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Kind {
    File { length: u64 },
    Pad { length: u64 },
    Symlink { target: Text },
    Folder,
    HardLink { to: Text },
}

/// A name or a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    /// In UTF-8.
    Plain(String),
    /// Byte by byte.
    Bytes { hex: String },
}

impl Tree {
    pub(super) fn of(manifest: &Manifest, piece_hashes: &PieceHashes) -> Self {
        Self {
            length: manifest.content_length(),
            piece_length: manifest.piece_length,
            entries: manifest.entries.iter().map(Row::of).collect(),
            piece_hashes: piece_hashes.iter().map(hex).collect(),
        }
    }

    pub(super) fn decode(&self) -> Result<(Manifest, PieceHashes), TreeError> {
        let entries = self.entries.iter().enumerate().map(|(at, row)| row.decode(at));
        let manifest = Manifest { piece_length: self.piece_length, entries: entries.collect::<Result<_, _>>()? };
        manifest.check()?;
        let mut hashes = PieceHashes::new();
        for digits in &self.piece_hashes {
            let hash = bytes(digits).filter(|hash| hash.len() == 20);
            hashes.push(&hash.ok_or_else(|| TreeError::Hash(Legible(digits).to_string()))?)?;
        }
        match manifest.piece_map().pieces() {
            pieces if pieces as usize == hashes.len() => Ok((manifest, hashes)),
            pieces => Err(TreeError::Count(hashes.len(), pieces)),
        }
    }
}

impl Row {
    fn of(entry: &Entry) -> Self {
        let kind = match &entry.node {
            Node::File { length } => Kind::File { length: *length },
            Node::Pad { length } => Kind::Pad { length: *length },
            Node::Symlink { target } => Kind::Symlink { target: Text::of(target) },
            Node::Folder => Kind::Folder,
            Node::HardLink { to } => Kind::HardLink { to: Text::of_path(to) },
        };
        Self { path: Text::of_path(&entry.path), kind, mode: entry.mode.map(|mode| format!("{mode:04o}")) }
    }

    fn decode(&self, at: usize) -> Result<Entry, TreeError> {
        let node = match &self.kind {
            Kind::File { length } => Node::File { length: *length },
            Kind::Pad { length } => Node::Pad { length: *length },
            Kind::Symlink { target } => Node::Symlink { target: target.bytes()? },
            Kind::Folder => Node::Folder,
            Kind::HardLink { to } => Node::HardLink { to: to.path(at)? },
        };
        let octal = |mode: &String| {
            let number = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777);
            number.ok_or_else(|| TreeError::Mode(Legible(mode).to_string()))
        };
        let mode = self.mode.as_ref().map(octal).transpose()?;
        Ok(Entry { path: self.path.path(at)?, node, mode, modified: None })
    }
}

impl Text {
    fn of(bytes: &[u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Self::Plain(text.to_owned()),
            Err(_) => Self::Bytes { hex: hex(bytes) },
        }
    }

    fn of_path(path: &TreePath) -> Self {
        Self::of(path.as_path().as_os_str().as_encoded_bytes())
    }

    fn bytes(&self) -> Result<Vec<u8>, TreeError> {
        match self {
            Self::Plain(text) => Ok(text.clone().into_bytes()),
            Self::Bytes { hex } => bytes(hex).ok_or_else(|| TreeError::Bytes(Legible(hex).to_string())),
        }
    }

    fn path(&self, at: usize) -> Result<TreePath, TreeError> {
        let bytes = self.bytes()?;
        TreePath::new(bytes.split(|&byte| byte == b'/')).map_err(|error| TreeError::Path(at, error))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = pair { Some(digit(high)? << 4 | digit(low)?) } else { None }).collect()
}
