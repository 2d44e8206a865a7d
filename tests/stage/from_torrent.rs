//! Staged by a `.torrent` that says what is right.

use std::fs;

use super::compared::assert_only;
use super::program::{assert_refused, run_alone, stage};
use super::trees::{noise, plain};

/// A folder with a tree `data` and its `data.torrent`.
fn described() -> tempfile::TempDir {
    let folder = plain(&[300_000, 0, 77, 100_000]);
    fs::create_dir(folder.path().join("data/sub")).unwrap();
    fs::write(folder.path().join("data/sub/deep"), noise(40, 50_000)).unwrap();
    let ended = run_alone(folder.path(), "torrent create data -o data.torrent");
    assert_eq!(ended.code, 0, "{ended:?}");
    folder
}

/// The content of the files of the tree is the same in two places.
fn assert_same_content(folder: &std::path::Path, one: &str, other: &str) {
    for file in ["file0", "file1", "file2", "file3", "sub/deep"] {
        let read = |tree: &str| fs::read(folder.join(tree).join(file)).unwrap();
        assert!(read(one) == read(other), "{other}/{file}");
    }
}

#[test]
fn what_a_torrent_lists_reaches_every_rank() {
    let folder = described();
    stage(3, folder.path(), "data.torrent --from . --to out/{rank}").well();
    for rank in 0..3 {
        assert_same_content(folder.path(), "data", &format!("out/{rank}/data"));
        assert_only(&folder.path().join(format!("out/{rank}")), &["data"]);
        let verified = run_alone(folder.path(), &format!("torrent verify data.torrent out/{rank}"));
        assert_eq!(verified.code, 0, "{verified:?}");
    }
}

#[test]
fn a_single_file_is_staged_by_its_torrent() {
    let folder = plain(&[300_000]);
    let ended = run_alone(folder.path(), "torrent create data/file0 -o f.torrent");
    assert_eq!(ended.code, 0, "{ended:?}");
    stage(3, folder.path(), "f.torrent --from data --to out/{rank} --from-ranks 1").well();
    for rank in 0..3 {
        let staged = fs::read(folder.path().join(format!("out/{rank}/file0"))).unwrap();
        assert!(staged == noise(0, 300_000), "rank {rank}");
    }
}

#[test]
fn content_that_is_not_what_the_torrent_says_is_told_and_leaves_nothing() {
    // RELIABILITY row 30.
    let folder = described();
    let file = folder.path().join("data/file3");
    let mut content = fs::read(&file).unwrap();
    content[50_000] ^= 1;
    fs::write(&file, content).unwrap();
    let ended = stage(3, folder.path(), "data.torrent --from . --to out/{rank}").run();
    // Whoever read it says so, and counts as others do.
    let verified = run_alone(folder.path(), "torrent verify data.torrent .").stdout;
    let (_, piece) = verified.trim().rsplit_once("wrong: ").unwrap();
    let told = format!(": data/file3 is not what the .torrent says (piece {piece})");
    assert_refused(&ended, 7, &["rank ", " on ", &told]);
    for rank in 0..3 {
        assert!(!folder.path().join(format!("out/{rank}/data")).exists());
    }
}

#[test]
fn a_file_that_is_missing_everywhere_is_named() {
    let folder = described();
    fs::remove_file(folder.path().join("data/file0")).unwrap();
    let ended = stage(2, folder.path(), "data.torrent --from . --to out/{rank}").run();
    assert_refused(&ended, 4, &["no rank can read data/file0"]);
    assert_eq!(ended.said("data/file0 is missing at ranks 0, 1: nobody owns it; it needs a seed"), 1, "{ended:#?}");
    assert_eq!(ended.said("tree/"), 0, "{ended:#?}");
    for rank in 0..2 {
        assert!(!folder.path().join(format!("out/{rank}/data")).exists());
    }
    fs::remove_file(folder.path().join("data/file2")).unwrap();
    let ended = stage(2, folder.path(), "data.torrent --from . --to out/{rank}").run();
    assert_refused(&ended, 4, &["no rank can read data/file0 and 1 more file; "]);
}

#[test]
fn files_that_different_ranks_have_are_put_together() {
    let folder = described();
    let at = |path: &str| folder.path().join(path);
    for (rank, lacks) in [(0, "file0"), (1, "file3")] {
        let own = at(&format!("of{rank}"));
        fs::create_dir_all(own.join("data/sub")).unwrap();
        for file in ["file0", "file1", "file2", "file3", "sub/deep"] {
            if file != lacks {
                fs::copy(at("data").join(file), own.join("data").join(file)).unwrap();
            }
        }
    }
    stage(1, folder.path(), "data.torrent --from of0 --to out/{rank}")
        .and(1, "data.torrent --from of1 --to out/{rank}")
        .well();
    for rank in 0..2 {
        assert_same_content(folder.path(), "data", &format!("out/{rank}/data"));
    }
}

#[test]
fn what_is_no_torrent_is_refused() {
    // RELIABILITY row 19.
    let folder = plain(&[300]);
    let ended = stage(2, folder.path(), "data/file0 --from . --to out/{rank}").run();
    assert_refused(&ended, 3, &["data/file0: "]);
    assert_only(folder.path(), &["data"]);
}
