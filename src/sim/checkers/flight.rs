//! Requests in flight stay bounded: by the window, to each peer by its slots, and only to peers that there are.

use crate::protocol::{Decision, Event, Rank, Slot};
use crate::sim::Scenario;

use super::{Checker, Moment};

pub(super) struct Flight {
    /// What each node waits for: from whom, under which slot.
    expected: Vec<Vec<(Rank, Slot)>>,
    window: usize,
}

impl Flight {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            expected: vec![Vec::new(); scenario.catalogs.len()],
            // As many again where peers are slow.
            window: 2 * scenario.policy.window_pieces.max(2) as usize,
        }
    }

    fn remove(&mut self, moment: Moment, from: Rank, slot: Slot) {
        self.expected[moment.rank.0 as usize].retain(|&expected| expected != (from, slot));
    }
}

impl Checker for Flight {
    fn decided(&mut self, moment: Moment, decision: &Decision) -> Result<(), String> {
        match *decision {
            Decision::Expect { from, slot, .. } => {
                let expected = &mut self.expected[moment.rank.0 as usize];
                if expected.contains(&(from, slot)) {
                    return Err(format!("slot {} of {from} is used while it is in use", slot.tag()));
                }
                expected.push((from, slot));
                if expected.len() > self.window {
                    return Err(format!("{} pieces in flight, over the window of {}", expected.len(), self.window));
                }
            }
            Decision::Send { to, .. } | Decision::SendPiece { to, .. } if to.0 >= moment.scenario.world() => {
                return Err(format!("something is sent to {to}, which is not there"));
            }
            Decision::Forget { from, slot } => self.remove(moment, from, slot),
            _ => {}
        }
        Ok(())
    }

    fn heard(&mut self, moment: Moment, event: &Event) -> Result<(), String> {
        if let Event::Piece { from, slot, .. } = *event {
            self.remove(moment, from, slot);
        }
        Ok(())
    }

    fn crashed(&mut self, moment: Moment) {
        self.expected[moment.rank.0 as usize].clear();
    }
}
