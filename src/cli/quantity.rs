//! Rates, times and sizes with their units.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u64);

/// How long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// Why a quantity cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No rate.
    #[error("'{0}' is not a rate; write bytes a second as 500000, 500K, 10M or 1G")]
    Rate(String),
    /// No time.
    #[error("'{0}' is not a time; write 500us, 20ms, 1s, 10m or 2h")]
    Span(String),
    /// No size.
    #[error("'{0}' is not a size; write bytes as 67108864, 64M or 64MiB")]
    Size(String),
}

const RATES: [(&str, u64); 7] = [
    ("K", 1_000),
    ("KB/s", 1_000),
    ("M", 1_000_000),
    ("MB/s", 1_000_000),
    ("G", 1_000_000_000),
    ("GB/s", 1_000_000_000),
    ("", 1),
];
const SIZES: [(&str, u64); 7] =
    [("K", 1 << 10), ("KiB", 1 << 10), ("M", 1 << 20), ("MiB", 1 << 20), ("G", 1 << 30), ("GiB", 1 << 30), ("", 1)];
const SECOND: u64 = 1_000_000_000;
const SPANS: [(&str, u64); 5] =
    [("us", 1_000), ("ms", 1_000_000), ("s", SECOND), ("m", 60 * SECOND), ("h", 3_600 * SECOND)];

/// A whole number and a unit, as a multiple of the smallest unit.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rate = quantity(text, &RATES).filter(|rate| *rate > 0);
        rate.map(Self).ok_or_else(|| QuantityError::Rate(text.to_owned()))
    }
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = quantity(text, &SIZES).filter(|size| *size > 0);
        size.map(Self).ok_or_else(|| QuantityError::Size(text.to_owned()))
    }
}

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nanos = quantity(text, &SPANS);
        nanos.map(|nanos| Self(Duration::from_nanos(nanos))).ok_or_else(|| QuantityError::Span(text.to_owned()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood() {
        for (text, rate) in [("1", 1), ("500K", 500_000), ("10M", 10_000_000), ("2G", 2_000_000_000)] {
            assert_eq!(text.parse(), Ok(Rate(rate)));
        }
        for (text, micros) in [("500us", 500), ("20ms", 20_000), ("1s", 1_000_000), ("0s", 0), ("2h", 7_200_000_000)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_micros(micros))));
        }
    }

    #[test]
    fn what_has_no_number_no_unit_or_no_end_is_refused() {
        for text in ["", "K", "0", "-1", "1.5M", "1X", "99999999999G", "1M "] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
        for text in ["", "20", "ms", "-1s", "99999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
    }
}
