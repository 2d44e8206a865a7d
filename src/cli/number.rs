//! Whole numbers.

use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

/// Why a number cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// No digits, or more than digits.
    #[error("'{0}' is not a whole number; write digits alone, as 1000")]
    NotANumber(String),
    /// More than there is room for.
    #[error("'{0}' is too large")]
    TooLarge(String),
}

/// Understands a whole number that is not negative.
///
/// # Errors
/// What is wrong with it, and what to write.
pub(super) fn number<T: FromStr<Err = ParseIntError>>(text: &str) -> Result<T, NumberError> {
    text.parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => NumberError::TooLarge(text.to_owned()),
        _ => NumberError::NotANumber(text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_told_apart_from_what_is_too_large() {
        assert_eq!(number("12"), Ok(12_u32));
        for text in ["", "x", "-1", "1.5", "1K", "0x10"] {
            assert_eq!(number::<u32>(text), Err(NumberError::NotANumber(text.into())));
        }
        assert_eq!(number::<u32>("4294967296"), Err(NumberError::TooLarge("4294967296".into())));
        assert_eq!(number("4294967296"), Ok(1_u64 << 32));
    }
}
