//! The client beside the tracker: a rank that does both, and what is left when it dies.

use std::time::Duration;

use tema3::fault::{Calamity, Mishap, Return, When};
use tema3::protocol::{Catalog, Observed, Office, Outcome, Policy, Refusal, TRACKER, Time};
use tema3::sim::{Published, Scenario};

use crate::notes::{all_is_delivered, noted, outcomes, run};

/// So many clients and the one beside the tracker, all of whom want the one file. Nobody owns it yet.
fn beside(seed: u64, clients: u32, pieces: u32) -> Scenario {
    let mut scenario = Scenario::new(seed, clients, vec![Published::model("file", pieces, seed)]);
    scenario.policy = Policy { office: Office::Beside, ..Policy::assignment() };
    (0..=clients).for_each(|rank| scenario.wants(rank, 0));
    scenario
}

fn at(millis: u64) -> Time {
    Time(millis * 1_000_000)
}

#[test]
fn a_world_of_one_rank_that_owns_and_wants_ends_complete() {
    for pieces in [0, 1, 40] {
        let mut scenario = beside(1, 0, pieces);
        scenario.owns(0, 0);
        let report = run(&scenario);
        assert!(all_is_delivered(&report));
        assert_eq!(outcomes(&report), [Outcome::Complete]);
        assert_eq!(report.truth.of(TRACKER).messages, 0, "what it says to itself is no message");
    }
}

#[test]
fn a_world_of_one_rank_that_comes_to_own_what_it_wants_ends_complete() {
    let mut scenario = beside(1, 0, 40);
    scenario.comes_to_own(0, 0, at(5_000));
    let report = run(&scenario);
    assert!(all_is_delivered(&report) && report.ended < at(5_100), "{:?}", report.ended);
}

#[test]
fn a_world_of_one_rank_that_wants_what_nobody_has_ends_soon() {
    let report = run(&beside(1, 0, 40));
    assert_eq!(outcomes(&report), [Outcome::Incomplete]);
    assert!(report.ended < at(1_000), "{:?}", report.ended);
}

#[test]
fn a_client_beside_the_tracker_that_cannot_take_part_ends_the_run_for_all() {
    let mut scenario = beside(1, 3, 10);
    scenario.owns(1, 0);
    let refusal = Some(Refusal { outcome: Outcome::Disk, reason: "read-only".into() });
    scenario.catalogs[0] = Catalog { refusal, ..Catalog::default() };
    let (report, notes) = noted(&scenario);
    assert_eq!(outcomes(&report), [Outcome::Disk; 4]);
    assert_eq!(notes.count(|_, told| matches!(told, Observed::Aborted { rank: TRACKER, .. })), 1);
    assert!(report.ended < at(2_000), "{:?}", report.ended);
}

#[test]
fn the_client_beside_the_tracker_seeds_as_others_do() {
    let mut scenario = beside(2, 5, 60);
    scenario.owns(0, 0);
    let report = run(&scenario);
    assert!(all_is_delivered(&report));
    let from_it: u64 = report.truth.nodes().map(|(_, node)| node.received_from[0]).sum();
    assert!((60..=75).contains(&from_it), "each piece about once, and {from_it} in all");
}

#[test]
fn the_client_beside_the_tracker_downloads_from_all() {
    let mut scenario = beside(3, 5, 60);
    scenario.owns(4, 0);
    let report = run(&scenario);
    assert!(all_is_delivered(&report));
    let sources = report.truth.of(TRACKER).received_from.iter().filter(|count| **count > 0).count();
    assert_eq!(sources, 5, "{:?}", report.truth.of(TRACKER).received_from);
}

#[test]
fn a_tracker_that_dies_with_the_client_beside_it_is_done_without() {
    let mut calm = beside(4, 4, 12);
    calm.owns(0, 0);
    calm.owns(3, 0);
    for count in 0..run(&calm).truth.of(TRACKER).messages {
        let what = Calamity::Crash(Return::Never);
        let mishaps = vec![Mishap { rank: TRACKER, when: When::Message(count), what }];
        let report = run(&Scenario { mishaps, ..calm.clone() });
        assert!(all_is_delivered(&report), "dead before its message {count}");
        assert!(outcomes(&report).iter().all(|outcome| [0, 8].contains(&outcome.code())));
        assert!(report.ended < at(30_000), "dead before its message {count}: {:?}", report.ended);
    }
}

#[test]
fn what_a_tracker_that_dies_was_to_offer_another_one_does() {
    for dead in [50, 250, 450, 1_000] {
        let mut scenario =
            Scenario::new(5, 5, (0..4).map(|part| Published::model(&format!("tree/{part}"), 9, 5)).collect());
        scenario.policy.office = Office::Beside;
        for part in 0..4 {
            (0..=5).for_each(|rank| scenario.wants(rank, part));
            scenario.comes_to_own(0, part, at(200 * (part as u64 + 1)));
        }
        scenario.succeeds(3, 0);
        let what = Calamity::Crash(Return::Never);
        scenario.mishaps.push(Mishap { rank: TRACKER, when: When::At(at(dead)), what });
        let report = run(&scenario);
        assert!(all_is_delivered(&report), "dead after {dead} ms");
        assert!(report.ended < at(dead + 14_000), "dead after {dead} ms: {:?}", report.ended);
    }
}

#[test]
fn a_client_beside_a_tracker_that_could_not_be_heard_finds_the_others_again() {
    for silence in (18_000..24_000).step_by(200) {
        let mut scenario = beside(silence, 8, 40);
        (2..=4).for_each(|owner| scenario.owns(owner, 0));
        // Until then nobody leaves.
        scenario.files.push(Published::model("late", 1, silence));
        scenario.comes_to_own(2, 1, at(45_000));
        scenario.hardware.latency = Duration::from_millis(20);
        let what = Calamity::Silence(Duration::from_millis(silence));
        scenario.mishaps.push(Mishap { rank: TRACKER, when: When::At(at(100)), what });
        assert!(all_is_delivered(&run(&scenario)), "silent for {silence} ms");
    }
}
