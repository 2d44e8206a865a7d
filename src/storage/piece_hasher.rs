//! The hash of a piece from what travels of it: content alone, without the pads that are hashed with it.

use sha1::{Digest, Sha1};

use super::PieceDigest;
use crate::metainfo::{PieceIndex, PieceMap, Span};

/// Hashes the content of one piece as it comes, in order, and puts the zeros of pads where they belong (BEP 47).
#[derive(Clone, Debug)]
pub(super) struct PieceHasher {
    sha1: Sha1,
    /// What is still to come, the next last.
    spans: Vec<Span>,
    /// How much of the piece is hashed.
    place: u32,
    length: u32,
}

impl PieceHasher {
    pub(super) fn new(map: &PieceMap, piece: PieceIndex) -> Self {
        let mut spans: Vec<Span> = map.spans(piece).collect();
        spans.reverse();
        Self { sha1: Sha1::new(), spans, place: 0, length: map.length(piece) }
    }

    /// Adds the next bytes of content; what is beyond the piece's end is ignored, and its length tells.
    pub(super) fn add(&mut self, mut content: &[u8]) {
        while let Some(span) = self.spans.last_mut().filter(|_| !content.is_empty()) {
            let (place, length) = (span.place, span.length.min(content.len() as u32));
            let (now, later) = content.split_at(length as usize);
            (span.place, span.length) = (place + length, span.length - length);
            if span.length == 0 {
                self.spans.pop();
            }
            self.pad_to(place);
            self.sha1.update(now);
            self.place += length;
            content = later;
        }
    }

    /// The digest, once all content was added.
    pub(super) fn finish(mut self) -> PieceDigest {
        self.pad_to(self.length);
        self.sha1.finalize().into()
    }

    fn pad_to(&mut self, place: u32) {
        static ZEROS: [u8; 1 << 12] = [0; 1 << 12];
        while self.place < place {
            let zeros = ZEROS.len().min((place - self.place) as usize);
            self.sha1.update(&ZEROS[..zeros]);
            self.place += zeros as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::Extent;

    #[test]
    fn pads_are_hashed_where_they_lie_however_the_content_comes() {
        let extents = [Extent::Zeros(2), Extent::Content(3), Extent::Zeros(5000), Extent::Content(4), Extent::Zeros(1)];
        let map = PieceMap::new(8000, extents);
        let whole = [&[0; 2][..], b"abc", &[0; 5000], b"defg", &[0; 1]].concat();
        for step in 1..=7 {
            let mut hasher = PieceHasher::new(&map, PieceIndex(0));
            b"abcdefg".chunks(step).for_each(|part| hasher.add(part));
            assert_eq!(hasher.finish()[..], Sha1::digest(&whole)[..], "in steps of {step}");
        }
    }
}
