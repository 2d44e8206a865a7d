//! Choices that look random and are not: pure functions of the run's seed.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

/// A number that depends on each part and looks like noise (splitmix64's finalizer, chained).
#[must_use]
pub(super) fn mix(seed: u64, parts: &[u64]) -> u64 {
    parts.iter().fold(scramble(seed), |state, &part| scramble(state ^ scramble(part)))
}

fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The numbers below `count`, shuffled.
#[must_use]
pub(super) fn permutation(seed: u64, count: u32) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..count).collect();
    numbers.shuffle(&mut Pcg64Mcg::seed_from_u64(seed));
    numbers
}

/// Where the client of this rank begins in an order of `count` that all clients share. The golden ratio spreads any set
/// of consecutive ranks evenly over the order (Knuth's multiplicative hashing), so clients that know nothing of each
/// other yet begin with different pieces.
#[must_use]
pub(super) fn spread(rank: u32, count: u32) -> u32 {
    const GOLDEN: u32 = 2_654_435_769;
    ((u64::from(rank.wrapping_mul(GOLDEN)) * u64::from(count)) >> 32) as u32
}
