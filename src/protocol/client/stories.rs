//! A client by itself, event by event: what it says when the tracker and one peer say just this.

mod announcing;
mod offering;
mod sparing;
mod twins;

use std::time::Duration;

use super::Client;
use super::shared::Shared;
use super::upload::{Upload, Wish};
use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex, TorrentId};
use crate::protocol::holdings::Holdings;
use crate::protocol::peers::Peers;
use crate::protocol::*;

const TRACKER_RANK: Rank = Rank(0);
const FILE: TorrentId = TorrentId(7);

/// A client of rank 2 in a world of four, which wants one file of four pieces.
struct Stage {
    client: Client,
    now: Time,
    out: Outbox,
}

impl Stage {
    fn started() -> Self {
        Self::in_life(Incarnation(0))
    }

    fn in_life(incarnation: Incarnation) -> Self {
        Self::of(incarnation, Policy::assignment(), Catalog { wanted: vec!["file".into()], ..Catalog::default() })
    }

    fn of(incarnation: Incarnation, policy: Policy, catalog: Catalog) -> Self {
        let patience = Patience::job();
        let config = Config { rank: Rank(2), world: 4, incarnation, seed: 1, policy, patience };
        let client = Client::new(config, Term(0), catalog);
        let mut stage = Self { client, now: Time(1), out: Outbox::new() };
        stage.hear(Event::Start);
        stage
    }

    /// Registered and joined; rank 1 is the seed, ranks 2 and 3 the takers.
    fn trading() -> Self {
        let mut stage = Self::started();
        stage.answer(1, Answer::Start { torrents: vec![], cards: vec![] });
        let known = known(FILE, &["a", "b", "c", "d"], &[2, 3]);
        stage.answer(2, Answer::Joined { files: vec![known], swarm: seeded(&[FILE]) });
        stage
    }

    /// Told to stop, and drained.
    fn drained() -> Self {
        let mut stage = Self::trading();
        stage.message(TRACKER_RANK, Body::Stop { outcome: Outcome::Complete, ending: Ending::Done });
        stage.hear(Event::Drained { traffic: Traffic::default() });
        stage
    }

    fn hear(&mut self, event: Event) {
        self.client.handle(self.now, event, &mut self.out);
    }

