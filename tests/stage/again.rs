//! Staged where something is already.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::compared::{assert_alike, assert_only};
use super::program::{assert_refused, stage};
use super::trees::{everything, noise, plain, touch};

/// Pieces so short that a small tree has many.
const LINE: &str = "data --to out/{rank} --from-ranks 0 --for 1-2 --piece-length 16K";

/// A folder with a tree `data` of 60 pieces that is on ranks 1 and 2 already.
fn staged() -> tempfile::TempDir {
    let folder = plain(&[30 * 16_384, 20 * 16_384, 10 * 16_384]);
    assert_eq!(stage(3, folder.path(), LINE).moved(), 120);
    folder
}

fn assert_staged(folder: &Path) {
    for rank in 1..3 {
        assert_alike(&folder.join("data"), &folder.join(format!("out/{rank}/data")));
        assert_only(&folder.join(format!("out/{rank}")), &["data"]);
    }
}

#[test]
fn staging_again_moves_nothing() {
    let folder = staged();
    assert_eq!(stage(3, folder.path(), LINE).moved(), 0);
    assert_staged(folder.path());
}

#[test]
fn a_tree_with_everything_is_found_to_be_the_same() {
    // RELIABILITY row 31.
    let folder = everything();
    let line = "data --to out/{rank} --from-ranks 0";
    assert!(stage(3, folder.path(), line).moved() > 0);
    assert_eq!(stage(3, folder.path(), line).moved(), 0);
    for rank in 0..3 {
        assert_alike(&folder.path().join("data"), &folder.path().join(format!("out/{rank}/data")));
    }
}

#[test]
fn of_a_changed_tree_what_changed_is_moved() {
    let folder = staged();
    let file = folder.path().join("data/file0");
    let mut content = fs::read(&file).unwrap();
    content[5 * 16_384 + 9] ^= 1;
    content.extend(noise(50, 100));
    fs::write(&file, content).unwrap();
    fs::write(folder.path().join("data/new"), noise(51, 16_384)).unwrap();
    fs::remove_file(folder.path().join("data/file2")).unwrap();
    // To each of two: the piece that changed, the one that was added, the new file.
    assert_eq!(stage(3, folder.path(), &format!("{LINE} --force")).moved(), 6);
    for rank in 1..3 {
        for name in ["file0", "file1", "new"] {
            let at = |tree: &str| folder.path().join(tree).join(name);
            assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
        }
    }
}

#[test]
fn of_many_small_files_the_pieces_of_the_one_that_changed_are_moved() {
    let folder = plain(&[3_000; 300]);
    let line = "data --to out/{rank} --from-ranks 0 --for 1-2";
    assert!(stage(3, folder.path(), line).moved() > 100);
    fs::write(folder.path().join("data/file150"), noise(1_000, 3_000)).unwrap();
    // A file of less than a piece lies in two at most.
    assert!((2..=4).contains(&stage(3, folder.path(), &format!("{line} --force")).moved()));
    assert_staged(folder.path());
}

#[test]
fn a_tree_that_grows_keeps_the_length_of_its_pieces() {
    // 1960 pieces of 16 KiB, and then too many for so short ones.
    let folder = plain(&[100_000; 280]);
    let at = |file: &str| folder.path().join("data").join(file);
    let line = "data --to out/{rank} --from-ranks 0 --for 1-2 --force";
    assert_eq!(stage(3, folder.path(), line).moved(), 2 * 280 * 7);
    for (number, change) in [(5, Change::Within), (6, Change::Behind)] {
        let mut content = noise(number, 100_000);
        match change {
            Change::Within => content[50_000] ^= 1,
            Change::Behind => content.extend(noise(2_000, 20_000)),
        }
        fs::write(at(&format!("file{number}")), content).unwrap();
    }
    for new in 280..286 {
        fs::write(at(&format!("file{new}")), noise(new, 100_000)).unwrap();
    }
    assert_eq!(stage(3, folder.path(), line).moved(), 2 * (1 + 2 + 6 * 7));
    assert_staged(folder.path());
}

/// Where a file changes.
enum Change {
    Within,
    Behind,
}

#[test]
fn a_file_that_was_renamed_is_copied_and_not_fetched() {
    let folder = staged();
    fs::rename(folder.path().join("data/file0"), folder.path().join("data/renamed")).unwrap();
    assert_eq!(stage(3, folder.path(), &format!("{LINE} --force")).moved(), 0);
    for rank in 1..3 {
        let at = |tree: &str| folder.path().join(tree).join("renamed");
        assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
    }
}

#[test]
fn a_file_that_is_there_twice_travels_once() {
    let folder = plain(&[20 * 16_384]);
    fs::copy(folder.path().join("data/file0"), folder.path().join("data/twin")).unwrap();
    assert_eq!(stage(3, folder.path(), LINE).moved(), 40);
    assert_staged(folder.path());
}

#[test]
fn a_change_of_mode_or_time_alone_moves_nothing() {
    let folder = staged();
    touch(&folder.path().join("data/file0"), Duration::new(1_111_111_111, 5));
    assert_eq!(stage(3, folder.path(), &format!("{LINE} --force")).moved(), 0);
    assert_staged(folder.path());
}

#[test]
fn a_file_that_differs_is_refused_by_name_and_replaced_by_force() {
    // RELIABILITY row 31.
    let folder = staged();
    let spoilt = folder.path().join("out/2/data/file1");
    fs::write(&spoilt, "somebody's work").unwrap();
    let ended = stage(3, folder.path(), LINE).run();
    assert_refused(&ended, 3, &["rank 2", "out/2/data/file1", "--force replaces"]);
    assert_eq!(fs::read(&spoilt).unwrap(), b"somebody's work");
    for rank in 1..3 {
        assert_only(&folder.path().join(format!("out/{rank}")), &["data"]);
    }
    stage(3, folder.path(), &format!("{LINE} --force")).well();
    assert_staged(folder.path());
}

#[test]
fn what_is_beside_the_tree_and_in_it_and_not_of_it_stays() {
    let folder = staged();
    let (beside, within) = (folder.path().join("out/1/beside"), folder.path().join("out/1/data/within"));
    fs::write(&beside, "beside").unwrap();
    fs::write(&within, "within").unwrap();
    fs::write(folder.path().join("data/new"), noise(52, 100)).unwrap();
    stage(3, folder.path(), &format!("{LINE} --force")).well();
    assert_eq!((fs::read(&beside).unwrap(), fs::read(&within).unwrap()), (b"beside".to_vec(), b"within".to_vec()));
}

#[test]
fn a_folder_in_the_place_of_a_file_is_an_error_even_by_force() {
    // RELIABILITY row 31.
    let folder = staged();
    let place = folder.path().join("out/1/data/file2");
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    fs::write(place.join("kept"), "kept").unwrap();
    for line in [LINE.to_owned(), format!("{LINE} --force")] {
        assert_refused(&stage(3, folder.path(), &line).run(), 3, &["rank 1", "out/1/data/file2", "folder"]);
        assert_eq!(fs::read(place.join("kept")).unwrap(), b"kept");
        assert_only(&folder.path().join("out/1"), &["data"]);
    }
}
