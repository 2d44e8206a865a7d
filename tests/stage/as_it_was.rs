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
fn a_sparse_file_stays_sparse_however_short_the_pieces_are() {
    /// Some file systems count blocks in which they note where the others are.
    const ROUNDING: u64 = 16;
    let folder = everything();
    let blocks = |path: &str| fs::metadata(folder.path().join(path)).unwrap().blocks();
    for pieces in ["16K", "128K", "4M"] {
        stage(2, folder.path(), &format!("data/sparse --to out/{pieces}/{{rank}} --piece-length {pieces}")).well();
        for rank in 0..2 {
            let taken = blocks(&format!("out/{pieces}/{rank}/sparse"));
            let at_the_source = blocks("data/sparse");
            assert!(taken <= at_the_source + ROUNDING, "{taken} blocks, of {at_the_source} at the source");
        }
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
