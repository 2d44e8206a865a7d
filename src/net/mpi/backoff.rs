//! What a rank does while it has nothing to do: spins a little, lets others run, then sleeps longer and longer.
//!
//! A rank that blocks in MPI, or spins, burns the core on which the rank that would answer it could run.

use std::time::Duration;

const SPINS: u32 = 100;
const YIELDS: u32 = 100;
/// The first and the longest sleeps of a rank with a core of its own; where several share one, all are as many times
/// longer.
const FIRST_SLEEP: Duration = Duration::from_micros(25);
const LONGEST_AWAITED: Duration = Duration::from_micros(100);
const LONGEST_QUIET: Duration = Duration::from_millis(1);
/// Beyond so many ranks a core sleeps grow no longer.
const CROWD: u32 = 20;

/// What to do for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Look again at once.
    Spin,
    /// Let another rank have the core.
    Yield,
    /// Sleep so long.
    Sleep(Duration),
}

/// Whether somebody is likely to answer soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prospect {
    /// Something is on its way.
    Awaited,
    /// Nothing was asked for.
    Quiet,
}

/// Counts the rounds in which nothing happened.
#[derive(Debug)]
pub(super) struct Backoff {
    idle_rounds: u32,
    sleep: Duration,
    spins: u32,
    yields: u32,
    first_sleep: Duration,
    awaited_cap: Duration,
    quiet_cap: Duration,
}

impl Backoff {
    /// For a machine with so many ranks on so many cores. The more share a core, the sooner each leaves it alone and the
    /// longer it stays away: a rank that only yields comes back before those that would answer it have run, and one that
    /// stays away finds much to do at once. (32 ranks on 2 cores: a job of 2.3 s of processor time with 6 yields and
    /// 50 us, of 2.0 s with no yield and 400 us. 4 ranks trade for 22 ms with 50 yields, for 45 ms with 10.)
    pub(super) fn new(ranks: u32, cores: u32) -> Self {
        let crowd = ranks.div_ceil(cores.max(1)).max(1);
        let longer = crowd.min(CROWD);
        Self {
            idle_rounds: 0,
            sleep: FIRST_SLEEP * longer,
            spins: if crowd > 1 { 0 } else { SPINS },
            yields: (2 * YIELDS / crowd.saturating_pow(2)).min(YIELDS),
            first_sleep: FIRST_SLEEP * longer,
            awaited_cap: LONGEST_AWAITED * longer,
            quiet_cap: LONGEST_QUIET * longer,
        }
    }

    /// Something happened.
    pub(super) fn reset(&mut self) {
        self.idle_rounds = 0;
        self.sleep = self.first_sleep;
    }

    /// Nothing happened.
    pub(super) fn next(&mut self, prospect: Prospect) -> Rest {
        let round = self.idle_rounds;
        self.idle_rounds = round.saturating_add(1);
        if round < self.spins {
            return Rest::Spin;
        }
        if round < self.spins + self.yields {
            return Rest::Yield;
        }
        let cap = match prospect {
            Prospect::Awaited => self.awaited_cap,
            Prospect::Quiet => self.quiet_cap,
        };
        let sleep = self.sleep.min(cap);
        self.sleep = (sleep * 2).min(cap);
        Rest::Sleep(sleep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeps(backoff: &mut Backoff, prospect: Prospect) -> Vec<u128> {
        let rests = (0..250).map(|_| backoff.next(prospect));
        rests.filter_map(|rest| if let Rest::Sleep(sleep) = rest { Some(sleep.as_micros()) } else { None }).collect()
    }

    #[test]
    fn a_rank_with_a_core_of_its_own_spins_then_yields_then_sleeps() {
        let mut backoff = Backoff::new(2, 2);
        let rests: Vec<Rest> = (0..201).map(|_| backoff.next(Prospect::Awaited)).collect();
        assert!(rests[..100].iter().all(|rest| *rest == Rest::Spin));
        assert!(rests[100..200].iter().all(|rest| *rest == Rest::Yield));
        assert_eq!(rests[200], Rest::Sleep(Duration::from_micros(25)));
    }

    #[test]
    fn a_rank_that_shares_its_core_never_spins_and_goes_to_sleep_the_sooner_and_the_longer_the_more_share_it() {
        for (ranks, yields, first_sleep) in [(4, 50, 50), (16, 3, 200), (32, 0, 400)] {
            let mut backoff = Backoff::new(ranks, 2);
            assert!((0..yields).all(|_| backoff.next(Prospect::Awaited) == Rest::Yield));
            assert_eq!(backoff.next(Prospect::Awaited), Rest::Sleep(Duration::from_micros(first_sleep)));
        }
    }

    #[test]
    fn sleeps_double_up_to_a_cap_that_is_low_while_something_is_awaited() {
        assert_eq!(sleeps(&mut Backoff::new(4, 2), Prospect::Awaited)[..4], [50, 100, 200, 200]);
        assert_eq!(sleeps(&mut Backoff::new(4, 2), Prospect::Quiet)[..8], [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }

    #[test]
    fn the_crowd_of_a_parked_job_wakes_rarely() {
        let longest = sleeps(&mut Backoff::new(32, 2), Prospect::Quiet).last().copied();
        assert_eq!(longest, Some(16_000));
    }

    #[test]
    fn news_and_a_new_prospect_shorten_the_sleep_at_once() {
        let mut backoff = Backoff::new(1, 1);
        assert_eq!(sleeps(&mut backoff, Prospect::Quiet).last(), Some(&1000));
        assert_eq!(backoff.next(Prospect::Awaited), Rest::Sleep(Duration::from_micros(100)));
        backoff.reset();
        assert_eq!(backoff.next(Prospect::Awaited), Rest::Spin);
    }
}