    /// Lets time pass, to each time-out of the client and for so many of them.
    fn wait(&mut self, timeouts: u32) {
        for _ in 0..timeouts {
            self.now = self.client.next_timeout().unwrap_or(self.now).max(self.now);
            self.hear(Event::Timeout);
        }
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

fn hashes(lines: &[&str]) -> PieceHashes {
    let mut hashes = PieceHashes::new();
    lines.iter().for_each(|line| hashes.push(line.as_bytes()).unwrap());
    hashes
}

/// A file of pieces with these hashes, and who downloads it.
fn known(torrent: TorrentId, lines: &[&str], takers: &[u32]) -> Described {
    let layout = Layout { pieces: lines.len() as u32, piece_length: 1 };
    let takers = takers.iter().map(|&rank| Rank(rank)).collect();
    Described::Known { torrent, layout, hashes: hashes(lines), takers }
}

/// Rank 1 has all of these.
fn seeded(torrents: &[TorrentId]) -> Swarm {
    let changes = torrents.iter().map(|&torrent| Change::HasAll { rank: Rank(1), torrent }).collect();
    Swarm { version: 1, changes, loads: vec![], downloaders: 2 }
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
fn a_long_piece_is_waited_for_as_long_as_it_takes_on_a_slow_line() {
    for (piece_length, least) in [(1, 1), (256 << 10, 3), (1 << 20, 9), (16 << 20, 9)] {
        let mut stage = Stage::started();
        stage.answer(1, Answer::Start { torrents: vec![], cards: vec![] });
        let Described::Known { torrent, hashes, takers, .. } = known(FILE, &["a", "b"], &[2]) else { unreachable!() };
        let layout = Layout { pieces: 2, piece_length };
        let files = vec![Described::Known { torrent, layout, hashes, takers }];
        stage.answer(2, Answer::Joined { files, swarm: seeded(&[FILE]) });
        let asked = stage.now;
        stage.out.drain().for_each(drop);
        let gives_up = |decision: Decision| matches!(decision, Decision::Tell(Observed::TimedOut { .. }));
        while !stage.out.drain().any(gives_up) {
            stage.wait(1);
        }
        assert_eq!(stage.now.since(asked).as_secs(), least, "pieces of {piece_length} bytes");
    }
}

/// Of a file of two pieces, which only this rank takes, the seed gives one.
fn given_one_of_two(arrival: Arrival) -> (Stage, Time) {
    let mut stage = Stage::started();
    stage.answer(1, Answer::Start { torrents: vec![], cards: vec![] });
    stage.answer(2, Answer::Joined { files: vec![known(FILE, &["a", "b"], &[2])], swarm: seeded(&[FILE]) });
    let (from, slot, _) = requests(&stage.said())[0];
    stage.now += Duration::from_millis(100);
    stage.hear(Event::Piece { from, slot, arrival });
    let answered = stage.now;
    (stage, answered)
}

#[test]
fn a_peer_that_falls_silent_while_it_serves_is_suspected() {
    let (mut stage, answered) = given_one_of_two(Arrival::Verified);
    stage.out.drain().for_each(drop);
    let suspected = |decision: Decision| matches!(decision, Decision::Tell(Observed::Suspected { rank: Rank(1) }));
    while !stage.out.drain().any(suspected) {
        stage.wait(1);
    }
    assert_eq!(stage.now.since(answered).as_millis(), 1_000);
}

#[test]
fn a_right_piece_that_is_not_needed_is_nobodys_fault_and_is_asked_for_again() {
    let (mut stage, _) = given_one_of_two(Arrival::Redundant);
    let said: Vec<Decision> = stage.out.drain().collect();
    let told = |what: fn(&Observed) -> bool| said.iter().any(|one| matches!(one, Decision::Tell(told) if what(told)));
    assert!(told(|told| matches!(told, Observed::Wasted { from: Rank(1) })));
    assert!(!told(|told| matches!(told, Observed::Corrupt { .. })));
    assert_eq!(requests(&said).len(), 1);
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

/// The calls that were made, with their numbers.
fn calls(said: &[Decision]) -> Vec<(u32, &Call)> {
    let calls = said.iter().filter_map(|decision| match decision {
        Decision::Send { message: Message { body: Body::Call { sequence, call }, .. }, .. } => Some((*sequence, call)),
        _ => None,
    });
    calls.collect()
}

#[test]
fn the_last_word_tells_what_the_tracker_may_not_have_heard() {
    let mut stage = Stage::trading();
    let (seed, slot, piece) = requests(&stage.said())[0];
    stage.hear(Event::Piece { from: seed, slot, arrival: Arrival::Verified });
    stage.message(TRACKER_RANK, Body::Stop { outcome: Outcome::TimeLimit, ending: Ending::GivenUp });
    stage.hear(Event::Drained { traffic: Traffic::default() });
    let said = stage.said();
    let Some((_, Call::Drained { received, .. })) = calls(&said).pop() else { panic!("{said:?}") };
    assert_eq!(*received, [Received { from: seed, pieces: Pieces { torrent: FILE, pieces: vec![piece] } }]);
}

#[test]
fn what_one_does_not_take_who_is_gone_does_not_hide_what_a_seed_holds() {
    const PIECES: u32 = 200;
    let lines: Vec<String> = (0..PIECES).map(|piece| piece.to_string()).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for piece in (0..PIECES).map(PieceIndex) {
        let policy = Policy { preference: Preference::Takers, ..Policy::assignment() };
        let mut stage =
            Stage::of(Incarnation(0), policy, Catalog { wanted: vec!["file".into()], ..Catalog::default() });
        stage.answer(1, Answer::Start { torrents: vec![], cards: vec![] });
        let has = Change::Has { rank: Rank(1), pieces: Pieces { torrent: FILE, pieces: vec![piece] } };
        let changes = vec![Change::Gone { rank: Rank(3) }, has];
        let swarm = Swarm { changes, ..Swarm::default() };
        stage.answer(2, Answer::Joined { files: vec![known(FILE, &lines, &[2, 3])], swarm });
        assert!(requests(&stage.said()).iter().any(|&(from, ..)| from == Rank(1)), "{piece}");
    }
}

#[test]
fn one_that_has_drained_stays_as_long_as_the_tracker_says_to_wait_and_no_longer() {
    let mut stage = Stage::drained();
    let said = stage.said();
    let &(sequence, Call::Drained { .. }) = calls(&said).last().unwrap() else { panic!("{said:?}") };
    for _ in 0..20 {
        stage.wait(1);
        stage.answer(sequence, Answer::Wait);
    }
    assert!(!stage.client.is_finished());
    stage.wait(40);
    assert_eq!(stage.client.outcome(), Some(Outcome::Incomplete));
}

#[test]
fn one_that_was_told_to_stop_starts_over_with_the_tracker_of_a_higher_term() {
    let mut stage = Stage::drained();
    stage.said();
    stage.client.follow(stage.now, Term(3), &mut stage.out);
    let said = stage.said();
    assert!(matches!(calls(&said)[..], [(_, Call::Publish { part: 0, .. })]), "{said:?}");
}

#[test]
fn the_rest_of_a_files_hashes_is_asked_of_the_tracker_of_a_higher_term() {
    let mut stage = Stage::started();
    stage.answer(1, Answer::Start { torrents: vec![], cards: vec![] });
    let begun = || {
        let layout = Layout { pieces: 4, piece_length: 1 };
        let file = Described::Known { torrent: FILE, layout, hashes: hashes(&["a", "b"]), takers: vec![] };
        Answer::Joined { files: vec![file], swarm: seeded(&[FILE]) }
    };
    let rest = |said: &[Decision]| {
        let rest = Call::Hashes { torrent: FILE, first: PieceIndex(2) };
        calls(said).iter().any(|(_, call)| **call == rest)
    };
    stage.answer(2, begun());
    assert!(rest(&stage.said()));
    stage.client.follow(stage.now, Term(4), &mut stage.out);
    for answer in [Answer::Start { torrents: vec![], cards: vec![] }, begun()] {
        let said = stage.said();
        let sequence = calls(&said).last().expect("it asks").0;
        let body = Body::Answer { sequence, answer };
        stage.hear(Event::Message {
            from: Rank(0),
            message: Message { term: Term(4), incarnation: Incarnation(0), body },
        });
    }
    assert!(rest(&stage.said()));
}

#[test]
fn in_a_later_life_all_are_asked_for_the_term_and_in_the_first_nobody() {
    let asked = |life: u32| {
        let said = Stage::in_life(Incarnation(life)).said();
        let asked = |decision: &Decision| match decision {
            Decision::Send { to, message: Message { body: Body::Ping, .. } } => Some(*to),
            _ => None,
        };
        said.iter().filter_map(asked).collect::<Vec<_>>()
    };
    assert_eq!(asked(0), []);
    assert_eq!(asked(1), [Rank(0), Rank(1), Rank(3)]);
}

#[test]
fn a_seed_sends_nobody_to_one_that_had_to_ask_for_a_piece_twice() {
    let (policy, patience) = (Policy { seeding: Seeding::OnceEach, ..Policy::assignment() }, Patience::job());
    let config = Config { rank: Rank(1), world: 4, incarnation: Incarnation(0), seed: 1, policy, patience };
    let mut shared = Shared { config, term: Term(0), holdings: Holdings::default(), peers: Peers::default() };
    shared.holdings.add(FILE, Bitfield::all(1));
    let mut answer = {
        let mut upload = Upload::default();
        move |rank: u32, generation: u16, manner: Manner| {
            let mut out = Outbox::new();
            let (from, slot) = (Rank(rank), Slot::new(0, generation));
            let wish = Wish { from, slot, torrent: FILE, piece: PieceIndex(0), manner };
            upload.request(wish, &shared, &mut out);
            upload.sent(&shared, &mut out);
            out.drain().next()
        }
    };
    let gives = |decision: Option<Decision>| matches!(decision, Some(Decision::SendPiece { .. }));
    assert!(gives(answer(2, 1, Manner::Willing)));
    assert!(!gives(answer(3, 1, Manner::Willing)), "rank 2 has it");
    assert!(gives(answer(2, 2, Manner::Insistent)), "it had not come");
    assert!(gives(answer(3, 2, Manner::Willing)), "rank 2 may not have it");
}
