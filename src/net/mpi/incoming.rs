//! What comes in: matched, received without ever blocking, and handed over in the order in which it was sent.

use std::collections::VecDeque;

use super::call::{Begun, Comm, Look, MpiError, Probed, Tags, Transfers};
use super::outgoing::CONTROL;
use super::pool::{Direction, Pool};
use crate::net::codec::LONGEST_MESSAGE;
use crate::net::shaping::{Limits, Line};
use crate::protocol::{Rank, Time};
use crate::storage::LONGEST_BLOCK;

/// Receives that MPI works on, at most, before no more are begun; and how many of them may be of blocks.
const MOST_IN_FLIGHT: usize = 16;
const MOST_BLOCKS_IN_FLIGHT: usize = 8;

/// What waits on a slow line, at most, before no more is received: the senders then wait, as on a real one.
const MOST_HELD: usize = 4 << 20;

/// Buffers of control messages that are kept for reuse, at most, and the longest of them.
const SPARES: usize = 16;
const LONGEST_SPARE: usize = 64 << 10;

/// A message that has come.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) from: Rank,
    pub(super) tag: i32,
    pub(super) length: usize,
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

    /// Its buffer, which begins with what it carries. A block's is of the pool.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
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

/// Everything on its way in. Blocks come into buffers of the pool; while it has none they wait with their senders, and only
/// control messages are received.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    comm: &'a Comm,
    in_flight: Transfers<Coming>,
    blocks_in_flight: usize,
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
            blocks_in_flight: 0,
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
    pub(super) fn next(&mut self, now: Time, look: Look, pool: &mut Pool) -> Result<Option<Arrived>, MpiError> {
        let Some(mut line) = self.line else {
            return self.receive(look, pool);
        };
        while self.held_bytes < MOST_HELD
            && let Some(arrived) = self.receive(look, pool)?
        {
            self.held_bytes += arrived.length;
            self.held.push_back((line.pass(now, arrived.length), arrived));
        }
        self.line = Some(line);
        if self.held.front().is_none_or(|&(due, _)| due > now) {
            return Ok(None);
        }
        let arrived = self.held.pop_front().map(|(_, arrived)| arrived);
        self.held_bytes -= arrived.as_ref().map_or(0, |arrived| arrived.length);
        Ok(arrived)
    }

    /// Takes the buffer of a message back for the next.
    pub(super) fn recycle(&mut self, arrived: Arrived, pool: &mut Pool) {
        if arrived.tag != CONTROL {
            pool.give(Direction::In, arrived.buffer);
        } else if self.spares.len() < SPARES && arrived.buffer.capacity() <= LONGEST_SPARE {
            self.spares.push(arrived.buffer);
        }
    }

    fn receive(&mut self, mut look: Look, pool: &mut Pool) -> Result<Option<Arrived>, MpiError> {
        if !self.in_flight.is_empty() {
            self.in_flight.poll()?;
            if let Some(at) = self.first_deliverable() {
                let (buffer, coming, result) = self.in_flight.take(at);
                self.blocks_in_flight -= usize::from(coming.tag != CONTROL);
                return arrived(coming, buffer, result).map(Some);
            }
        }
        while self.in_flight.len() < MOST_IN_FLIGHT
            && let Some(probed) = self.comm.probe(self.receivable(pool), look)?
        {
            look = Look::Once;
            let coming = Coming::new(&probed);
            let buffer = self.buffer(&coming, pool);
            let overtakes = self.in_flight.notes().any(|earlier| earlier.from == coming.from);
            match self.comm.receive(probed, buffer, coming.length)? {
                Begun::Finished(buffer, result) if !overtakes => return arrived(coming, buffer, result).map(Some),
                begun => {
                    self.blocks_in_flight += usize::from(coming.tag != CONTROL);
                    self.in_flight.push(begun, coming);
                }
            }
        }
        Ok(None)
    }

    /// What there is room for.
    fn receivable(&self, pool: &Pool) -> Tags {
        let room = self.blocks_in_flight < MOST_BLOCKS_IN_FLIGHT && pool.has(Direction::In);
        if room { Tags::Any } else { Tags::Only(CONTROL) }
    }

    fn buffer(&mut self, coming: &Coming, pool: &mut Pool) -> Vec<u8> {
        if coming.tag != CONTROL {
            return pool.take(Direction::In, coming.length);
        }
        let mut buffer = self.spares.pop().unwrap_or_default();
        if buffer.len() < coming.length {
            buffer.resize(coming.length, 0);
        }
        buffer
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
