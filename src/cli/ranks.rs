//! Some of the ranks.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Ranks, as numbers and ranges: `0`, `1-3`, `0,4-7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks(Vec<RangeInclusive<u32>>);

/// Why a list of ranks cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' names no ranks; write numbers and ranges, as in 0,4-7")]
pub struct RanksError(String);

impl Ranks {
    /// Whether this is one of them.
    #[must_use]
    pub fn contain(&self, rank: u32) -> bool {
        self.0.iter().any(|range| range.contains(&rank))
    }

    /// The highest of them.
    #[must_use]
    pub fn highest(&self) -> u32 {
        self.0.iter().map(|range| *range.end()).max().unwrap_or(0)
    }
}

impl FromStr for Ranks {
    type Err = RanksError;

    fn from_str(text: &str) -> Result<Self, RanksError> {
        let bad = || RanksError(text.to_owned());
        let number = |text: &str| text.parse::<u32>().map_err(|_| bad());
        let part = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = number(first)?..=number(last)?;
            if range.is_empty() { Err(bad()) } else { Ok(range) }
        };
        text.split(',').map(part).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Ranks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match range.start() == range.end() {
                true => write!(f, "{comma}{}", range.start())?,
                false => write!(f, "{comma}{}-{}", range.start(), range.end())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_numbers_and_ranges() {
        let ranks: Ranks = "0,4-7".parse().unwrap();
        assert_eq!((0..9).filter(|&rank| ranks.contain(rank)).collect::<Vec<_>>(), [0, 4, 5, 6, 7]);
        assert_eq!((ranks.highest(), ranks.to_string()), (7, "0,4-7".to_owned()));
        for text in ["", "a", "1,", "3-1", "-1", "1-2-3"] {
            assert!(text.parse::<Ranks>().is_err(), "{text}");
        }
    }
}
