//! The truth, and the checkers that compare all with it.

use crate::protocol::{Rank, Time};

use super::checkers::{Checker, Checkers, Invariant, Moment, Violation};
use super::{Scenario, Truth};

/// Keeps the truth of a run and puts everything that happens before the checkers.
pub(super) struct Judge<'a> {
    scenario: &'a Scenario,
    pub(super) truth: Truth,
    checkers: Checkers,
}

impl<'a> Judge<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        Self { scenario, truth: Truth::new(scenario), checkers: Checkers::new(scenario) }
    }

    /// Asks each checker about something at a node.
    pub(super) fn ask(
        &mut self,
        now: Time,
        rank: Rank,
        question: impl FnMut(&mut dyn Checker, Moment) -> Result<(), String>,
    ) {
        let moment = Moment { now, rank, scenario: self.scenario, truth: &self.truth };
        self.checkers.ask(moment, question);
    }

    /// Notes what the driver itself saw.
    pub(super) fn object(&mut self, invariant: Invariant, now: Time, rank: Rank, what: String) {
        self.checkers.object(Violation { invariant, at: now, rank, what });
    }

    /// Whether every invariant has held so far.
    pub(super) fn is_content(&self) -> bool {
        self.checkers.violation().is_none()
    }

    pub(super) fn verdict(self) -> (Truth, Option<Violation>) {
        (self.truth, self.checkers.violation().cloned())
    }
}
