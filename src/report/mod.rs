//! What is told: observers turn the steps that nodes tell of into lines, tables and files.
//!
//! An observer hears every step of one rank and changes nothing. Those a command wants are put into [`Observers`], and the
//! driver hands each [`Decision::Tell`](crate::protocol::Decision::Tell) to it. Nothing here can stop a run: what cannot be
//! written is known to its observer until the run is over ([`Observer::failures`]).

mod atomic_file;
mod bound;
mod client_row;
mod events;
mod explain;
mod figures;
mod names;
mod progress;
mod receipt;
mod staging_progress;
mod staging_text;
mod status;
mod summary_file;
mod summary_text;
mod terminal;
mod troubles;
mod whole_lines;

pub use atomic_file::{is_special, try_place, write_atomically};
pub use bound::Line;
pub use events::Events;
pub use explain::Explain;
pub use names::{Names, ranks};
pub use progress::Progress;
pub use receipt::{Receipt, ReceiptError, ReceiptNode, ReceiptOf, TreeError};
pub use staging_progress::{Goal, StagingProgress};
pub use staging_text::{Staged, StagingText};
pub use status::{Status, StatusFile};
pub use summary_file::SummaryFile;
pub use summary_text::SummaryText;
pub use whole_lines::{LineByLine, whole_lines};

use crate::protocol::{Observed, Time};

/// Hears the steps of one rank, in their order.
pub trait Observer {
    /// Hears one step and when it was taken.
    fn observe(&mut self, now: Time, observed: &Observed);

    /// What it was to write and could not, a sentence each.
    fn failures(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Several observers of one rank, as one.
#[derive(Default)]
pub struct Observers {
    all: Vec<Box<dyn Observer>>,
}

impl Observers {
    /// Nobody watches yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets one more watch. They hear each step in the order in which they came.
    pub fn add(&mut self, observer: impl Observer + 'static) {
        self.all.push(Box::new(observer));
    }
}

impl Observer for Observers {
    fn observe(&mut self, now: Time, observed: &Observed) {
        for observer in &mut self.all {
            observer.observe(now, observed);
        }
    }

    fn failures(&self) -> Vec<String> {
        self.all.iter().flat_map(|observer| observer.failures()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::protocol::Rank;

    struct Scribe {
        name: &'static str,
        heard: Rc<RefCell<Vec<String>>>,
    }

    impl Observer for Scribe {
        fn observe(&mut self, now: Time, observed: &Observed) {
            self.heard.borrow_mut().push(format!("{} {} {observed:?}", self.name, now.0));
        }
    }

    #[test]
    fn every_observer_hears_every_step_in_order() {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let mut observers = Observers::new();
        observers.add(Scribe { name: "first", heard: Rc::clone(&heard) });
        observers.add(Scribe { name: "second", heard: Rc::clone(&heard) });

        observers.observe(Time(7), &Observed::Started);
        observers.observe(Time(9), &Observed::Wasted { from: Rank(2) });

        assert_eq!(
            *heard.borrow(),
            [
                "first 7 Started",
                "second 7 Started",
                "first 9 Wasted { from: Rank(2) }",
                "second 9 Wasted { from: Rank(2) }"
            ]
        );
    }
}
