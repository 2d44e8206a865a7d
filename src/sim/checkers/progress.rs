//! Nobody waits for ever: a run takes at most ten times as long as the same swarm without faults, and 100 time-outs.

use std::time::Duration;

use crate::protocol::Time;
use crate::sim::Scenario;

/// When a run counts as stuck.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Limit {
    until: Time,
    events: u64,
    known: Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Only the time-outs are in it: how long the faultless swarm takes is found out when it matters, which is seldom.
    TimeOuts,
    Whole,
}

impl Limit {
    const TIMEOUTS: u32 = 100;
    const FACTOR: u32 = 10;
    /// More events than this, for each piece that is wanted and for each rank, are a loop that takes no time.
    const EVENTS_EACH: u64 = 10_000;

    pub(in crate::sim) fn of(scenario: &Scenario) -> Self {
        let until = Time::ZERO + scenario.patience.request * Self::TIMEOUTS;
        Self { until, events: Self::events(scenario), known: Known::TimeOuts }
    }

    /// For the faultless swarm itself, which has nothing to be compared with.
    pub(in crate::sim) fn absolute(scenario: &Scenario) -> Self {
        let until = Time::ZERO + Duration::from_secs(100_000);
        Self { until, events: Self::events(scenario), known: Known::Whole }
    }

    fn events(scenario: &Scenario) -> u64 {
        let pieces =
            |name: &String| scenario.files.iter().find(|file| file.name == *name).map(|file| file.layout.pieces);
        let wanted = scenario.catalogs.iter().flat_map(|catalog| catalog.wanted.iter().filter_map(pieces));
        (wanted.map(u64::from).sum::<u64>() + u64::from(scenario.world())) * Self::EVENTS_EACH
    }

    /// Whether the run is stuck. `faultless` tells how long the same swarm takes without faults.
    pub(in crate::sim) fn passed(&mut self, now: Time, events: u64, faultless: impl FnOnce() -> Duration) -> bool {
        if now > self.until && self.known == Known::TimeOuts {
            self.until += faultless() * Self::FACTOR;
            self.known = Known::Whole;
        }
        now > self.until || events > self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_faultless_runs_and_a_hundred_time_outs_are_allowed_and_no_more() {
        let scenario = Scenario::one_file(1, 1, 1, 1);
        let second = 1_000_000_000;
        let run = || Duration::from_secs(3);
        let mut limit = Limit::of(&scenario);
        assert!(!limit.passed(Time(100 * second), 0, || unreachable!("not asked before it matters")));
        assert!(!limit.passed(Time(130 * second), 0, run));
        assert!(limit.passed(Time(130 * second + 1), 0, run));
    }

    #[test]
    fn a_loop_that_takes_no_time_is_found() {
        let mut limit = Limit::of(&Scenario::one_file(1, 1, 1, 1));
        assert!(!limit.passed(Time(0), 4 * Limit::EVENTS_EACH, || Duration::ZERO));
        assert!(limit.passed(Time(0), 4 * Limit::EVENTS_EACH + 1, || Duration::ZERO));
    }
}
