//! A listing on its way between ranks: a few bytes in memory, cut into pieces and checked like any other torrent.

use sha1::{Digest, Sha1};

use crate::metainfo::{Layout, PieceHashes, PieceIndex};
use crate::storage::Written;

/// What a view can read, as bytes.
#[derive(Clone, Debug)]
pub(super) struct Folio {
    bytes: Vec<u8>,
    hashes: PieceHashes,
    missing: usize,
}

impl Folio {
    const PIECE: usize = 1 << 18;

    /// A listing of this rank's own.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let mut hashes = PieceHashes::new();
        for piece in bytes.chunks(Self::PIECE) {
            hashes.push(&Sha1::digest(piece)).expect("a SHA-1 is a legal hash");
        }
        Self { bytes, hashes, missing: 0 }
    }

    /// One that is still to come. Its length is known with its last piece.
    pub(super) fn coming(layout: &Layout) -> Self {
        let missing = layout.pieces as usize;
        Self { bytes: vec![0; missing * Self::PIECE], hashes: PieceHashes::new(), missing }
    }

    /// How it is cut.
    pub(super) fn layout(&self) -> Layout {
        let pieces = self.bytes.len().div_ceil(Self::PIECE);
        Layout { pieces: pieces as u32, piece_length: Self::PIECE as u32 }
    }

    pub(super) fn hashes(&self) -> &PieceHashes {
        &self.hashes
    }

    /// Adds known hashes, in order.
    pub(super) fn learn(&mut self, first: PieceIndex, hashes: &PieceHashes) {
        if first.as_usize() == self.hashes.len() {
            // A run that is too long is not appended, and its pieces then match nothing.
            let _ = self.hashes.append(hashes);
        }
    }

    /// A piece that is here.
    pub(super) fn piece(&self, piece: PieceIndex) -> Option<&[u8]> {
        self.bytes.chunks(Self::PIECE).nth(piece.as_usize())
    }

    /// Takes a piece that came. Each comes once.
    pub(super) fn put(&mut self, piece: PieceIndex, content: &[u8]) -> Written {
        let start = piece.as_usize() * Self::PIECE;
        let is_last = start + Self::PIECE >= self.bytes.len();
        let fits = start < self.bytes.len() && (content.len() == Self::PIECE || is_last && content.len() < Self::PIECE);
        if !fits {
            return Written::Short;
        }
        if self.hashes.get(piece) != Some(&Sha1::digest(content)[..]) {
            return Written::Corrupt;
        }
        self.bytes[start..start + content.len()].copy_from_slice(content);
        if is_last {
            self.bytes.truncate(start + content.len());
        }
        self.missing = self.missing.saturating_sub(1);
        Written::Verified
    }

    /// All of it, once it is here.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        (self.missing == 0).then_some(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_arrives_as_it_was_sent_in_whichever_order() {
        for length in [0, 1, Folio::PIECE, Folio::PIECE + 1, 3 * Folio::PIECE - 7] {
            let sent = Folio::of((0..length).map(|byte| byte as u8).collect());
            let mut come = Folio::coming(&sent.layout());
            come.learn(PieceIndex(0), sent.hashes());
            for piece in (0..sent.layout().pieces).rev().map(PieceIndex) {
                assert_eq!(come.whole(), None);
                assert_eq!(come.put(piece, sent.piece(piece).unwrap()), Written::Verified);
            }
            assert_eq!(come.whole(), sent.whole());
        }
    }

    #[test]
    fn what_does_not_match_is_not_taken() {
        let sent = Folio::of(vec![7; 100]);
        let mut come = Folio::coming(&sent.layout());
        assert_eq!(come.put(PieceIndex(0), &[7; 100]), Written::Corrupt, "its hash is not known");
        come.learn(PieceIndex(0), sent.hashes());
        assert_eq!(come.put(PieceIndex(0), &[8; 100]), Written::Corrupt);
        assert_eq!(come.put(PieceIndex(1), &[7; 100]), Written::Short);
        assert_eq!(come.whole(), None);
    }
}
