//! What leaves a rank: past the faults and the limits into MPI's sends.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::call::{Begun, Comm, MpiError, Transfers};
use crate::fault::{Attempts, Fate, Faults, Subject};
use crate::metainfo::{PieceIndex, TorrentId};
use crate::net::shaping::{Limits, Line};
use crate::protocol::{Message, Rank, Slot, Time, Traffic};

/// The tag of control messages; a slot's tag is never 0.
pub(super) const CONTROL: i32 = 0;

/// Buffers that are kept for reuse, at most, and the longest of them.
const SPARES: usize = 64;
const LONGEST_SPARE: usize = 1 << 20;

/// What is sent, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parcel {
    to: Rank,
    tag: i32,
    subject: Subject,
}

impl Parcel {
    /// A control message.
    pub(super) fn message(to: Rank, message: &Message) -> Self {
        Self { to, tag: CONTROL, subject: Subject::of(message) }
    }

    /// A piece's content.
    pub(super) fn piece(to: Rank, slot: Slot, torrent: TorrentId, piece: PieceIndex) -> Self {
        Self { to, tag: i32::from(slot.tag()), subject: Subject::Piece { torrent, piece } }
    }
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
    /// Who was sent a piece whose buffer is free again.
    pieces_sent: VecDeque<Rank>,
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
            pieces_sent: VecDeque::new(),
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

    /// The next piece that has left: to whom it went.
    pub(super) fn next_sent(&mut self) -> Option<Rank> {
        self.pieces_sent.pop_front()
    }

    /// An empty buffer for what is to be sent.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.spares.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Takes a buffer back that was not sent.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spares.len() < SPARES && buffer.capacity() <= LONGEST_SPARE {
            self.spares.push(buffer);
        }
    }

    /// Sends what is in the buffer, as far as the faults let it.
    pub(super) fn send(&mut self, now: Time, parcel: Parcel, mut buffer: Vec<u8>) -> Result<(), MpiError> {
        let Some(faults) = self.faults else {
            return self.pass(now, parcel, buffer);
        };
        let attempt = self.attempts.next(parcel.to, parcel.subject);
        match faults.fate(self.me, parcel.to, &parcel.subject, attempt) {
            Fate::Deliver => {}
            Fate::Drop => {
                self.finish(parcel, buffer);
                return Ok(());
            }
            Fate::Duplicate => self.pass(now, parcel, buffer.clone())?,
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
        self.pass(now, parcel, buffer)
    }

    /// Lets go what has become due, and takes back the buffers of what has left. Tells whether there was any.
    pub(super) fn advance(&mut self, now: Time) -> Result<bool, MpiError> {
        let mut any = false;
        while let Some(entry) = self.held.first_entry().filter(|entry| entry.key().0 <= now) {
            let (parcel, buffer) = entry.remove();
            self.begin(parcel, buffer)?;
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
                self.finish(parcel, buffer);
                any = true;
            }
        }
        Ok(any)
    }

    fn pass(&mut self, now: Time, parcel: Parcel, buffer: Vec<u8>) -> Result<(), MpiError> {
        match self.line.as_mut().map(|line| line.pass(now, buffer.len())) {
            Some(due) if due > now => {
                self.hold(due, parcel, buffer);
                Ok(())
            }
            _ => self.begin(parcel, buffer),
        }
    }

    fn hold(&mut self, due: Time, parcel: Parcel, buffer: Vec<u8>) {
        self.held.insert((due, self.held_so_far), (parcel, buffer));
        self.held_so_far += 1;
    }

    fn begin(&mut self, parcel: Parcel, buffer: Vec<u8>) -> Result<(), MpiError> {
        self.traffic.messages += 1;
        self.traffic.bytes += buffer.len() as u64;
        match self.comm.send(buffer, parcel.to, parcel.tag)? {
            Begun::Finished(buffer, result) => {
                result?;
                self.finish(parcel, buffer);
            }
            begun => self.in_flight.push(begun, parcel),
        }
        Ok(())
    }

    fn finish(&mut self, parcel: Parcel, buffer: Vec<u8>) {
        if matches!(parcel.subject, Subject::Piece { .. }) {
            self.pieces_sent.push_back(parcel.to);
        }
        self.recycle(buffer);
    }
}
