//! Nodes that come back when the end is near: whatever a live node holds is theirs while anybody is left.
//!
//! Where nobody asserts anything here, the checkers do: a run in which a piece is lost that a live node held fails.

use std::time::Duration;

use tema3::fault::{Calamity, Mishap, Return, When};
use tema3::protocol::{Rank, TRACKER, Time};
use tema3::sim::Scenario;

use crate::notes::{all_is_delivered, run};

fn at(millis: u64) -> When {
    When::At(Time(millis * 1_000_000))
}

fn slow_swarm(seed: u64, seeds: u32, leechers: u32) -> Scenario {
    let mut scenario = Scenario::one_file(seed, seeds, leechers, 40);
    scenario.hardware.latency = Duration::from_millis(20);
    scenario
}

#[test]
fn the_only_seed_back_after_two_trackers_died_finds_the_third_at_once() {
    for after in (1_000..12_000).step_by(500) {
        let mut scenario = slow_swarm(after, 2, 4);
        let back = Return::WithStorage(Duration::from_millis(after));
        // Rank 1, a seed too, is the next tracker: with it and the first one gone, rank 2 has the only copies.
        scenario.mishaps = vec![
            Mishap { rank: TRACKER, when: at(100), what: Calamity::Crash(Return::Never) },
            Mishap { rank: Rank(1), when: at(100), what: Calamity::Crash(Return::Never) },
            Mishap { rank: Rank(2), when: at(110), what: Calamity::Crash(back) },
        ];
        run(&scenario);
    }
}

#[test]
fn a_client_that_stalled_is_served_by_those_who_were_told_to_stop() {
    for stall in (6_000..18_000).step_by(200) {
        let mut scenario = slow_swarm(stall, 1, 12);
        scenario.faults.drop = 260;
        scenario.mishaps =
            vec![Mishap { rank: Rank(3), when: at(150), what: Calamity::Stall(Duration::from_millis(stall)) }];
        run(&scenario);
    }
}

#[test]
fn a_first_tracker_that_could_not_be_heard_takes_nobody_away_from_whom_it_needs() {
    for silence in (8_000..24_000).step_by(200) {
        let mut scenario = slow_swarm(silence, 1, 12);
        scenario.faults.drop = 260;
        let stall = Duration::from_millis(silence - 1_000);
        scenario.mishaps = vec![
            Mishap { rank: TRACKER, when: at(100), what: Calamity::Silence(Duration::from_millis(silence)) },
            Mishap { rank: Rank(4), when: at(120), what: Calamity::Stall(stall) },
        ];
        run(&scenario);
    }
}

#[test]
fn one_that_could_not_be_heard_can_be_in_a_new_life() {
    let mut scenario = slow_swarm(1, 1, 3);
    let back = Return::WithStorage(Duration::from_millis(100));
    scenario.mishaps = vec![
        Mishap { rank: Rank(1), when: at(30), what: Calamity::Silence(Duration::from_secs(60)) },
        Mishap { rank: Rank(1), when: at(40), what: Calamity::Crash(back) },
    ];
    assert!(all_is_delivered(&run(&scenario)));
}
