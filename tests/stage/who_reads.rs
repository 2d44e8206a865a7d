//! Who can read the source, and who wants what of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::compared::{assert_alike, assert_only};
use super::program::{assert_refused, stage};
use super::trees::{noise, plain, touch};

/// A run that was refused leaves nothing, not even the folders that it was to fill.
fn assert_nothing_left(folder: &Path) {
    assert!(!folder.join("out").exists(), "{:?}", fs::read_dir(folder.join("out")).unwrap().collect::<Vec<_>>());
}

#[test]
fn only_the_ranks_that_may_read_it_read_it() {
    let folder = plain(&[300_000, 100_000]);
    stage(4, folder.path(), "data --to out/{rank} --from-ranks 2").well();
    for rank in 0..4 {
        assert_alike(&folder.path().join("data"), &folder.path().join(format!("out/{rank}/data")));
    }
}

#[test]
fn what_only_one_rank_can_read_reaches_all() {
    let folder = plain(&[300_000]);
    stage(2, folder.path(), "nowhere/data --to out/{rank}").and(1, "data --to out/{rank}").well();
    for rank in 0..3 {
        assert_alike(&folder.path().join("data"), &folder.path().join(format!("out/{rank}/data")));
    }
}

#[test]
fn files_that_lie_on_different_ranks_are_put_together() {
    let folder = plain(&[300_000]);
    let at = |path: &str| folder.path().join(path);
    fs::write(at("beside"), noise(30, 200_000)).unwrap();
    stage(1, folder.path(), "data nowhere/beside --to out/{rank}")
        .and(1, "nowhere/data beside --to out/{rank}")
        .and(1, "nowhere/data nowhere/beside --to out/{rank}")
        .well();
    for rank in 0..3 {
        assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
        assert_alike(&at("beside"), &at(&format!("out/{rank}/beside")));
    }
}

#[test]
fn parts_of_a_tree_that_lie_on_different_ranks_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    for (rank, names) in [(0, ["a", "b"]), (1, ["b", "c"])] {
        fs::create_dir_all(at(&format!("of{rank}/data"))).unwrap();
        for name in names {
            let file = at(&format!("of{rank}/data/{name}"));
            fs::write(&file, noise(name.as_bytes()[0].into(), 150_000)).unwrap();
            touch(&file, Duration::from_secs(1_000_000_000));
        }
    }
    stage(1, folder.path(), "of0/data --to out/{rank}").and(1, "of1/data --to out/{rank}").well();
    for rank in 0..2 {
        assert_only(&at(&format!("out/{rank}/data")), &["a", "b", "c"]);
        for (of, name) in [(0, "a"), (0, "b"), (1, "c")] {
            assert_alike(&at(&format!("of{of}/data/{name}")), &at(&format!("out/{rank}/data/{name}")));
        }
    }
}

#[test]
fn small_files_of_one_folder_that_lie_on_different_ranks_reach_all() {
    // Rank 0 has none, rank 1 two thirds, rank 2 the last two thirds; several of them go into a piece.
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    for (of, has) in [("of1", [0, 1]), ("of2", [1, 2]), ("all", [0, 0])] {
        fs::create_dir_all(at(of).join("data")).unwrap();
        for number in (0..60).filter(|number| of == "all" || has.contains(&(number % 3))) {
            let file = at(of).join(format!("data/{number}"));
            fs::write(&file, noise(number, 1000 + 150 * number as usize)).unwrap();
            touch(&file, Duration::from_secs(1_000_000_000 + number));
        }
        touch(&at(of).join("data"), Duration::from_secs(1_000_000_000));
    }
    stage(1, folder.path(), "nowhere/data --to out/{rank}")
        .and(1, "of1/data --to out/{rank}")
        .and(1, "of2/data --to out/{rank}")
        .well();
    for rank in 0..3 {
        assert_alike(&at("all/data"), &at(&format!("out/{rank}/data")));
    }
}

#[test]
fn the_same_path_with_another_size_is_a_conflict_that_names_both_ranks() {
    let folder = plain(&[300_000]);
    fs::create_dir_all(folder.path().join("other/data")).unwrap();
    fs::write(folder.path().join("other/data/file0"), noise(31, 299_999)).unwrap();
    let ended = stage(1, folder.path(), "data --to out/{rank}").and(1, "other/data --to out/{rank}").run();
    assert_refused(&ended, 7, &["data/file0", "300000 bytes on rank 0", "299999 on rank 1", "--from-ranks"]);
    assert_nothing_left(folder.path());
}

#[test]
fn the_same_path_with_other_content_is_a_conflict_that_names_both_ranks_though_size_and_time_agree() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let mut contents = [(); 2].map(|()| noise(33, 300_000));
    contents[1][200_000] ^= 1;
    for (rank, content) in contents.iter().enumerate() {
        fs::create_dir_all(at(&format!("of{rank}/data"))).unwrap();
        let file = at(&format!("of{rank}/data/file"));
        fs::write(&file, content).unwrap();
        touch(&file, Duration::from_secs(1_000_000_000));
    }
    for wanting in ["", "--for 2", "--for 0", "--for 1,2", "--for 0,1"] {
        let line = |of: &str| format!("{of}/data --to out/{{rank}} {wanting}");
        let ended = stage(1, folder.path(), &line("of0")).and(1, &line("of1")).and(1, &line("nowhere")).run();
        assert_refused(&ended, 7, &["data/file", "rank 0", "rank 1", "--from-ranks"]);
        assert!(!format!("{ended:?}").contains("tree/0"), "{ended:#?}");
        assert!(ended.took < Duration::from_secs(10), "{ended:#?}");
        for rank in 0..3 {
            // Who has finished before the other one had read its own has one of them.
            let staged = fs::read(at(&format!("out/{rank}/data/file")));
            assert!(staged.is_err() || contents.contains(&staged.unwrap()), "rank {rank}, {wanting}");
            _ = fs::remove_dir_all(at(&format!("out/{rank}/data")));
        }
    }
}

