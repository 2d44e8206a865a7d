//! A tracker by itself, call by call: what it answers when its clients say just this.

mod offers;

use super::Tracker;
use crate::metainfo::{Layout, PieceHashes, PieceIndex};
use crate::protocol::*;

/// The tracker of ranks 1 to `clients`, each of which has published.
struct Stage {
    tracker: Tracker,
    now: Time,
    sequences: Vec<u32>,
    out: Outbox,
}

impl Stage {
    /// Rank 1 owns a file of one piece; `wanting` say that they will want it.
    fn started(clients: u32, wanting: &[u32], policy: Policy) -> Self {
        let mut stage = Self::after(clients, policy, |rank| {
            let files = if rank == 1 { vec![publication("file", &["a"])] } else { Vec::new() };
            let wanted = if wanting.contains(&rank) { vec!["file".into()] } else { Vec::new() };
            Call::Publish { part: 0, files, wanted, more: More::Done, about: About::default() }
        });
        stage.out.drain().for_each(drop);
        stage
    }

    /// Each client has said this.
    fn after(clients: u32, policy: Policy, said: impl Fn(u32) -> Call) -> Self {
        let (rank, world, patience) = (TRACKER, clients + 1, Patience::job());
        let config = Config { rank, world, incarnation: Incarnation(0), seed: 1, policy, patience };
        let tracker = Tracker::new(config, Term(0));
        let mut stage = Self { tracker, now: Time(1), sequences: vec![0; world as usize], out: Outbox::new() };
        stage.hear(Event::Start);
        (1..=clients).for_each(|rank| stage.call(rank, said(rank)));
        stage
    }

    fn hear(&mut self, event: Event) {
        self.tracker.handle(self.now, event, &mut self.out);
    }

    fn say(&mut self, from: u32, body: Body) {
        let message = Message { term: Term(0), incarnation: Incarnation(0), body };
        self.hear(Event::Message { from: Rank(from), message });
    }

    fn call(&mut self, from: u32, call: Call) {
        self.sequences[from as usize] += 1;
        self.say(from, Body::Call { sequence: self.sequences[from as usize], call });
    }

    /// What was sent to a client since this was asked last.
    fn sent(&mut self, to: u32) -> Vec<Body> {
        let mine = |decision| match decision {
            Decision::Send { to: rank, message } if rank == Rank(to) => Some(message.body),
            _ => None,
        };
        self.out.drain().filter_map(mine).collect()
    }
}

/// A whole file with these hashes.
fn publication(name: &str, hashes: &[&str]) -> Publication {
    let mut list = PieceHashes::new();
    hashes.iter().for_each(|hash| list.push(hash.as_bytes()).unwrap());
    let (layout, first) = (Layout { pieces: hashes.len() as u32, piece_length: 1 }, PieceIndex(0));
    Publication { name: name.into(), layout, claim: Claim::Seed, first, hashes: list, takers: None }
}

fn swarm(sent: Vec<Body>) -> Swarm {
    let swarm = sent.into_iter().find_map(|body| match body {
        Body::Answer { answer: Answer::Swarm(swarm) | Answer::Joined { swarm, .. }, .. } => Some(swarm),
        _ => None,
    });
    swarm.expect("an answer with a swarm")
}

#[test]
fn one_that_asks_who_is_there_is_answered() {
    let mut stage = Stage::started(3, &[2], Policy::assignment());
    stage.say(2, Body::Ping);
    assert_eq!(stage.sent(2), [Body::Pong]);
}

#[test]
fn neighbours_are_chosen_among_those_who_will_want_the_same_though_they_have_not_joined() {
    let policy = Policy { neighbours: 3, ..Policy::assignment() };
    let mut stage = Stage::started(30, &[5, 14, 23], policy);
    stage.call(14, Call::Join { since: 0, wanted: vec!["file".into()] });
    let loads = swarm(stage.sent(14)).loads;
    assert_eq!(loads.into_iter().map(|(rank, _)| rank).collect::<Vec<_>>(), [Rank(1), Rank(5), Rank(23)]);
}

#[test]
fn who_reports_a_suspect_that_is_gone_is_told_so_each_time() {
    let mut stage = Stage::started(3, &[2, 3], Policy::assignment());
    stage.hear(Event::PeerLost { rank: Rank(3) });
    for since in [0, 1_000_000] {
        let report = Report { since, suspects: vec![Rank(1), Rank(3)], ..Report::default() };
        stage.call(2, Call::Announce(report));
        let changes = swarm(stage.sent(2)).changes;
        assert_eq!(changes.last(), Some(&Change::Gone { rank: Rank(3) }));
        assert!(!changes.contains(&Change::Gone { rank: Rank(1) }));
    }
    let (since, suspects) = (stage.tracker.journal.version(), vec![Rank(3)]);
    let report = Report { since, suspects, ..Report::default() };
    stage.call(2, Call::Completed { report, torrents: vec![], finished: None });
    assert_eq!(swarm(stage.sent(2)).changes, [], "its answer would make it begin anew what it completes");
}
