//! The same swarm, by simulator and by mpirun, ends alike: the same outputs, the same holders, the same code.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tema3::assignment::{HashList, Input, OwnedFile, Twist};
use tema3::commands::{catalog, refusal};
use tema3::protocol::{Member, Outcome, Owned};
use tema3::sim::{Published, Scenario, Simulation};

use super::stories::small;
use super::swarm_folder::{Layout, Outputs, Swarm, files};

/// What is compared.
#[derive(Debug, PartialEq, Eq)]
struct End {
    code: i32,
    outputs: Outputs,
    /// The segments, from 1, that each client holds of each file of which it holds any.
    held: BTreeMap<(u32, String), BTreeSet<u64>>,
}

#[test]
fn a_swarm_ends_alike_in_the_simulator_and_under_mpirun() {
    for twists in [&[][..], &[Twist::Idle, Twist::EmptyFile], &[Twist::Repeated], &[Twist::Unowned]] {
        let swarm = small(twists);
        assert_eq!(simulated(&swarm), under_mpirun(&swarm), "{twists:?}");
    }
}

#[test]
fn a_refused_input_ends_alike_in_the_simulator_and_under_mpirun() {
    let swarm = small(&[Twist::BadCount]);
    let (simulated, real) = (simulated(&swarm), under_mpirun(&swarm));
    assert_eq!((simulated.code, &simulated.outputs), (real.code, &real.outputs));
}

fn simulated(swarm: &Swarm) -> End {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = scenario(swarm);
    let next_rank = Cell::new(0);
    let storage = |brought: &[Owned]| {
        let rank = next_rank.replace(next_rank.get() + 1);
        let owned = |owned: &Owned| OwnedFile { name: owned.name.clone(), hashes: owned.hashes.clone() };
        HashList::new(rank, folder.path(), brought.iter().map(owned).collect())
    };
    let report = Simulation::<Member, HashList>::new(&scenario, &Member::new, &storage).run(&mut ());
    assert!(report.violation.is_none(), "{:?}", report.violation);
    let mut held = BTreeMap::new();
    for (rank, known) in report.truth.nodes() {
        for (file, bits) in scenario.files.iter().zip(&known.held) {
            let segments: BTreeSet<_> = bits.iter().map(|piece| piece.ordinal()).collect();
            if !segments.is_empty() {
                held.insert((rank.0, file.name.clone()), segments);
            }
        }
    }
    let codes = report.truth.nodes().map(|(_, known)| known.left.expect("all have left").code());
    let codes: BTreeSet<_> = codes.collect();
    assert_eq!(codes.len(), 1, "all ranks leave with the same code: {codes:?}");
    End { code: i32::from(*codes.first().expect("there are ranks")), outputs: files(folder.path()), held }
}

fn scenario(swarm: &Swarm) -> Scenario {
    let inputs = || swarm.inputs.iter().map(|(client, bytes)| (*client, Input::parse(*client, bytes)));
    let mut listed = BTreeMap::new();
    for (input, _) in inputs().filter_map(|(_, parsed)| parsed.ok()) {
        listed.extend(input.owned.into_iter().map(|file| (file.name, file.hashes)));
    }
    let published = listed.into_iter().map(|(name, hashes)| Published::of_lines(&name, hashes)).collect();
    let mut scenario = Scenario::new(1, swarm.ranks - 1, published);
    for (client, parsed) in inputs() {
        scenario.catalogs[client as usize] = match parsed {
            Ok((input, _)) => catalog(&input),
            Err((line, problem)) => refusal(Outcome::BadInput, format_args!("{line}: {problem}")),
        };
    }
    scenario
}

fn under_mpirun(swarm: &Swarm) -> End {
    let run = swarm.run(Layout::InAndOut, &["--events", "events"]);
    let mut held: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (client, bytes) in &swarm.inputs {
        let Ok((input, _)) = Input::parse(*client, bytes) else { continue };
        for file in input.owned.iter().filter(|file| !file.hashes.is_empty()) {
            held.insert((*client, file.name.clone()), (1..=file.hashes.len() as u64).collect());
        }
        for (name, segment) in received(&run.folder.path().join(format!("events/rank{client}.jsonl"))) {
            held.entry((*client, name)).or_default().insert(segment);
        }
    }
    End { code: run.ended.code, outputs: run.outputs, held }
}

/// The segments that a rank's events say have arrived: the file's name and the segment's number.
fn received(events: &std::path::Path) -> Vec<(String, u64)> {
    let lines = std::fs::read_to_string(events).expect("each rank writes its events");
    let steps = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    let arrived = steps.filter(|step| step["event"] == "segment");
    arrived.map(|step| (step["file"].as_str().unwrap().to_owned(), step["segment"].as_u64().unwrap())).collect()
}
