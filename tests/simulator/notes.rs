//! What a story's observer writes down, and what every story expects.

use tema3::protocol::{Decision, Observed, Outcome, Rank, Time};
use tema3::sim::{Report, Scenario, Watch, simulate};

/// Everything that was told in a run, by whom and when.
#[derive(Default)]
pub(crate) struct Notes(pub(crate) Vec<(Time, Rank, Observed)>);

impl Watch for Notes {
    fn decided(&mut self, now: Time, rank: Rank, decision: &Decision) {
        if let Decision::Tell(observed) = decision {
            self.0.push((now, rank, observed.clone()));
        }
    }
}

impl Notes {
    /// How often something like this was told.
    pub(crate) fn count(&self, like: impl Fn(Rank, &Observed) -> bool) -> usize {
        self.0.iter().filter(|(_, rank, observed)| like(*rank, observed)).count()
    }
}

/// Runs a swarm in which no invariant may be broken.
pub(crate) fn run(scenario: &Scenario) -> Report {
    let report = simulate(scenario, &mut ());
    if let Some(violation) = &report.violation {
        panic!("{violation}; faults {:?}; mishaps {:?}", scenario.faults, scenario.mishaps);
    }
    report
}

/// The same, with notes.
pub(crate) fn noted(scenario: &Scenario) -> (Report, Notes) {
    let mut notes = Notes::default();
    let report = simulate(scenario, &mut notes);
    assert_eq!(report.violation, None);
    (report, notes)
}

/// With what everybody who is still there left.
pub(crate) fn outcomes(report: &Report) -> Vec<Outcome> {
    report.truth.nodes().filter_map(|(_, node)| node.left).collect()
}

/// Whether every client that is still there has all that it wants.
pub(crate) fn all_is_delivered(report: &Report) -> bool {
    let mut there = report.truth.nodes().filter(|(_, node)| node.left.is_some());
    there.all(|(_, node)| node.wanted.iter().all(|&file| node.complete[file]))
}
