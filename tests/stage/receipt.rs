//! What `--receipt` writes, and that `torrent verify` proves places by it.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use serde_json::Value;

use super::program::{assert_refused, run_alone, stage};
use super::trees::{everything, plain};

fn read(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("r.json")).unwrap()).unwrap()
}

/// The info hash of a `.torrent` of `data`.
fn info_hash(folder: &Path) -> String {
    let shown = run_alone(folder, "torrent show data.torrent --json");
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    shown["info_hash"].as_str().unwrap().to_owned()
}

fn spoil(file: &Path) {
    File::options().write(true).open(file).unwrap().write_all_at(b"spoilt", 20_000).unwrap();
}

#[test]
fn a_receipt_names_every_place_and_proves_them_again() {
    let folder = plain(&[100_000, 0, 77, 3000]);
    let at = |path: &str| folder.path().join(path);
    fs::create_dir(at("data/empty")).unwrap();
    symlink("file0", at("data/link")).unwrap();
    stage(3, folder.path(), "data --to out/{rank} --piece-length 16K --receipt r.json").well();
    let receipt = read(folder.path());
    assert_eq!((&receipt["v"], &receipt["code"]), (&1.into(), &0.into()));
    for rank in 0..3 {
        let place = at(&format!("out/{rank}")).canonicalize().unwrap();
        assert_eq!(receipt["nodes"][rank]["place"], place.to_str().unwrap());
        assert!(receipt["nodes"][rank]["finished_after_ms"].is_u64());
    }
    let made = run_alone(folder.path(), "torrent create data --piece-length 16K");
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(receipt["info_hash"], info_hash(folder.path()));

    let proved = run_alone(folder.path(), "torrent verify r.json");
    assert_eq!((proved.code, proved.said("out/2: all right: 4 files and 1 symbolic link")), (0, 1), "{proved:?}");
    assert_eq!(proved.said("all right"), 3, "{proved:?}");
    spoil(&at("out/1/data/file0"));
    fs::remove_dir(at("out/2/data/empty")).unwrap();
    let proved = run_alone(folder.path(), "torrent verify r.json");
    assert_eq!((proved.code, proved.said("all right")), (4, 1), "{proved:?}");
    assert_eq!(proved.said("data/file0  1 of 7 pieces wrong"), 1, "{proved:?}");
    assert_eq!(proved.said("data/empty  missing"), 1, "{proved:?}");
    assert_eq!(run_alone(folder.path(), "torrent verify r.json out/0").code, 0);
}

#[test]
fn a_tree_that_no_torrent_can_say_has_a_receipt_too() {
    let folder = everything();
    let at = |path: &str| folder.path().join(path);
    fs::write(at("beside"), "beside").unwrap();
    // The rank that writes the receipt neither reads nor wants anything.
    let line = "data beside --to out/{rank} --from-ranks 1 --for 2 --receipt r.json";
    stage(3, folder.path(), line).well();
    assert_eq!(read(folder.path())["info_hash"], Value::Null);
    assert_eq!(read(folder.path())["nodes"][0]["place"], Value::Null);
    let proved = run_alone(folder.path(), "torrent verify r.json");
    assert_eq!((proved.code, proved.said("all right: 11 files and 4 symbolic links")), (0, 1), "{proved:?}");
    fs::remove_file(at("out/2/data/file0")).unwrap();
    fs::copy(at("data/file0"), at("out/2/data/file0")).unwrap();
    let proved = run_alone(folder.path(), "torrent verify r.json");
    assert_eq!(proved.said("data/file0  a file instead of another name of a file"), 1, "{proved:?}");
}

#[test]
fn links_in_the_place_of_files_and_folders_are_faults_whatever_lies_behind_them() {
    let folder = plain(&[40_000]);
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("data/sub/deep")).unwrap();
    fs::write(at("data/sub/deep/file"), "content").unwrap();
    stage(2, folder.path(), "data --to out --receipt r.json").well();
    for (name, fault) in [
        ("data/sub/deep", "data/sub/deep  a symbolic link instead of a folder"),
        ("data/file0", "data/file0  a symbolic link instead of a file"),
        ("data", "data/file0  not looked at: data is a symbolic link instead of a folder"),
    ] {
        let (place, moved) = (at("out").join(name), at("moved"));
        fs::rename(&place, &moved).unwrap();
        symlink(&moved, &place).unwrap();
        let proved = run_alone(folder.path(), "torrent verify r.json");
        let lines = proved.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let fault = fault.replace("  ", " ");
        assert_eq!((proved.code, lines.filter(|line| *line == fault).count()), (4, 1), "{proved:?}");
        fs::remove_file(&place).unwrap();
        fs::rename(&moved, &place).unwrap();
    }
    assert_eq!(run_alone(folder.path(), "torrent verify r.json").code, 0);
}

#[test]
fn of_a_place_that_wanted_some_files_just_these_are_proved() {
    let folder = plain(&[40_000, 50_000, 100]);
    let at = |path: &str| folder.path().join(path);
    let line = "data --to out/{rank} --want data/file1 --for 0 --want data --for 1 --piece-length 16K --receipt r.json";
    stage(2, folder.path(), line).well();
    let proved = run_alone(folder.path(), "torrent verify r.json");
    assert_eq!((proved.code, proved.said("out/0: all right: 1 file,")), (0, 1), "{proved:?}");
    spoil(&at("out/0/data/file1"));
    let proved = run_alone(folder.path(), "torrent verify r.json");
    assert_eq!((proved.code, proved.said("1 fault in 1 file:")), (4, 1), "{proved:?}");
}

#[test]
fn staged_by_a_torrent_the_receipt_has_its_info_hash() {
    let folder = plain(&[100_000, 77]);
    // What is private has another info hash.
    assert_eq!(run_alone(folder.path(), "torrent create data --private").code, 0);
    stage(2, folder.path(), "data.torrent --from . --to out/{rank} --receipt r.json").well();
    assert_eq!(read(folder.path())["info_hash"], info_hash(folder.path()));
    assert_eq!(run_alone(folder.path(), "torrent verify r.json").code, 0);
}

#[test]
fn a_run_that_is_not_complete_writes_no_receipt_and_one_that_could_not_does_not_begin() {
    let folder = plain(&[1000]);
    let ended = stage(2, folder.path(), "data --to out/{rank} --receipt none/r.json").run();
    assert_refused(&ended, 6, &["none/r.json", "--receipt needs a place"]);
    assert!(!folder.path().join("out/0/data").exists());
    fs::create_dir_all(folder.path().join("out/1")).unwrap();
    fs::write(folder.path().join("out/1/data"), "mine").unwrap();
    let ended = stage(2, folder.path(), "data --to out/{rank} --receipt r.json").run();
    assert_eq!(ended.code, 3, "{ended:#?}");
    assert!(!folder.path().join("r.json").exists());
}
