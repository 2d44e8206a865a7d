//! How many segments: a number or a range.

use std::fmt;
use std::str::FromStr;

/// `N`, or `LO-HI` with both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// The lower end.
    pub fewest: u32,
    /// The upper end.
    pub most: u32,
}

/// Why a number of segments cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither a number of segments nor a range; write 20 or 10-30")]
pub struct SegmentsError(String);

impl Default for Segments {
    /// Few enough to be read through by eye.
    fn default() -> Self {
        Self { fewest: 20, most: 20 }
    }
}

impl FromStr for Segments {
    type Err = SegmentsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (fewest, most) = text.split_once('-').unwrap_or((text, text));
        match (fewest.parse(), most.parse()) {
            (Ok(fewest), Ok(most)) if fewest <= most => Ok(Self { fewest, most }),
            _ => Err(SegmentsError(text.to_owned())),
        }
    }
}

impl fmt::Display for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fewest == self.most {
            true => self.fewest.fmt(f),
            false => write!(f, "{}-{}", self.fewest, self.most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_range_are_understood_and_shown_as_they_were() {
        for (text, fewest, most) in [("20", 20, 20), ("0-100000", 0, 100_000)] {
            let segments: Segments = text.parse().unwrap();
            assert_eq!((segments.fewest, segments.most), (fewest, most));
            assert_eq!(segments.to_string(), text);
        }
    }

    #[test]
    fn a_range_with_its_ends_exchanged_is_refused() {
        for text in ["30-10", "", "-", "5-", "-5", "many"] {
            assert!(text.parse::<Segments>().is_err(), "{text:?}");
        }
    }
}
