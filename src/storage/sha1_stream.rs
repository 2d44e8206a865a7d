//! A SHA-1 in the making, which can advance together with others.

use sha1::block_api::compress;

use super::PieceDigest;
use super::sha1_lanes::{Block, LANES, State, compress_all, fewest};

/// FIPS 180-4, 5.3.1: the state before the first block.
const FIRST: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// A SHA-1 that takes its message as it comes. One alone advances as the crate `sha1` does; several at once share the lanes of
/// a vector register where that is faster ([`advance`]).
#[derive(Clone, Debug)]
pub(super) struct Sha1Stream {
    state: State,
    /// What came behind the last whole block.
    rest: Block,
    /// Bytes that came so far.
    length: u64,
}

impl Sha1Stream {
    pub(super) fn new() -> Self {
        Self { state: FIRST, rest: [0; 64], length: 0 }
    }

    /// Adds to the message.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let blocks = self.take(bytes);
        compress(&mut self.state, blocks);
    }

    /// The hash of what came.
    pub(super) fn finish(mut self) -> PieceDigest {
        // FIPS 180-4, 5.1.1: a one, zeros to the next place but eight of a block, and the length in bits.
        let bits = self.length * 8;
        let zeros = (64 + 55 - self.held()) % 64;
        self.update(&[0x80]);
        self.update(&[0; 64][..zeros]);
        self.update(&bits.to_be_bytes());
        let mut digest = [0; 20];
        for (place, word) in digest.chunks_mut(4).zip(self.state) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }

    /// How much of `rest` there is.
    fn held(&self) -> usize {
        (self.length % 64) as usize
    }

    /// Takes what does not lie in whole blocks, and gives back those, by which the state is to advance.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [Block] {
        let held = self.held();
        self.length += bytes.len() as u64;
        let (first, bytes) = bytes.split_at(if held == 0 { 0 } else { bytes.len().min(64 - held) });
        self.rest[held..held + first.len()].copy_from_slice(first);
        if held + first.len() == 64 {
            compress(&mut self.state, &[self.rest]);
        }
        let (blocks, last) = bytes.as_chunks();
        if !last.is_empty() {
            self.rest[..last.len()].copy_from_slice(last);
        }
        blocks
    }
}

/// How many messages are best added to at once: one where that is no faster.
pub(super) fn together() -> usize {
    if fewest() <= LANES { LANES } else { 1 }
}

/// Adds to several messages at once: the same as [`Sha1Stream::update`] of each.
pub(super) fn advance(streams: &mut [(&mut Sha1Stream, &[u8])]) {
    advance_from(fewest(), streams);
}

/// The same, in lanes from so many messages on.
fn advance_from(fewest: usize, streams: &mut [(&mut Sha1Stream, &[u8])]) {
    let mut left: Vec<(&mut State, &[Block])> = streams
        .iter_mut()
        .map(|(stream, bytes)| {
            let blocks = stream.take(bytes);
            (&mut stream.state, blocks)
        })
        .filter(|(_, blocks)| !blocks.is_empty())
        .collect();
    while left.len() >= fewest.max(1) {
        // The longest first, so that lanes stay filled.
        left.sort_by_key(|(_, blocks)| std::cmp::Reverse(blocks.len()));
        let most = left.len().min(LANES);
        advance_in_step(&mut left[..most]);
        left.retain(|(_, blocks)| !blocks.is_empty());
    }
    left.into_iter().for_each(|(state, blocks)| compress(state, blocks));
}

/// Advances them all by as many blocks as the one that has the fewest left.
fn advance_in_step(streams: &mut [(&mut State, &[Block])]) {
    let count = streams.iter().map(|(_, blocks)| blocks.len()).min().unwrap_or(0);
    // What goes on in a lane without a message of its own is of no interest.
    let filled = |lane: usize| if lane < streams.len() { lane } else { 0 };
    let mut states: [State; LANES] = std::array::from_fn(|lane| *streams[filled(lane)].0);
    let blocks: [&[Block]; LANES] = std::array::from_fn(|lane| &streams[filled(lane)].1[..count]);
    compress_all(&mut states, &blocks);
    for ((state, blocks), advanced) in streams.iter_mut().zip(states) {
        **state = advanced;
        *blocks = &blocks[count..];
    }
}

#[cfg(test)]
mod tests {
    use sha1::{Digest, Sha1};

    use super::*;

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|place| (place * 7 + place / 251) as u8).collect()
    }

    #[test]
    fn a_message_of_any_length_that_comes_in_any_parts_has_the_hash_of_the_whole() {
        for length in (0..300).chain([1000, 4096, 65_537]) {
            let message = message(length);
            for part in [1, 55, 63, 64, 65, 1000, 70_000] {
                let mut stream = Sha1Stream::new();
                message.chunks(part).for_each(|part| stream.update(part));
                assert_eq!(stream.finish()[..], Sha1::digest(&message)[..], "{length} bytes in parts of {part}");
            }
        }
    }

    #[test]
    fn messages_that_advance_together_have_the_hashes_that_each_has_alone() {
        for number in [1, 4, 5, 16, 17, 40] {
            let messages: Vec<_> = (0..number).map(|at| message(at * 77 % 1500 + at % 3 * 64)).collect();
            // In lanes from the first on, only from several on, and never.
            for fewest in [0, 2, usize::MAX] {
                let mut streams = vec![Sha1Stream::new(); number];
                let cut = |at: usize| messages[at].split_at(messages[at].len().min(at * 31 % 700));
                let mut first: Vec<_> =
                    streams.iter_mut().enumerate().map(|(at, stream)| (stream, cut(at).0)).collect();
                advance_from(fewest, &mut first);
                let mut rest: Vec<_> = streams.iter_mut().enumerate().map(|(at, stream)| (stream, cut(at).1)).collect();
                advance_from(fewest, &mut rest);
                for (stream, message) in streams.into_iter().zip(&messages) {
                    assert_eq!(stream.finish()[..], Sha1::digest(message)[..], "{number} at once");
                }
            }
        }
    }
}
