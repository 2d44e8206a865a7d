//! What the ranks do in the stories of pieces that travel in several blocks.

use std::sync::Arc;
use std::time::Duration;

use tema3::metainfo::PieceIndex;
use tema3::protocol::{Arrival, Body, Decision, Event, Message, Outbox, Rank, Reason, Slot, Time};
use tema3::storage::LONGEST_BLOCK;

use super::slow_depot::{Gate, UNREADABLE};
use super::stories::{Story, expect, send_piece, slot};
use super::toys::{TORRENT, said};

/// Four blocks, of which the last is short.
pub(crate) const LENGTH: u32 = 3 * LONGEST_BLOCK as u32 + 77_777;

/// More blocks than all buffers together have room for.
pub(crate) const LONGER: u32 = 8 * LONGEST_BLOCK as u32;

/// How often a rank looks whether its depot has been given what it waits for.
const LOOKS_EVERY: Duration = Duration::from_millis(1);

fn say(to: Rank, body: Body) -> Decision {
    Decision::Send { to, message: said(body) }
}

fn is(event: &Event, wanted: &Body) -> bool {
    matches!(event, Event::Message { message: Message { body, .. }, .. } if body == wanted)
}

/// Each rank sends pieces to all others at once.
pub(crate) struct Everyone {
    others: Vec<Rank>,
    came: u32,
    left: u32,
}

impl Everyone {
    const PIECES: u32 = 3;

    pub(crate) fn new(me: Rank, size: u32) -> Self {
        Self { others: (0..size).map(Rank).filter(|&rank| rank != me).collect(), came: 0, left: 0 }
    }
}

impl Story for Everyone {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Start => (0..Self::PIECES).for_each(|piece| {
                self.others.iter().for_each(|&other| out.push(expect(other, piece)));
                self.others.iter().for_each(|&other| out.push(send_piece(other, piece)));
            }),
            Event::Piece { arrival: Arrival::Verified, .. } => self.came += 1,
            Event::Sent { .. } => self.left += 1,
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        let all = Self::PIECES * self.others.len() as u32;
        (self.came == all && self.left == all).then(|| "whole".into())
    }
}

/// Each rank sends pieces to the next. None takes the first of them to its depot before it has exchanged many words with its
/// neighbours, though no buffer is left for blocks.
pub(crate) struct Tight {
    before: Rank,
    next: Rank,
    gate: Arc<Gate>,
    looks_at: Option<Time>,
    answers: u32,
    came: u32,
    left: u32,
}

impl Tight {
    /// The blocks for which all buffers have room, and how many of them may be on their way in.
    pub(crate) const MEMORY: usize = 4 << 20;
    const ROOM: u32 = 3;
    const PIECES: u32 = 4;
    const WORDS: u32 = 50;

    pub(crate) fn new(me: Rank, size: u32, gate: Arc<Gate>) -> Self {
        let (before, next) = (Rank((me.0 + size - 1) % size), Rank((me.0 + 1) % size));
        Self { before, next, gate, looks_at: Some(Time::ZERO), answers: 0, came: 0, left: 0 }
    }
}

impl Story for Tight {
    fn hear(&mut self, now: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Start => (0..Self::PIECES).for_each(|piece| {
                out.push(expect(self.before, piece));
                out.push(send_piece(self.next, piece));
            }),
            Event::Timeout if self.gate.given() < Self::ROOM => self.looks_at = Some(now + LOOKS_EVERY),
            Event::Timeout => {
                self.looks_at = None;
                out.push(say(self.next, Body::Ping));
            }
            Event::Message { from, message: Message { body: Body::Ping, .. } } => out.push(say(from, Body::Pong)),
            Event::Message { message: Message { body: Body::Pong, .. }, .. } => {
                self.answers += 1;
                match self.answers {
                    Self::WORDS => self.gate.open(),
                    _ => out.push(say(self.next, Body::Ping)),
                }
                assert_eq!(self.came, 0, "the gate is shut");
            }
            Event::Piece { from, arrival: Arrival::Verified, .. } if from == self.before => self.came += 1,
            Event::Sent { to } if to == self.next => self.left += 1,
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        let all = self.came == Self::PIECES && self.left == Self::PIECES && self.answers == Self::WORDS;
        all.then(|| "whole".into())
    }

    fn next_timeout(&self) -> Option<Time> {
        self.looks_at
    }
}

/// Rank 0 sends pieces to the other two; rank 1 takes none before rank 2 has got all of its own.
pub(crate) struct Stubborn {
    me: Rank,
    gate: Arc<Gate>,
    came: u32,
    left: u32,
}

impl Stubborn {
    const PIECES: u32 = 3;

    pub(crate) fn new(me: Rank, gate: Arc<Gate>) -> Self {
        if me != Rank(1) {
            gate.open();
        }
        Self { me, gate, came: 0, left: 0 }
    }
}

impl Story for Stubborn {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Start if self.me == Rank(0) => (0..Self::PIECES).for_each(|piece| {
                out.push(send_piece(Rank(1), piece));
                out.push(send_piece(Rank(2), piece));
            }),
            Event::Start => (0..Self::PIECES).for_each(|piece| out.push(expect(Rank(0), piece))),
            Event::Piece { arrival: Arrival::Verified, .. } => {
                self.came += 1;
                if self.me == Rank(2) && self.came == Self::PIECES {
                    out.push(say(Rank(1), Body::Ping));
                }
            }
            Event::Message { from: Rank(2), .. } => self.gate.open(),
            Event::Sent { .. } => self.left += 1,
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        let done = if self.me == Rank(0) { self.left == 2 * Self::PIECES } else { self.came == Self::PIECES };
        done.then(|| "whole".into())
    }
}

