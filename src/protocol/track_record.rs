//! How a peer did of late: rounds in which it failed, and pieces that were bad.

use std::time::Duration;

use super::Time;

/// Counts what goes wrong by rounds: what was asked before the last one was noticed belongs to it.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    pub(super) count: u32,
    noticed: Option<Time>,
}

/// How often a peer's pieces were bad.
#[derive(Debug, Default)]
pub(super) struct Blame {
    bad: u32,
    /// The last ten pieces, newest in the lowest bit; a one is a bad piece.
    last: u16,
    seen: u32,
    since: Time,
    /// Bad ones since the last good one, however long ago.
    in_a_row: u32,
}

impl Rounds {
    /// Notices something about a request of that time; tells whether it begins another round.
    pub(super) fn note(&mut self, now: Time, asked: Time) -> bool {
        let another = self.noticed.is_none_or(|last| asked >= last);
        if another {
            self.count = self.count.saturating_add(1);
            self.noticed = Some(now);
        }
        another
    }
}

impl Blame {
    /// Blame is forgotten after so long.
    const FORGIVEN: Duration = Duration::from_secs(30);

    /// Notes a piece; a one is a bad one.
    pub(super) fn note(&mut self, now: Time, bad: u16) {
        if now.since(self.since) > Self::FORGIVEN {
            *self = Self { since: now, in_a_row: self.in_a_row, ..Self::default() };
        }
        self.in_a_row = if bad == 0 { 0 } else { self.in_a_row.saturating_add(1) };
        self.bad += u32::from(bad);
        self.last = (self.last << 1 | bad) & 0x3ff;
        self.seen += 1;
    }

    /// How many bad pieces have come since the last good one.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Whether the peer's pieces were bad too often of late: three of them, and over half of its last ten.
    pub(super) fn holds(&self, now: Time) -> bool {
        self.bad >= 3 && self.last.count_ones() * 2 > self.seen.min(10) && now.since(self.since) <= Self::FORGIVEN
    }
}
