//! Clients that come to own what they offer while the swarm runs.

use std::time::Duration;

use tema3::fault::{Calamity, Mishap, Return, When};
use tema3::protocol::{Card, Decision, Lack, Observed, Outcome, Rank, TRACKER, Time};
use tema3::sim::{Published, Scenario, Watch, simulate};

use crate::notes::{Notes, all_is_delivered, noted, outcomes, run};

fn at(millis: u64) -> Time {
    Time(millis * 1_000_000)
}

/// So many parts of a source, of 12 pieces each, and so many clients, all of whom want all of it.
fn parts(seed: u64, clients: u32, parts: u32) -> Scenario {
    let files = (0..parts).map(|part| Published::model(&format!("tree/{part}"), 12, seed)).collect();
    let mut scenario = Scenario::new(seed, clients, files);
    for part in 0..parts as usize {
        (1..=clients).for_each(|client| scenario.wants(client, part));
    }
    scenario
}

/// So many parts, of which rank 1 comes to own one after the other, 300 ms apart.
fn one_by_one(clients: u32, count: u32) -> Scenario {
    let mut scenario = parts(1, clients, count);
    for part in 0..count {
        scenario.comes_to_own(1, part as usize, at(300 * u64::from(part + 1)));
        scenario.names_takers(part as usize);
    }
    scenario
}

fn death(rank: u32, millis: u64) -> Mishap {
    Mishap { rank: Rank(rank), when: When::At(at(millis)), what: Calamity::Crash(Return::Never) }
}

fn first(notes: &Notes, like: impl Fn(&Observed) -> bool) -> Time {
    notes.0.iter().find(|(_, _, told)| like(told)).expect("it is told").0
}

#[test]
fn a_source_that_is_offered_part_by_part_is_traded_from_the_first_part_on() {
    let scenario = one_by_one(6, 10);
    let (report, notes) = noted(&scenario);
    assert!(all_is_delivered(&report));
    assert!(outcomes(&report).iter().all(|outcome| *outcome == Outcome::Complete));
    let traded = first(&notes, |told| matches!(told, Observed::Received { .. }));
    let finished = first(&notes, |told| matches!(told, Observed::FileFinished { .. }));
    assert!(traded < at(400) && finished < at(600), "{traded:?} {finished:?}: the last offer is made after 3 s");
    assert!(report.ended < at(3_500), "{:?}: 500 ms after the last offer", report.ended);
}

/// What each rank was told that all others said of themselves.
#[derive(Default)]
struct Convened(Vec<(Rank, Vec<Card>)>);

impl Watch for Convened {
    fn decided(&mut self, _: Time, rank: Rank, decision: &Decision) {
        if let Decision::Convene { cards } = decision {
            self.0.push((rank, cards.clone()));
        }
    }
}

#[test]
fn those_who_may_offer_hear_once_what_all_say_of_themselves_though_the_tracker_dies() {
    let mut scenario = one_by_one(4, 5);
    scenario.succeeds(3, 1);
    for (rank, catalog) in (0..).zip(&mut scenario.catalogs).skip(1) {
        catalog.card = vec![rank];
    }
    scenario.mishaps.push(death(0, 700));
    let mut convened = Convened::default();
    let report = simulate(&scenario, &mut convened);
    assert_eq!(report.violation, None);
    assert!(all_is_delivered(&report));
    let cards: Vec<Card> = (1..=4).map(|rank| Card { rank: Rank(rank), card: vec![rank as u8] }).collect();
    convened.0.sort_by_key(|(rank, _)| *rank);
    assert_eq!(convened.0, [1, 3].map(|rank| (Rank(rank), cards.clone())));
}

#[test]
fn a_tracker_whose_clients_wait_for_long_leaves_with_them() {
    let mut scenario = parts(1, 4, 1);
    scenario.comes_to_own(1, 0, at(20_000));
    let (report, notes) = noted(&scenario);
    let told_to_leave =
        notes.0.iter().rev().find(|(_, rank, told)| *rank == TRACKER && matches!(told, Observed::Left { .. }));
    let told_to_leave = told_to_leave.expect("it ends the run").0;
    assert!(report.ended < told_to_leave + Duration::from_millis(100), "{told_to_leave:?} {:?}", report.ended);
}

#[test]
fn of_an_origin_that_dies_all_is_had_that_it_has_offered_and_the_others_end_soon() {
    for offered in 0..10 {
        let mut scenario = one_by_one(6, 10);
        let dead = 300 * offered + 150;
        scenario.mishaps.push(death(1, dead));
        let (report, notes) = noted(&scenario);
        assert!(outcomes(&report).iter().all(|outcome| *outcome == Outcome::Incomplete));
        assert!(report.ended < at(dead + 14_000), "{offered} offered: {:?}", report.ended);
        for rank in (2..=6).map(Rank) {
            let complete = report.truth.of(rank).complete.iter().filter(|complete| **complete).count() as u64;
            assert_eq!(complete, offered);
            let short = |_: Rank, told: &Observed| matches!(told, Observed::Short { rank: of, missing: None, why: Lack::Unowned, .. } if *of == rank);
            assert_eq!(notes.count(short) as u64, 10 - offered, "what it did not come to offer is named");
        }
    }
}

