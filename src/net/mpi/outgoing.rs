//! What leaves a rank: past the faults and the limits into MPI's sends.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::call::{Begun, Comm, MpiError, Transfers};
use super::pool::{Direction, Pool};
use crate::fault::{Attempts, Fate, Faults, Subject};
use crate::net::shaping::{Limits, Line};
use crate::protocol::{Message, Rank, Slot, Time, Traffic};
use crate::storage::Passage;

/// The tag of control messages; a slot's tag is never 0.
pub(super) const CONTROL: i32 = 0;

/// Buffers of control messages that are kept for reuse, at most, and the longest of them.
const SPARES: usize = 64;
const LONGEST_SPARE: usize = 64 << 10;

/// What is sent, and where.
#[derive(Clone, Copy, Debug)]
struct Parcel {
    to: Rank,
    tag: i32,
    length: usize,
    load: Load,
}

#[derive(Clone, Copy, Debug)]
enum Load {
    Message,
    /// A block, in a buffer of the pool.
    Block(Passage),
}

/// Everything on its way out. Sends in flight own their buffers; finished ones give them back for the next.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    comm: &'a Comm,
    me: Rank,
    in_flight: Transfers<Parcel>,
    /// What may not leave yet, by the time when it may, in the order in which it was sent.
    held: BTreeMap<(Time, u64), (Parcel, Vec<u8>)>,
    held_so_far: u64,
    /// Of which passages a block has left.
    blocks_left: VecDeque<Passage>,
    spares: Vec<Vec<u8>>,
    line: Option<Line>,
    faults: Option<&'a Faults>,
    attempts: Attempts,
    traffic: Traffic,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(comm: &'a Comm, me: Rank, limits: &Limits, faults: &'a Faults) -> Self {
        Self {
            comm,
            me,
            in_flight: Transfers::new(),
            held: BTreeMap::new(),
            held_so_far: 0,
            blocks_left: VecDeque::new(),
            spares: Vec::new(),
            line: limits.up.map(|rate| Line::new(Some(rate), Duration::ZERO)),
            faults: (!faults.are_none()).then_some(faults),
            attempts: Attempts::default(),
            traffic: Traffic::default(),
        }
    }

    /// What has been given to MPI so far.
    pub(super) fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Whether everything has left and every buffer is free.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.held.is_empty()
    }

    /// How many sends MPI has not finished.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// When something that is held back may leave.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.held.keys().next().map(|&(due, _)| due)
    }

    /// The next block that has left: on which passage.
    pub(super) fn next_left(&mut self) -> Option<Passage> {
        self.blocks_left.pop_front()
    }

    /// An empty buffer for a control message.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.spares.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// What the faults make of the next such thing that is sent to this rank.
    pub(super) fn fate(&mut self, to: Rank, subject: Subject) -> Fate {
        let Some(faults) = self.faults else { return Fate::Deliver };
        faults.fate(self.me, to, &subject, self.attempts.next(to, subject))
    }

    /// Sends the control message that is in the buffer, as far as the faults let it.
    pub(super) fn send(
        &mut self,
        now: Time,
        to: Rank,
        message: &Message,
        mut buffer: Vec<u8>,
        pool: &mut Pool,
    ) -> Result<(), MpiError> {
        let parcel = Parcel { to, tag: CONTROL, length: buffer.len(), load: Load::Message };
        match self.fate(to, Subject::of(message)) {
            Fate::Deliver => {}
            Fate::Drop => {
                self.finish(parcel, buffer, pool);
                return Ok(());
            }
            Fate::Duplicate => self.pass(now, parcel, buffer.clone(), pool)?,
            Fate::Delay(by) => {
                self.hold(now + by, parcel, buffer);
                return Ok(());
            }
            Fate::Corrupt { at } => {
                if let Some(at) = (at as usize).checked_rem(buffer.len()) {
                    buffer[at] = !buffer[at];
                }
            }
        }
        self.pass(now, parcel, buffer, pool)
    }

    /// Sends a block: the first `length` bytes of the buffer.
    pub(super) fn send_block(
        &mut self,
        now: Time,
        (to, slot): (Rank, Slot),
        passage: Passage,
        (buffer, length): (Vec<u8>, usize),
        pool: &mut Pool,
    ) -> Result<(), MpiError> {
        let parcel = Parcel { to, tag: i32::from(slot.tag()), length, load: Load::Block(passage) };
        self.pass(now, parcel, buffer, pool)
    }

    /// Lets go what has become due, and takes back the buffers of what has left. Tells whether there was any.
    pub(super) fn advance(&mut self, now: Time, pool: &mut Pool) -> Result<bool, MpiError> {
        let mut any = false;
        while let Some(entry) = self.held.first_entry().filter(|entry| entry.key().0 <= now) {
            let (parcel, buffer) = entry.remove();
            self.begin(parcel, buffer, pool)?;
            any = true;
        }
        if self.in_flight.is_empty() {
            return Ok(any);
        }
        self.in_flight.poll()?;
        for at in (0..self.in_flight.len()).rev() {
            if self.in_flight.is_finished(at) {
                let (buffer, parcel, result) = self.in_flight.take(at);
                result?;
                self.finish(parcel, buffer, pool);
                any = true;
            }
        }
        Ok(any)
    }

    fn pass(&mut self, now: Time, parcel: Parcel, buffer: Vec<u8>, pool: &mut Pool) -> Result<(), MpiError> {
        match self.line.as_mut().map(|line| line.pass(now, parcel.length)) {
            Some(due) if due > now => {
                self.hold(due, parcel, buffer);
                Ok(())
            }
            _ => self.begin(parcel, buffer, pool),
        }
    }

    fn hold(&mut self, due: Time, parcel: Parcel, buffer: Vec<u8>) {
        self.held.insert((due, self.held_so_far), (parcel, buffer));
        self.held_so_far += 1;
    }

    fn begin(&mut self, parcel: Parcel, buffer: Vec<u8>, pool: &mut Pool) -> Result<(), MpiError> {
        self.traffic.messages += 1;
        self.traffic.bytes += parcel.length as u64;
        match self.comm.send(buffer, parcel.length, parcel.to, parcel.tag)? {
            Begun::Finished(buffer, result) => {
                result?;
                self.finish(parcel, buffer, pool);
            }
            begun => self.in_flight.push(begun, parcel),
        }
        Ok(())
    }

    fn finish(&mut self, parcel: Parcel, buffer: Vec<u8>, pool: &mut Pool) {
        match parcel.load {
            Load::Block(passage) => {
                self.blocks_left.push_back(passage);
                pool.give(Direction::Out, buffer);
            }
            Load::Message if self.spares.len() < SPARES && buffer.capacity() <= LONGEST_SPARE => {
                self.spares.push(buffer);
            }
            Load::Message => {}
        }
    }
}
