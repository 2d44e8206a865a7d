//! Tests of the driver with toy nodes, which do what a script says.

use std::time::Duration;

use super::checkers::Invariant;
use super::{Report, Scenario, Simulation, Watch};
use crate::fault::{Calamity, Faults, Mishap, Return, When};
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{
    Arrival, Body, Catalog, Config, Decision, Event, Incarnation, Message, Node, Observed, Outbox, Outcome, Owned,
    Rank, Slot, TRACKER, Term, Time,
};
use crate::storage::Model;

const SEED: Rank = Rank(1);
const LEECHER: Rank = Rank(2);
const TORRENT: TorrentId = TorrentId(7);
const SECOND: u64 = 1_000_000_000;

/// Decides at its start what its script says, and leaves at its bedtime.
struct Toy {
    script: Vec<Decision>,
    bedtime: Option<Time>,
    /// As what it leaves.
    ending: Outcome,
    left: bool,
}

impl Node for Toy {
    fn handle(&mut self, now: Time, event: Event, out: &mut Outbox) {
        if event == Event::Start {
            self.script.drain(..).for_each(|decision| out.push(decision));
        }
        if self.bedtime.is_some_and(|bedtime| now >= bedtime) {
            out.tell(Observed::AllFinished { outcome: self.ending });
            out.tell(Observed::Left { outcome: self.ending });
            self.left = true;
        }
    }

    fn next_timeout(&self) -> Option<Time> {
        self.bedtime
    }

    fn is_finished(&self) -> bool {
        self.left
    }
}

/// What everybody heard, other than starts and time-outs.
#[derive(Default)]
struct Log(Vec<(Time, Rank, Event)>);

impl Watch for Log {
    fn heard(&mut self, now: Time, rank: Rank, event: &Event) {
        if !matches!(event, Event::Timeout | Event::Start | Event::Sent { .. }) {
            self.0.push((now, rank, event.clone()));
        }
    }
}

impl Log {
    fn heard_by(&self, rank: Rank) -> Vec<&Event> {
        self.0.iter().filter(|(_, hearer, _)| *hearer == rank).map(|(_, _, event)| event).collect()
    }
}

/// One seed and one that wants nothing, of whom the first life follows the script.
fn run(scenario: &Scenario, script: impl Fn(Rank) -> Vec<Decision>) -> (Log, Report) {
    let birth = |config: Config, _: Catalog| Toy {
        script: if config.incarnation == Incarnation(0) { script(config.rank) } else { Vec::new() },
        bedtime: Some(Time(10 * SECOND)),
        ending: Outcome::Complete,
        left: false,
    };
    let storage = |brought: &[Owned]| scenario.model_storage(brought);
    let mut log = Log::default();
    let report = Simulation::<Toy, Model>::new(scenario, &birth, &storage).run(&mut log);
    (log, report)
}

fn scenario() -> Scenario {
    let mut scenario = Scenario::one_file(1, 1, 1, 4);
    scenario.catalogs[2].wanted.clear();
    scenario
}

fn say(to: Rank, sequence: u16) -> Decision {
    let body = Body::Cancel { slot: Slot::new(0, sequence) };
    Decision::Send { to, message: Message { term: Term(0), incarnation: Incarnation(0), body } }
}

fn open() -> Vec<Decision> {
    let file = &scenario().files[0];
    vec![
        Decision::Open { torrent: TORRENT, name: file.name.clone(), layout: file.layout },
        Decision::Learn { torrent: TORRENT, first: PieceIndex(0), hashes: file.hashes.clone() },
    ]
}

/// The seed sends a piece, which the leecher expects.
fn transfer(rank: Rank) -> Vec<Decision> {
    let (slot, torrent, piece) = (Slot::new(0, 0), TORRENT, PieceIndex(2));
    let mut script = open();
    match rank {
        SEED => script.push(Decision::SendPiece { to: LEECHER, slot, torrent, piece }),
        LEECHER => script.push(Decision::Expect { from: SEED, slot, torrent, piece }),
        _ => script.clear(),
    }
    script
}

fn arrivals(log: &Log) -> Vec<Arrival> {
    log.heard_by(LEECHER)
        .into_iter()
        .filter_map(|event| if let Event::Piece { arrival, .. } = event { Some(*arrival) } else { None })
        .collect()
}

#[test]
fn messages_of_a_pair_come_in_their_order_and_take_their_time() {
    let script = |rank| if rank == SEED { (0..50).map(|number| say(LEECHER, number)).collect() } else { Vec::new() };
    let (log, _) = run(&scenario(), script);
    let bodies: Vec<&Event> = log.heard_by(LEECHER);
    assert_eq!(bodies.len(), 50);
    for (number, event) in bodies.into_iter().enumerate() {
        let Event::Message { from: SEED, message } = event else { panic!("{event:?}") };
        assert_eq!(message.body, Body::Cancel { slot: Slot::new(0, number as u16) });
    }
    assert!(log.0[0].0 >= Time::ZERO + scenario().hardware.latency);
}

