//! How often clients tell the tracker what has come, and what that costs.

use std::time::Duration;

use tema3::protocol::{Announcing, Observed, Policy, Rank};
use tema3::sim::Scenario;

use crate::notes::{all_is_delivered, noted};

const PIECES: u32 = 2000;
/// The leechers of all these swarms.
const LEECHERS: std::ops::Range<u32> = 2..9;

/// A seed and seven leechers, whose lines are as fast as this.
fn swarm(bytes_a_second: u64, policy: Policy) -> Scenario {
    let mut scenario = Scenario::one_file(3, 1, LEECHERS.len() as u32, PIECES);
    scenario.policy = policy;
    (scenario.hardware.up, scenario.hardware.down) = (Some(bytes_a_second), Some(bytes_a_second));
    scenario
}

/// How long it took, in milliseconds, how many messages there were, and how often each leecher announced.
fn run(scenario: &Scenario) -> (u64, u64, Vec<usize>) {
    let (report, notes) = noted(scenario);
    assert!(all_is_delivered(&report));
    let announced = |leecher| {
        notes.count(|rank, told| rank == Rank(leecher) && matches!(told, Observed::Announced { pieces: 1.. }))
    };
    let messages = report.truth.nodes().map(|(_, node)| node.messages).sum();
    (report.ended.0 / 1_000_000, messages, LEECHERS.map(announced).collect())
}

#[test]
fn files_are_announced_after_a_hundredth_or_a_tenth_of_a_second_whichever_is_later() {
    let (took, messages, announced) = run(&swarm(2_000_000, Policy::stage()));
    assert!(announced.iter().all(|&times| times as u64 <= took / 100 + 2), "{took} ms: {announced:?}");
    let often = Policy { announcing: Announcing::Every(16), ..Policy::stage() };
    let (took_then, messages_then, _) = run(&swarm(2_000_000, often));
    assert!(
        messages + 1000 < messages_then && took <= took_then,
        "{messages}, {messages_then}; {took}, {took_then} ms"
    );

    let mut far_away = swarm(2_000_000, Policy { window_pieces: 4, ..Policy::stage() });
    far_away.hardware.latency = Duration::from_millis(50);
    let (_, _, announced) = run(&far_away);
    assert!(announced.iter().all(|&times| (90..=101).contains(&times)), "{announced:?}");
}

#[test]
fn segments_of_the_assignment_are_announced_ten_by_ten() {
    let (.., announced) = run(&swarm(2_000_000, Policy::assignment()));
    assert_eq!(announced, [PIECES as usize / 10; LEECHERS.end as usize - 2]);
}
