//! What the ranks of each story do.

use std::time::Duration;

use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination};
use tema3::fault::{Fate, Faults, Subject};
use tema3::metainfo::PieceIndex;
use tema3::net::codec::{LONGEST_MESSAGE, VERSION};
use tema3::protocol::{
    Arrival, Body, Call, Decision, Ending, Event, Message, Outbox, Outcome, Rank, Slot, StopCause, TRACKER, Time,
};

use super::toys::{TORRENT, said};

/// What a rank does until it has a verdict.
pub(crate) trait Story {
    fn hear(&mut self, now: Time, event: Event, out: &mut Outbox);

    /// What it has to say, once it has seen enough.
    fn verdict(&self) -> Option<String>;

    fn next_timeout(&self) -> Option<Time> {
        None
    }

    /// With which code its ranks leave.
    fn code(&self) -> u8 {
        0
    }
}

pub(crate) fn slot(piece: u32) -> Slot {
    Slot::new(piece as u16 % Slot::PER_PEER, piece as u16 / Slot::PER_PEER)
}

pub(crate) fn expect(from: Rank, piece: u32) -> Decision {
    Decision::Expect { from, slot: slot(piece), torrent: TORRENT, piece: PieceIndex(piece) }
}

pub(crate) fn send_piece(to: Rank, piece: u32) -> Decision {
    Decision::SendPiece { to, slot: slot(piece), torrent: TORRENT, piece: PieceIndex(piece) }
}

/// Each rank sends pieces to the next, all at once.
pub(crate) struct Ring {
    before: Rank,
    next: Rank,
    pieces: u32,
    came: u32,
    left: u32,
}

impl Ring {
    pub(crate) fn new(me: Rank, size: u32, pieces: u32) -> Self {
        Self { before: Rank((me.0 + size - 1) % size), next: Rank((me.0 + 1) % size), pieces, came: 0, left: 0 }
    }
}

impl Story for Ring {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Start => (0..self.pieces).for_each(|piece| {
                out.push(expect(self.before, piece));
                out.push(send_piece(self.next, piece));
            }),
            Event::Piece { from, arrival: Arrival::Verified, .. } if from == self.before => self.came += 1,
            Event::Sent { to } if to == self.next => self.left += 1,
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        (self.came == self.pieces && self.left == self.pieces).then(|| "whole".into())
    }
}

/// All ask rank 0 very often, without waiting for an answer.
pub(crate) struct Flood {
    me: Rank,
    answers: u32,
}

impl Flood {
    const QUESTIONS: u32 = 20_000;

    pub(crate) fn new(me: Rank) -> Self {
        Self { me, answers: 0 }
    }
}

impl Story for Flood {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Start if self.me != TRACKER => {
                let question = Decision::Send { to: TRACKER, message: said(Body::Ping) };
                (0..Self::QUESTIONS).for_each(|_| out.push(question.clone()));
            }
            Event::Message { from, message: Message { body: Body::Ping, .. } } => {
                out.push(Decision::Send { to: from, message: said(Body::Pong) });
            }
            Event::Message { message: Message { body: Body::Pong, .. }, .. } => self.answers += 1,
            _ => {}
        }
    }

    fn verdict(&self) -> Option<String> {
        (self.me == TRACKER || self.answers == Self::QUESTIONS).then(|| format!("answered {}", self.answers))
    }
}

/// Each rank sends large and small messages to the next in turn, numbered.
pub(crate) struct Order {
    next: Rank,
    came: u32,
}

impl Order {
    const MESSAGES: u32 = 200;

    pub(crate) fn new(me: Rank, size: u32) -> Self {
        Self { next: Rank((me.0 + 1) % size), came: 0 }
    }
}

