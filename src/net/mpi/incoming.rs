//! What comes in: matched, received without ever blocking, and handed over in the order in which it was sent.

use std::collections::VecDeque;

use super::call::{Begun, Comm, MpiError, Probed, Transfers};
use super::outgoing::CONTROL;
use crate::net::codec::LONGEST_MESSAGE;
use crate::net::shaping::{Limits, Line};
use crate::protocol::{Rank, Time};

/// The longest block of a piece: what one message carries of it.
pub(super) const LONGEST_BLOCK: usize = 1 << 20;

/// Receives that MPI works on, at most, before no more are begun.
const MOST_IN_FLIGHT: usize = 16;

/// What waits on a slow line, at most, before no more is received: the senders then wait, as on a real one.
const MOST_HELD: usize = 4 << 20;

/// Buffers that are kept for reuse, at most.
const SPARES: usize = 16;

/// A message that has come.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) from: Rank,
    pub(super) tag: i32,
    length: usize,
    fit: Fit,
    /// At least `length` long; what lies beyond is left from another message.
    buffer: Vec<u8>,
}

/// Whether a message has a length that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Whole,
    Oversized,
}

impl Arrived {
    /// What the message carries; nothing where it is longer than a message may be.
    pub(super) fn content(&self) -> Option<&[u8]> {
        (self.fit == Fit::Whole).then(|| &self.buffer[..self.length])
    }
}

/// What is known of a message whose content is still coming.
#[derive(Clone, Copy, Debug)]
struct Coming {
    from: Rank,
    tag: i32,
    length: usize,
    fit: Fit,
}

/// Everything on its way in.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    comm: &'a Comm,
    in_flight: Transfers<Coming>,
    spares: Vec<Vec<u8>>,
    line: Option<Line>,
    held: VecDeque<(Time, Arrived)>,
    held_bytes: usize,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(comm: &'a Comm, limits: &Limits) -> Self {
        let shaped = limits.down.is_some() || !limits.latency.is_zero();
        Self {
            comm,
            in_flight: Transfers::new(),
            spares: Vec::new(),
            line: shaped.then(|| Line::new(limits.down, limits.latency)),
            held: VecDeque::new(),
            held_bytes: 0,
        }
    }

    /// Whether nothing has begun to come in.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.held.is_empty()
    }

    /// When something that waits on the line is there.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.held.front().map(|&(due, _)| due)
    }

    /// The next message that is there.
    pub(super) fn next(&mut self, now: Time) -> Result<Option<Arrived>, MpiError> {
        let Some(mut line) = self.line else {
            return self.receive();
        };
        while self.held_bytes < MOST_HELD
            && let Some(arrived) = self.receive()?
        {
            self.held_bytes += arrived.buffer.len();
            self.held.push_back((line.pass(now, arrived.length), arrived));
        }
        self.line = Some(line);
        if self.held.front().is_none_or(|&(due, _)| due > now) {
            return Ok(None);
        }
        let arrived = self.held.pop_front().map(|(_, arrived)| arrived);
        self.held_bytes -= arrived.as_ref().map_or(0, |arrived| arrived.buffer.len());
        Ok(arrived)
    }

    /// Takes the buffer of a message back for the next.
    pub(super) fn recycle(&mut self, arrived: Arrived) {
        if self.spares.len() < SPARES {
            self.spares.push(arrived.buffer);
        }
    }

    fn receive(&mut self) -> Result<Option<Arrived>, MpiError> {
        if !self.in_flight.is_empty() {
            self.in_flight.poll()?;
            if let Some(at) = self.first_deliverable() {
                let (buffer, coming, result) = self.in_flight.take(at);
                return arrived(coming, buffer, result).map(Some);
            }
        }
        while self.in_flight.len() < MOST_IN_FLIGHT
            && let Some(probed) = self.comm.probe()?
        {
            let coming = Coming::new(&probed);
            let mut buffer = self.spares.pop().unwrap_or_default();
            if buffer.len() < coming.length {
                buffer.resize(coming.length, 0);
            }
            let overtakes = self.in_flight.notes().any(|earlier| earlier.from == coming.from);
            match self.comm.receive(probed, buffer, coming.length)? {
                Begun::Finished(buffer, result) if !overtakes => return arrived(coming, buffer, result).map(Some),
                begun => self.in_flight.push(begun, coming),
            }
        }
        Ok(None)
    }

    /// The first message that is whole and has no unfinished one of the same sender before it: MPI keeps the order in
    /// which messages are matched, not that in which they become whole.
    fn first_deliverable(&self) -> Option<usize> {
        self.in_flight.notes().enumerate().position(|(at, coming)| {
            self.in_flight.is_finished(at)
                && !self.in_flight.notes().take(at).any(|earlier| earlier.from == coming.from)
        })
    }
}

impl Coming {
    fn new(probed: &Probed) -> Self {
        let longest = if probed.tag == CONTROL { LONGEST_MESSAGE } else { LONGEST_BLOCK };
        let (length, fit) = match probed.length {
            Some(length) if length <= longest => (length, Fit::Whole),
            // MPI cuts it and says so, and the sender is free again. (Cut to nothing, Open MPI 4.1 crashes.)
            _ => (longest, Fit::Oversized),
        };
        Self { from: probed.from, tag: probed.tag, length, fit }
    }
}

fn arrived(coming: Coming, buffer: Vec<u8>, result: Result<(), MpiError>) -> Result<Arrived, MpiError> {
    let Coming { from, tag, length, fit } = coming;
    if fit == Fit::Whole {
        result?;
    }
    Ok(Arrived { from, tag, length, fit, buffer })
}
