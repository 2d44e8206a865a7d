//! A client by itself, event by event: what it says when the tracker and one peer say just this.

use super::Client;
use crate::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};
use crate::protocol::*;

const TRACKER_RANK: Rank = Rank(0);
const FILE: TorrentId = TorrentId(7);

/// A client of rank 2 in a world of four, which wants one file of four pieces.
struct Stage {
    client: Client,
    out: Outbox,
}

impl Stage {
    fn started() -> Self {
        let (policy, patience) = (Policy::assignment(), Patience::job());
        let config = Config { rank: Rank(2), world: 4, incarnation: Incarnation(0), seed: 1, policy, patience };
        let catalog = Catalog { wanted: vec!["file".into()], ..Catalog::default() };
        let mut stage = Self { client: Client::new(config, Term(0), catalog), out: Outbox::new() };
        stage.hear(Event::Start);
        stage
    }

    /// Registered and joined; rank 1 is the seed, ranks 2 and 3 the takers.
    fn trading() -> Self {
        let mut stage = Self::started();
        stage.answer(1, Answer::Start { torrents: vec![] });
        let mut hashes = PieceHashes::new();
        ["a", "b", "c", "d"].iter().for_each(|hash| hashes.push(hash.as_bytes()).unwrap());
        let layout = Layout { pieces: 4, piece_length: 1 };
        let known = Described::Known { torrent: FILE, layout, hashes, takers: vec![Rank(2), Rank(3)] };
        let changes = vec![Change::HasAll { rank: Rank(1), torrent: FILE }];
        let swarm = Swarm { version: 1, changes, loads: vec![], downloaders: 2 };
        stage.answer(2, Answer::Joined { files: vec![known], swarm });
        stage
    }

    fn hear(&mut self, event: Event) {
        self.client.handle(Time(1), event, &mut self.out);
    }

    fn message(&mut self, from: Rank, body: Body) {
        let message = Message { term: Term(0), incarnation: Incarnation(0), body };
        self.hear(Event::Message { from, message });
    }

    fn answer(&mut self, sequence: u32, answer: Answer) {
        self.message(TRACKER_RANK, Body::Answer { sequence, answer });
    }

    fn said(&mut self) -> Vec<Decision> {
        self.out.drain().filter(|decision| !matches!(decision, Decision::Tell(_))).collect()
    }
}

/// Which pieces were asked of whom, under which slots.
fn requests(said: &[Decision]) -> Vec<(Rank, Slot, PieceIndex)> {
    let request = |decision: &Decision| match decision {
        Decision::Expect { from, slot, piece, .. } => Some((*from, *slot, *piece)),
        _ => None,
    };
    said.iter().filter_map(request).collect()
}

#[test]
fn its_own_stretch_is_asked_of_the_seed_and_the_rest_of_the_one_who_takes_it() {
    let mut stage = Stage::trading();
    let mut asked: Vec<Rank> = requests(&stage.said()).into_iter().map(|(from, ..)| from).collect();
    asked.sort();
    assert_eq!(asked, [Rank(1), Rank(1), Rank(3), Rank(3)]);
}

#[test]
fn a_request_for_a_piece_that_it_takes_waits_for_the_piece() {
    let mut stage = Stage::trading();
    let (seed, slot, piece) = requests(&stage.said())[0];
    let (asked, manner, news) = (Slot::new(0, 1), Manner::Insistent, News::default());
    stage.message(Rank(3), Body::Request { slot: asked, torrent: FILE, piece, manner, news });
    assert_eq!(stage.said(), [], "neither the piece nor a reject");
    stage.hear(Event::Piece { from: seed, slot, arrival: Arrival::Verified });
    let sent = Decision::SendPiece { to: Rank(3), slot: asked, torrent: FILE, piece };
    assert!(stage.said().contains(&sent));
}

#[test]
fn one_that_is_cut_short_does_not_say_that_it_is_complete() {
    for mut stage in [Stage::started(), Stage::trading()] {
        stage.message(TRACKER_RANK, Body::Stop { outcome: Outcome::Interrupted, ending: Ending::GivenUp });
        stage.hear(Event::Drained { traffic: Traffic::default() });
        let outcome = stage.said().into_iter().find_map(|decision| match decision {
            Decision::Send {
                message: Message { body: Body::Call { call: Call::Drained { finish, .. }, .. }, .. },
                ..
            } => Some(finish.outcome),
            _ => None,
        });
        assert_eq!(outcome, Some(Outcome::Interrupted));
    }
}
