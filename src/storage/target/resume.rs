//! What a run writes down when it pauses: which pieces it had verified. A hint for the next one, and never more than that.

use std::os::fd::OwnedFd;

use sha1::{Digest, Sha1};

use super::disk::{self, Answer};
use super::outline::Outline;
use crate::metainfo::{Bitfield, Node, PieceIndex};

/// The file's name in the hidden folder, and its name while it is written.
pub(super) const RESUME: &[u8] = b"resume";
pub(super) const UNFINISHED: &[u8] = b"resume.new";

/// Above this nothing that we write is; what is longer is not read.
const LONGEST: u64 = 512 << 20;

const MAGIC: &[u8; 16] = b"tema3 resume\0\0\0\x01";
const DIGEST: usize = 20;
const HEAD: usize = MAGIC.len() + DIGEST + 4;

/// Writes the file: the old content or the new one is there, never a part.
pub(super) fn write(hidden: &OwnedFd, content: &[u8]) -> Answer<()> {
    disk::unlink(hidden, UNFINISHED)?;
    let file = disk::create(hidden, UNFINISHED, 0o600)?;
    disk::write_at(&file, content, 0)?;
    disk::rename_over(hidden, UNFINISHED, hidden, RESUME)
}

/// Reads the file, where there is one.
pub(super) fn read(hidden: &OwnedFd) -> Answer<Option<Vec<u8>>> {
    let Some(file) = disk::found(disk::open_to_read(hidden, RESUME))? else { return Ok(None) };
    let length = (disk::stat_open(&file)?.st_size as u64).min(LONGEST);
    let mut content = vec![0; length as usize];
    let read = disk::read_at(&file, &mut content, 0)?;
    content.truncate(read);
    Ok(Some(content))
}

/// Why resume data says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResumeError {
    /// It does not begin as ours does, or is of another version.
    #[error("it is not of this version")]
    Version,
    /// It is shorter or longer than it says, or its checksum is wrong.
    #[error("it is damaged")]
    Damaged,
    /// It was written for another tree, or for an older state of this one.
    #[error("it is of another tree")]
    OtherTree,
}

/// What says which tree is meant: all that decides what lies in which piece.
fn digest(outline: &Outline) -> [u8; DIGEST] {
    let mut hash = Sha1::new();
    hash.update(outline.manifest().piece_length.to_be_bytes());
    for entry in &outline.manifest().entries {
        let (kind, length) = match entry.node {
            Node::File { length } => (0, length),
            Node::Pad { length } => (1, length),
            Node::Symlink { .. } | Node::Folder | Node::HardLink { .. } => continue,
        };
        for name in entry.path.names() {
            hash.update(name);
            hash.update(b"/");
        }
        hash.update([0, kind]);
        hash.update(length.to_be_bytes());
    }
    hash.finalize().into()
}

/// The file's content.
pub(super) fn encode(outline: &Outline, held: &Bitfield) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&digest(outline));
    bytes.extend_from_slice(&held.pieces().to_be_bytes());
    let start = bytes.len();
    bytes.resize(start + held.pieces().div_ceil(8) as usize, 0);
    for piece in held.iter() {
        bytes[start + piece.as_usize() / 8] |= 0x80 >> (piece.0 % 8);
    }
    let checksum = Sha1::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// The pieces that the file's content names.
pub(super) fn decode(bytes: &[u8], outline: &Outline) -> Result<Bitfield, ResumeError> {
    if !bytes.starts_with(MAGIC) {
        return Err(ResumeError::Version);
    }
    let sealed = bytes.len().checked_sub(DIGEST).filter(|&length| length >= HEAD).ok_or(ResumeError::Damaged)?;
    let (content, checksum) = bytes.split_at(sealed);
    if Sha1::digest(content)[..] != *checksum {
        return Err(ResumeError::Damaged);
    }
    let pieces = outline.map().pieces();
    let (head, bits) = content.split_at(HEAD);
    if head[MAGIC.len()..HEAD - 4] != digest(outline)
        || head[HEAD - 4..] != pieces.to_be_bytes()
        || bits.len() != pieces.div_ceil(8) as usize
    {
        return Err(ResumeError::OtherTree);
    }
    let mut held = Bitfield::none(pieces);
    for piece in (0..pieces).filter(|piece| bits[*piece as usize / 8] & (0x80 >> (piece % 8)) != 0) {
        held.insert(PieceIndex(piece));
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::metainfo::{Entry, Manifest, TreePath};

    fn outline(length: u64) -> Outline {
        let path = TreePath::new(["file"]).unwrap();
        let entries = vec![Entry { path, node: Node::File { length }, mode: None, modified: None }];
        Outline::new(Arc::new(Manifest { piece_length: 10, entries }), &BTreeSet::new()).unwrap()
    }

    fn some_pieces() -> Bitfield {
        let mut held = Bitfield::none(13);
        for piece in [0, 8, 12] {
            held.insert(PieceIndex(piece));
        }
        held
    }

    #[test]
    fn what_was_held_comes_back() {
        let outline = outline(125);
        assert_eq!(decode(&encode(&outline, &some_pieces()), &outline), Ok(some_pieces()));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let outline = outline(125);
        let bytes = encode(&outline, &some_pieces());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], &outline).is_err(), "cut to {length}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped, &outline).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_tree_and_another_version_are_told_apart() {
        let bytes = encode(&outline(125), &some_pieces());
        assert_eq!(decode(&bytes, &outline(124)), Err(ResumeError::OtherTree));
        let mut older = bytes;
        older[15] = 0;
        assert_eq!(decode(&older, &outline(125)), Err(ResumeError::Version));
    }
}
