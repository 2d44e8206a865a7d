//! The same with AVX-512: a register holds one word of all sixteen messages.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_rol_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8,
    _mm512_shuffle_i32x4, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use bytemuck::must_cast;

use super::{Block, LANES, State};

/// FIPS 180-4, 4.2.1: the constants of each twenty rounds.
const K: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];

/// FIPS 180-4, 4.1.1: the functions of each twenty rounds, as tables of what they make of three bits.
const CH: i32 = 0xca;
const PARITY: i32 = 0x96;
const MAJ: i32 = 0xe8;

/// Turns the four bytes of each word round, for words of a message are big-endian.
const SWAP: [u8; 64] = {
    let mut places = [0; 64];
    let mut at = 0;
    while at < 64 {
        // Within 16 bytes, as the instruction has it.
        places[at] = ((at % 16) ^ 3) as u8;
        at += 1;
    }
    places
};

/// Advances each state by all of its blocks.
///
/// # Panics
/// Where one has more blocks than another.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn compress_all(states: &mut [State; LANES], blocks: &[&[Block]; LANES]) {
    let count = blocks[0].len();
    assert!(blocks.iter().all(|lane| lane.len() == count), "lanes go in step");
    let mut words: [[u32; LANES]; 5] = std::array::from_fn(|word| std::array::from_fn(|lane| states[lane][word]));
    let mut state: [__m512i; 5] = words.map(must_cast);
    for at in 0..count {
        state = compress(state, transposed(blocks, at));
    }
    words = state.map(must_cast);
    for (lane, state) in states.iter_mut().enumerate() {
        *state = std::array::from_fn(|word| words[word][lane]);
    }
}

/// FIPS 180-4, 6.1.2, for sixteen messages.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn compress(state: [__m512i; 5], mut words: [__m512i; 16]) -> [__m512i; 5] {
    let [mut a, mut b, mut c, mut d, mut e] = state;
    // A macro, for the function of a round is a constant of its instruction, and the place of a word has to be one.
    macro_rules! rounds {
        ($function:ident, $k:expr, $($round:literal)*) => {$({
            const AT: usize = $round % 16;
            if $round >= 16 {
                let (w3, w8, w14) = (words[(AT + 13) % 16], words[(AT + 8) % 16], words[(AT + 2) % 16]);
                let mixed = _mm512_ternarylogic_epi32::<PARITY>(w3, w8, w14);
                words[AT] = _mm512_rol_epi32::<1>(_mm512_xor_si512(mixed, words[AT]));
            }
            let mixed = _mm512_ternarylogic_epi32::<$function>(b, c, d);
            let known = _mm512_add_epi32(e, _mm512_add_epi32(words[AT], _mm512_set1_epi32($k as i32)));
            let turned = _mm512_add_epi32(_mm512_rol_epi32::<5>(a), mixed);
            (e, d, c, b) = (d, c, _mm512_rol_epi32::<30>(b), a);
            a = _mm512_add_epi32(turned, known);
        })*};
    }
    rounds!(CH, K[0], 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19);
    rounds!(PARITY, K[1], 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39);
    rounds!(MAJ, K[2], 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59);
    rounds!(PARITY, K[3], 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79);
    let [a0, b0, c0, d0, e0] = state;
    [
        _mm512_add_epi32(a, a0),
        _mm512_add_epi32(b, b0),
        _mm512_add_epi32(c, c0),
        _mm512_add_epi32(d, d0),
        _mm512_add_epi32(e, e0),
    ]
}

/// Word by word what each message has message by message: a block of each, transposed in registers.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn transposed(blocks: &[&[Block]; LANES], at: usize) -> [__m512i; 16] {
    let mut rows = [_mm512_setzero_si512(); 16];
    for (row, lane) in rows.iter_mut().zip(blocks) {
        *row = _mm512_shuffle_epi8(must_cast(lane[at]), must_cast(SWAP));
    }
    // Within each quarter of a register: four words of four messages.
    let mut fours = rows;
    for first in [0, 4, 8, 12] {
        let [r0, r1, r2, r3] = [rows[first], rows[first + 1], rows[first + 2], rows[first + 3]];
        let (low, high) = (_mm512_unpacklo_epi32(r0, r1), _mm512_unpackhi_epi32(r0, r1));
        let (low_too, high_too) = (_mm512_unpacklo_epi32(r2, r3), _mm512_unpackhi_epi32(r2, r3));
        fours[first] = _mm512_unpacklo_epi64(low, low_too);
        fours[first + 1] = _mm512_unpackhi_epi64(low, low_too);
        fours[first + 2] = _mm512_unpacklo_epi64(high, high_too);
        fours[first + 3] = _mm512_unpackhi_epi64(high, high_too);
    }
    // Then the quarters: the same one of all four groups of messages. 0x88 takes the even ones of both, 0xdd the odd ones.
    for at in 0..4 {
        let [g0, g1, g2, g3] = [fours[at], fours[4 + at], fours[8 + at], fours[12 + at]];
        let (even, odd) = (_mm512_shuffle_i32x4::<0x88>(g0, g1), _mm512_shuffle_i32x4::<0xdd>(g0, g1));
        let (even_too, odd_too) = (_mm512_shuffle_i32x4::<0x88>(g2, g3), _mm512_shuffle_i32x4::<0xdd>(g2, g3));
        rows[at] = _mm512_shuffle_i32x4::<0x88>(even, even_too);
        rows[4 + at] = _mm512_shuffle_i32x4::<0x88>(odd, odd_too);
        rows[8 + at] = _mm512_shuffle_i32x4::<0xdd>(even, even_too);
        rows[12 + at] = _mm512_shuffle_i32x4::<0xdd>(odd, odd_too);
    }
    rows
}
