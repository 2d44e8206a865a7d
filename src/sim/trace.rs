//! A run, written down for people.

use std::io::Write;

use super::Watch;
use crate::protocol::{Decision, Event, Rank, Time};

/// Writes a line for each event and each decision. What cannot be written is left out.
pub struct Trace<W>(pub W);

impl<W: Write> Watch for Trace<W> {
    fn heard(&mut self, now: Time, rank: Rank, event: &Event) {
        let _ = writeln!(self.0, "{:>14.3} us  {rank} hears {event:?}", micros(now));
    }

    fn decided(&mut self, now: Time, rank: Rank, decision: &Decision) {
        let _ = writeln!(self.0, "{:>14.3} us  {rank}   does {decision:?}", micros(now));
    }
}

fn micros(time: Time) -> f64 {
    time.0 as f64 / 1000.0
}