#[test]
fn what_nobody_can_read_ends_with_one_clear_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let ended = stage(3, folder.path(), "nowhere --to out/{rank}").run();
    assert_refused(
        &ended,
        3,
        &["no rank can read nowhere: No such file or directory (all 3 ranks)", "is the path right"],
    );
    assert!(!ended.stderr.contains("rank 0 cannot read"), "once is enough: {ended:#?}");
    assert!(ended.took < Duration::from_secs(10), "{ended:?}");
    assert_nothing_left(folder.path());
}

#[test]
fn a_source_of_several_that_nobody_can_read_is_named() {
    let folder = plain(&[1000]);
    let ended = stage(2, folder.path(), "data nowhere --to out/{rank}").run();
    assert_refused(&ended, 3, &["no rank can read nowhere: No such file or directory (all 2 ranks)"]);
    assert_nothing_left(folder.path());
}

#[test]
fn of_the_ranks_that_are_to_read_each_is_named_that_cannot() {
    let folder = plain(&[1000]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("away")).unwrap();
    let line = "away --to out/{rank} --from-ranks 1,2";
    let ended = stage(2, folder.path(), line).and(1, "nowhere/away --to out/{rank} --from-ranks 1,2").run();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let words = [
        format!("no rank can read away: it is a socket (rank 1 on {host})"),
        format!("; nowhere/away: No such file or directory (rank 2 on {host})"),
    ];
    assert_refused(&ended, 3, &words.each_ref().map(String::as_str));
    assert_nothing_left(folder.path());
}

#[test]
fn a_folder_that_was_there_stays_where_a_run_is_refused() {
    let folder = plain(&[1000]);
    fs::create_dir_all(folder.path().join("out/1")).unwrap();
    let ended = stage(3, folder.path(), "nowhere --to out/{rank}/deep").run();
    assert_refused(&ended, 3, &["no rank can read nowhere"]);
    assert_only(folder.path(), &["data", "out"]);
    assert_only(&folder.path().join("out"), &["1"]);
    assert_only(&folder.path().join("out/1"), &[]);
}

#[test]
fn what_cannot_be_shared_ends_with_one_clear_sentence() {
    let folder = plain(&[1000]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("data/socket")).unwrap();
    let ended = stage(2, folder.path(), "data --to out/{rank}").run();
    assert_refused(&ended, 3, &["rank 0 on ", "data/socket is a socket"]);
    assert_nothing_left(folder.path());
}

#[test]
fn a_rank_gets_what_it_wants_and_nothing_else() {
    let folder = plain(&[200_000, 100_000, 50_000, 0]);
    let at = |path: &str| folder.path().join(path);
    fs::create_dir(at("data/sub")).unwrap();
    fs::write(at("data/sub/deep"), noise(32, 70_000)).unwrap();
    let line = "data --to out/{rank} --want data/file[01] --for 1 --want data/sub --for 1,2 --want ** --for 3";
    stage(4, folder.path(), line).well();
    assert!(!at("out/0/data").exists(), "rank 0 wants nothing");
    assert_only(&at("out/1/data"), &["file0", "file1", "sub"]);
    assert_only(&at("out/2/data"), &["sub"]);
    assert_alike(&at("data/sub"), &at("out/1/data/sub"));
    assert_alike(&at("data/sub"), &at("out/2/data/sub"));
    assert_alike(&at("data/file0"), &at("out/1/data/file0"));
    assert_alike(&at("data"), &at("out/3/data"));
}

#[test]
fn a_hard_link_without_its_file_is_refused_by_name() {
    let folder = plain(&[1000]);
    fs::hard_link(folder.path().join("data/file0"), folder.path().join("data/other")).unwrap();
    let ended = stage(3, folder.path(), "data --to out/{rank} --want data/other --for 1").run();
    assert_refused(&ended, 3, &["rank 1", "data/other is a hard link to data/file0"]);
    assert_nothing_left(folder.path());
}

#[test]
fn a_target_that_lies_in_the_source_is_refused() {
    let folder = plain(&[1000]);
    for to in ["data", "data/in/{rank}", "./data/../data/in"] {
        let ended = stage(2, folder.path(), &format!("data --to {to}")).run();
        assert_refused(&ended, 3, &["lies in data, which is staged"]);
        assert_only(&folder.path().join("data"), &["file0"]);
    }
}

#[test]
fn a_tree_that_is_staged_onto_itself_is_the_same_already() {
    let folder = plain(&[300_000]);
    let copy = tempfile::tempdir().unwrap();
    stage(2, folder.path(), &format!("data --to {}", copy.path().display())).well();
    stage(2, folder.path(), "data --to .").well();
    assert_alike(&copy.path().join("data"), &folder.path().join("data"));
    assert_only(folder.path(), &["data"]);
}
