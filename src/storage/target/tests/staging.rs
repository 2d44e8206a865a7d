//! A tree that was not there comes to be there, as it was.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::fixture::{KEEP, Pads, REPLACE, Scratch, Source, Tally, hidden, missing, noise, options};
use crate::metainfo::PieceIndex;
use crate::storage::target::{Durable, Found, Target, TargetError};

#[test]
fn a_tree_is_staged_as_it_was_and_nothing_of_ours_is_left() {
    for pads in [Pads::None, Pads::Each] {
        let dir = Scratch::new();
        let source = Source { pads, ..Source::of_everything() };
        let fetched = source.pieces().map.pieces();
        assert_eq!(source.stage(dir.path(), KEEP).unwrap(), Tally { fetched, ..Tally::default() });
        source.assert_staged(dir.path());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(!dir.path().join("top/.pad").exists());
    }
}

#[test]
fn the_final_name_appears_only_when_the_tree_is_whole() {
    let dir = Scratch::new();
    let source = Source::of_everything();
    let target = source.open(dir.path(), KEEP).unwrap();
    source.fetch(&target, u32::MAX).unwrap();
    assert!(!dir.path().join("top").exists());
    target.commit().unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn a_folder_that_is_missing_is_made_and_may_be_a_link() {
    let dir = Scratch::new();
    symlink("real/deep", dir.path().join("link")).unwrap();
    let source = Source::of_everything();
    source.stage(&dir.path().join("real/deep"), KEEP).unwrap();
    source.assert_staged(&dir.path().join("link"));
    assert_eq!(source.stage(&dir.path().join("link"), KEEP).unwrap().fetched, 0);
}

#[test]
fn a_single_file_and_several_tops_are_staged() {
    let single = Source::new(1000, Pads::None).file("file", &noise(1, 2500)).with_mode("file", 0o640);
    let several = Source::new(1000, Pads::None).file("a", &noise(1, 700)).file("b/c", &noise(2, 700)).file("d", b"");
    for source in [single, several] {
        let dir = Scratch::new();
        source.stage(dir.path(), KEEP).unwrap();
        source.assert_staged(dir.path());
        assert_eq!(source.stage(dir.path(), KEEP).unwrap().fetched, 0);
    }
}

#[test]
fn a_name_of_255_bytes_is_staged() {
    let dir = Scratch::new();
    let source = Source::new(1000, Pads::None).file(&"x".repeat(255), &noise(1, 10));
    source.stage(dir.path(), KEEP).unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn an_empty_tree_and_an_empty_folder_are_staged() {
    let dir = Scratch::new();
    let source = Source::new(1000, Pads::None).folder("top", 0o700).folder("top/a", 0o511);
    source.stage(dir.path(), KEEP).unwrap();
    source.assert_staged(dir.path());
    assert_eq!(Source::new(1000, Pads::None).stage_nothing(dir.path()), []);
}

impl Source {
    fn stage_nothing(&self, dir: &std::path::Path) -> Vec<PieceIndex> {
        let target = self.open(dir, KEEP).unwrap();
        target.commit().unwrap();
        assert_eq!(hidden(dir), [""; 0]);
        missing(&target)
    }
}

#[test]
fn what_has_no_mode_gets_the_one_that_any_new_file_has() {
    let dir = Scratch::new();
    let source = Source::new(1000, Pads::None).file("t/one", &noise(1, 10)).file("t/more", &noise(2, 4000));
    source.stage(dir.path(), KEEP).unwrap();
    fs::write(dir.path().join("new"), "").unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    let mode = |name: &str| dir.path().join(name).metadata().unwrap().permissions().mode();
    assert_eq!([mode("t/one"), mode("t/more"), mode("t")], [mode("new"), mode("new"), mode("folder")]);
}

#[test]
fn modes_that_forbid_reading_and_the_sticky_bits_are_kept() {
    let dir = Scratch::new();
    let mut source = Source::new(1000, Pads::None);
    for (index, mode) in [0o000, 0o200, 0o2755, 0o1777, 0o6711, 0o777].into_iter().enumerate() {
        let (small, long) = (format!("t/s{mode:o}"), format!("t/l{mode:o}"));
        source = source.file(&small, &noise(index as u64, 10)).with_mode(&small, mode);
        source = source.file(&long, &noise(100 + index as u64, 2000)).with_mode(&long, mode);
    }
    let target = source.open(dir.path(), KEEP).unwrap();
    source.fetch(&target, u32::MAX).unwrap();
    source.pieces().assert_served(&target);
    target.commit().unwrap();
    for (entry, _) in &source.entries {
        let found = dir.path().join(entry.path.as_path()).symlink_metadata().unwrap();
        assert_eq!(found.mode() & 0o7777, entry.mode.unwrap(), "{}", entry.path);
    }
}

#[test]
fn folders_that_nobody_may_enter_are_kept_and_so_is_what_is_in_them() {
    let dir = Scratch::new();
    let mut source = Source::new(1000, Pads::None).file("t/a/b/c/file", &noise(1, 1500));
    for (folder, mode) in [("t", 0o500), ("t/a", 0o600), ("t/a/b", 0o000), ("t/a/b/c", 0o2555)] {
        source = source.folder(folder, mode);
    }
    source.stage(dir.path(), KEEP).unwrap();
    for name in ["t", "t/a", "t/a/b", "t/a/b/c"] {
        let folder = dir.path().join(name);
        let found = folder.symlink_metadata().unwrap().permissions().mode() & 0o7777;
        let wanted = source.entries.iter().find(|(it, _)| it.path == super::fixture::path(name)).unwrap().0.mode;
        assert_eq!(Some(found), wanted, "{name}");
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert_eq!(fs::read(dir.path().join("t/a/b/c/file")).unwrap(), source.content("t/a/b/c/file"));
}

#[test]
fn zeros_in_a_long_file_stay_holes() {
    const LONG: usize = 1 << 20;
    let mut content = noise(1, 3 * LONG);
    content[LONG / 2..5 * LONG / 2].fill(0);
    for (existing, junk) in [(KEEP, false), (REPLACE, true)] {
        let dir = Scratch::new();
        let source = Source::new(256 * 1024, Pads::None).file("sparse", &content);
        let target = source.open(dir.path(), existing).unwrap();
        if junk {
            // What an unverified piece left there does not shine through.
            let draft = target.begin_draft(PieceIndex(5)).unwrap().unwrap();
            target.write_block(&draft, 0, &noise(9, 256 * 1024)).unwrap();
        }
        assert_eq!(source.find(&target).unwrap().copied, 8);
        source.fetch(&target, u32::MAX).unwrap();
        target.commit().unwrap();
        source.assert_staged(dir.path());
        let blocks = dir.path().join("sparse").metadata().unwrap().blocks() * 512;
        assert!(blocks < 3 * LONG as u64 / 2, "{blocks} bytes are taken");
    }
}

#[test]
fn pieces_are_served_before_while_and_after_the_tree_is_put_in_place() {
    let dir = Scratch::new();
    let source = Source::of_everything();
    let target = source.open(dir.path(), KEEP).unwrap();
    assert!(matches!(target.read_block(PieceIndex(0), 0, &mut [0]), Err(TargetError::NotHeld(_))));
    source.fetch(&target, u32::MAX).unwrap();
    source.pieces().assert_served(&target);
    let length = source.pieces().map.content_length(PieceIndex(0));
    assert!(matches!(target.read_block(PieceIndex(0), length, &mut [0]), Err(TargetError::NotHeld(_))));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| (0..20).for_each(|_| source.pieces().assert_served(&target)));
        target.commit().unwrap();
        reader.join().unwrap();
    });
    source.pieces().assert_served(&target);
}

