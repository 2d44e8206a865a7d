//! How `stage` answers where it is not used as it is meant to be.

use std::fs;

use super::compared::assert_only;
use super::program::{assert_refused, run_alone, stage, stage_by_shell};
use super::trees::{noise, plain};

#[test]
fn without_a_source_or_a_target_it_says_what_is_missing() {
    let folder = plain(&[1]);
    for (line, missing) in [("--to out", "<SRC>"), ("data", "--to <DIR>")] {
        for ended in [run_alone(folder.path(), &format!("stage {line}")), stage(3, folder.path(), line).run()] {
            assert_refused(&ended, 2, &[missing]);
            assert!(ended.stderr.contains("./tema3 stage --help tells more"), "{ended:#?}");
        }
    }
    assert_only(folder.path(), &["data"]);
}

#[test]
fn without_mpirun_it_says_how_it_is_started() {
    // RELIABILITY row 36.
    let folder = plain(&[1]);
    let ended = run_alone(folder.path(), "stage data --to out");
    assert_refused(&ended, 2, &["not started by mpirun", "mpirun -np N ./tema3 stage SRC... --to DIR"]);
    assert_only(folder.path(), &["data"]);
}

#[test]
fn a_word_in_braces_that_nobody_fills_in_is_named_and_no_folder_is_made() {
    let folder = plain(&[1]);
    let ended = stage(2, folder.path(), "data --to out/x{user}").run();
    assert_refused(&ended, 2, &["'out/x{user}' for '--to <DIR>'", "{user}; {rank} and {host} are known"]);
    assert_only(folder.path(), &["data"]);
}

#[test]
fn a_rank_that_is_not_there_is_named_once() {
    let folder = plain(&[1]);
    for line in ["data --to out --for 1,7", "data --to out --from-ranks 7"] {
        assert_refused(&stage(3, folder.path(), line).run(), 2, &["there is no rank 7"]);
    }
    assert_only(folder.path(), &["data"]);
}

#[test]
fn patterns_that_do_not_fit_together_or_are_none_are_told() {
    let folder = plain(&[1]);
    for (line, told) in
        [("data --to out --want a --want b --for 0", "2 --want and 1 --for"), ("data --to out --want a[", "--want: ")]
    {
        assert_refused(&stage(2, folder.path(), line).run(), 2, &[told]);
    }
    assert_only(folder.path(), &["data"]);
}

#[test]
fn a_limit_for_a_rank_that_is_not_there_is_named() {
    let folder = plain(&[1]);
    for option in ["--limit-up", "--limit-down", "--limit-read"] {
        let ended = stage(2, folder.path(), &format!("data --to out/{{rank}} {option} 9=1M")).run();
        assert_refused(&ended, 2, &[&format!("{option} is for rank 9")]);
    }
}

#[test]
fn several_sources_beside_a_torrents_folder_are_refused() {
    let folder = plain(&[1]);
    assert_refused(&stage(2, folder.path(), "a b --from . --to out/{rank}").run(), 2, &["one SRC, the .torrent"]);
    assert_only(folder.path(), &["data"]);
}

#[test]
fn a_folder_in_the_place_of_a_torrent_is_told() {
    let folder = plain(&[1]);
    assert_refused(&stage(2, folder.path(), "data --from . --to out/{rank}").run(), 2, &["data is a folder", "--from"]);
    assert_only(folder.path(), &["data"]);
}

#[test]
fn a_pattern_that_takes_nothing_is_named_and_nothing_is_staged() {
    let folder = plain(&[1, 2]);
    let line = "data --to out/{rank} --want data/file0 --want file1";
    assert_refused(&stage(2, folder.path(), line).run(), 3, &["--want 'file1'", "like 'data/file0'"]);
    assert_only(folder.path(), &["data"]);
}

#[test]
fn verbose_and_quiet_may_stand_before_the_command() {
    let folder = plain(&[1]);
    let ended = stage_by_shell(2, folder.path(), r#"exec "$0" -v -q "$@""#, "data --to out/{rank}").well();
    assert!(ended.stdout.is_empty() && ended.stderr.contains("of 2 ranks, on"), "{ended:#?}");
}

#[test]
fn what_would_be_written_into_the_source_or_its_copy_is_refused_and_nothing_is_touched() {
    let folder = plain(&[1000, 2000]);
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("out/1/data")).unwrap();
    fs::write(at("out/1/data/mine"), "mine").unwrap();
    for option in ["--status", "--summary", "--receipt", "--events"] {
        for (place, kept) in [("data/file0", "data, which is staged"), ("out/1/data/mine", "out/1/data, where data")] {
            let ended = stage(3, folder.path(), &format!("data --to out/{{rank}} {option} {place}")).run();
            assert_refused(&ended, 2, &[&format!("{option} {place} would change {kept}")]);
        }
    }
    assert_eq!(fs::read(at("data/file0")).unwrap(), noise(0, 1000));
    assert_eq!(fs::read(at("out/1/data/mine")).unwrap(), b"mine");
    assert_only(folder.path(), &["data", "out"]);
    assert_only(&at("out"), &["1"]);
}
