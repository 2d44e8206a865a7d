//! The same content once: what a client has, in its storage or in another place, it does not fetch.

use std::collections::BTreeSet;
use std::time::Duration;

use tema3::fault::{Calamity, Mishap, Return, When};
use tema3::protocol::{Catalog, Config, Incarnation, Member, Owned, Policy, Rank, Sameness, Time};
use tema3::sim::{Published, Report, Scenario, Simulation};
use tema3::storage::Model;

use crate::notes::{all_is_delivered, run};

/// Two files whose pieces repeat each other's content; rank 1 has both, and so many clients want both.
fn repetitive(clients: u32, sameness: Sameness) -> Scenario {
    let files = vec![Published::repetitive("one", 50, 4), Published::repetitive("two", 30, 4)];
    let mut scenario = Scenario::new(4, 1 + clients, files);
    scenario.policy = Policy { sameness, ..Policy::assignment() };
    for file in 0..2 {
        scenario.owns(1, file);
        (2..2 + clients).for_each(|client| scenario.wants(client, file));
    }
    scenario
}

/// How many of all pieces are different.
fn different(scenario: &Scenario) -> u64 {
    let hashes: BTreeSet<&[u8]> = scenario.files.iter().flat_map(|file| file.hashes.iter()).collect();
    hashes.len() as u64
}

fn fetched(report: &Report, rank: u32) -> u64 {
    let node = report.truth.of(Rank(rank));
    node.received_again + node.received_from.iter().sum::<u64>()
}

#[test]
fn what_repeats_is_fetched_once_where_it_is_copied_and_each_time_where_all_is_traded() {
    for (sameness, all) in [(Sameness::Copied, 20), (Sameness::Traded, 80), (Sameness::Found, 80)] {
        let scenario = repetitive(4, sameness);
        assert_eq!(different(&scenario), 20);
        let report = run(&scenario);
        assert!(all_is_delivered(&report));
        assert_eq!([2, 3, 4, 5].map(|rank| fetched(&report, rank)), [all; 4], "{sameness:?}");
    }
}

#[test]
fn a_file_that_is_offered_late_is_not_fetched_where_all_of_it_is_here() {
    let mut scenario = repetitive(4, Sameness::Copied);
    scenario.files.push(Published::repetitive("three", 90, 4));
    scenario.comes_to_own(1, 2, Time(300_000_000));
    (2..=5).for_each(|client| scenario.wants(client, 2));
    let report = run(&scenario);
    assert!(all_is_delivered(&report));
    assert_eq!([2, 3, 4, 5].map(|rank| fetched(&report, rank)), [different(&scenario); 4]);
    assert_eq!(report.truth.of(Rank(2)).found, 170 - different(&scenario));
}

#[test]
fn what_a_client_in_a_new_life_has_is_found_by_its_storage_and_not_fetched_again() {
    // As a program does that is started again, it knows nothing; only its storage keeps what it had.
    let birth = |config: Config, catalog: Catalog| {
        let owned = if config.incarnation == Incarnation(0) { catalog.owned } else { Vec::new() };
        Member::new(config, Catalog { owned, ..catalog })
    };
    let fetched_with = |sameness: Sameness| {
        let mut scenario = Scenario::one_file(7, 2, 3, 60);
        scenario.policy.sameness = sameness;
        scenario.hardware.latency = Duration::from_millis(1);
        let what = Calamity::Crash(Return::WithStorage(Duration::from_millis(200)));
        scenario.mishaps.push(Mishap { rank: Rank(4), when: When::Message(40), what });
        let storage = |brought: &[Owned]| scenario.model_storage(brought);
        let report = Simulation::<Member, Model>::new(&scenario, &birth, &storage).run(&mut ());
        assert_eq!(report.violation, None);
        assert!(all_is_delivered(&report));
        fetched(&report, 4)
    };
    assert_eq!([Sameness::Copied, Sameness::Found].map(fetched_with), [60, 60]);
    assert!(fetched_with(Sameness::Traded) > 75, "it had some when it crashed");
}
