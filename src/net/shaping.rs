//! Slows a rank's traffic down to a given line: for studies and tests on a machine whose own network is too good.

use std::time::Duration;

use crate::protocol::Time;

/// The line of one rank. The default is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes a second that leave at most.
    pub up: Option<u64>,
    /// Bytes a second that come in at most.
    pub down: Option<u64>,
    /// How much later than it would a message arrives.
    pub latency: Duration,
}

impl Limits {
    /// Whether messages pass as fast as they can.
    #[must_use]
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// One direction of a line: messages pass through it one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    rate: Option<u64>,
    latency: Duration,
    free_at: Time,
}

impl Line {
    /// A line of so many bytes a second, unlimited where there is no rate, and this delay from end to end.
    #[must_use]
    pub fn new(rate: Option<u64>, latency: Duration) -> Self {
        Self { rate, latency, free_at: Time::ZERO }
    }

    /// Sends so many bytes into the line; tells when the last of them is at its other end.
    pub fn pass(&mut self, now: Time, bytes: usize) -> Time {
        if let Some(rate) = self.rate {
            let nanos = u128::from(u64::MAX).min(bytes as u128 * 1_000_000_000 / u128::from(rate.max(1)));
            self.free_at = self.free_at.max(now) + Duration::from_nanos(nanos as u64);
        }
        self.free_at.max(now) + self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn without_limits_a_message_is_there_at_once() {
        assert!(Limits::default().are_none());
        let mut line = Line::new(None, Duration::ZERO);
        assert_eq!(line.pass(at(5), 1 << 20), at(5));
        assert_eq!(line.pass(at(5), 1 << 20), at(5));
    }

    #[test]
    fn a_message_waits_until_those_before_it_have_passed() {
        let mut line = Line::new(Some(1_000_000), Duration::ZERO);
        assert_eq!(line.pass(at(0), 1000), at(1));
        assert_eq!(line.pass(at(0), 2000), at(3));
        assert_eq!(line.pass(at(10), 1000), at(11), "an idle line saves nothing up");
    }

    #[test]
    fn latency_delays_without_taking_up_the_line() {
        let mut line = Line::new(Some(1_000_000), Duration::from_millis(50));
        assert_eq!(line.pass(at(0), 1000), at(51));
        assert_eq!(line.pass(at(0), 1000), at(52));
    }

    #[test]
    fn a_line_of_no_speed_at_all_neither_divides_by_it_nor_overflows() {
        let mut line = Line::new(Some(0), Duration::MAX);
        assert!(line.pass(at(1), usize::MAX) > at(1));
        assert_eq!(line.pass(at(1), usize::MAX), Time(u64::MAX));
    }
}
