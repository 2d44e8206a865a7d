//! How runs end: what is delivered, what is told to be missing, and with which exit code.

use std::time::Duration;

use tema3::metainfo::PieceIndex;
use tema3::protocol::{Catalog, Lack, Observed, Outcome, Rank, Refusal, Time};
use tema3::sim::{Published, Scenario};

use crate::notes::{all_is_delivered, noted, outcomes, run};

#[test]
fn the_smallest_and_the_usual_swarms_end_complete() {
    for (seeds, leechers, pieces) in [(1, 1, 1), (1, 1, 0), (1, 5, 40), (2, 4, 80), (3, 10, 33)] {
        let report = run(&Scenario::one_file(7, seeds, leechers, pieces));
        assert!(all_is_delivered(&report));
        assert!(outcomes(&report).iter().all(|outcome| *outcome == Outcome::Complete));
    }
}

#[test]
fn row_3_a_file_that_nobody_owns_is_named_with_who_wanted_it_and_all_else_is_delivered() {
    let mut scenario = Scenario::one_file(1, 1, 3, 20);
    scenario.catalogs[2].wanted.push("nowhere".to_owned());
    let (report, notes) = noted(&scenario);
    assert!(report.ended < Time::ZERO + Duration::from_secs(2), "{:?}", report.ended);
    assert!(outcomes(&report).iter().all(|outcome| outcome.code() == 4));
    assert!(all_is_delivered(&report), "'file' is had by all");
    let named = |_: Rank, told: &Observed| matches!(told, Observed::Short { rank: Rank(2), name, why: Lack::Unowned, .. } if name == "nowhere");
    assert_eq!(notes.count(named), 1);
}

#[test]
fn row_4_of_a_file_with_one_segment_that_nobody_owns_all_others_are_kept() {
    let mut scenario = Scenario::one_file(3, 1, 3, 20);
    let owned = &mut scenario.catalogs[1].owned[0];
    owned.held.remove(PieceIndex(13));
    let (report, notes) = noted(&scenario);
    for rank in 2..=4 {
        assert_eq!(report.truth.of(Rank(rank)).missing(0), 1);
        let short = |_: Rank, told: &Observed| matches!(told, Observed::Short { rank: of, missing: Some(missing), .. } if *of == Rank(rank) && missing.count() == 1);
        assert_eq!(notes.count(short), 1);
    }
    assert!(outcomes(&report).iter().all(|outcome| outcome.code() == 4));
}

#[test]
fn row_5_owners_that_contradict_each_other_are_named_and_other_files_go_on() {
    let files = vec![Published::model("file", 10, 1), Published::model("other", 10, 1)];
    let mut scenario = Scenario::new(5, 4, files);
    scenario.owns(1, 0);
    scenario.owns(2, 0);
    scenario.owns(2, 1);
    let different = Published::model("file", 10, 2);
    let hashes = &mut scenario.catalogs[2].owned[0].hashes;
    *hashes = scenario.files[0].hashes.chunk(0, 24 * 4);
    let agreed = hashes.len() as u32;
    hashes.append(&different.hashes.chunk(agreed, 10_000)).unwrap();
    for client in [3, 4] {
        scenario.wants(client, 0);
        scenario.wants(client, 1);
    }
    let (report, notes) = noted(&scenario);
    let conflict = |_: Rank, told: &Observed| {
        let Observed::Conflict { name, first, second, piece, .. } = told else { return false };
        let ranks = [*first.min(second), *first.max(second)];
        name == "file" && ranks == [Rank(1), Rank(2)] && *piece == PieceIndex(agreed)
    };
    assert_eq!(notes.count(conflict), 1);
    assert!(report.truth.of(Rank(3)).complete[1] && report.truth.of(Rank(4)).complete[1]);
    assert!(outcomes(&report).iter().all(|outcome| outcome.code() == 7));
}

#[test]
fn row_6_there_are_no_limits_on_clients_files_segments_and_names() {
    const CLIENTS: u32 = 200;
    const FILES: u32 = 1_000;
    let name = |file: u32| format!("{file:x<4096}");
    let files = (0..FILES).map(|file| Published::model(&name(file), 100, 6)).collect();
    let mut scenario = Scenario::new(6, CLIENTS, files);
    for file in 0..FILES {
        let owner = file % CLIENTS;
        scenario.owns(owner + 1, file as usize);
        scenario.wants((owner + 1 + file / CLIENTS) % CLIENTS + 1, file as usize);
    }
    let report = run(&scenario);
    assert!(all_is_delivered(&report));
    let received: u64 = report.truth.nodes().flat_map(|(_, node)| &node.received_from).sum();
    assert_eq!(received, 100_000);
}

#[test]
fn a_rank_that_cannot_take_part_ends_the_run_for_all_before_it_starts() {
    for rank in [0, 1, 3] {
        let mut scenario = Scenario::one_file(9, 1, 3, 20);
        let reason = "status.json: read-only".to_owned();
        let refusal = Some(Refusal { outcome: Outcome::Disk, reason: reason.clone() });
        scenario.catalogs[rank as usize] = Catalog { refusal, ..Catalog::default() };
        let (report, notes) = noted(&scenario);
        assert!(outcomes(&report).iter().all(|outcome| *outcome == Outcome::Disk), "rank {rank}");
        let named = |_: Rank, told: &Observed| matches!(told, Observed::Aborted { rank: by, reason: why, .. } if *by == Rank(rank) && *why == reason);
        assert_eq!(notes.count(named), 1, "rank {rank}");
        assert_eq!(notes.count(|_, told| matches!(told, Observed::SwarmStarted { .. })), 0, "rank {rank}");
        assert!(report.ended < Time::ZERO + Duration::from_secs(2), "rank {rank}: {:?}", report.ended);
    }
}
