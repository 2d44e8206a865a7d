//! Peers that stall, crawl, lie and say nothing.

use std::time::Duration;

use tema3::fault::{Calamity, Faults, Mishap, When};
use tema3::protocol::{Observed, Rank};
use tema3::sim::{Report, Scenario};

use crate::notes::{all_is_delivered, noted, run};

/// How long these clients took from the start of the swarm until the last of them had all, by their own word.
fn makespan(scenario: &Scenario, clients: &[Rank]) -> Duration {
    let (_, notes) = noted(scenario);
    let started = notes.0.iter().find(|(_, _, told)| matches!(told, Observed::SwarmStarted { .. }));
    let started = started.map(|(at, ..)| *at).expect("the swarm starts");
    let done =
        notes.0.iter().filter(|(_, rank, told)| clients.contains(rank) && matches!(told, Observed::AllFinished { .. }));
    done.map(|(at, ..)| *at).max().expect("they finish").since(started)
}

fn redundant(report: &Report) -> u64 {
    report.truth.nodes().map(|(_, node)| node.received_again).sum()
}

#[test]
fn row_12_a_peer_that_stands_still_for_30_s_and_goes_on_is_welcome_again() {
    for rank in 1..=5 {
        for count in [0, 2, 5, 11] {
            let mut scenario = Scenario::one_file(4, 2, 3, 40);
            let what = Calamity::Stall(Duration::from_secs(30));
            scenario.mishaps.push(Mishap { rank: Rank(rank), when: When::Message(count), what });
            let report = run(&scenario);
            assert_eq!(redundant(&report), 0, "no piece is written twice");
            let others = (1..=5).filter(|&other| other != rank).map(Rank);
            assert!(others.into_iter().all(|other| report.truth.of(other).complete[0]));
        }
    }
}

#[test]
fn row_13_a_seed_a_hundred_times_slower_than_the_rest_holds_nobody_up() {
    let leechers: Vec<Rank> = (4..=9).map(Rank).collect();
    let (mut with, mut without) = (Duration::ZERO, Duration::ZERO);
    for seed in 0..3 {
        let mut scenario = Scenario::one_file(seed, 3, 6, 1_000);
        scenario.hardware.latency = Duration::from_millis(1);
        scenario.hardware.service = Duration::from_micros(100);
        without += makespan(&scenario, &leechers);
        scenario.hardware.slow = vec![(Rank(2), 100)];
        with += makespan(&scenario, &leechers);
    }
    assert!(with * 5 <= without * 6, "{with:?} with the slow seed, {without:?} without");
}

#[test]
fn row_16_a_poisoner_is_asked_last_and_all_is_delivered_without_it() {
    let leechers: Vec<Rank> = (4..=9).map(Rank).collect();
    let (mut with, mut without) = (Duration::ZERO, Duration::ZERO);
    for seed in 0..5 {
        let mut scenario = Scenario::one_file(seed, 3, 6, 200);
        scenario.hardware.up = Some(1_000_000);
        without += makespan(&scenario, &leechers);
        scenario.faults = Faults { seed, poisoners: vec![Rank(2)], ..Faults::default() };
        let (report, notes) = noted(&scenario);
        assert!(all_is_delivered(&report));
        for leecher in &leechers {
            let bad = |rank: Rank, told: &Observed| rank == *leecher && matches!(told, Observed::Corrupt { .. });
            assert!(notes.count(bad) <= 13, "{leecher} took {} bad pieces", notes.count(bad));
        }
        with += makespan(&scenario, &leechers);
    }
    assert!(with * 2 <= without * 3, "{with:?} with the poisoner, {without:?} without");
}

#[test]
fn row_16_one_that_says_what_it_has_and_then_nothing_holds_nobody_up_for_long() {
    let leechers: Vec<Rank> = (4..=9).map(Rank).collect();
    let mut scenario = Scenario::one_file(2, 3, 6, 200);
    let what = Calamity::Silence(Duration::from_secs(30));
    scenario.mishaps.push(Mishap { rank: Rank(2), when: When::Message(1), what });
    let took = makespan(&scenario, &leechers);
    assert!(took < scenario.patience.request * 3, "{took:?}");
}
