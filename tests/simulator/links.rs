//! Links that lose, repeat, delay and damage what they carry.

use std::time::Duration;

use tema3::fault::Faults;
use tema3::protocol::{Observed, Rank};
use tema3::sim::soak::Soak;
use tema3::sim::{Kind, Scenario};

use crate::notes::{all_is_delivered, noted, run};

fn with(faults: Faults, seed: u64) -> Scenario {
    let mut scenario = Scenario::one_file(seed, 2, 4, 30);
    scenario.faults = Faults { seed, ..faults };
    scenario
}

#[test]
fn row_14_messages_dropped_repeated_and_late_cost_nothing_but_time() {
    let late = Duration::from_millis(1_500);
    for per_mille in [10, 100, 200, 300] {
        for faults in [
            Faults { drop: per_mille, ..Faults::default() },
            Faults { duplicate: per_mille, longest_delay: late, ..Faults::default() },
            Faults { delay: per_mille, longest_delay: late, ..Faults::default() },
            Faults { corrupt: per_mille, ..Faults::default() },
        ] {
            for seed in 0..5 {
                assert!(all_is_delivered(&run(&with(faults.clone(), seed))));
            }
        }
    }
}

#[test]
fn row_14_each_piece_counts_once_however_often_it_comes() {
    let faults = Faults { duplicate: 300, longest_delay: Duration::from_millis(100), ..Faults::default() };
    let (report, notes) = noted(&with(faults, 3));
    for leecher in (3..=6).map(Rank) {
        assert_eq!(report.truth.of(leecher).received_from.iter().sum::<u64>(), 30);
        let told = |rank: Rank, told: &Observed| rank == leecher && matches!(told, Observed::Received { .. });
        assert_eq!(notes.count(told), 30);
    }
}

#[test]
fn a_slow_line_is_not_taken_for_a_silent_peer_however_much_is_asked_for_at_once() {
    // What is asked for first takes seconds to come: so long is the queue.
    let mut scenario = Scenario::one_file(1, 1, 1, 200);
    (scenario.policy.window_pieces, scenario.policy.window_bytes) = (64, 1 << 20);
    scenario.hardware.up = Some(1_000);
    let (report, notes) = noted(&scenario);
    assert!(all_is_delivered(&report));
    assert_eq!(notes.count(|_, told| matches!(told, Observed::TimedOut { .. })), 0);
    assert_eq!(notes.count(|_, told| matches!(told, Observed::Served { .. })), 200);
}

#[test]
fn row_15_a_wrong_byte_is_always_found_and_the_piece_fetched_again() {
    let mut found = 0;
    for seed in 0..40 {
        let (report, notes) = noted(&with(Faults { corrupt: 20, ..Faults::default() }, seed));
        let corrupt = notes.count(|_, told| matches!(told, Observed::Corrupt { .. }));
        let garbled = notes.count(|_, told| matches!(told, Observed::Misbehaved { .. }));
        assert!(corrupt as u64 <= report.fired.of(Kind::Corrupt));
        assert!(all_is_delivered(&report));
        found += corrupt + garbled;
    }
    assert!(found > 100, "only {found} wrong bytes were seen");
}

#[test]
fn row_18_pieces_that_nobody_waits_for_are_counted_as_waste() {
    let faults = Faults { duplicate: 200, longest_delay: Duration::from_millis(1), ..Faults::default() };
    let (_, notes) = noted(&with(faults, 1));
    assert!(notes.count(|_, told| matches!(told, Observed::Wasted { .. })) > 0);
}

#[test]
fn a_few_hundred_swarms_of_the_soak_lose_nothing_have_nothing_wrong_and_none_stuck() {
    let tally = Soak::new(300, 1_000_000).run();
    let failures: Vec<String> =
        tally.failures.iter().map(|(case, violation)| format!("soak --case {case}: {violation}")).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(tally.swarms, 300);
}
