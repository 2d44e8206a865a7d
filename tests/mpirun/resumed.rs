//! Runs that end in the middle, and others that go on from what these kept.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tema3::assignment::StoryRules;

use super::job::{Ended, Running};
use super::program::Job;
use super::stories::made;
use super::swarm_folder::{Swarm, files};

/// Two files of 500 segments, an owner each, and three clients.
fn swarm(seed: u64) -> Swarm {
    let (fewest_segments, most_segments, twists) = (500, 500, Vec::new());
    let (clients, files, owners, wanters) = (3, 2, 1, None);
    made(StoryRules { seed, clients, files, fewest_segments, most_segments, owners, wanters, twists })
}

fn job<'a>(swarm: &Swarm, folder: &'a Path, words: &[&str]) -> Job<'a> {
    swarm.put_into(folder);
    Job::new(swarm.ranks, folder).with(["--output", "out", "--resume", "kept"]).with(words)
}

/// A run that is so slow that there is a middle, there.
fn in_the_middle(job: Job<'_>) -> Running {
    let running = job.with(["--latency", "40ms", "--explain"]).start();
    running.hear("it matches its hash", 200);
    running
}

/// How many segments the notes hold.
fn kept(folder: &Path) -> u64 {
    let notes = files(&folder.join("kept"));
    notes.values().map(|note| note.iter().filter(|&&byte| byte == b'\n').count() as u64 - 1).sum()
}

/// Goes on to a good end; tells how many segments were traded for it.
fn go_on(swarm: &Swarm, folder: &Path) -> (u64, Ended) {
    let ended = job(swarm, folder, &["--summary", "summary.json"]).run();
    assert_eq!(ended.code, 0, "{ended:#?}");
    assert!(files(&folder.join("out")) == swarm.expected, "{ended:#?}");
    assert!(files(&folder.join("kept")).is_empty(), "nobody has to go on from here");
    let summary: Value = serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap();
    (summary["traded"].as_u64().unwrap(), ended)
}

/// What all clients want together.
fn wanted(swarm: &Swarm) -> u64 {
    swarm.expected.len() as u64 * 500
}

#[test]
fn interrupted_in_the_middle_the_same_command_fetches_only_what_is_missing() {
    let (swarm, folder) = (swarm(1), tempfile::tempdir().unwrap());
    let running = in_the_middle(job(&swarm, folder.path(), &[]));
    running.signal("-USR1");
    let ended = running.end();
    assert!(ended.ended_after_signal(10), "{ended:#?}");
    assert_eq!(ended.said("ended: interrupted (exit 10)"), 1, "{ended:#?}");
    let kept = kept(folder.path());
    assert!(kept >= ended.said("it matches its hash") as u64 && kept < wanted(&swarm), "{kept}");
    assert_eq!(go_on(&swarm, folder.path()).0, wanted(&swarm) - kept);
}

#[test]
fn what_a_time_limit_left_is_all_that_later_runs_fetch() {
    let (swarm, folder) = (swarm(2), tempfile::tempdir().unwrap());
    let mut before = 0;
    for _ in 0..2 {
        let ended = job(&swarm, folder.path(), &["--latency", "40ms", "--time-limit", "1500ms"]).run();
        assert_eq!(ended.code, 5, "{ended:#?}");
        let kept = kept(folder.path());
        assert!(before < kept && kept < wanted(&swarm), "{before}, {kept}");
        before = kept;
    }
    assert_eq!(go_on(&swarm, folder.path()).0, wanted(&swarm) - before);
}

#[test]
fn killed_in_the_middle_the_same_command_goes_on() {
    // RELIABILITY row 24.
    let (swarm, folder) = (swarm(3), tempfile::tempdir().unwrap());
    let running = in_the_middle(job(&swarm, folder.path(), &[]).with_all_its_own_below(folder.path()));
    running.signal("-KILL");
    running.end();
    let kept = kept(folder.path());
    assert!(kept >= 150, "{kept}");
    let (traded, ended) = go_on(&swarm, folder.path());
    // A line may have been cut, and its segment is missing then.
    assert!((wanted(&swarm) - kept..=wanted(&swarm) - kept + 3).contains(&traded), "{kept}, {ended:#?}");
}

#[test]
fn what_was_kept_of_other_inputs_is_told_by_name_and_fetched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let running = in_the_middle(job(&swarm(4), folder.path(), &[]));
    running.signal("-USR1");
    running.end();
    let other = swarm(5);
    let (traded, ended) = go_on(&other, folder.path());
    assert_eq!(traded, wanted(&other));
    let told = ended.stderr.lines().filter(|line| {
        ["kept/client", ".segments: ", " of 'file", "other inputs"].iter().all(|word| line.contains(word))
    });
    assert!(told.count() >= 1, "{ended:#?}");
}

#[test]
fn what_cannot_be_a_note_is_refused_and_stays() {
    let (swarm, folder) = (swarm(6), tempfile::tempdir().unwrap());
    let note = folder.path().join("kept/client2.segments");
    fs::create_dir(folder.path().join("kept")).unwrap();
    fs::write(&note, "a list of my own").unwrap();
    let ended = job(&swarm, folder.path(), &[]).run();
    assert_eq!(
        (ended.code, ended.stderr.matches("kept/client2.segments: this is no note").count()),
        (3, 1),
        "{ended:#?}"
    );
    assert_eq!(fs::read_to_string(&note).unwrap(), "a list of my own");

    fs::remove_dir_all(folder.path().join("kept")).unwrap();
    fs::write(folder.path().join("kept"), "a file").unwrap();
    let ended = job(&swarm, folder.path(), &[]).run();
    assert_eq!((ended.code, ended.stderr.matches("--resume needs a folder").count()), (6, 1), "{ended:#?}");
}