#[test]
fn what_pieces_hold_of_unwanted_files_is_served_and_not_put_in_place() {
    let dir = Scratch::new();
    let source = Source::of_everything();
    let wanted = source.only(&["top/in/small", "top/long", "top/nothing"]);
    let stage = || {
        let target = Target::open(dir.path(), source.manifest(), &wanted, &options(KEEP)).unwrap();
        source.find(&target).unwrap();
        (source.fetch(&target, u32::MAX).unwrap(), target)
    };
    let (_, target) = stage();
    target.suspend().unwrap();
    drop(target);
    let (fetched, target) = stage();
    assert_eq!(fetched, 0, "the parts were found again");
    target.commit().unwrap();
    source.pieces().assert_served(&target);
    assert!(!target.wanted_pieces().contains(PieceIndex(1)));
    assert!(matches!(target.write_piece(PieceIndex(1), &noise(1, 1000)), Err(TargetError::NotWanted(_))));
    let mut names: Vec<_> = fs::read_dir(dir.path().join("top")).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["in", "long", "nothing"]);
    drop(target);

    // Later all of it is wanted: what is there stays, and the rest comes to it.
    source.stage(dir.path(), KEEP).unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn many_threads_write_one_target() {
    let dir = Scratch::new();
    let mut source = Source::new(500, Pads::None).file("t/long", &noise(1, 20_000));
    for file in 0..200 {
        source = source.file(&format!("t/{}/{file}", file % 7), &noise(file, 60));
    }
    let target = source.open(dir.path(), KEEP).unwrap();
    let pieces = source.pieces();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (target, pieces) = (&target, &pieces);
            scope.spawn(move || {
                // Each brings all of them, in an order of its own.
                for piece in (0..pieces.map.pieces()).map(|at| PieceIndex((at * 7 + thread) % pieces.map.pieces())) {
                    target.write_piece(piece, &pieces.travels(piece)).unwrap();
                }
            });
        }
    });
    assert_eq!(missing(&target), []);
    target.commit().unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn a_draft_that_is_given_up_leaves_no_trace_and_a_held_piece_takes_none() {
    let dir = Scratch::new();
    let source = Source::of_everything();
    let (target, pieces) = (source.open(dir.path(), KEEP).unwrap(), source.pieces());
    let wrong = target.begin_draft(PieceIndex(0)).unwrap().unwrap();
    assert!(target.begin_draft(PieceIndex(0)).unwrap().is_none());
    let content = pieces.travels(PieceIndex(0));
    assert!(matches!(target.write_piece(PieceIndex(0), &content), Err(TargetError::BeingWritten(_))));
    target.write_block(&wrong, 500, &noise(99, 500)).unwrap();
    drop(wrong);
    target.write_piece(PieceIndex(0), &content).unwrap();
    assert!(target.begin_draft(PieceIndex(0)).unwrap().is_none());
    source.fetch(&target, u32::MAX).unwrap();
    target.commit().unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn a_piece_is_copied_to_where_the_same_bytes_belong() {
    let dir = Scratch::new();
    let same = noise(1, 2000);
    let source = Source::new(1000, Pads::None).file("t/a", &same).file("t/b", &same);
    let (target, pieces, mut scratch) = (source.open(dir.path(), KEEP).unwrap(), source.pieces(), Vec::new());
    let hash = pieces.hash(PieceIndex(0));
    let mut copy = |from, to| target.copy(PieceIndex(from), PieceIndex(to), &hash, &mut scratch);
    assert!(matches!(copy(0, 2), Err(TargetError::NotHeld(_))));
    source.fetch(&target, 2).unwrap();
    assert!(copy(0, 2).unwrap() && copy(0, 2).unwrap());
    assert!(!copy(1, 3).unwrap(), "it has another hash");
    assert_eq!(target.examine(PieceIndex(2), &hash, &mut scratch).unwrap(), Found::InTree);
    assert_eq!(source.fetch(&target, u32::MAX).unwrap(), 1);
    target.commit().unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn a_tree_that_is_to_be_durable_is_so_before_its_name_appears() {
    use crate::storage::target::mishap;
    let dir = Scratch::new();
    let source = Source::of_everything();
    let options = crate::storage::target::TargetOptions { durable: Durable::AtEnd, ..options(KEEP) };
    let target = Target::open(dir.path(), source.manifest(), &source.everything(), &options).unwrap();
    source.fetch(&target, u32::MAX).unwrap();
    mishap::end();
    target.commit().unwrap();
    let calls = mishap::end();
    let place = |call: &str| calls.iter().position(|&it| it == call).unwrap();
    let (sync, rename) = (place("sync"), place("place"));
    assert!(calls[..sync].contains(&"utimens") && sync + 1 == rename, "{calls:?}");
    // Nothing is written after it but names, and those are made durable too.
    let after = &calls[rename + 1..];
    assert!(!after.iter().any(|call| ["write", "truncate", "reserve", "create"].contains(call)), "{calls:?}");
    assert_eq!(after.iter().filter(|&&call| call == "sync").count(), 1);
}
