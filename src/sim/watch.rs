//! Those who look on.

use crate::protocol::{Decision, Event, Rank, Time};

use super::Digest;

/// Sees all events and decisions of a run, and changes nothing.
pub trait Watch {
    /// A node is about to hear this.
    fn heard(&mut self, _now: Time, _rank: Rank, _event: &Event) {}

    /// A node decided this.
    fn decided(&mut self, _now: Time, _rank: Rank, _decision: &Decision) {}
}

/// Nobody looks on.
impl Watch for () {}

/// The fingerprint of all events, with who heard them and when.
impl Watch for Digest {
    fn heard(&mut self, now: Time, rank: Rank, event: &Event) {
        self.add(&(now, rank, event));
    }
}
