//! Somebody else changes the target while it is staged: it is noticed, and what they did stays.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::fixture::{KEEP, Pads, REPLACE, Scratch, Source, noise};
use crate::metainfo::PieceIndex;
use crate::storage::target::{Found, Target, TargetError};

fn small() -> Source {
    Source::new(1000, Pads::None).file("t/a", &noise(1, 2500)).file("t/in/b", &noise(2, 10))
}

/// The same tree as it was before its first file changed in the second of three pieces.
fn earlier() -> Source {
    let mut content = small().content("t/a").to_vec();
    content[1500] ^= 1;
    small().with_content("t/a", &content)
}

/// A folder in which a tree is, and a target that is to make another of it.
fn begun(there: &Source, new: &Source) -> (Scratch, Target) {
    let dir = Scratch::new();
    there.stage(dir.path(), KEEP).unwrap();
    let target = new.open(dir.path(), REPLACE).unwrap();
    (dir, target)
}

/// Changes a byte of a file, so that only its time tells.
fn touch_up(file: &Path, place: u64) {
    fs::OpenOptions::new().write(true).open(file).unwrap().write_all_at(b"!", place).unwrap();
}

#[test]
fn a_file_that_was_found_right_and_is_changed_then_is_not_taken_for_right() {
    let (dir, target) = begun(&small(), &small());
    small().find(&target).unwrap();
    touch_up(&dir.path().join("t/a"), 700);
    assert!(matches!(target.commit(), Err(TargetError::Changed { path }) if path.ends_with("t/a")));
    assert_eq!(fs::read(dir.path().join("t/a")).unwrap()[700], b'!');
}

#[test]
fn a_file_of_which_something_was_found_right_and_is_changed_then_is_not_copied_from() {
    let (dir, target) = begun(&earlier(), &small());
    small().find(&target).unwrap();
    small().fetch(&target, u32::MAX).unwrap();
    touch_up(&dir.path().join("t/a"), 700);
    assert!(matches!(target.commit(), Err(TargetError::Changed { path }) if path.ends_with("t/a")));
    // The next run takes what is there now for what it is.
    drop(target);
    assert_eq!(small().stage(dir.path(), REPLACE).unwrap().fetched, 1);
    small().assert_staged(dir.path());
}

#[test]
fn another_file_under_the_same_name_is_not_taken_for_the_first() {
    let (dir, target) = begun(&earlier(), &small());
    fs::write(dir.path().join("other"), small().content("t/a")).unwrap();
    fs::rename(dir.path().join("other"), dir.path().join("t/a")).unwrap();
    assert!(matches!(small().find(&target), Err(TargetError::Changed { path }) if path.ends_with("t/a")));
}

#[test]
fn an_old_file_that_changes_after_stock_was_taken_of_it_gives_nothing() {
    let source = Source::new(1000, Pads::Each).file("t/a", &noise(1, 2000));
    let renamed = source.clone().with_name("t/a", "t/z");
    let (dir, target) = begun(&source, &renamed);
    let mut scratch = Vec::new();
    for job in target.inventory_jobs().unwrap() {
        assert_eq!(target.take_stock(&job, &mut scratch), 2000);
    }
    touch_up(&dir.path().join("t/a"), 1700);
    let hash = |piece| source.pieces().hash(PieceIndex(piece));
    assert_eq!(target.examine(PieceIndex(0), &hash(0), &mut scratch).unwrap(), Found::Copied);
    assert_eq!(target.examine(PieceIndex(1), &hash(1), &mut scratch).unwrap(), Found::Nothing);
}

#[test]
fn a_name_that_somebody_takes_meanwhile_is_theirs() {
    let dir = Scratch::new();
    small().stage(dir.path(), KEEP).unwrap();
    fs::remove_file(dir.path().join("t/in/b")).unwrap();
    let target = small().open(dir.path(), KEEP).unwrap();
    small().find(&target).unwrap();
    small().fetch(&target, u32::MAX).unwrap();
    fs::write(dir.path().join("t/in/b"), "mine").unwrap();
    assert!(matches!(target.commit(), Err(TargetError::Changed { path }) if path.ends_with("t/in/b")));
    assert_eq!(fs::read(dir.path().join("t/in/b")).unwrap(), b"mine");
}

#[test]
fn a_tree_that_somebody_makes_meanwhile_is_theirs_and_the_next_run_goes_into_it() {
    let dir = Scratch::new();
    let target = small().open(dir.path(), KEEP).unwrap();
    small().fetch(&target, u32::MAX).unwrap();
    fs::create_dir(dir.path().join("t")).unwrap();
    assert!(matches!(target.commit(), Err(TargetError::Changed { path }) if path.ends_with("t")));
    drop(target);
    assert_eq!(small().stage(dir.path(), KEEP).unwrap().fetched, 0);
    small().assert_staged(dir.path());
}

#[test]
fn a_file_that_is_cut_short_in_the_hidden_folder_is_not_put_in_place() {
    let dir = Scratch::new();
    let target = small().open(dir.path(), KEEP).unwrap();
    small().fetch(&target, u32::MAX).unwrap();
    fs::OpenOptions::new().write(true).open(dir.path().join(".t.tema3/tree/t/a")).unwrap().set_len(2000).unwrap();
    let error = target.commit().unwrap_err();
    assert!(matches!(&error, TargetError::Incomplete { path } if path.ends_with("tree/t/a")), "{error}");
    assert!(!dir.path().join("t").exists());
}

#[test]
fn a_file_that_is_taken_out_of_the_hidden_folder_is_missed_and_not_made_again_from_nothing() {
    // So many files that the first is not open any more when the others were written.
    let mut source = Source::new(1000, Pads::None);
    for file in 0..150 {
        source = source.file(&format!("t/{file}"), &noise(file, 2000));
    }
    let dir = Scratch::new();
    let target = source.open(dir.path(), KEEP).unwrap();
    let write = |piece| target.write_piece(PieceIndex(piece), &source.pieces().travels(PieceIndex(piece)));
    (0..299).step_by(2).for_each(|piece| write(piece).unwrap());
    fs::remove_file(dir.path().join(".t.tema3/tree/t/0")).unwrap();
    assert!(matches!(write(1), Err(TargetError::Changed { path }) if path.ends_with("tree/t/0")));
    drop(target);

    // What an earlier run left, and is gone before it is looked at.
    let target = source.open(dir.path(), KEEP).unwrap();
    fs::remove_file(dir.path().join(".t.tema3/tree/t/7")).unwrap();
    assert!(matches!(source.find(&target), Err(TargetError::Changed { path }) if path.ends_with("tree/t/7")));
    drop(target);
    source.stage(dir.path(), KEEP).unwrap();
    source.assert_staged(dir.path());
}
