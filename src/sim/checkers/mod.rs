//! What must hold in every run, whatever goes wrong: one invariant a file.

mod accounts;
mod delivery;
mod flight;
mod progress;
mod provenance;
mod published;

use std::fmt;

use crate::metainfo::PieceIndex;
use crate::protocol::{Decision, Event, Rank, Time};

use super::{Scenario, Truth};

pub(super) use progress::Limit;

/// What a checker may look at.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Time,
    /// Whose moment it is.
    pub(super) rank: Rank,
    pub(super) scenario: &'a Scenario,
    pub(super) truth: &'a Truth,
}

/// Content that a storage has, at a moment when it is looked at.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    pub(super) file: usize,
    pub(super) piece: PieceIndex,
    pub(super) content: &'a [u8],
}

/// Guards one invariant: hears all and objects in a sentence.
pub(super) trait Checker {
    /// A node is about to hear this.
    fn heard(&mut self, _moment: Moment, _event: &Event) -> Result<(), String> {
        Ok(())
    }

    /// A node decided this; it has not been carried out yet.
    fn decided(&mut self, _moment: Moment, _decision: &Decision) -> Result<(), String> {
        Ok(())
    }

    /// A storage verified and wrote a piece.
    fn written(&mut self, _moment: Moment, _kept: Kept) -> Result<(), String> {
        Ok(())
    }

    /// A storage finished a file, which has this piece.
    fn closed(&mut self, _moment: Moment, _kept: Kept) -> Result<(), String> {
        Ok(())
    }

    /// A node is gone in the midst of everything.
    fn crashed(&mut self, _moment: Moment) {}

    /// All have left.
    fn ended(&mut self, _moment: Moment) -> Result<(), String> {
        Ok(())
    }
}

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// No piece that nobody seeded.
    Provenance,
    /// What is written is what was published.
    Published,
    /// Nobody waits for ever.
    Progress,
    /// What is counted adds up.
    Accounts,
    /// Requests in flight stay bounded.
    Flight,
    /// Nothing is lost that a live node holds, and the end is told as it is.
    Delivery,
    /// A node never panics.
    NoPanic,
}

/// The three ways to fail, as the soak counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// A piece was lost.
    Lost,
    /// Something was not as it should be.
    Wrong,
    /// Somebody waits for ever.
    Stuck,
}

impl Invariant {
    /// As what the soak counts it.
    #[must_use]
    pub fn failure(self) -> Failure {
        match self {
            Self::Delivery => Failure::Lost,
            Self::Progress => Failure::Stuck,
            Self::Provenance | Self::Published | Self::Accounts | Self::Flight | Self::NoPanic => Failure::Wrong,
        }
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// When.
    pub at: Time,
    /// At which node.
    pub rank: Rank,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, at, rank, what } = self;
        write!(f, "{invariant:?}: {what} ({rank}, {} ms)", at.0 / 1_000_000)
    }
}

/// All checkers, and the first thing that any of them objected to.
pub(super) struct Checkers {
    all: Vec<(Invariant, Box<dyn Checker>)>,
    violation: Option<Violation>,
}

impl Checkers {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let all: Vec<(Invariant, Box<dyn Checker>)> = vec![
            (Invariant::Provenance, Box::new(provenance::Provenance::new(scenario))),
            (Invariant::Published, Box::new(published::PublishedContent)),
            (Invariant::Accounts, Box::new(accounts::Accounts::new(scenario))),
            (Invariant::Flight, Box::new(flight::Flight::new(scenario))),
            (Invariant::Delivery, Box::new(delivery::Delivery::new(scenario))),
        ];
        Self { all, violation: None }
    }

    /// Asks each checker.
    pub(super) fn ask(
        &mut self,
        moment: Moment,
        mut question: impl FnMut(&mut dyn Checker, Moment) -> Result<(), String>,
    ) {
        for (invariant, checker) in &mut self.all {
            if let Err(what) = question(checker.as_mut(), moment) {
                let violation = Violation { invariant: *invariant, at: moment.now, rank: moment.rank, what };
                self.violation.get_or_insert(violation);
            }
        }
    }

    /// Notes what the driver itself saw.
    pub(super) fn object(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }
}
