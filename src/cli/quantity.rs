//! Rates and delays with their units.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u64);

/// How much later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay(pub Duration);

/// Why a quantity cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No rate.
    #[error("'{0}' is not a rate; write bytes a second as 500000, 500K, 10M or 1G")]
    Rate(String),
    /// No delay.
    #[error("'{0}' is not a time; write 500us, 20ms or 1s")]
    Delay(String),
}

const RATES: [(&str, u64); 4] = [("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("", 1)];
const DELAYS: [(&str, u64); 3] = [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];

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

impl FromStr for Delay {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nanos = quantity(text, &DELAYS);
        nanos.map(|nanos| Self(Duration::from_nanos(nanos))).ok_or_else(|| QuantityError::Delay(text.to_owned()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Delay {
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
        for (text, micros) in [("500us", 500), ("20ms", 20_000), ("1s", 1_000_000), ("0s", 0)] {
            assert_eq!(text.parse(), Ok(Delay(Duration::from_micros(micros))));
        }
    }

    #[test]
    fn what_has_no_number_no_unit_or_no_end_is_refused() {
        for text in ["", "K", "0", "-1", "1.5M", "1X", "99999999999G", "1M "] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
        for text in ["", "20", "ms", "-1s", "99999999999s"] {
            assert!(text.parse::<Delay>().is_err(), "{text:?}");
        }
    }
}