impl Story for Order {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Start => (0..Self::MESSAGES).for_each(|sequence| {
                let wanted = if sequence % 2 == 0 { vec!["x".repeat(1 << 20)] } else { Vec::new() };
                let body = Body::Call { sequence, call: Call::Join { since: 0, wanted } };
                out.push(Decision::Send { to: self.next, message: said(body) });
            }),
            Event::Message { message: Message { body: Body::Call { sequence, .. }, .. }, .. } => {
                assert_eq!(sequence, self.came);
                self.came += 1;
            }
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        (self.came == Self::MESSAGES).then(|| "in order".into())
    }
}

/// Each rank talks to itself.
pub(crate) struct ToSelf {
    me: Rank,
    heard: u32,
}

impl ToSelf {
    const WORDS: u32 = 1000;

    pub(crate) fn new(me: Rank) -> Self {
        Self { me, heard: 0 }
    }
}

impl Story for ToSelf {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Message { from, .. } if from == self.me => self.heard += 1,
            Event::Start => {}
            other => panic!("{other:?}"),
        }
        if self.heard < Self::WORDS {
            out.push(Decision::Send { to: self.me, message: said(Body::Ping) });
        }
    }

    fn verdict(&self) -> Option<String> {
        (self.heard == Self::WORDS).then(|| format!("heard {}", self.heard))
    }
}

/// Rank 1 sends what no node sends; rank 0 hears it.
pub(crate) struct Foreign {
    me: Rank,
    garbled: u32,
    unexpected: u32,
}

impl Foreign {
    /// Six that are nothing, and two pieces for which nobody asked.
    const MESSAGES: u32 = 8;

    pub(crate) fn new(me: Rank) -> Self {
        Self { me, garbled: 0, unexpected: 0 }
    }

    fn speak() {
        let world = SimpleCommunicator::world();
        let to = world.process_at_rank(0);
        let piece_tag = i32::from(slot(3).tag());
        to.send_with_tag::<[u8]>(&[], 0);
        to.send_with_tag(&[7_u8; 100][..], 0);
        to.send_with_tag(&[VERSION + 1, 0, 0, 0, 0, 0][..], 0);
        to.send_with_tag(&vec![0_u8; LONGEST_MESSAGE + 1][..], 0);
        to.send_with_tag(&vec![0_u8; (1 << 20) + 1][..], piece_tag);
        to.send_with_tag(&b"nothing"[..], 32_767);
        to.send_with_tag(&b"a piece"[..], piece_tag);
        to.send_with_tag(&vec![0_u8; 1 << 20][..], piece_tag);
    }
}

impl Story for Foreign {
    fn hear(&mut self, _: Time, event: Event, _: &mut Outbox) {
        match event {
            Event::Start if self.me != TRACKER => Self::speak(),
            Event::Start => {}
            Event::Garbled { from: Rank(1) } => self.garbled += 1,
            Event::Piece { from: Rank(1), arrival: Arrival::Unexpected, .. } => self.unexpected += 1,
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        let heard = format!("garbled {}, unexpected {}", self.garbled, self.unexpected);
        (self.me != TRACKER || self.garbled + self.unexpected == Self::MESSAGES).then_some(heard)
    }
}

/// Waits until the run is to stop.
pub(crate) struct Until {
    awaited: StopCause,
    heard: Option<StopCause>,
}

impl Until {
    pub(crate) fn new(awaited: StopCause) -> Self {
        Self { awaited, heard: None }
    }
}

impl Story for Until {
    fn hear(&mut self, _: Time, event: Event, _: &mut Outbox) {
        match event {
            Event::Start => println!("ready"),
            Event::Stop { cause } => self.heard = Some(cause),
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        self.heard.map(|cause| format!("stopped by {cause:?}"))
    }

    fn code(&self) -> u8 {
        if self.awaited == StopCause::Signal { Outcome::Interrupted.code() } else { Outcome::TimeLimit.code() }
    }
}

/// Two ranks send each other pieces over a bad line; each knows what must become of them.
pub(crate) struct Faulty {
    other: Rank,
    pieces: u32,
    left: u32,
    answered: Vec<Slot>,
    fates: Counts,
    came: Counts,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    verified: usize,
    corrupt: usize,
    unexpected: usize,
}

impl Faulty {
    /// A fifth of the pieces falls to each kind of fault, and none of the words with which the ranks end the story.
    pub(crate) fn faults() -> Faults {
        let rates = Faults {
            drop: 200,
            duplicate: 200,
            delay: 200,
            longest_delay: Duration::from_millis(20),
            corrupt: 200,
            ..Faults::default()
        };
        let last_words = [
            Body::Stop { outcome: Outcome::Complete, ending: Ending::Done },
            Body::Exit { outcome: Outcome::Complete },
        ];
        let words = last_words.map(|body| Subject::of(&said(body)));
        let spares = |faults: &Faults| {
            let ways = [(Rank(0), Rank(1)), (Rank(1), Rank(0))];
            ways.iter().all(|(from, to)| words.iter().all(|word| faults.fate(*from, *to, word, 0) == Fate::Deliver))
        };
        let mut seeds = (0..).map(|seed| Faults { seed, ..rates.clone() });
        seeds.find(spares).expect("some seed spares them")
    }

