//! Ranks that share a place: one of them writes there.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::compared::{assert_alike, assert_only};
use super::interrupted::{is_written, until_written};
use super::job::Running;
use super::program::{assert_refused, stage};
use super::trees::{everything, noise, plain};

#[test]
fn of_ranks_that_share_a_target_one_writes_and_the_result_is_right() {
    let folder = everything();
    stage(4, folder.path(), "data --to out").well();
    assert_alike(&folder.path().join("data"), &folder.path().join("out/data"));
    assert_only(&folder.path().join("out"), &["data"]);
}

#[test]
fn a_place_is_the_same_by_whichever_path_it_is_reached() {
    let folder = plain(&[300_000]);
    let at = |path: &str| folder.path().join(path);
    fs::create_dir(at("real")).unwrap();
    std::os::unix::fs::symlink("real", at("link")).unwrap();
    let line = |to: &str| format!("data --to {to}");
    stage(1, folder.path(), &line("real")).and(1, &line("link")).and(1, &line("real/../real")).well();
    assert_alike(&at("data"), &at("real/data"));
    assert_only(&at("real"), &["data"]);
}

#[test]
fn who_stands_by_takes_over_where_the_writer_is_killed() {
    let folder = plain(&[1 << 20, 3 << 20]);
    let line = "data --from-ranks 0 --for 1-3 --piece-length 16K --limit-read 1M --status status --to";
    let job = stage(1, folder.path(), &format!("{line} unused"))
        .and(2, &format!("{line} shared"))
        .and(1, &format!("{line} own"));
    let Some(job) = job.surviving() else { return };
    let job = job.start();
    until_written(&folder.path().join("shared/.data.tema3/tree/data"), 64);
    job.signal_rank(1, "-KILL");
    let ended = job.end();
    for place in ["shared", "own"] {
        assert_alike(&folder.path().join("data"), &folder.path().join(place).join("data"));
        assert_only(&folder.path().join(place), &["data"]);
    }
    // mpirun says 0 in any case.
    let status = fs::read_to_string(folder.path().join("status")).unwrap();
    assert!(status.contains("\"code\":8"), "{status}: {ended:#?}");
}

/// A job that takes eight seconds to stage `data` to both of its ranks, and has begun to: long enough to be met by another
/// on a busy machine.
fn slow_job(folder: &Path) -> Running {
    let job = stage(2, folder, "data --to out/{rank} --from-ranks 0 --piece-length 16K --limit-read 500K").start();
    for rank in 0..2 {
        if !is_written(&folder.join(format!("out/{rank}/.data.tema3/tree/data")), 16) {
            panic!("rank {rank} does not get on: {:#?}", job.end());
        }
    }
    job
}

#[test]
fn of_two_jobs_at_one_place_the_second_waits_by_name_and_uses_what_the_first_has_brought() {
    // RELIABILITY row 37.
    let folder = plain(&[1 << 20, 3 << 20]);
    let first = slow_job(folder.path());
    let second = stage(2, folder.path(), "data --to out/{rank} --piece-length 16K --summary summary.json");
    let second = second.start_beside(&first).end();
    assert_eq!((second.code, first.end().code), (0, 0), "{second:#?}");
    let waits = "out/1/.data.tema3: rank 1 on";
    let waiting =
        second.stderr.lines().filter(|line| line.contains(waits) && line.contains("is writing there; waiting"));
    assert_eq!(waiting.count(), 1, "{second:#?}");
    let summary: Value = serde_json::from_slice(&fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["traded"], 1, "nothing but the listing");
    for rank in 0..2 {
        assert_alike(&folder.path().join("data"), &folder.path().join(format!("out/{rank}/data")));
        assert_only(&folder.path().join(format!("out/{rank}")), &["data"]);
    }
}

#[test]
fn of_two_jobs_with_other_content_for_one_place_the_second_is_refused_and_the_first_is_right() {
    let folder = plain(&[1 << 20, 3 << 20]);
    let first = slow_job(folder.path());
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("other/data")).unwrap();
    fs::write(at("other/data/file0"), noise(80, 1 << 20)).unwrap();
    let second = stage(2, folder.path(), "other/data --to out/{rank}").start_beside(&first).end();
    assert_refused(&second, 3, &["data/file0", "--force replaces"]);
    assert_eq!(first.end().code, 0);
    for rank in 0..2 {
        assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
        assert_only(&at(&format!("out/{rank}")), &["data"]);
    }
}

#[test]
fn who_waits_for_its_place_reads_for_others_meanwhile() {
    // Else two jobs that each hold what the other waits for would never end.
    let folder = plain(&[1 << 20, 3 << 20]);
    let at = |path: &str| folder.path().join(path);
    let hidden = at("out/0/.data.tema3");
    fs::create_dir_all(&hidden).unwrap();
    let other_job = fs::File::create(hidden.join("lock")).unwrap();
    other_job.lock().unwrap();
    let job = stage(2, folder.path(), "data --to out/{rank} --piece-length 16K").start();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !at("out/1/data").exists() {
        assert!(Instant::now() < deadline, "rank 1 waits with rank 0: {:#?}", job.end());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!at("out/0/data").exists());
    drop(other_job);
    assert_eq!(job.end().code, 0);
    for rank in 0..2 {
        assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
        assert_only(&at(&format!("out/{rank}")), &["data"]);
    }
}

#[test]
fn what_two_ranks_of_one_place_want_is_put_there_together() {
    let folder = plain(&[100_000, 50_000]);
    let line = "data --to out --want data/file0 --for 0 --want data/file1 --for 1";
    stage(2, folder.path(), line).well();
    assert_alike(&folder.path().join("data"), &folder.path().join("out/data"));
}
