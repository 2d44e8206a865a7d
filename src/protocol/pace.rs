//! How fast a peer serves, and how long to wait for it.

use std::time::Duration;

use super::Time;
use super::track_record::Rounds;

/// How fast a peer serves, by what it did so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Smoothed time from a request to its piece (an eighth of each new sample, as TCP's SRTT, RFC 6298).
    usual: Option<Duration>,
    /// For how long it has owed a piece that lags, since its last good one.
    behind: Duration,
    /// Rounds in a row in which it answered after it had been given up.
    late: Rounds,
    /// Requests without an answer since one came too late: what does not come in time does not come at all.
    losses: u32,
}

impl Pace {
    /// So many times slower than others, and it is slow.
    const SLOW: u32 = 4;
    /// Below this nobody is slow: it is the scheduler's noise.
    const NEVER_SLOW: Duration = Duration::from_millis(20);
    /// A time that is longer than so many times the usual one is no measure.
    const OUTLIER: u32 = 4;
    /// So many losses are no coincidence.
    const LOSSY: u32 = 4;
    /// Nobody gets more than so many times the least patience, unless it was late.
    const LONGEST_PATIENCE: u32 = 8;

    /// How long a piece from it usually takes.
    pub(super) fn usual(&self) -> Option<Duration> {
        self.usual
    }

    /// So long after it was asked for a piece that it held, the piece came. One that was held up on its way says little
    /// of the others: it counts as several times what is usual at most.
    pub(super) fn took(&mut self, after: Duration) {
        self.usual = Some(match self.usual {
            Some(usual) => (usual * 7 + after.min(usual * Self::OUTLIER)) / 8,
            None => after,
        });
    }

    /// It has not sent a piece that it was asked for so long ago: it takes that long at least.
    pub(super) fn lags(&mut self, age: Duration) {
        self.behind = self.behind.max(age);
    }

    /// It sent a good piece.
    pub(super) fn served(&mut self) {
        self.behind = Duration::ZERO;
        self.late.count = 0;
    }

    /// It did not answer a request in time.
    pub(super) fn missed(&mut self) {
        self.losses = self.losses.saturating_add(1);
    }

    /// It answered a request of that time, but too late.
    pub(super) fn was_late(&mut self, now: Time, asked: Time) {
        self.losses = 0;
        self.late.note(now, asked);
    }

    /// Whether it takes much longer than is usual among all.
    pub(super) fn is_slow(&self, among_all: Duration) -> bool {
        let own = self.usual.unwrap_or_default().max(self.behind);
        own > Self::NEVER_SLOW && own > among_all * Self::SLOW
    }

    /// How long to wait for a piece from it: longer each time that it was late, and never less than four times what it
    /// usually takes. Where messages get lost and are never late, twice that is enough, and a quick peer need not be
    /// waited for as long as others.
    pub(super) fn patience(&self, least: Duration) -> Duration {
        let most = least * Self::LONGEST_PATIENCE;
        let patience = match self.usual {
            Some(usual) if self.losses >= Self::LOSSY => (usual * 8).clamp(least / 8, least).max(usual * 2).min(most),
            usual => (usual.unwrap_or_default() * 4).clamp(least, most),
        };
        patience * (1 << self.late.count.min(4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_that_was_held_up_says_little_of_the_others() {
        let mut pace = Pace::default();
        let usual = Duration::from_millis(8);
        (0..10).for_each(|_| pace.took(usual));
        pace.took(Duration::from_secs(2));
        assert_eq!(pace.usual(), Some(usual * 11 / 8));
        (0..60).for_each(|_| pace.took(Duration::from_secs(2)));
        assert!(pace.usual() > Some(Duration::from_millis(1_900)), "it is slow for good");
    }

    #[test]
    fn where_messages_get_lost_a_peer_is_waited_for_as_long_as_its_pieces_take() {
        let second = Duration::from_secs(1);
        let millis = Duration::from_millis;
        for (usual, before, after) in [(1, 1_000, 125), (50, 1_000, 400), (400, 1_600, 1_000), (900, 3_600, 1_800)] {
            let mut pace = Pace::default();
            pace.took(millis(usual));
            assert_eq!(pace.patience(second), millis(before));
            (0..Pace::LOSSY).for_each(|_| pace.missed());
            assert_eq!(pace.patience(second), millis(after));
            pace.was_late(Time(1), Time(1));
            assert_eq!(pace.patience(second), millis(2 * before), "late is not lost");
        }
    }
}
