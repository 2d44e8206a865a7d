//! Sixteen SHA-1s advanced at once, one in each lane of a vector register (multi-buffer hashing), where the processor can.

#[cfg(target_arch = "x86_64")]
mod avx512;

use multiversion::multiversion;
use multiversion::target::match_target;
use sha1::block_api::compress;

/// How many messages advance at once.
pub(super) const LANES: usize = 16;

/// The state of a SHA-1: its five words.
pub(super) type State = [u32; 5];

/// What a SHA-1 takes at once.
pub(super) type Block = [u8; 64];

/// From how many messages on it costs less to advance them in lanes, however many of these stay empty, than one after the
/// other. Measured: sixteen lanes take 1 KiB in the time in which the processor's own SHA-1 instructions take 256 to 290 bytes.
#[multiversion(targets("x86_64+avx512f+avx512bw"))]
pub(super) fn fewest() -> usize {
    match_target! {
        "x86_64+avx512f+avx512bw" => 5,
        _ => usize::MAX,
    }
}

/// Advances each state by all of its blocks.
///
/// # Panics
/// Where one has more blocks than another.
#[multiversion(targets("x86_64+avx512f+avx512bw"))]
pub(super) fn compress_all(states: &mut [State; LANES], blocks: &[&[Block]; LANES]) {
    match_target! {
        "x86_64+avx512f+avx512bw" => avx512::compress_all(states, blocks),
        _ => one_by_one(states, blocks),
    }
}

fn one_by_one(states: &mut [State; LANES], blocks: &[&[Block]; LANES]) {
    assert!(blocks.iter().all(|lane| lane.len() == blocks[0].len()), "lanes go in step");
    states.iter_mut().zip(blocks).for_each(|(state, blocks)| compress(state, blocks));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_at_once_come_to_the_same_as_one_after_the_other() {
        let mut dice = 1_u32;
        let mut byte = || {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (dice >> 24) as u8
        };
        for count in [0, 1, 2, 7] {
            let messages: Vec<Vec<Block>> =
                (0..LANES).map(|_| (0..count).map(|_| std::array::from_fn(|_| byte())).collect()).collect();
            let blocks: [&[Block]; LANES] = std::array::from_fn(|lane| &messages[lane][..]);
            let mut states: [State; LANES] =
                std::array::from_fn(|_| std::array::from_fn(|_| u32::from_le_bytes(std::array::from_fn(|_| byte()))));
            let mut expected = states;
            one_by_one(&mut expected, &blocks);
            compress_all(&mut states, &blocks);
            assert_eq!(states, expected, "{count} blocks");
        }
    }
}
