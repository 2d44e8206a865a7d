//! What a run tells: the summary, the status, the events, the narration, the log, the record.

use serde_json::Value;
use tema3::assignment::{StoryRules, Twist};

use super::program::{Job, run_alone};
use super::stories::{made, small};
use super::swarm_folder::{Layout, Run, files};

fn json(run: &Run, file: &str) -> Value {
    let path = run.folder.path().join(file);
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"))).unwrap()
}

/// All that a rank's events say.
fn steps(run: &Run, rank: u32) -> Vec<Value> {
    let lines = std::fs::read_to_string(run.folder.path().join(format!("events/rank{rank}.jsonl"))).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_summary_counts_what_every_client_had_got_and_served() {
    let swarm = small(&[]);
    let run = swarm.run(Layout::InAndOut, &["--summary", "summary.json"]);
    assert!(run.ended.stdout.contains("exit 0"), "{}", run.ended.stdout);
    let summary = json(&run, "summary.json");
    let total = |field: &str| -> u64 {
        summary["clients"].as_array().unwrap().iter().map(|client| client[field].as_u64().unwrap()).sum()
    };
    let lines = swarm.expected.values().map(|bytes| bytes.split(|&byte| byte == b'\n').count() as u64);
    assert_eq!((total("got"), total("served")), (lines.clone().sum(), lines.sum()));
    assert_eq!(summary["code"], 0);
}

#[test]
fn a_quiet_run_that_goes_well_says_nothing() {
    let run = small(&[]).run(Layout::InAndOut, &["--quiet"]);
    assert_eq!((run.ended.code, run.ended.stdout.as_str(), run.ended.stderr.as_str()), (0, "", ""));
}

#[test]
fn the_status_says_how_the_run_ended_and_why() {
    for twist in [None, Some(Twist::Unowned), Some(Twist::BadCount)] {
        let swarm = small(twist.as_slice());
        let run = swarm.run(Layout::InAndOut, &["--status", "status.json"]);
        let status = json(&run, "status.json");
        assert_eq!(status["code"], swarm.exit);
        let reason = status["reason"].as_str().unwrap_or_default();
        assert_eq!(reason.contains("in2.txt:1: "), twist == Some(Twist::BadCount), "{status}");
    }
}

#[test]
fn every_ranks_events_begin_with_its_first_step_and_end_with_its_last() {
    let run = small(&[]).run(Layout::InAndOut, &["--events", "events"]);
    for rank in 0..4 {
        let steps = steps(&run, rank);
        assert!(steps.iter().all(|step| step["rank"] == rank && step["v"] == 1));
        assert_eq!(steps.last().unwrap()["event"], "left");
        if rank > 0 {
            assert_eq!(steps[0]["event"], "init");
        }
    }
}

#[test]
fn the_tracker_is_told_of_all_segments_in_updates_of_ten() {
    let run = small(&[]).run(Layout::InAndOut, &["--events", "events"]);
    for rank in 1..4 {
        let steps = steps(&run, rank);
        let received = steps.iter().filter(|step| step["event"] == "segment").count() as u64;
        let updates = steps.iter().filter(|step| step["event"] == "update");
        let told: Vec<_> = updates.map(|update| update["segments"].as_u64().unwrap()).collect();
        assert_eq!(told.iter().sum::<u64>(), received, "rank {rank}: {told:?}");
        assert!(told.iter().all(|segments| *segments <= 10), "rank {rank}: {told:?}");
        // Only where a file ends may an update be smaller, and there are two files.
        assert!(told.iter().filter(|segments| **segments < 10).count() <= 2, "rank {rank}: {told:?}");
    }
}

#[test]
fn the_narration_and_the_log_say_which_rank_speaks() {
    let run = small(&[]).run(Layout::InAndOut, &["--explain", "--quiet", "-v"]);
    for rank in 1..4 {
        assert!(run.ended.stdout.contains(&format!("rank {rank}")), "{}", run.ended.stdout);
    }
    let strangers = run.ended.stderr.lines().filter(|line| !line.starts_with("tema3 rank "));
    assert_eq!(strangers.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn no_line_of_the_log_is_longer_than_what_is_written_in_one_piece() {
    let mut swarm = small(&[]);
    let name = "long".repeat(3_000);
    let owner = String::from_utf8(swarm.inputs[&1].clone()).unwrap();
    let (count, rest) = owner.split_once('\n').unwrap();
    let count = count.parse::<u32>().unwrap() + 1;
    swarm.inputs.insert(1, format!("{count}\n{name} 1\nhash\n{rest}").into_bytes());
    let folder = tempfile::tempdir().unwrap();
    swarm.put_into(folder.path());
    // Apart, for mpirun may tear any line where much is written at once.
    let ended = Job::new(swarm.ranks, folder.path()).with(["--quiet", "-vv"]).with_a_log_each().run();
    assert_eq!(ended.code, 0, "{ended:?}");
    for rank in 0..swarm.ranks {
        let log = std::fs::read_to_string(folder.path().join(format!("rank{rank}.log"))).unwrap();
        for line in log.lines() {
            assert!(line.starts_with(&format!("tema3 rank {rank}: ")) && line.len() < 4096, "{line}");
        }
        assert!(rank != 1 || log.matches("long").count() >= 3_000, "the long name is not logged");
    }
}

#[test]
fn odd_hashes_are_warned_of_and_traded() {
    let run = small(&[Twist::OddHashes]).check(Layout::InAndOut);
    assert!(run.ended.stderr.contains("is not 32 hexadecimal digits"), "{}", run.ended.stderr);
}

#[test]
fn limits_slow_a_rank_down() {
    let rules = StoryRules {
        seed: 1,
        clients: 2,
        files: 1,
        fewest_segments: 100,
        most_segments: 100,
        owners: 1,
        wanters: None,
        twists: Vec::new(),
    };
    let swarm = made(rules);
    let (free, slow) = (swarm.run(Layout::InAndOut, &[]), swarm.run(Layout::InAndOut, &["--limit-up", "4K"]));
    assert_eq!((free.ended.code, slow.ended.code), (0, 0));
    // 100 segments of 32 bytes, and what is said around them, at 4,000 bytes a second.
    assert!(slow.ended.took > free.ended.took + std::time::Duration::from_millis(500), "{:?}", slow.ended.took);
}

#[test]
fn a_recorded_run_decides_the_same_when_it_is_replayed() {
    for twist in [None, Some(Twist::Unowned)] {
        let swarm = small(twist.as_slice());
        let run = swarm.run(Layout::InAndOut, &["--record", "record"]);
        assert_eq!(run.ended.code, swarm.exit, "{}", run.ended.stderr);
        let replayed = run_alone(run.folder.path(), ["replay", "record"]);
        assert_eq!(replayed.code, 0, "{}", replayed.stderr);
        assert!(replayed.stdout.contains("4 ranks"), "{}", replayed.stdout);
    }
}

#[test]
fn a_record_that_was_damaged_is_bad_input_and_no_other_decision() {
    let run = small(&[]).run(Layout::InAndOut, &["--record", "record"]);
    let path = run.folder.path().join("record/rank1.record");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let replayed = run_alone(run.folder.path(), ["replay", "record"]);
    assert_eq!(replayed.code, 3, "{}", replayed.stderr);
    assert!(replayed.stderr.contains("rank1.record: ") && replayed.stderr.contains("damaged"), "{}", replayed.stderr);
}

/// A place below a file, one that is a folder, one in a folder that is not there: what root may not do either.
#[test]
fn a_place_that_cannot_be_written_ends_the_run_before_it_starts() {
    for (option, place) in [
        ("--status", "in/in1.txt/x"),
        ("--summary", "in"),
        ("--summary", "nowhere/x"),
        ("--events", "in/in1.txt/x"),
        ("--record", "in/in1.txt"),
    ] {
        let run = small(&[]).run(Layout::InAndOut, &[option, place]);
        let stderr = &run.ended.stderr;
        assert_eq!(run.ended.code, 6, "{option} {place}: {stderr}");
        assert_eq!(stderr.matches(&format!("{place}: ")).count(), 1, "{option} {place}: {stderr}");
        assert!(stderr.contains(&format!("{option} needs a place")), "{option} {place}: {stderr}");
        assert!(run.outputs.is_empty(), "{option} {place}: {:?}", run.outputs.keys());
    }
}

#[test]
fn one_rank_that_cannot_write_ends_the_run_for_all_and_the_status_says_so() {
    let swarm = small(&[]);
    for (option, blocked) in [("--events", "rank2.jsonl"), ("--record", "rank0.record")] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("told").join(blocked)).unwrap();
        let words = [option, "told", "--status", "status.json", "--explain"];
        let ended = swarm.start_in(folder.path(), &words).end();
        assert_eq!(ended.code, 6, "{blocked}: {ended:?}");
        assert_eq!(ended.said("I leave: disk or I/O failure."), 4, "{blocked}: {ended:?}");
        assert_eq!(ended.stderr.matches(&format!("told/{blocked}: ")).count(), 1, "{blocked}: {ended:?}");
        let status: Value = serde_json::from_slice(&std::fs::read(folder.path().join("status.json")).unwrap()).unwrap();
        assert_eq!(status["code"], 6, "{blocked}: {status}");
        assert!(status["reason"].as_str().unwrap().contains(blocked), "{blocked}: {status}");
    }
}

/// What `/dev/full` stands in for, a disk that fills while the run writes, is known only when the outputs are there.
#[test]
fn a_disk_that_fills_does_not_end_the_run_and_is_told_by_its_code() {
    let swarm = small(&[]);
    for (option, place, full) in [
        ("--summary", "summary.json", "summary.json"),
        ("--status", "status.json", "status.json"),
        ("--events", "told", "told/rank2.jsonl"),
        ("--record", "told", "told/rank2.record"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("told")).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join(full)).unwrap();
        let ended = swarm.start_in(folder.path(), &[option, place]).end();
        assert_eq!(ended.code, 6, "{option}: {ended:?}");
        assert!(
            ended.stderr.contains("No space left on device (os error 28); hence exit code 6"),
            "{option}: {ended:?}"
        );
        let outputs = files(folder.path());
        assert!(swarm.expected.iter().all(|(name, bytes)| outputs.get(name) == Some(bytes)), "{option}");
    }
}

#[test]
fn a_status_of_an_earlier_run_does_not_survive_a_word_that_is_not_understood() {
    let folder = tempfile::tempdir().unwrap();
    let status = folder.path().join("status.json");
    std::fs::write(&status, r#"{"v":1,"code":0,"meaning":"complete and verified","term":0,"reason":null}"#).unwrap();
    let run = || Job::new(3, folder.path()).with(["--wat", "--status", "status.json"]).run();
    let ended = run();
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(!status.exists());
    // What is no status is not this run's to remove.
    std::fs::write(&status, "my own").unwrap();
    assert_eq!(run().code, 2);
    assert_eq!(std::fs::read(&status).unwrap(), b"my own");
}

#[test]
fn an_input_for_which_there_is_no_rank_is_named_once() {
    let mut swarm = small(&[]);
    let ranks = swarm.ranks;
    swarm.inputs.insert(ranks, b"0\n0".to_vec());
    let ended = swarm.run(Layout::InAndOut, &[]).ended;
    let warning = format!("in{ranks}.txt is not read: there are only {ranks} ranks");
    assert_eq!((ended.code, ended.stderr.matches(&warning).count()), (0, 1), "{}", ended.stderr);
}