    pub(crate) fn new(me: Rank, pieces: u32, faults: Faults) -> Self {
        let other = Rank(1 - me.0);
        let mut fates = Counts::default();
        for piece in (0..pieces).map(PieceIndex) {
            match faults.fate(other, me, &Subject::Piece { torrent: TORRENT, piece }, 0) {
                Fate::Deliver | Fate::Delay(_) => fates.verified += 1,
                Fate::Duplicate => {
                    fates.verified += 1;
                    fates.unexpected += 1;
                }
                Fate::Corrupt { .. } => fates.corrupt += 1,
                Fate::Drop => {}
            }
        }
        Self { other, pieces, left: 0, answered: Vec::new(), fates, came: Counts::default() }
    }
}

impl Story for Faulty {
    fn hear(&mut self, _: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Start => {
                (0..self.pieces).for_each(|piece| out.push(expect(self.other, piece)));
                (0..self.pieces).for_each(|piece| out.push(send_piece(self.other, piece)));
            }
            Event::Piece { slot, arrival, .. } => match arrival {
                Arrival::Unexpected => {
                    assert!(self.answered.contains(&slot), "what came twice is told before what came once");
                    self.came.unexpected += 1;
                }
                Arrival::Verified | Arrival::Corrupt => {
                    self.answered.push(slot);
                    let wrong = arrival == Arrival::Corrupt;
                    *if wrong { &mut self.came.corrupt } else { &mut self.came.verified } += 1;
                }
                Arrival::Short | Arrival::Redundant => panic!("no fault makes a piece shorter, or right and useless"),
            },
            Event::Sent { .. } => self.left += 1,
            other => panic!("{other:?}"),
        }
    }

    fn verdict(&self) -> Option<String> {
        let all = self.came == self.fates && self.left == self.pieces;
        (all && self.fates.corrupt > self.pieces as usize / 10).then(|| "as the fates decided".into())
    }
}

/// Does nothing, and measures what that costs.
#[derive(Default)]
pub(crate) struct Parked {
    at_first: Option<u64>,
    verdict: Option<String>,
}

impl Parked {
    const FROM: Duration = Duration::from_secs(2);
    const TO: Duration = Duration::from_secs(5);
}

impl Story for Parked {
    fn hear(&mut self, _: Time, event: Event, _: &mut Outbox) {
        if event == Event::Timeout {
            match self.at_first {
                None => self.at_first = Some(ticks()),
                Some(at_first) => self.verdict = Some(format!("ticks {}", ticks() - at_first)),
            }
        }
    }

    fn verdict(&self) -> Option<String> {
        self.verdict.clone()
    }

    fn next_timeout(&self) -> Option<Time> {
        let due = if self.at_first.is_none() { Self::FROM } else { Self::TO };
        self.verdict.is_none().then_some(Time::ZERO + due)
    }
}

/// The time that this process has run, in user and system mode, in hundredths of a second.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let after_name = stat.rsplit_once(')').expect("the name stands in brackets").1;
    after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}
