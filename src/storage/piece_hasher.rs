//! The hash of a piece from what travels of it: content alone, without the pads that are hashed with it.

use super::PieceDigest;
use super::sha1_stream::{Sha1Stream, advance, together};
use crate::metainfo::{PieceIndex, PieceMap};

static ZEROS: [u8; 1 << 12] = [0; 1 << 12];

/// Hashes the content of one piece as it comes, in order, and puts the zeros of pads where they belong (BEP 47).
#[derive(Clone, Debug)]
pub(super) struct PieceHasher {
    sha1: Sha1Stream,
    /// Content that is still to come, the next last.
    runs: Vec<Run>,
    /// How much of the piece is hashed.
    place: u32,
    length: u32,
}

/// Content without pads in between.
#[derive(Clone, Copy, Debug)]
struct Run {
    place: u32,
    length: u32,
}

impl PieceHasher {
    pub(super) fn new(map: &PieceMap, piece: PieceIndex) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for span in map.spans(piece) {
            match runs.last_mut().filter(|run| run.place + run.length == span.place) {
                Some(run) => run.length += span.length,
                None => runs.push(Run { place: span.place, length: span.length }),
            }
        }
        runs.reverse();
        Self { sha1: Sha1Stream::new(), runs, place: 0, length: map.length(piece) }
    }

    /// How many pieces are best hashed at once here.
    pub(super) fn together() -> usize {
        together()
    }

    /// Adds the next bytes of content to several pieces at once, which costs less than to one after the other. What is beyond a
    /// piece's end is ignored, and its length tells.
    pub(super) fn add_to_all(pieces: &mut [(&mut Self, &[u8])]) {
        let parts: Vec<Vec<&[u8]>> = pieces.iter_mut().map(|(piece, content)| piece.parts(content)).collect();
        let rounds = parts.iter().map(Vec::len).max().unwrap_or(0);
        for round in 0..rounds {
            let of_each = pieces.iter_mut().zip(&parts);
            let mut streams: Vec<(&mut Sha1Stream, &[u8])> =
                of_each.filter_map(|((piece, _), parts)| Some((&mut piece.sha1, *parts.get(round)?))).collect();
            advance(&mut streams);
        }
    }

    /// The digest, once all content was added.
    pub(super) fn finish(mut self) -> PieceDigest {
        let zeros = self.zeros_to(self.length);
        zeros.into_iter().for_each(|part| self.sha1.update(part));
        self.sha1.finish()
    }

    /// What is to be hashed next: this content, with the zeros before, within and behind it.
    fn parts<'a>(&mut self, mut content: &'a [u8]) -> Vec<&'a [u8]> {
        let mut parts = Vec::new();
        while let Some(run) = self.runs.last_mut().filter(|_| !content.is_empty()) {
            let (place, length) = (run.place, run.length.min(content.len() as u32));
            let (now, later) = content.split_at(length as usize);
            (run.place, run.length) = (place + length, run.length - length);
            if run.length == 0 {
                self.runs.pop();
            }
            parts.extend(self.zeros_to(place));
            parts.push(now);
            self.place += length;
            content = later;
        }
        if self.runs.is_empty() {
            parts.extend(self.zeros_to(self.length));
        }
        parts
    }

    /// The zeros up to a place, of which nothing is hashed yet.
    fn zeros_to(&mut self, place: u32) -> Vec<&'static [u8]> {
        let mut left = place.saturating_sub(self.place) as usize;
        self.place = self.place.max(place);
        let mut parts = Vec::new();
        while left > 0 {
            let length = left.min(ZEROS.len());
            parts.push(&ZEROS[..length]);
            left -= length;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use sha1::{Digest, Sha1};

    use super::*;
    use crate::metainfo::Extent;

    const EXTENTS: [Extent; 6] = [
        Extent::Zeros(2),
        Extent::Content(1),
        Extent::Content(2),
        Extent::Zeros(5000),
        Extent::Content(4),
        Extent::Zeros(1),
    ];

    fn whole() -> Vec<u8> {
        [&[0; 2][..], b"abc", &[0; 5000], b"defg", &[0; 1]].concat()
    }

    #[test]
    fn pads_are_hashed_where_they_lie_however_the_content_comes() {
        let map = PieceMap::new(8000, EXTENTS);
        for step in 1..=7 {
            let mut hasher = PieceHasher::new(&map, PieceIndex(0));
            b"abcdefg".chunks(step).for_each(|part| PieceHasher::add_to_all(&mut [(&mut hasher, part)]));
            assert_eq!(hasher.finish()[..], Sha1::digest(whole())[..], "in steps of {step}");
        }
    }

    #[test]
    fn pieces_that_are_hashed_together_have_the_hashes_that_each_has_alone() {
        // One with pads among 300 bytes that need none, each piece of its own length.
        let lengths = [Extent::Content(300), Extent::Zeros(8000 - 300), Extent::Content(8000)];
        let (map, other) = (PieceMap::new(8000, EXTENTS), PieceMap::new(8000, lengths));
        let long = vec![7; 8000];
        let mut hashers: Vec<PieceHasher> = (0..20)
            .map(|number| match number % 3 {
                0 => PieceHasher::new(&map, PieceIndex(0)),
                other_piece => PieceHasher::new(&other, PieceIndex(other_piece - 1)),
            })
            .collect();
        let content = |number: usize| [&b"abcdefg"[..], &long[..300], &long][number % 3];
        let mut pieces: Vec<_> =
            hashers.iter_mut().enumerate().map(|(number, piece)| (piece, content(number))).collect();
        PieceHasher::add_to_all(&mut pieces);
        let expected = [whole(), [&long[..300], &[0; 7700]].concat(), long.clone()];
        for (number, hasher) in hashers.into_iter().enumerate() {
            assert_eq!(hasher.finish()[..], Sha1::digest(&expected[number % 3])[..], "number {number}");
        }
    }

    #[test]
    fn a_piece_of_pads_alone_is_hashed_as_zeros() {
        let map = PieceMap::new(5000, [Extent::Zeros(5000), Extent::Content(1)]);
        assert_eq!(PieceHasher::new(&map, PieceIndex(0)).finish()[..], Sha1::digest([0; 5000])[..]);
    }
}
