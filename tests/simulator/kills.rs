//! Nodes that die, at every message that they send.

use std::time::Duration;

use tema3::fault::{Calamity, Mishap, Return, When};
use tema3::protocol::{Outcome, Rank, TRACKER, Time};
use tema3::sim::{Report, Scenario};

use crate::notes::{all_is_delivered, outcomes, run};

fn kill(rank: Rank, when: When) -> Mishap {
    Mishap { rank, when, what: Calamity::Crash(Return::Never) }
}

/// How many messages a rank sends when nothing goes wrong.
fn messages(scenario: &Scenario, rank: Rank) -> u64 {
    run(scenario).truth.of(rank).messages
}

/// Two seeds, so that no client is the last to hold a piece.
fn swarm(world: u32) -> Scenario {
    Scenario::one_file(u64::from(world), 2, world.saturating_sub(3).max(1), 6)
}

fn expect_survivors_to_be_complete(report: &Report) {
    assert!(all_is_delivered(report));
    assert!(
        outcomes(report).iter().all(|outcome| outcome.code() == 0 || outcome.code() == 8),
        "{:?}",
        outcomes(report)
    );
}

#[test]
fn row_9_without_the_tracker_killed_at_any_message_all_clients_finish() {
    for world in 4..=5 {
        let calm = swarm(world);
        for count in 0..messages(&calm, TRACKER) {
            let scenario = Scenario { mishaps: vec![kill(TRACKER, When::Message(count))], ..calm.clone() };
            let report = run(&scenario);
            expect_survivors_to_be_complete(&report);
            assert!(report.ended < Time::ZERO + Duration::from_secs(60), "message {count}: {:?}", report.ended);
        }
    }
}

#[test]
fn row_10_without_a_client_killed_at_any_message_the_others_finish() {
    for world in 4..=5 {
        let calm = swarm(world);
        for rank in (1..world).map(Rank) {
            for count in 0..messages(&calm, rank) {
                let scenario = Scenario { mishaps: vec![kill(rank, When::Message(count))], ..calm.clone() };
                expect_survivors_to_be_complete(&run(&scenario));
            }
        }
    }
}

#[test]
fn row_10_a_sample_of_larger_swarms_stands_the_same() {
    for world in 6..=8 {
        let calm = swarm(world);
        for rank in (0..world).map(Rank) {
            for count in (0..messages(&calm, rank)).step_by(5) {
                let scenario = Scenario { mishaps: vec![kill(rank, When::Message(count))], ..calm.clone() };
                expect_survivors_to_be_complete(&run(&scenario));
            }
        }
    }
}

#[test]
fn row_10_with_the_only_seed_killed_at_any_message_the_exact_list_is_told() {
    // That the list is exact, and that it is no longer than it must be, is what the checkers watch over.
    for world in 3..=5 {
        let calm = Scenario::one_file(9, 1, world - 2, 6);
        let mut incomplete = 0;
        for count in 0..messages(&calm, Rank(1)) {
            let scenario = Scenario { mishaps: vec![kill(Rank(1), When::Message(count))], ..calm.clone() };
            let report = run(&scenario);
            let all = all_is_delivered(&report);
            incomplete += u32::from(!all);
            let wrong = outcomes(&report).into_iter().find(|outcome| (*outcome == Outcome::Incomplete) == all);
            assert_eq!(wrong, None, "killed at message {count} of {world} ranks");
            assert!(
                report.ended < Time::ZERO + Duration::from_secs(30),
                "message {count} of {world} ranks: {:?}",
                report.ended
            );
        }
        assert!(incomplete > 0, "an early death takes the only copies along");
    }
}

#[test]
fn row_11_two_of_eight_killed_at_once_and_then_the_new_tracker() {
    for seed in 0..20 {
        let mut calm = Scenario::one_file(seed, 3, 5, 40);
        calm.hardware.latency = Duration::from_millis(5);
        let at = |millis: u64| When::At(Time(millis * 1_000_000));
        let together = vec![kill(TRACKER, at(60)), kill(Rank(4), at(60))];
        expect_survivors_to_be_complete(&run(&Scenario { mishaps: together.clone(), ..calm.clone() }));
        let then_the_next = together.into_iter().chain([kill(Rank(1), at(8_000))]).collect();
        expect_survivors_to_be_complete(&run(&Scenario { mishaps: then_the_next, ..calm }));
    }
}

#[test]
fn a_client_that_comes_back_gets_what_it_lacks_with_its_storage_or_with_nothing() {
    let after = Duration::from_millis(500);
    for back in [Return::WithStorage(after), Return::WithAmnesia(after)] {
        let calm = swarm(5);
        for rank in [Rank(3), Rank(4)] {
            for count in 0..messages(&calm, rank) {
                let what = Calamity::Crash(back);
                let mishaps = vec![Mishap { rank, when: When::Message(count), what }];
                let report = run(&Scenario { mishaps, ..calm.clone() });
                let others = (1..5).map(Rank).filter(|&other| other != rank);
                assert!(others.into_iter().all(|other| report.truth.of(other).complete[0]));
            }
        }
    }
}
