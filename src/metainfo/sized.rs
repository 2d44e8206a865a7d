//! Sizes as people read them.

use indicatif::HumanBytes;

/// So many bytes, in the unit that suits.
#[must_use]
pub fn sized(bytes: u64) -> String {
    HumanBytes(bytes).to_string().replace(".00 ", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_suits_and_no_zeros_behind_the_point() {
        assert_eq!([0, 1000, 1 << 20, 1_500_000].map(sized), ["0 B", "1000 B", "1 MiB", "1.43 MiB"]);
    }
}