#[test]
fn an_expected_piece_is_verified_and_truly_held() {
    let (log, report) = run(&scenario(), transfer);
    assert_eq!(arrivals(&log), [Arrival::Verified]);
    assert!(report.truth.of(LEECHER).held[0].contains(PieceIndex(2)));
    assert_eq!(report.truth.of(LEECHER).received_from[SEED.0 as usize], 1);
}

#[test]
fn the_second_copy_of_a_piece_is_unexpected() {
    let mut scenario = scenario();
    scenario.faults.duplicate = 1000;
    let (log, _) = run(&scenario, transfer);
    assert_eq!(arrivals(&log), [Arrival::Verified, Arrival::Unexpected]);
}

#[test]
fn a_wrong_byte_makes_a_piece_corrupt_and_a_message_garbled() {
    let mut scenario = scenario();
    scenario.faults = Faults { corrupt: 1000, ..Faults::default() };
    let (log, report) = run(&scenario, |rank| {
        let mut script = transfer(rank);
        script.extend((rank == SEED).then(|| say(LEECHER, 1)));
        script
    });
    assert_eq!(arrivals(&log), [Arrival::Corrupt]);
    assert!(log.heard_by(LEECHER).contains(&&Event::Garbled { from: SEED }));
    assert_eq!(report.truth.of(LEECHER).held[0].count(), 0);
}

#[test]
fn a_stalled_host_hears_all_after_its_stall() {
    let mut scenario = scenario();
    let stall = Duration::from_secs(3);
    scenario.mishaps.push(Mishap { rank: LEECHER, when: When::At(Time(1)), what: Calamity::Stall(stall) });
    let (log, report) =
        run(&scenario, |rank| if rank == SEED { vec![say(LEECHER, 0), say(LEECHER, 1)] } else { Vec::new() });
    assert_eq!(log.0.len(), 2);
    assert!(log.0.iter().all(|(at, ..)| at.0 > 3 * SECOND));
    assert_eq!(report.fired.of(super::Kind::Stall), 1);
}

#[test]
fn what_is_sent_to_a_crashed_host_is_lost_and_its_next_life_begins_anew() {
    let mut scenario = scenario();
    let back = Return::WithStorage(Duration::from_secs(1));
    scenario.mishaps.push(Mishap { rank: LEECHER, when: When::At(Time(1)), what: Calamity::Crash(back) });
    let (log, report) = run(&scenario, |rank| if rank == SEED { vec![say(LEECHER, 0)] } else { Vec::new() });
    assert_eq!(log.heard_by(LEECHER), Vec::<&Event>::new());
    assert!(!report.truth.of(LEECHER).first_life);
    assert_eq!(report.truth.of(LEECHER).up_since, None);
    assert_eq!(report.truth.of(LEECHER).left, Some(Outcome::Complete));
}

#[test]
fn a_host_killed_at_a_message_has_sent_those_before_it() {
    let mut scenario = scenario();
    let crash = Calamity::Crash(Return::Never);
    scenario.mishaps.push(Mishap { rank: SEED, when: When::Message(2), what: crash });
    let script = |rank| if rank == SEED { (0..5).map(|number| say(LEECHER, number)).collect() } else { Vec::new() };
    let (log, report) = run(&scenario, script);
    assert_eq!(log.heard_by(LEECHER).len(), 2);
    assert_eq!(report.truth.of(SEED).left, None);
}

#[test]
fn with_storage_pieces_survive_a_crash_and_with_amnesia_they_do_not() {
    for (back, held) in [(Return::WithStorage(Duration::ZERO), 1), (Return::WithAmnesia(Duration::ZERO), 0)] {
        let mut scenario = scenario();
        let what = Calamity::Crash(back);
        scenario.mishaps.push(Mishap { rank: LEECHER, when: When::At(Time(SECOND)), what });
        let (_, report) = run(&scenario, transfer);
        assert_eq!(report.truth.of(LEECHER).held[0].count(), held);
    }
}

#[test]
fn a_silent_host_hears_and_is_not_heard() {
    let mut scenario = scenario();
    let what = Calamity::Silence(Duration::from_secs(1));
    scenario.mishaps.push(Mishap { rank: SEED, when: When::Message(1), what });
    let (log, _) = run(&scenario, |rank| match rank {
        SEED => vec![say(LEECHER, 0), say(LEECHER, 1)],
        LEECHER => vec![say(SEED, 0)],
        _ => Vec::new(),
    });
    assert_eq!(log.heard_by(LEECHER).len(), 1);
    assert_eq!(log.heard_by(SEED).len(), 1);
}

