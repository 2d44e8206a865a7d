//! Time without the stretches in which this node did not run.

use std::time::Duration;

use super::Time;

/// Turns the driver's time into the node's own. A node that was not scheduled cannot tell a silent peer from its own
/// absence, so the time that it missed counts for no deadline: it is taken out of its clock.
#[derive(Debug, Default)]
pub(super) struct OwnTime {
    missed: Duration,
    /// The last own time: it never goes back.
    last: Time,
}

impl OwnTime {
    /// How late a wake-up may be before it counts as absence and not as the usual delay of a busy machine.
    const USUAL_DELAY: Duration = Duration::from_millis(100);

    /// The own time at `now`, given the own time at which the node had asked to be woken.
    pub(super) fn at(&mut self, now: Time, due: Option<Time>) -> Time {
        let own = self.own(now);
        match due {
            Some(due) if own.since(due) > Self::USUAL_DELAY => {
                self.last = self.last.max(due);
                self.missed += own.since(self.last);
            }
            _ => self.last = self.last.max(own),
        }
        self.last
    }

    /// The driver's time for an own time.
    pub(super) fn driver_time(&self, own: Time) -> Time {
        own + self.missed
    }

    fn own(&self, now: Time) -> Time {
        Time(now.0.saturating_sub(u64::try_from(self.missed.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    #[test]
    fn a_node_that_wakes_in_time_keeps_the_drivers_time() {
        let mut time = OwnTime::default();
        assert_eq!(time.at(ms(50), Some(ms(40))), ms(50));
        assert_eq!(time.at(ms(70), None), ms(70));
    }

    #[test]
    fn the_time_in_which_a_node_did_not_run_counts_for_no_deadline() {
        let mut time = OwnTime::default();
        assert_eq!(time.at(ms(30_000), Some(ms(1_000))), ms(1_000));
        assert_eq!(time.driver_time(ms(1_500)), ms(30_500));
        assert_eq!(time.at(ms(30_200), Some(ms(1_500))), ms(1_200));
    }
}
