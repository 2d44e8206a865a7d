//! What is staged reaches every rank as it was, and nothing else is left there.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::compared::{assert_alike, assert_only};
use super::program::stage;
use super::trees::{everything, noise, plain};

#[test]
fn a_tree_with_everything_reaches_every_rank_as_it_was() {
    let folder = everything();
    let at = |path: &str| folder.path().join(path);
    stage(4, folder.path(), "data --to out/{rank}").well();
    for rank in 0..4 {
        assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
        assert_only(&at(&format!("out/{rank}")), &["data"]);
    }
}

#[test]
fn a_sparse_file_stays_sparse() {
    let folder = everything();
    stage(2, folder.path(), "data/sparse --to out/{rank} --piece-length 128K").well();
    let blocks = |path: &str| fs::metadata(folder.path().join(path)).unwrap().blocks();
    for rank in 0..2 {
        let taken = blocks(&format!("out/{rank}/sparse"));
        // A piece is written as a whole, so a little more than was there may have blocks.
        assert!(taken * 512 < 2 << 20, "{taken} blocks, of {} at the source", blocks("data/sparse"));
    }
}

#[test]
fn one_rank_alone_stages_too() {
    let folder = everything();
    stage(1, folder.path(), "data --to out").well();
    assert_alike(&folder.path().join("data"), &folder.path().join("out/data"));
    assert_only(&folder.path().join("out"), &["data"]);
}

#[test]
fn a_single_file_and_several_sources_are_put_side_by_side() {
    let folder = plain(&[200_000, 5]);
    let at = |path: &str| folder.path().join(path);
    fs::write(at("single"), noise(20, 100_000)).unwrap();
    fs::write(at("none"), "").unwrap();
    stage(3, folder.path(), "single data none --to out/{rank}").well();
    for rank in 0..3 {
        for name in ["single", "data", "none"] {
            assert_alike(&at(name), &at(&format!("out/{rank}/{name}")));
        }
        assert_only(&at(&format!("out/{rank}")), &["data", "none", "single"]);
    }
}

#[test]
fn an_empty_tree_and_an_empty_file_are_staged_like_others() {
    let folder = plain(&[]);
    let at = |path: &str| folder.path().join(path);
    fs::write(at("none"), "").unwrap();
    for source in ["data", "none"] {
        stage(3, folder.path(), &format!("{source} --to {source}-{{rank}}")).well();
        for rank in 0..3 {
            assert_alike(&at(source), &at(&format!("{source}-{rank}/{source}")));
        }
    }
}

#[test]
fn the_name_of_the_machine_and_the_rank_are_filled_in() {
    let folder = plain(&[1000]);
    stage(2, folder.path(), "data --to out/{host}/of-{rank}").well();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for rank in 0..2 {
        assert_alike(&folder.path().join("data"), &folder.path().join(format!("out/{host}/of-{rank}/data")));
    }
}
