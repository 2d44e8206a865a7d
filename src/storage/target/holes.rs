//! Runs of zeros in what is written: they become holes, which take no room.

use std::ops::Range;

use sha1::{Digest, Sha1};

/// A run of zeros becomes a hole where it is so many bytes long: shorter ones would only tear the file to pieces.
const HOLE: usize = 64 * 1024;
/// One that may go on in what is written before or behind it becomes one where it covers so many bytes, the least that can
/// be one: pieces may be shorter than a hole.
const GRAIN: usize = 4096;
static ZEROS: [u8; HOLE] = [0; HOLE];

/// A part of what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// To be written as it stands.
    Data(Range<usize>),
    /// Zeros, to be left out.
    Hole(Range<usize>),
}

/// Bytes of a file, and which of them they are.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    /// Where they begin.
    pub(super) offset: u64,
    /// How long the whole file is.
    pub(super) of: u64,
}

impl Part<'_> {
    /// What of it is to be written, and what not.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let (mut at, mut ahead) = (0, None);
        std::iter::from_fn(move || {
            let start = at;
            let hole: Option<Range<usize>> = ahead.take().or_else(|| self.next_hole(start));
            match hole {
                Some(hole) if hole.start == start => {
                    at = hole.end;
                    Some(Run::Hole(hole))
                }
                hole => {
                    at = hole.as_ref().map_or(self.bytes.len(), |hole| hole.start);
                    ahead = hole;
                    (start < at).then_some(Run::Data(start..at))
                }
            }
        })
    }

    /// Whether nothing of it is left out.
    pub(super) fn has_no_hole(&self) -> bool {
        self.next_hole(0).is_none()
    }

    /// The first hole that begins there or later.
    fn next_hole(&self, mut at: usize) -> Option<Range<usize>> {
        while at < self.bytes.len() {
            let start = at;
            while at < self.bytes.len() && are_zeros(&self.bytes[self.grain(at)]) {
                at = self.grain(at).end;
            }
            if self.is_hole(&(start..at)) {
                return Some(start..at);
            }
            if at < self.bytes.len() {
                at = self.grain(at).end;
            }
        }
        None
    }

    /// From there to the next multiple of [`GRAIN`] in the file.
    fn grain(&self, start: usize) -> Range<usize> {
        let to_boundary = GRAIN - ((self.offset + start as u64) % GRAIN as u64) as usize;
        start..self.bytes.len().min(start + to_boundary)
    }

    /// Whether zeros are to be a hole.
    fn is_hole(&self, zeros: &Range<usize>) -> bool {
        let may_go_on_before = zeros.start == 0 && self.offset > 0;
        let may_go_on_behind = zeros.end == self.bytes.len() && self.offset + (zeros.end as u64) < self.of;
        zeros.len() >= if may_go_on_before || may_go_on_behind { GRAIN } else { HOLE }
    }
}

/// The SHA-1 of so many zeros.
pub(super) fn hash_of_zeros(length: usize) -> [u8; 20] {
    let mut hash = Sha1::new();
    for start in (0..length).step_by(ZEROS.len()) {
        hash.update(&ZEROS[..ZEROS.len().min(length - start)]);
    }
    hash.finalize().into()
}

fn are_zeros(grain: &[u8]) -> bool {
    grain == &ZEROS[..grain.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(bytes: &[u8], offset: u64, of: usize) -> Vec<Run> {
        Part { bytes, offset, of: of as u64 }.runs().collect()
    }

    #[test]
    fn within_what_is_written_only_long_runs_of_zeros_are_left_out() {
        let mut bytes = vec![1; 6 * HOLE];
        bytes[HOLE..3 * HOLE].fill(0);
        bytes[4 * HOLE..5 * HOLE - 1].fill(0);
        let all = bytes.len();
        assert_eq!(
            runs(&bytes, 0, all),
            [Run::Data(0..HOLE), Run::Hole(HOLE..3 * HOLE), Run::Data(3 * HOLE..6 * HOLE)]
        );
        let has_none = |bytes: &[u8]| Part { bytes, offset: 0, of: bytes.len() as u64 }.has_no_hole();
        assert!(!has_none(&bytes) && has_none(&bytes[..HOLE]) && has_none(&[0; GRAIN]) && has_none(&[]));
    }

    #[test]
    fn what_may_go_on_before_or_behind_is_left_out_where_it_is_short() {
        let mut bytes = vec![0; 4 * GRAIN];
        bytes[GRAIN..3 * GRAIN].fill(1);
        let (all, offset) = (bytes.len(), 7 * GRAIN as u64);
        let (data, before, behind) =
            (Run::Data(GRAIN..3 * GRAIN), Run::Hole(0..GRAIN), Run::Hole(3 * GRAIN..4 * GRAIN));
        assert_eq!(runs(&bytes, 0, all), [Run::Data(0..all)]);
        assert_eq!(runs(&bytes, offset, 9 * all), [before.clone(), data, behind.clone()]);
        assert_eq!(runs(&bytes, 0, all + 1), [Run::Data(0..3 * GRAIN), behind]);
        assert_eq!(runs(&bytes, offset, all + offset as usize), [before, Run::Data(GRAIN..all)]);
        assert_eq!(runs(&[0; GRAIN - 1], offset, all + offset as usize), [Run::Data(0..GRAIN - 1)]);
    }

    #[test]
    fn grains_are_counted_from_the_start_of_the_file() {
        let mut bytes = vec![0; 3 * GRAIN];
        bytes[GRAIN + 7] = 1;
        let whole = runs(&bytes, GRAIN as u64, 9 * GRAIN);
        assert_eq!(whole[1], Run::Data(GRAIN..2 * GRAIN));
        let moved = runs(&bytes[9..], GRAIN as u64 + 9, 9 * GRAIN);
        assert_eq!(moved, [Run::Data(0..2 * GRAIN - 9), Run::Hole(2 * GRAIN - 9..3 * GRAIN - 9)]);
        assert_eq!(runs(&[], 3, 9), []);
    }
}
