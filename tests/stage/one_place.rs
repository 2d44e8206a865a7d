//! Ranks that share a place: one of them writes there.

use std::fs;

use super::compared::{assert_alike, assert_only};
use super::interrupted::until_written;
use super::program::stage;
use super::trees::{everything, plain};

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

#[test]
fn what_two_ranks_of_one_place_want_is_put_there_together() {
    let folder = plain(&[100_000, 50_000]);
    let line = "data --to out --want data/file0 --for 0 --want data/file1 --for 1";
    stage(2, folder.path(), line).well();
    assert_alike(&folder.path().join("data"), &folder.path().join("out/data"));
}
