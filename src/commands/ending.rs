//! What a rank has to say and to return when its run is over.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{Observed, Outcome, Rank};

/// Gathers from a rank's steps how the run ended and who gave it up.
#[derive(Debug, Default)]
pub(super) struct Ending {
    outcome: Option<Outcome>,
    given_up: BTreeMap<Rank, String>,
}

impl Ending {
    pub(super) fn observe(&mut self, observed: &Observed) {
        match observed {
            Observed::Left { outcome } => self.outcome = Some(*outcome),
            Observed::Aborted { rank, reason, .. } => _ = self.given_up.insert(*rank, reason.clone()),
            _ => {}
        }
    }

    /// How the run ended for all. A rank that never said so has a bug.
    pub(super) fn outcome(&self) -> Outcome {
        self.outcome.unwrap_or(Outcome::Bug)
    }

    /// Why ranks gave the run up, by rank, and what several said once; heard by the tracker alone.
    pub(super) fn reasons(&self) -> impl Iterator<Item = &str> {
        let mut said = BTreeSet::new();
        self.given_up.values().map(String::as_str).filter(move |reason| said.insert(*reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_the_end_counts_and_each_reason_is_there_once() {
        let mut ending = Ending::default();
        assert_eq!(ending.outcome(), Outcome::Bug);
        let outcome = Outcome::BadInput;
        for (rank, reason) in [(3, "in3.txt:1: no"), (2, "in2.txt:4: no"), (3, "in3.txt:1: no"), (5, "in2.txt:4: no")] {
            ending.observe(&Observed::Aborted { rank: Rank(rank), outcome, reason: reason.into() });
        }
        ending.observe(&Observed::Left { outcome });
        assert_eq!(ending.outcome(), Outcome::BadInput);
        assert_eq!(ending.reasons().collect::<Vec<_>>(), ["in2.txt:4: no", "in3.txt:1: no"]);
    }
}
