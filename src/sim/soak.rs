//! Very many faulty swarms, on all cores: nothing may be lost, wrong or stuck.

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::checkers::{Failure, Invariant, Violation};
use super::{Case, Digest, Fired, Kind, Watch, simulate};
use crate::protocol::{TRACKER, Time};

/// What to soak.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// How many swarms.
    pub swarms: u64,
    /// The seed of the first; each further one has the next.
    pub seed: u64,
    /// After so many failures it is enough.
    pub failures: usize,
    /// On how many cores.
    pub threads: NonZero<usize>,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many swarms ran.
    pub swarms: u64,
    /// How often each kind of fault struck in all of them.
    pub fired: Fired,
    /// Events that nodes heard.
    pub events: u64,
    /// A fingerprint of all events of all swarms, whatever the order of the swarms.
    pub digest: u64,
    /// What failed, by seed.
    pub failures: Vec<(Case, Violation)>,
}

impl Soak {
    /// So many swarms on all cores.
    #[must_use]
    pub fn new(swarms: u64, seed: u64) -> Self {
        Self { swarms, seed, failures: 10, threads: thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN) }
    }

    /// Runs all.
    #[must_use]
    pub fn run(&self) -> Tally {
        self.run_and_tell(|| {})
    }

    /// Runs all, and calls `done` after each.
    #[must_use]
    pub fn run_and_tell(&self, done: impl Fn() + Sync) -> Tally {
        let next = AtomicU64::new(0);
        let failed = AtomicU64::new(0);
        let work = || {
            let mut tally = Tally::default();
            while failed.load(Ordering::Relaxed) < self.failures as u64 {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= self.swarms {
                    break;
                }
                let case = Case::of(self.seed.wrapping_add(index));
                let verdict = Verdict::of(&case);
                failed.fetch_add(u64::from(verdict.violation.is_some()), Ordering::Relaxed);
                tally.add(case, verdict);
                done();
            }
            tally
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads.get()).map(|_| scope.spawn(work)).collect();
            let mut tally = Tally::default();
            for worker in workers {
                tally.merge(worker.join().expect("a worker catches what its swarms throw"));
            }
            tally.failures.sort_by_key(|(case, _)| case.seed);
            tally
        })
    }
}

/// How one case went.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was broken.
    pub violation: Option<Violation>,
    fired: Fired,
    events: u64,
    digest: u64,
}

impl Verdict {
    /// Runs the case; a node's panic is a violation too.
    #[must_use]
    pub fn of(case: &Case) -> Self {
        let mut digest = Digest::default();
        Self::watched(case, &mut digest, |digest| digest.short())
    }

    /// Runs the case under somebody's eyes.
    pub fn watched<W: Watch>(case: &Case, watch: &mut W, digest: impl FnOnce(&W) -> u64) -> Self {
        let scenario = case.scenario();
        match catch_unwind(AssertUnwindSafe(|| simulate(&scenario, watch))) {
            Ok(report) => {
                Self { violation: report.violation, fired: report.fired, events: report.events, digest: digest(watch) }
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let what = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic").to_owned();
                let violation = Violation { invariant: Invariant::NoPanic, at: Time::ZERO, rank: TRACKER, what };
                Self { violation: Some(violation), fired: Fired::default(), events: 0, digest: 0 }
            }
        }
    }
}

/// Makes a failing case smaller as long as it fails in the same way: fewer clients, pieces, kinds of faults.
#[must_use]
pub fn shrink(case: &Case, violation: &Violation) -> (Case, Violation) {
    /// So many runs are enough to try.
    const RUNS: usize = 300;
    let (clients, pieces) = case.size();
    let mut best = (Case { clients, pieces, ..case.clone() }, violation.clone());
    let mut runs = 0;
    loop {
        let smaller = smaller(&best.0).into_iter().take(RUNS - runs).find_map(|candidate| {
            runs += 1;
            let found = Verdict::of(&candidate).violation?;
            (found.invariant.failure() == violation.invariant.failure()).then_some((candidate, found))
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// What a case can be reduced to, the boldest first.
fn smaller(case: &Case) -> Vec<Case> {
    let with = |clients, pieces| Case { clients, pieces, ..case.clone() };
    let mut candidates = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|&kind| case.has(kind)) {
        let mut candidate = case.clone();
        candidate.without.push(kind);
        candidates.push(candidate);
    }
    let (clients, pieces) = (case.clients, case.pieces);
    candidates
        .extend([clients / 2, clients - 1].into_iter().filter(|&fewer| fewer >= 2).map(|fewer| with(fewer, pieces)));
    candidates
        .extend([pieces / 2, pieces - 1].into_iter().filter(|&fewer| fewer >= 1).map(|fewer| with(clients, fewer)));
    candidates
}

impl Tally {
    fn add(&mut self, case: Case, verdict: Verdict) {
        self.swarms += 1;
        self.events += verdict.events;
        self.digest = self.digest.wrapping_add(verdict.digest);
        self.fired.add(&verdict.fired);
        self.failures.extend(verdict.violation.map(|violation| (case, violation)));
    }

    fn merge(&mut self, other: Self) {
        self.swarms += other.swarms;
        self.events += other.events;
        self.digest = self.digest.wrapping_add(other.digest);
        self.fired.add(&other.fired);
        self.failures.extend(other.failures);
    }

    /// How many swarms failed in this way.
    #[must_use]
    pub fn count(&self, failure: Failure) -> usize {
        self.failures.iter().filter(|(_, violation)| violation.invariant.failure() == failure).count()
    }
}

impl fmt::Display for Tally {
    /// The one line that the soak ends with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} swarms with these faults:", self.swarms)?;
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {kind} {}", self.fired.of(kind))?;
        }
        let [lost, wrong, stuck] = [Failure::Lost, Failure::Wrong, Failure::Stuck].map(|failure| self.count(failure));
        write!(f, "; digest {:016x}: {lost} lost, {wrong} wrong, {stuck} stuck", self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(invariant: Invariant) -> Verdict {
        let violation = Violation { invariant, at: Time(0), rank: TRACKER, what: String::new() };
        let mut fired = Fired::default();
        fired.count(Kind::Drop);
        Verdict { violation: Some(violation), fired, events: 1, digest: 5 }
    }

    #[test]
    fn the_line_tells_how_many_failed_in_which_way() {
        let mut tally = Tally::default();
        for invariant in [Invariant::Delivery, Invariant::Progress, Invariant::Progress, Invariant::NoPanic] {
            tally.add(Case::of(1), failing(invariant));
        }
        let line = tally.to_string();
        assert!(line.starts_with("4 swarms with these faults: drop 4, duplicate 0, "), "{line}");
        assert!(line.ends_with("1 lost, 1 wrong, 2 stuck"), "{line}");
    }

    #[test]
    fn every_smaller_case_is_smaller() {
        let case = Case { clients: 4, pieces: 2, ..Case::of(3) };
        let kinds = Kind::ALL.into_iter().filter(|&kind| case.has(kind)).count();
        assert_eq!(smaller(&case).len(), kinds + 4);
        let least = Case { clients: 2, pieces: 1, without: Kind::ALL.to_vec(), ..Case::of(3) };
        assert_eq!(smaller(&least), []);
    }
}