#[test]
fn what_an_origin_that_dies_did_not_offer_another_one_does() {
    for dead in (50..3_000).step_by(290) {
        let mut scenario = one_by_one(6, 10);
        scenario.succeeds(3, 1);
        scenario.mishaps.push(death(1, dead));
        let report = run(&scenario);
        assert!(all_is_delivered(&report), "dead after {dead} ms");
        assert!(outcomes(&report).iter().all(|outcome| *outcome == Outcome::RanksLost));
        assert!(report.ended < at(dead + 10_000), "dead after {dead} ms: {:?}", report.ended);
    }
}

#[test]
fn who_is_to_succeed_an_origin_hears_of_its_death_though_it_trades_with_few() {
    for seed in 0..10 {
        let mut scenario = Scenario { seed, ..one_by_one(8, 10) };
        scenario.policy.neighbours = 2;
        scenario.succeeds(2, 1);
        scenario.mishaps.push(death(1, 1_000));
        assert!(all_is_delivered(&run(&scenario)));
    }
}

#[test]
fn who_would_succeed_an_origin_that_offers_all_does_nothing() {
    let mut scenario = one_by_one(6, 10);
    scenario.succeeds(3, 1);
    let (report, notes) = noted(&scenario);
    assert!(all_is_delivered(&report) && report.ended < at(3_500), "{:?}", report.ended);
    assert_eq!(notes.count(|_, told| matches!(told, Observed::Served { to: Rank(1), .. })), 0);
    assert_eq!(report.truth.of(Rank(3)).found, 0, "it has all from the others");
}

#[test]
fn who_comes_to_own_what_it_downloads_asks_for_no_more_of_it() {
    for micros in (1_000..30_000).step_by(500) {
        let mut scenario = Scenario::one_file(micros, 1, 3, 40);
        scenario.hardware.latency = Duration::from_millis(1);
        let owner = Rank(3);
        scenario.comes_to_own(owner.0, 0, Time(micros * 1_000));
        let (report, notes) = noted(&scenario);
        assert!(all_is_delivered(&report));
        let late = |(at, rank, told): &&(Time, Rank, Observed)| {
            *rank == owner && *at > Time(micros * 1_000) && matches!(told, Observed::Requested { .. })
        };
        assert_eq!(notes.0.iter().filter(late).count(), 0, "after {micros} us");
    }
}

#[test]
fn one_on_a_slow_line_that_starves_for_one_file_hears_of_another_that_is_offered_meanwhile() {
    let files = ["bad", "late"].map(|name| Published::model(name, 3, 1)).into();
    let mut scenario = Scenario::new(1, 3, files);
    scenario.owns(1, 0);
    scenario.comes_to_own(3, 1, at(8_000));
    (0..2).for_each(|file| scenario.wants(2, file));
    scenario.faults.poisoners = vec![Rank(1)];
    scenario.hardware.latency = Duration::from_micros(2_500);
    scenario.hardware.slow = vec![(Rank(2), 100)];
    let report = run(&scenario);
    assert!(report.truth.of(Rank(2)).complete[1]);
    assert!(report.ended < at(40_000), "{:?}", report.ended);
}

#[test]
fn many_small_offers_cost_each_client_six_messages_each_and_two_a_piece() {
    // It awaits, is answered, has the pieces, says so and is answered, and awaits again; its owner offers and is answered.
    const OFFERS: u32 = 40;
    for apart in [1, 300] {
        let files = (0..OFFERS).map(|part| Published::model(&format!("tree/{part}"), 5, 1)).collect();
        let mut scenario = Scenario::new(1, 5, files);
        for part in 0..OFFERS {
            (2..=5).for_each(|client| scenario.wants(client, part as usize));
            scenario.comes_to_own(1, part as usize, at(apart * u64::from(part + 1)));
        }
        let report = run(&scenario);
        let messages: u64 = report.truth.nodes().map(|(_, node)| node.messages).sum();
        let pieces: u64 = report.truth.nodes().flat_map(|(_, node)| &node.received_from).sum();
        assert_eq!(pieces, 5 * 4 * u64::from(OFFERS));
        let beyond = messages - 2 * pieces;
        assert!(beyond <= 6 * 4 * u64::from(OFFERS), "{apart} ms apart: {beyond} messages beside requests and pieces");
    }
}
