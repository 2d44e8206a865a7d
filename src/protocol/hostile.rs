//! Nodes against peers that say anything: whatever is well-formed is heard, nothing of it panics or makes a node large.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex, TorrentId};

const WORLD: u32 = 4;

struct Liar {
    dice: Pcg64Mcg,
    torrents: Vec<TorrentId>,
}

impl Liar {
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
        Publication {
            name: self.name(),
            layout: Layout { pieces: self.number(), piece_length: self.number() },
            claim: [Claim::Seed, Claim::Hashes][self.dice.random_range(0..2)],
            first: PieceIndex(self.number()),
            hashes: self.hashes(),
            takers: (self.dice.random_range(0..2) == 0).then(|| self.takers()),
        }
    }

    fn about(&mut self) -> About {
        let prospects = [Prospects::Final, Prospects::Open][self.dice.random_range(0..2)];
        About { card: vec![7; self.dice.random_range(0..2) * 600], prospects }
    }

    fn call(&mut self) -> Call {
        match self.dice.random_range(0..10) {
            0 => Call::Publish {
                part: self.number() % 2,
                files: vec![self.publication()],
                wanted: vec!["g".into()],
                more: [More::Follows, More::Done][self.dice.random_range(0..2)],
                about: self.about(),
            },
            7 => Call::Offer { file: self.publication() },
            8 => Call::Await { since: u64::from(self.number()), wanted: vec![self.name(), self.name()] },
            9 => Call::AllOffered,
            1 => Call::Join { wanted: vec!["f".into(), "nobody's".into()] },
            2 => Call::Hashes { torrent: self.torrent(), first: PieceIndex(self.number()) },
            3 => Call::Announce(self.report()),
            4 => Call::Completed { report: self.report(), torrents: vec![self.torrent()], finished: None },
            5 => Call::Completed { report: self.report(), torrents: vec![], finished: Some(Outcome::Complete) },
            _ => Call::Drained {
                received: self.report().received,
                finish: Finish { outcome: Outcome::Disk, shortfalls: vec![] },
                traffic: Traffic::default(),
            },
        }
    }

    /// What a tracker that can be believed as to the number of pieces says of a file.
    fn known(&mut self) -> Described {
        let layout = Layout { pieces: self.number() % 300, piece_length: self.number() };
        Described::Known { torrent: self.torrent(), layout, hashes: self.hashes(), takers: self.takers() }
    }

    fn answer(&mut self) -> Answer {
        match self.dice.random_range(0..9) {
            0 => {
                let cards = vec![Card { rank: self.rank(), card: self.about().card }];
                Answer::Start { torrents: vec![Some(self.torrent()), None], cards }
            }
            7 => Answer::Offered { torrent: (self.number() % 2 == 0).then(|| self.torrent()) },
            8 => Answer::Joined { files: vec![Described::Coming, self.known()], swarm: self.swarm() },
            1 => Answer::Wait,
            2 => Answer::Noted,
            3 => Answer::Unknown,
            4 => Answer::Joined { files: vec![Described::Awaited, Described::Conflict], swarm: self.swarm() },
            5 => Answer::Hashes { torrent: self.torrent(), first: PieceIndex(self.number()), hashes: self.hashes() },
            _ => Answer::Swarm(self.swarm()),
        }
    }

    fn body(&mut self) -> Body {
        match self.dice.random_range(0..9) {
            0 | 1 => Body::Call { sequence: self.number() % 50, call: self.call() },
            2 => Body::Pong,
            3 | 4 => Body::Answer { sequence: self.number() % 50, answer: self.answer() },
            5 => Body::Ping,
            6 => Body::Request {
                slot: self.slot(),
                torrent: self.torrent(),
                piece: PieceIndex(self.number()),
                manner: Manner::Willing,
                news: News { held: vec![self.pieces()] },
            },
            7 => Body::Reject { slot: self.slot(), reason: Reason::Elsewhere, holders: vec![self.rank()] },
            _ => Body::Cancel { slot: self.slot() },
        }
    }

    /// What a node's own storage and its driver say, in no order that makes sense.
    fn own_event(&mut self) -> Event {
        let (torrent, piece) = (self.torrent(), PieceIndex(self.number()));
        match self.dice.random_range(0..30) {
            0..10 => Event::Learnt { torrent, first: piece, count: self.number(), here: self.pieces().pieces },
            10..16 => Event::Held { torrent, piece },
            16..22 => Event::Lacking { torrent, piece },
            22..25 => {
                let hashes = self.hashes();
                let layout = Layout { pieces: hashes.len() as u32, piece_length: 1 };
                let (name, held) = (self.name(), Bitfield::all(layout.pieces));
                Event::Offer(Box::new(Owned { name, layout, hashes, held, takers: Some(self.takers()) }))
            }
            25..28 => Event::Want { names: vec![self.name()] },
            28 => Event::AllOffered,
            _ => Event::GiveUp(Refusal { outcome: Outcome::Disk, reason: "full".into() }),
        }
    }

    fn event(&mut self) -> Event {
        match self.dice.random_range(0..14) {
            12 | 13 => self.own_event(),
            0 => Event::Timeout,
            1 => Event::Piece { from: self.rank(), slot: self.slot(), arrival: Arrival::Verified },
            2 => Event::Garbled { from: self.rank() },
            3 => Event::Sent { to: self.rank() },
            4 => Event::Closed { torrent: self.torrent() },
            _ => {
                let message = Message {
                    term: Term(self.dice.random_range(0..3) / 2),
                    incarnation: Incarnation(self.dice.random_range(0..4) / 3),
                    body: self.body(),
                };
                Event::Message { from: self.rank(), message }
            }
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
        let mut liar = Liar { dice: Pcg64Mcg::seed_from_u64(seed), torrents: Vec::new() };
        let (mut out, mut now) = (Outbox::new(), Time::ZERO);
        node.handle(now, Event::Start, &mut out);
        for _ in 0..400 {
            for decision in out.drain() {
                match decision {
                    Decision::Open { torrent, .. } => liar.torrents.push(torrent),
                    Decision::Send { to, message } => assert!(to.0 < WORLD, "seed {seed}: {to} is nobody: {message:?}"),
                    _ => {}
                }
            }
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
