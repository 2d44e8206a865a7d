//! `--receipt FILE.json`: what was put where, so that it can be proved again later (`torrent verify`).

mod tree;

use serde::{Deserialize, Serialize};

use self::tree::Tree;
pub use self::tree::TreeError;
use crate::metainfo::{Manifest, PieceHashes};

/// The version of the file. A new field keeps it; a changed or removed one raises it.
const VERSION: u32 = 1;

/// What a staging has put where. It has the hashes of all pieces, so nothing else is needed to prove it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    v: u32,
    /// The program that wrote it, and its version.
    pub program: String,
    /// The exit code of the run.
    pub code: u8,
    /// When the run had ended.
    pub ended: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The info hash of the `.torrent` of just this; none where there can be no such `.torrent`.
    pub info_hash: Option<String>,
    /// One a rank, in order.
    pub nodes: Vec<ReceiptNode>,
    tree: Tree,
}

/// What a rank got, and where it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptNode {
    /// The rank.
    pub rank: u32,
    /// The name of its machine.
    pub host: String,
    /// The folder into which it was put, a whole path; none where the rank wanted nothing.
    pub place: Option<String>,
    /// What of the tree lies there, as the patterns of `--want`; none where it is all.
    pub want: Option<Vec<String>>,
    /// How it ended for the rank; none where it was lost.
    pub code: Option<u8>,
    /// Bytes that it received from others.
    pub bytes_received: u64,
    /// Bytes that it read of the source.
    pub source_bytes_read: u64,
    /// Pieces that it had already.
    pub found: u64,
    /// When it had all, in milliseconds since the run began.
    pub finished_after_ms: Option<u64>,
}

/// Why something is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// It is no JSON, or has not the fields of a receipt.
    #[error("not a receipt of tema3 stage: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of a version that this program does not know.
    #[error("a receipt of version {0}, and this tema3 reads version {VERSION}: use the tema3 that wrote it")]
    Version(u32),
    /// Its tree is none.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// What a run tells beside its tree.
#[derive(Clone, Debug)]
pub struct ReceiptOf {
    /// The exit code of the run.
    pub code: u8,
    /// When it had ended.
    pub ended: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The info hash, where there is one.
    pub info_hash: Option<String>,
    /// One a rank, in order.
    pub nodes: Vec<ReceiptNode>,
}

impl Receipt {
    /// The receipt of a run that has put this tree in place.
    #[must_use]
    pub fn new(of: ReceiptOf, manifest: &Manifest, piece_hashes: &PieceHashes) -> Self {
        let ReceiptOf { code, ended, took_ms, info_hash, nodes } = of;
        let program = concat!("tema3 ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { v: VERSION, program, code, ended, took_ms, info_hash, nodes, tree: Tree::of(manifest, piece_hashes) }
    }

    /// The bytes of the file: JSON, and a newline.
    ///
    /// # Panics
    /// Never: a receipt has nothing that JSON does not have.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a receipt has only string keys");
        bytes.push(b'\n');
        bytes
    }

    /// Whether a file may be a receipt: a `.torrent` begins otherwise.
    #[must_use]
    pub fn is_meant(bytes: &[u8]) -> bool {
        bytes.trim_ascii_start().starts_with(b"{")
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// Where it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        #[derive(Deserialize)]
        struct OfVersion {
            v: u32,
        }
        match serde_json::from_slice(bytes)? {
            OfVersion { v: VERSION } => Ok(serde_json::from_slice(bytes)?),
            OfVersion { v } => Err(ReceiptError::Version(v)),
        }
    }

    /// The tree, and the hash of each of its pieces.
    ///
    /// # Errors
    /// Where it makes no sense.
    pub fn tree(&self) -> Result<(Manifest, PieceHashes), ReceiptError> {
        Ok(self.tree.decode()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{Entry, Node, TreePath};

    fn entry(path: &[&[u8]], node: Node, mode: Option<u32>) -> Entry {
        Entry { path: TreePath::new(path).unwrap(), node, mode, modified: None }
    }

    fn everything() -> Manifest {
        let first = TreePath::new(["t", "a"]).unwrap();
        let entries = vec![
            entry(&[b"t"], Node::Folder, Some(0o755)),
            entry(&[b"t", b"a"], Node::File { length: 25 }, Some(0o4755)),
            entry(&[b"t", b"again"], Node::HardLink { to: first }, None),
            entry(&[b"t", b"link"], Node::Symlink { target: b"/else\xff".to_vec() }, Some(0o777)),
            Entry::pad(b"t", 5),
            entry(&[b"t", b"odd\xff"], Node::File { length: 7 }, None),
            entry(&[b"u"], Node::File { length: 0 }, None),
        ];
        Manifest { piece_length: 10, entries }
    }

    fn receipt() -> Receipt {
        let manifest = everything();
        let mut hashes = PieceHashes::new();
        (0..manifest.piece_map().pieces()).for_each(|piece| hashes.push(&[piece as u8; 20]).unwrap());
        let node = ReceiptNode { rank: 3, host: "a".into(), place: Some("/scratch".into()), ..ReceiptNode::default() };
        let (ended, info_hash) = ("2026-11-21T00:00:00Z".into(), None);
        Receipt::new(ReceiptOf { code: 0, ended, took_ms: 7, info_hash, nodes: vec![node] }, &manifest, &hashes)
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let written = receipt();
        let read = Receipt::decode(&written.encode()).unwrap();
        assert_eq!(read, written);
        let (manifest, hashes) = read.tree().unwrap();
        assert_eq!(manifest, everything());
        assert_eq!((hashes.len(), hashes.iter().last()), (4, Some(&[3; 20][..])));
    }

    #[test]
    fn what_is_none_is_refused_in_words() {
        let refused = |from: &str, to: &str| {
            let text = String::from_utf8(receipt().encode()).unwrap();
            assert!(text.contains(from), "{text}");
            let read = Receipt::decode(text.replace(from, to).as_bytes());
            read.and_then(|receipt| receipt.tree().map(drop)).unwrap_err().to_string()
        };
        assert!(refused(r#""v":1"#, r#""v":2"#).starts_with("a receipt of version 2"));
        assert!(refused(r#""v":1,"#, "").starts_with("not a receipt of tema3 stage: missing field `v`"));
        assert!(refused("t/again", "t/../x").contains("\"..\" is no name of a file"));
        assert!(refused(r#""u""#, r#""t/a""#).contains("t/a"));
        assert!(refused(&"03".repeat(20), "abc").contains("abc is no SHA-1"));
        assert!(refused(&format!(r#","{}""#, "03".repeat(20)), "").contains("3 hashes for 4 pieces"));
        assert!(refused(r#""mode":"4755""#, r#""mode":"9""#).contains("9 is no mode"));
        assert!(!Receipt::is_meant(b"d4:info") && Receipt::is_meant(b" {"));
    }
}
