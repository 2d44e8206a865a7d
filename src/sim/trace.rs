//! A run, written down for people.

use std::io::Write;

use super::Watch;
use crate::protocol::{Decision, Event, Rank, Time};

/// Writes a line for each event and each decision, cut where lists of hashes go on for long. What cannot be written is
/// left out.
pub struct Trace<W>(pub W);

/// Characters of an event or a decision.
const ENOUGH: usize = 500;

impl<W: Write> Watch for Trace<W> {
    fn heard(&mut self, now: Time, rank: Rank, event: &Event) {
        let event = format!("{event:?}");
        let _ = writeln!(self.0, "{:>14.3} us  {rank} hears {event:.ENOUGH$}", micros(now));
    }

    fn decided(&mut self, now: Time, rank: Rank, decision: &Decision) {
        let decision = format!("{decision:?}");
        let _ = writeln!(self.0, "{:>14.3} us  {rank}   does {decision:.ENOUGH$}", micros(now));
    }
}

fn micros(time: Time) -> f64 {
    time.0 as f64 / 1000.0
}
