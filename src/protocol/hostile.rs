//! Nodes against peers that say anything: whatever is well-formed is heard, nothing of it panics or makes a node large.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex, TorrentId};

const WORLD: u32 = 4;

/// Says anything, of which about half fits to what the node has said: only so does it come far.
struct Liar {
    dice: Pcg64Mcg,
    torrents: Vec<TorrentId>,
    /// The term that the node follows.
    term: Term,
    /// What the node last said to its tracker.
    asked: Option<(u32, Call)>,
    /// What it waits for, and from whom.
    flights: Vec<(Rank, Slot)>,
    /// The number of each rank's last call.
    sequences: [u32; WORLD as usize],
}

impl Liar {
    fn new(seed: u64) -> Self {
        let (torrents, term, asked, flights, sequences) = Default::default();
        Self { dice: Pcg64Mcg::seed_from_u64(seed), torrents, term, asked, flights, sequences }
    }

    fn hear(&mut self, decision: Decision) {
        match decision {
            Decision::Open { torrent, .. } => self.torrents.push(torrent),
            Decision::Expect { from, slot, .. } => self.flights.push((from, slot)),
            Decision::Forget { from, slot } => self.flights.retain(|&flight| flight != (from, slot)),
            Decision::Send { message: Message { body: Body::Call { sequence, call }, .. }, .. } => {
                self.asked = Some((sequence, call));
            }
            _ => {}
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.dice.random_range(0..100) < percent
    }

    fn number(&mut self) -> u32 {
        match self.dice.random_range(0..4) {
            0 => self.dice.random_range(0..6),
            1 => u32::MAX - self.dice.random_range(0..3),
            2 => self.dice.random_range(0..100),
            _ => self.dice.next_u32(),
        }
    }

    fn rank(&mut self) -> Rank {
        Rank(if self.dice.random_range(0..5) == 0 { self.number() } else { self.dice.random_range(0..WORLD) })
    }

    fn torrent(&mut self) -> TorrentId {
        let known = self.dice.random_range(0..=self.torrents.len());
        self.torrents.get(known).copied().unwrap_or_else(|| TorrentId(self.number()))
    }

    fn pieces(&mut self) -> Pieces {
        let pieces = (0..self.dice.random_range(0..5)).map(|_| PieceIndex(self.number())).collect();
        Pieces { torrent: self.torrent(), pieces }
    }

    fn slot(&mut self) -> Slot {
        Slot::from_tag(self.dice.random_range(1..=32_704)).unwrap()
    }

    fn hashes(&mut self) -> PieceHashes {
        let mut hashes = PieceHashes::new();
        (0..self.dice.random_range(0..4)).for_each(|_| hashes.push(&[self.dice.random_range(97..100)]).unwrap());
        hashes
    }

    fn report(&mut self) -> Report {
        let received =
            (0..self.dice.random_range(0..3)).map(|_| Received { from: self.rank(), pieces: self.pieces() }).collect();
        let suspects = (0..self.dice.random_range(0..3)).map(|_| self.rank()).collect();
        let need = [Need::Fresh, Need::Starving][self.dice.random_range(0..2)];
        Report { since: u64::from(self.number()), received, suspects, useless: vec![self.rank()], need }
    }

    fn swarm(&mut self) -> Swarm {
        let change = |liar: &mut Self| match liar.dice.random_range(0..4) {
            0 => Change::Has { rank: liar.rank(), pieces: liar.pieces() },
            1 => Change::HasAll { rank: liar.rank(), torrent: liar.torrent() },
            2 => Change::Holds { rank: liar.rank(), torrent: liar.torrent(), bits: Bitfield::all(liar.number() % 300) },
            _ => Change::Gone { rank: liar.rank() },
        };
        let changes = (0..self.dice.random_range(0..4)).map(|_| change(self)).collect();
        let (version, loads) = (u64::from(self.number()), vec![(self.rank(), self.number())]);
        Swarm { version, changes, loads, downloaders: self.number() }
    }

    fn name(&mut self) -> String {
        ["f", "g", "h", "nobody's"][self.dice.random_range(0..4)].into()
    }

    fn takers(&mut self) -> Vec<Rank> {
        (0..self.dice.random_range(0..4)).map(|_| self.rank()).collect()
    }

    fn publication(&mut self) -> Publication {
        let (name, hashes) = (self.name(), self.hashes());
        let sane = self.chance(50);
        let pieces = if sane { hashes.len() as u32 } else { self.number() };
        let first = PieceIndex(if sane { 0 } else { self.number() });
        let layout = Layout { pieces, piece_length: self.number() };
        let claim = [Claim::Seed, Claim::Hashes][self.dice.random_range(0..2)];
        let takers = self.chance(50).then(|| self.takers());
        Publication { name, layout, claim, first, hashes, takers }
    }

    fn about(&mut self) -> About {
        let prospects = [Prospects::Final, Prospects::Open][self.dice.random_range(0..2)];
        About { card: vec![7; self.dice.random_range(0..2) * 600], prospects }
    }

    fn call(&mut self) -> Call {
        match self.dice.random_range(0..14) {
            0..4 => Call::Publish {
                part: u32::from(self.chance(20)),
                files: vec![self.publication()],
                wanted: vec!["g".into()],
                more: if self.chance(20) { More::Follows } else { More::Done },
                about: self.about(),
            },
            4 => Call::Join { since: u64::from(self.number()), wanted: vec!["f".into(), "nobody's".into()] },
            5 => Call::Hashes { torrent: self.torrent(), first: PieceIndex(self.number()) },
            6 => Call::Announce(self.report()),
            7 => Call::Completed { report: self.report(), torrents: vec![self.torrent()], finished: None },
            8 => Call::Completed { report: self.report(), torrents: vec![], finished: Some(Outcome::Complete) },
            9 | 10 => Call::Offer { file: self.publication() },
            11 => Call::Await { since: u64::from(self.number()), wanted: vec![self.name(), self.name()] },
            12 => Call::AllOffered { since: u64::from(self.number()) },
            _ => Call::Drained {
                received: self.report().received,
                finish: Finish { outcome: Outcome::Disk, shortfalls: vec![] },
                traffic: Traffic::default(),
            },
        }
    }

    fn described(&mut self) -> Described {
        match self.dice.random_range(0..8) {
            0 => Described::Unowned,
            1 => Described::Awaited,
            2 => Described::Conflict,
            3 | 4 => Described::Coming,
            _ => {
                let hashes = self.hashes();
                // A tracker is believed as to the number of pieces.
                let pieces = hashes.len() as u32 + if self.chance(30) { self.number() % 300 } else { 0 };
                let (layout, takers) = (Layout { pieces, piece_length: self.number() }, self.takers());
                Described::Known { torrent: self.torrent(), layout, hashes, takers }
            }
        }
    }

    fn answer(&mut self) -> Answer {
        match self.dice.random_range(0..9) {
            0 => {
                let cards = vec![Card { rank: self.rank(), card: self.about().card }];
                Answer::Start { torrents: vec![Some(self.torrent()), None], cards }
            }
            1 => Answer::Wait,
            2 => Answer::Noted,
            3 => Answer::Unknown,
            4 => Answer::Joined { files: vec![self.described(), self.described()], swarm: self.swarm() },
            5 => Answer::Hashes { torrent: self.torrent(), first: PieceIndex(self.number()), hashes: self.hashes() },
            6 => Answer::Offered { torrent: self.chance(70).then(|| self.torrent()) },
            7 => Answer::Contradicted { publisher: self.rank(), piece: PieceIndex(self.number()) },
            _ => Answer::Swarm(self.swarm()),
        }
    }

    /// An answer of the kind that a call waits for.
    fn fitting(&mut self, call: &Call) -> Answer {
        match call {
            Call::Publish { more: More::Done, .. } => {
                let torrents = vec![Some(self.torrent()), None, Some(self.torrent())];
                Answer::Start { torrents, cards: vec![Card { rank: self.rank(), card: self.about().card }] }
            }
            Call::Offer { .. } => Answer::Offered { torrent: self.chance(70).then(|| self.torrent()) },
            Call::Join { wanted, .. } | Call::Await { wanted, .. } => {
                Answer::Joined { files: wanted.iter().map(|_| self.described()).collect(), swarm: self.swarm() }
            }
            &Call::Hashes { torrent, first } => Answer::Hashes { torrent, first, hashes: self.hashes() },
            Call::Announce(_) | Call::Completed { finished: None, .. } => Answer::Swarm(self.swarm()),
            _ => Answer::Noted,
        }
    }

    /// Something that a tracker says, which is an answer to the node's last call as often as not.
    fn tracker_body(&mut self) -> Body {
        match self.asked.clone() {
            Some((sequence, call)) if self.chance(50) => Body::Answer { sequence, answer: self.fitting(&call) },
            Some((sequence, _)) if self.chance(50) => Body::Answer { sequence, answer: self.answer() },
            _ => Body::Answer { sequence: self.number(), answer: self.answer() },
        }
    }

    fn body(&mut self) -> Body {
        match self.dice.random_range(0..5) {
            0 => Body::Pong,
            1 => Body::Ping,
            2 => Body::Request {
                slot: self.slot(),
                torrent: self.torrent(),
                piece: PieceIndex(self.number()),
                manner: Manner::Willing,
                news: News { held: vec![self.pieces()] },
            },
            3 => Body::Reject { slot: self.slot(), reason: Reason::Elsewhere, holders: vec![self.rank()] },
            _ => Body::Cancel { slot: self.slot() },
        }
    }

    /// A call with the number that the tracker expects, or some other one.
    fn call_of(&mut self, from: Rank) -> Body {
        let call = self.call();
        let sequence = match self.sequences.get_mut(from.0 as usize) {
            Some(sequence) if self.dice.random_range(0..5) > 0 => {
                *sequence += 1;
                *sequence
            }
            Some(sequence) => *sequence,
            None => self.number(),
        };
        Body::Call { sequence, call }
    }

    fn message(&mut self) -> Event {
        let (from, body) = match self.dice.random_range(0..9) {
            0..3 => {
                let from = self.rank();
                (from, self.call_of(from))
            }
            3..6 => (if self.chance(90) { self.term.tracker(WORLD) } else { self.rank() }, self.tracker_body()),
            _ => (self.rank(), self.body()),
        };
        let term = if self.chance(2) { Term(self.term.0 + self.dice.random_range(0..3)) } else { self.term };
        let incarnation = Incarnation(u32::from(self.chance(2)));
        Event::Message { from, message: Message { term, incarnation, body } }
    }

    /// What a node's own storage and its driver say, in no order that makes sense.
    fn own_event(&mut self) -> Event {
        let torrent = self.torrent();
        let piece = PieceIndex(if self.chance(80) { self.number() % 4 } else { self.number() });
        match self.dice.random_range(0..30) {
            0..10 => {
                let here = if self.chance(50) { self.pieces().pieces } else { Vec::new() };
                Event::Learnt { torrent, first: PieceIndex(piece.0 % 2), count: self.number(), here }
            }
            10..15 => Event::Held { torrent, piece },
            15..20 => Event::Lacking { torrent, piece },
            20..22 => Event::Closed { torrent },
            22..25 => {
                let hashes = self.hashes();
                let layout = Layout { pieces: hashes.len() as u32, piece_length: 1 };
                let (name, held) = (self.name(), Bitfield::all(layout.pieces));
                Event::Offer(Box::new(Owned { name, layout, hashes, held, takers: Some(self.takers()) }))
            }
            25..29 => Event::Want { names: vec![self.name()] },
            _ if self.chance(80) => Event::AllOffered,
            _ => Event::GiveUp(Refusal { outcome: Outcome::Disk, reason: "full".into() }),
        }
    }

    fn event(&mut self) -> Event {
        match self.dice.random_range(0..14) {
            0 => Event::Timeout,
            1 => {
                let flight = self.dice.random_range(0..=self.flights.len());
                let known = (flight < self.flights.len()).then(|| self.flights.swap_remove(flight));
                let (from, slot) = known.unwrap_or_else(|| (self.rank(), self.slot()));
                Event::Piece { from, slot, arrival: Arrival::Verified }
            }
            2 => Event::Garbled { from: self.rank() },
            3 => Event::Sent { to: self.rank() },
            4..7 => self.own_event(),
            _ => self.message(),
        }
    }
}

fn config(rank: u32, policy: Policy) -> Config {
    let patience = Patience::job();
    Config { rank: Rank(rank), world: WORLD, incarnation: Incarnation(0), seed: 1, policy, patience }
}

fn catalog() -> Catalog {
    let mut hashes = PieceHashes::new();
    ["a", "b", "c"].iter().for_each(|hash| hashes.push(hash.as_bytes()).unwrap());
    let layout = Layout { pieces: 3, piece_length: 1 };
    let owned = vec![Owned { name: "f".into(), layout, hashes, held: Bitfield::all(3), takers: None }];
    Catalog { owned, wanted: vec!["g".into(), "h".into()], prospects: Prospects::Open, ..Catalog::default() }
}

/// RELIABILITY row 17: a poisoned header is refused and counted, never a panic.
#[test]
fn row_17_whatever_a_peer_says_no_node_panics() {
    for seed in 0..400 {
        let rank = seed as u32 % WORLD;
        let policy = if seed % 8 < 4 { Policy::assignment() } else { Policy::stage() };
        let mut node = Member::new(config(rank, policy), catalog());
        let mut liar = Liar::new(seed);
        let (mut out, mut now) = (Outbox::new(), Time::ZERO);
        node.handle(now, Event::Start, &mut out);
        for _ in 0..400 {
            for decision in out.drain() {
                if let Decision::Send { to, message } = &decision {
                    assert!(to.0 < WORLD, "seed {seed}: {to} is nobody: {message:?}");
                }
                liar.hear(decision);
            }
            liar.term = node.term();
            now += std::time::Duration::from_millis(liar.dice.random_range(0..300));
            node.handle(now, liar.event(), &mut out);
            assert!(out.decisions().len() < 2_000, "seed {seed}: one event, {} decisions", out.decisions().len());
        }
    }
}

/// A node that asks to be woken at a time that is past would be woken for ever.
#[test]
fn after_a_timeout_the_next_one_lies_ahead() {
    for rank in 0..WORLD {
        let mut node = Member::new(config(rank, Policy::stage()), catalog());
        let (mut out, mut now) = (Outbox::new(), Time::ZERO);
        node.handle(now, Event::Start, &mut out);
        for _ in 0..1_000 {
            out.drain().for_each(drop);
            let Some(due) = node.next_timeout() else { break };
            assert!(due > now, "rank {rank} at {now:?} wants to be woken at {due:?}");
            now = due;
            node.handle(now, Event::Timeout, &mut out);
        }
    }
}
