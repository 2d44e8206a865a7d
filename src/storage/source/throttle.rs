//! Slows reading down to a given rate.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A token bucket that all readers of a source share: so many bytes a second, and what was not used for a moment.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Bytes a second.
    rate: NonZero<u64>,
    /// When the bucket was or will be empty.
    empty_at: Mutex<Instant>,
}

/// For how long an idle bucket fills. Longer would be a burst at the start of each read after a pause.
const FILLS: Duration = Duration::from_millis(50);

impl Throttle {
    /// An empty bucket.
    pub(super) fn new(rate: NonZero<u64>, now: Instant) -> Self {
        Self { rate, empty_at: Mutex::new(now) }
    }

    /// Takes so many bytes out; tells how long to wait before they may be read. Those who come later wait for these as well.
    pub(super) fn take(&self, now: Instant, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.get());
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full = now.checked_sub(FILLS).unwrap_or(now);
        let then = (*empty_at).max(full);
        // Beyond what a clock can say, it is as good as never.
        *empty_at = then.checked_add(cost).unwrap_or(then);
        empty_at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// A megabyte a second, and a time at which it stands full.
    fn full() -> (Throttle, Instant) {
        let start = Instant::now();
        (Throttle::new(NonZero::new(1_000_000).unwrap(), start), start + 10 * FILLS)
    }

    #[test]
    fn over_any_time_no_more_passes_than_the_rate_and_one_filling() {
        let (throttle, now) = full();
        let waits: Vec<_> = (0..100).map(|_| throttle.take(now, 10_000)).collect();
        assert_eq!(waits[4], Duration::ZERO, "what was saved up");
        assert_eq!(waits[99], 1000 * MILLI - FILLS);
        assert!(waits[4..].windows(2).all(|pair| pair[1] - pair[0] == 10 * MILLI));
    }

    #[test]
    fn a_new_bucket_is_empty_and_an_idle_one_no_fuller_than_full() {
        let start = Instant::now();
        let throttle = Throttle::new(NonZero::new(1_000_000).unwrap(), start);
        assert_eq!(throttle.take(start, 1_000), MILLI);
        assert_eq!(throttle.take(start + Duration::from_secs(3600), 60_000), 60 * MILLI - FILLS);
    }

    #[test]
    fn a_rate_near_nothing_does_not_overflow() {
        let now = Instant::now();
        let throttle = Throttle::new(NonZero::<u64>::MIN, now);
        throttle.take(now, u64::MAX);
        assert!(throttle.take(now, u64::MAX) > Duration::from_secs(1 << 32));
    }
}
