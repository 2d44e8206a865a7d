//! Which bytes of which files make up a piece.

use std::ops::Range;

use super::manifest::Extent;
use super::{Layout, PieceIndex};

/// How the files of a torrent, one after the other, are cut into pieces (BEP 3), pads included (BEP 47).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceMap {
    piece_length: u32,
    total: u64,
    /// What has bytes, in order: where it begins, what it is, and its place in the manifest.
    stretches: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    start: u64,
    length: u64,
    entry: usize,
    is_pad: bool,
}

/// A part of a piece that lies in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The file, as its place in the manifest.
    pub entry: usize,
    /// Where it begins in the file.
    pub offset: u64,
    /// Where it begins in the piece.
    pub place: u32,
    /// Its length in bytes.
    pub length: u32,
}

impl PieceMap {
    /// The map of entries with these extents. Their sum is at most 2^62 bytes, which whoever reads them sees to.
    ///
    /// # Panics
    /// Where the piece length is 0.
    #[must_use]
    pub fn new(piece_length: u32, extents: impl IntoIterator<Item = Extent>) -> Self {
        assert!(piece_length > 0, "a piece has a length");
        let (mut total, mut stretches) = (0, Vec::new());
        for (entry, extent) in extents.into_iter().enumerate() {
            let (length, is_pad) = match extent {
                Extent::Content(length) => (length, false),
                Extent::Zeros(length) => (length, true),
                Extent::Nothing => continue,
            };
            if length > 0 {
                stretches.push(Stretch { start: total, length, entry, is_pad });
                total += length;
            }
        }
        Self { piece_length, total, stretches }
    }

    /// How many pieces there are, and how long they are.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout { pieces: self.pieces(), piece_length: self.piece_length }
    }

    /// How many pieces there are.
    ///
    /// # Panics
    /// Where there are more than 2^32 - 1, which no manifest may have.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        u32::try_from(self.total.div_ceil(u64::from(self.piece_length))).expect("the number of pieces is limited")
    }

    /// The length of every piece but the last.
    #[must_use]
    pub fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// The bytes of all files and pads.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How long a piece is, pads included: what its hash is made over. 0 for one that does not exist.
    #[must_use]
    pub fn length(&self, piece: PieceIndex) -> u32 {
        let range = self.range(piece);
        (range.end - range.start) as u32
    }

    /// How many bytes of a piece are content: those that travel.
    #[must_use]
    pub fn content_length(&self, piece: PieceIndex) -> u32 {
        self.spans(piece).map(|span| span.length).sum()
    }

    /// The parts of a piece that are content, in order; what lies between and behind them is zeros.
    pub fn spans(&self, piece: PieceIndex) -> impl Iterator<Item = Span> {
        let range = self.range(piece);
        let first = self.stretches.partition_point(|stretch| stretch.start + stretch.length <= range.start);
        let within = self.stretches[first..].iter().take_while({
            let end = range.end;
            move |stretch| stretch.start < end
        });
        within.filter(|stretch| !stretch.is_pad).map(move |stretch| {
            let start = stretch.start.max(range.start);
            let end = (stretch.start + stretch.length).min(range.end);
            Span {
                entry: stretch.entry,
                offset: start - stretch.start,
                place: (start - range.start) as u32,
                length: (end - start) as u32,
            }
        })
    }

    /// The pieces that hold bytes of a file; none where it is empty.
    #[must_use]
    pub fn pieces_of(&self, entry: usize) -> Range<u32> {
        match self.stretches.binary_search_by_key(&entry, |stretch| stretch.entry) {
            Ok(at) => {
                let Stretch { start, length, .. } = self.stretches[at];
                let piece = |byte: u64| (byte / u64::from(self.piece_length)) as u32;
                piece(start)..piece(start + length - 1) + 1
            }
            Err(_) => 0..0,
        }
    }

    fn range(&self, piece: PieceIndex) -> Range<u64> {
        let start = (u64::from(piece.0) * u64::from(self.piece_length)).min(self.total);
        start..(start + u64::from(self.piece_length)).min(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of 10 bytes: a file of 25, an empty one, a pad of 5, one of 7, one of 3.
    fn map() -> PieceMap {
        let content = Extent::Content;
        PieceMap::new(10, [content(25), content(0), Extent::Zeros(5), Extent::Nothing, content(7), content(3)])
    }

    fn spans(piece: u32) -> Vec<(usize, u64, u32, u32)> {
        map().spans(PieceIndex(piece)).map(|span| (span.entry, span.offset, span.place, span.length)).collect()
    }

    #[test]
    fn a_piece_is_made_of_the_files_that_it_touches() {
        assert_eq!(map().layout(), Layout { pieces: 4, piece_length: 10 });
        assert_eq!(spans(0), [(0, 0, 0, 10)]);
        assert_eq!(spans(3), [(4, 0, 0, 7), (5, 0, 7, 3)]);
    }

    #[test]
    fn a_pad_counts_for_the_length_and_does_not_travel() {
        assert_eq!(spans(2), [(0, 20, 0, 5)]);
        assert_eq!((map().length(PieceIndex(2)), map().content_length(PieceIndex(2))), (10, 5));
    }

    #[test]
    fn the_last_piece_may_be_shorter_and_there_is_none_after_it() {
        let map = PieceMap::new(10, [Extent::Content(12)]);
        assert_eq!((map.length(PieceIndex(1)), map.length(PieceIndex(2))), (2, 0));
        assert_eq!(map.spans(PieceIndex(2)).count(), 0);
        assert_eq!(PieceMap::new(10, []).pieces(), 0);
    }

    #[test]
    fn a_file_knows_its_pieces() {
        assert_eq!(map().pieces_of(0), 0..3);
        assert_eq!(map().pieces_of(1), 0..0);
        assert_eq!(map().pieces_of(5), 3..4);
    }
}