#[test]
fn one_that_never_leaves_is_stuck() {
    let scenario = scenario();
    let sleepless = |config: Config, _: Catalog| {
        let bedtime = (config.rank != SEED).then_some(Time(SECOND));
        Toy { script: Vec::new(), bedtime, ending: Outcome::Complete, left: false }
    };
    let storage = |brought: &[Owned]| scenario.model_storage(brought);
    let report = Simulation::<Toy, Model>::new(&scenario, &sleepless, &storage).run(&mut ());
    let violation = report.violation.expect("it is stuck");
    assert_eq!((violation.invariant, violation.rank), (Invariant::Progress, SEED));
}

/// The invariant that a script breaks.
fn broken(scenario: &Scenario, script: impl Fn(Rank) -> Vec<Decision>) -> Option<Invariant> {
    run(scenario, script).1.violation.map(|violation| violation.invariant)
}

#[test]
fn sending_what_is_not_held_breaks_provenance() {
    let script = |rank| {
        let mut script = open();
        let (slot, torrent, piece) = (Slot::new(0, 0), TORRENT, PieceIndex(0));
        script.push(Decision::SendPiece { to: SEED, slot, torrent, piece });
        if rank == LEECHER { script } else { Vec::new() }
    };
    assert_eq!(broken(&scenario(), script), Some(Invariant::Provenance));
}

#[test]
fn a_storage_that_holds_other_content_than_the_published_is_found() {
    let (scenario, other) = (scenario(), Scenario::one_file(99, 1, 1, 4));
    let birth = |config: Config, _: Catalog| {
        let close = open().into_iter().chain([Decision::Close { torrent: TORRENT }]);
        let script = if config.rank == SEED { close.collect() } else { Vec::new() };
        Toy { script, bedtime: Some(Time(SECOND)), ending: Outcome::Complete, left: false }
    };
    let storage = |brought: &[Owned]| other.model_storage(brought);
    let report = Simulation::<Toy, Model>::new(&scenario, &birth, &storage).run(&mut ());
    assert_eq!(report.violation.map(|violation| violation.invariant), Some(Invariant::Published));
}

#[test]
fn a_flood_of_requests_breaks_the_window() {
    let script = |rank| {
        let expect =
            |index| Decision::Expect { from: SEED, slot: Slot::new(index, 0), torrent: TORRENT, piece: PieceIndex(0) };
        if rank == LEECHER { (0..21).map(expect).collect() } else { Vec::new() }
    };
    assert_eq!(broken(&scenario(), script), Some(Invariant::Flight));
}

#[test]
fn a_word_to_a_rank_that_is_not_there_is_found() {
    let script = |rank| if rank == TRACKER { vec![say(Rank(9), 0)] } else { Vec::new() };
    assert_eq!(broken(&scenario(), script), Some(Invariant::Flight));
}

#[test]
fn a_piece_that_is_told_and_did_not_come_breaks_the_accounts() {
    let told = Decision::Tell(Observed::Received { torrent: TORRENT, piece: PieceIndex(0), from: SEED });
    let script = |rank| if rank == LEECHER { vec![told.clone()] } else { Vec::new() };
    assert_eq!(broken(&scenario(), script), Some(Invariant::Accounts));
}

/// A leecher that gets nothing from a live seed and leaves so.
fn left_without(ending: Outcome) -> super::checkers::Violation {
    let scenario = Scenario::one_file(1, 1, 1, 4);
    let birth = |config: Config, _: Catalog| match config.rank {
        LEECHER => Toy { script: Vec::new(), bedtime: Some(Time(9 * SECOND)), ending, left: false },
        _ => Toy { script: Vec::new(), bedtime: Some(Time(20 * SECOND)), ending: Outcome::Complete, left: false },
    };
    let storage = |brought: &[Owned]| scenario.model_storage(brought);
    Simulation::<Toy, Model>::new(&scenario, &birth, &storage).run(&mut ()).violation.expect("something is wrong")
}

#[test]
fn a_wanted_piece_that_is_given_up_though_a_live_node_holds_it_is_lost() {
    let violation = left_without(Outcome::Incomplete);
    assert_eq!(violation.invariant, Invariant::Delivery);
    assert!(violation.what.contains("lost, though rank 1 held it"), "{violation}");
}

#[test]
fn one_that_lacks_pieces_and_says_that_it_is_complete_is_found() {
    let violation = left_without(Outcome::Complete);
    assert_eq!(violation.invariant, Invariant::Delivery);
    assert!(violation.what.contains("lacks something"), "{violation}");
}