/// Rank 1 forgets a piece while its blocks come, and takes two others.
pub(crate) struct Forgetful {
    me: Rank,
    gate: Arc<Gate>,
    looks_at: Option<Time>,
    left: u32,
    verified: Vec<Slot>,
    unexpected: Vec<Slot>,
}

impl Forgetful {
    /// The next use of the slot of piece 0.
    fn again() -> Slot {
        Slot::new(slot(0).index(), 1)
    }

    pub(crate) fn new(me: Rank, gate: Arc<Gate>) -> Self {
        Self { me, gate, looks_at: None, left: 0, verified: Vec::new(), unexpected: Vec::new() }
    }

    fn serve(&mut self, event: &Event, out: &mut Outbox) {
        match event {
            event if is(event, &Body::Ping) => out.push(send_piece(Rank(1), 0)),
            event if is(event, &Body::Pong) => {
                out.push(send_piece(Rank(1), 1));
                let (torrent, piece) = (TORRENT, PieceIndex(2));
                out.push(Decision::SendPiece { to: Rank(1), slot: Self::again(), torrent, piece });
            }
            Event::Sent { .. } => self.left += 1,
            Event::Start => {}
            other => panic!("{other:?}"),
        }
    }

    fn take(&mut self, now: Time, event: Event, out: &mut Outbox) {
        let from = Rank(0);
        match event {
            Event::Start => {
                out.push(expect(from, 0));
                out.push(say(from, Body::Ping));
                self.looks_at = Some(now + LOOKS_EVERY);
            }
            Event::Timeout if self.gate.given() < Tight::ROOM => self.looks_at = Some(now + LOOKS_EVERY),
            Event::Timeout => {
                self.looks_at = None;
                out.push(Decision::Forget { from, slot: slot(0) });
                out.push(expect(from, 1));
                out.push(Decision::Expect { from, slot: Self::again(), torrent: TORRENT, piece: PieceIndex(2) });
                self.gate.open();
                out.push(say(from, Body::Pong));
            }
            Event::Piece { slot, arrival: Arrival::Verified, .. } => self.verified.push(slot),
            Event::Piece { slot, arrival: Arrival::Unexpected, .. } => self.unexpected.push(slot),
            other => panic!("{other:?}"),
        }
    }
}

impl Story for Forgetful {
    fn hear(&mut self, now: Time, event: Event, out: &mut Outbox) {
        match self.me {
            Rank(0) => self.serve(&event, out),
            _ => self.take(now, event, out),
        }
    }

    fn verdict(&self) -> Option<String> {
        if self.me == Rank(0) {
            return (self.left == 3).then(|| "sent all".into());
        }
        let others = [slot(1), Self::again()];
        let found = others.iter().all(|slot| self.verified.contains(slot)) && self.verified.len() == others.len();
        found.then(|| format!("of slot 0 {} unexpected", self.unexpected.iter().filter(|&&at| at == slot(0)).count()))
    }

    fn next_timeout(&self) -> Option<Time> {
        self.looks_at
    }
}

/// Rank 0 cannot read a piece to its end, says so, and sends another.
pub(crate) struct Unreadable {
    me: Rank,
    refused: u32,
    whole: u32,
}

impl Unreadable {
    pub(crate) fn new(me: Rank) -> Self {
        Self { me, refused: 0, whole: 0 }
    }
}

impl Story for Unreadable {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        let other = Rank(1 - self.me.0);
        match event {
            Event::Start if self.me == Rank(0) => out.push(send_piece(other, UNREADABLE.0)),
            Event::Start => out.push(expect(other, UNREADABLE.0)),
            Event::ReadFailed { to, slot, piece, .. } if to == other && piece == UNREADABLE => {
                self.refused += 1;
                let reason = Reason::Unreadable;
                out.push(say(other, Body::Reject { slot, reason, holders: Vec::new() }));
            }
            Event::Message { message: Message { body: Body::Reject { slot, .. }, .. }, .. } => {
                self.refused += 1;
                out.push(Decision::Forget { from: other, slot });
                out.push(expect(other, 1));
                out.push(say(other, Body::Ping));
            }
            event if is(&event, &Body::Ping) => out.push(send_piece(other, 1)),
            Event::Sent { .. } | Event::Piece { arrival: Arrival::Verified, .. } => self.whole += 1,
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        (self.whole > 0).then(|| format!("{} refused, {} whole", self.refused, self.whole))
    }
}

/// Closes a torrent and leaves at once.
#[derive(Default)]
pub(crate) struct Closing {
    closed: bool,
}

impl Story for Closing {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Start => out.push(Decision::Close { torrent: TORRENT }),
            Event::Closed { torrent: TORRENT } => self.closed = true,
            other => panic!("{other:?}"),
        }
    }

    /// Asked after the first event whether it may leave, and told when the driver has drained.
    fn verdict(&self) -> Option<String> {
        Some(if self.closed { "closed before it left".into() } else { "left before it closed".into() })
    }
}
