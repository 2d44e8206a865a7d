//! Runs of zeros in what is written: they become holes, which take no room.

use std::ops::Range;

use sha1::{Digest, Sha1};

/// A run of zeros becomes a hole where it covers so many bytes of a file, at a multiple of them.
const HOLE: u64 = 64 * 1024;
static ZEROS: [u8; HOLE as usize] = [0; HOLE as usize];

/// A part of what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// To be written as it stands.
    Data(Range<usize>),
    /// Zeros, to be left out.
    Hole(Range<usize>),
}

/// The runs of bytes that are written at this offset of a file.
pub(super) fn runs(bytes: &[u8], offset: u64) -> impl Iterator<Item = Run> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let first = chunk(bytes, offset, start)?;
        let are_zeros = is_hole(&bytes[first.clone()]);
        at = first.end;
        while let Some(next) = chunk(bytes, offset, at).filter(|next| is_hole(&bytes[next.clone()]) == are_zeros) {
            at = next.end;
        }
        Some(if are_zeros { Run::Hole(start..at) } else { Run::Data(start..at) })
    })
}

/// Whether nothing of it is left out.
pub(super) fn has_none(bytes: &[u8], offset: u64) -> bool {
    !runs(bytes, offset).any(|run| matches!(run, Run::Hole(_)))
}

/// The part of the bytes from `start` to the next multiple of [`HOLE`] in the file.
fn chunk(bytes: &[u8], offset: u64, start: usize) -> Option<Range<usize>> {
    let to_boundary = HOLE - (offset + start as u64) % HOLE;
    let end = bytes.len().min(start.saturating_add(to_boundary as usize));
    (start < end).then_some(start..end)
}

/// The SHA-1 of so many zeros.
pub(super) fn hash_of_zeros(length: usize) -> [u8; 20] {
    let mut hash = Sha1::new();
    for start in (0..length).step_by(ZEROS.len()) {
        hash.update(&ZEROS[..ZEROS.len().min(length - start)]);
    }
    hash.finalize().into()
}

fn is_hole(chunk: &[u8]) -> bool {
    chunk == ZEROS
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: usize = HOLE as usize;

    #[test]
    fn only_whole_stretches_of_zeros_are_left_out() {
        let mut bytes = vec![0; 5 * LONG];
        bytes[10] = 1;
        bytes[3 * LONG + 1] = 1;
        assert_eq!(
            runs(&bytes, 0).collect::<Vec<_>>(),
            [
                Run::Data(0..LONG),
                Run::Hole(LONG..3 * LONG),
                Run::Data(3 * LONG..4 * LONG),
                Run::Hole(4 * LONG..5 * LONG),
            ]
        );
        assert!(!has_none(&bytes, 0) && has_none(&bytes[..LONG], 0) && has_none(&[0; 100], 0));
    }

    #[test]
    fn stretches_are_counted_from_the_start_of_the_file() {
        let bytes = vec![0; 2 * LONG];
        assert_eq!(
            runs(&bytes, 7).collect::<Vec<_>>(),
            [Run::Data(0..LONG - 7), Run::Hole(LONG - 7..2 * LONG - 7), Run::Data(2 * LONG - 7..2 * LONG),]
        );
        assert_eq!(runs(&[], 3).count(), 0);
    }
}
