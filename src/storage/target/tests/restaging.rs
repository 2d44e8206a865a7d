//! A tree goes where one is already: what is right stays, what can be found is copied, and the rest is fetched.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::fixture::{KEEP, Pads, REPLACE, Scratch, Source, Tally, noise, options};
use crate::metainfo::PieceIndex;
use crate::storage::target::Target;
use crate::storage::target::mishap::{self, Mishaps};

/// Files of a piece or more, each of which begins at a piece.
fn padded() -> Source {
    Source::new(1000, Pads::Each)
        .file("t/a", &noise(1, 5000))
        .file("t/b", &noise(2, 3300))
        .file("t/c/d", &noise(3, 2000))
        .folder("t", 0o755)
}

fn staged(source: &Source) -> Scratch {
    let dir = Scratch::new();
    source.stage(dir.path(), KEEP).unwrap();
    dir
}

fn inode(dir: &Path, name: &str) -> u64 {
    dir.join(name).metadata().unwrap().ino()
}

#[test]
fn the_same_tree_is_verified_and_skipped() {
    for source in [Source::of_everything(), padded()] {
        let dir = staged(&source);
        let in_place = source.pieces().map.pieces();
        let name = source.entries[0].0.path.to_string();
        let before = inode(dir.path(), &name);
        for existing in [KEEP, REPLACE] {
            let tally = source.stage(dir.path(), existing).unwrap();
            assert_eq!(tally, Tally { in_place, ..Tally::default() });
            source.assert_staged(dir.path());
            assert_eq!(inode(dir.path(), &name), before);
        }
    }
}

#[test]
fn modes_and_times_of_what_stays_are_put_right() {
    let source = Source::of_everything();
    let dir = staged(&source);
    let set = |name: &str, mode| {
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("top/b.bin", 0o600);
    set("top/in", 0o700);
    set("top/nothing", 0o700);
    fs::File::open(dir.path().join("top/long")).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    fs::remove_file(dir.path().join("top/in/link")).unwrap();
    symlink("../long", dir.path().join("top/in/link")).unwrap();
    assert!(source.faults(dir.path()).len() >= 5);

    assert_eq!(source.stage(dir.path(), KEEP).unwrap().fetched, 0);
    source.assert_staged(dir.path());
}

#[test]
fn of_a_changed_file_only_what_changed_is_fetched() {
    let source = padded();
    let mut content = source.content("t/a").to_vec();
    content[3500] ^= 1;
    let changed = source.clone().with_content("t/a", &content);
    let dir = staged(&source);
    let untouched = inode(dir.path(), "t/b");
    assert_eq!(changed.stage(dir.path(), REPLACE).unwrap().fetched, 1);
    changed.assert_staged(dir.path());
    assert_eq!(inode(dir.path(), "t/b"), untouched);
}

#[test]
fn of_a_file_that_grew_shrank_or_moved_only_what_is_new_is_fetched() {
    let source = padded();
    let a = source.content("t/a").to_vec();
    let grown = source.clone().with_content("t/a", &[&a[..], &noise(9, 1500)].concat());
    let shrunk = source.clone().with_content("t/a", &a[..3000]);
    let cut_in_a_piece = source.clone().with_content("t/a", &a[..2500]);
    let shifted = source.clone().with_content("t/a", &[&noise(9, 1000)[..], &a].concat());
    for (new, fetched) in [(grown, 2), (shrunk, 0), (cut_in_a_piece, 0), (shifted, 1)] {
        let dir = staged(&source);
        assert_eq!(new.stage(dir.path(), REPLACE).unwrap().fetched, fetched);
        new.assert_staged(dir.path());
    }
}

#[test]
fn a_file_that_was_renamed_or_moved_is_not_fetched() {
    let source = padded();
    let renamed = source.clone().with_name("t/a", "t/z").with_name("t/c/d", "t/e/f/g");
    let swapped = source.clone().with_name("t/a", "t/x").with_name("t/b", "t/a").with_name("t/x", "t/b");
    for new in [renamed, swapped] {
        let dir = staged(&source);
        let tally = new.stage(dir.path(), REPLACE).unwrap();
        assert_eq!((tally.fetched, new.faults(dir.path())), (0, vec![]));
    }
    // A name that the new tree does not have is left alone.
    let dir = staged(&source);
    source.clone().with_name("t/a", "t/z").stage(dir.path(), KEEP).unwrap();
    assert_eq!(fs::read(dir.path().join("t/a")).unwrap(), source.content("t/a"));
}

#[test]
fn files_that_share_a_piece_with_a_changed_one_stay() {
    let source = Source::new(1000, Pads::None)
        .file("t/a", &noise(1, 300))
        .file("t/b", &noise(2, 300))
        .file("t/c", &noise(3, 2000));
    let changed = source.clone().with_content("t/b", &noise(4, 300));
    let dir = staged(&source);
    let before = [inode(dir.path(), "t/a"), inode(dir.path(), "t/c")];
    assert_eq!(changed.stage(dir.path(), REPLACE).unwrap().fetched, 1);
    changed.assert_staged(dir.path());
    assert_eq!([inode(dir.path(), "t/a"), inode(dir.path(), "t/c")], before);

    // Also where one of them is new, and nothing may be replaced.
    let dir = staged(&source);
    fs::remove_file(dir.path().join("t/b")).unwrap();
    assert_eq!(source.stage(dir.path(), KEEP).unwrap().fetched, 1);
    source.assert_staged(dir.path());
    assert_eq!(source.stage(dir.path(), KEEP).unwrap().fetched, 0);
}

#[test]
fn a_shared_piece_that_comes_in_blocks_is_compared_as_well() {
    // Piece 1 is the end of `a` and the beginning of `b`, and comes block by block.
    let source = Source::new(1000, Pads::None).file("t/a", &noise(1, 1500)).file("t/b", &noise(2, 1500));
    for changed in ["t/a", "t/b"] {
        let stays = if changed == "t/a" { "t/b" } else { "t/a" };
        let mut content = source.content(changed).to_vec();
        content[if changed == "t/a" { 1200 } else { 100 }] ^= 1;
        let new = source.clone().with_content(changed, &content);
        let dir = staged(&source);
        let before = inode(dir.path(), stays);
        // For a file that may stay no room is taken, whatever comes into it before that is known.
        mishap::plan(Mishaps { reserves: Some(1), ..Mishaps::default() });
        assert_eq!(new.stage(dir.path(), REPLACE).unwrap(), Tally { in_place: 2, fetched: 1, ..Tally::default() });
        mishap::end();
        new.assert_staged(dir.path());
        assert_eq!(inode(dir.path(), stays), before);
    }
}

#[test]
fn a_changed_tree_is_served_whole_at_any_time() {
    let source = padded();
    let mut content = source.content("t/a").to_vec();
    content[4500] ^= 1;
    let changed = source.clone().with_content("t/a", &content);
    let dir = staged(&source);
    let target = changed.open(dir.path(), REPLACE).unwrap();
    changed.find(&target).unwrap();
    changed.fetch(&target, u32::MAX).unwrap();
    changed.pieces().assert_served(&target);
    target.commit().unwrap();
    changed.pieces().assert_served(&target);
}

#[test]
fn links_are_replaced_where_they_differ() {
    let source = Source::of_everything();
    let dir = staged(&source);
    for name in ["top/in/link", "top/in/other name"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    symlink("elsewhere", dir.path().join("top/in/link")).unwrap();
    fs::write(dir.path().join("top/in/other name"), "no link").unwrap();
    source.stage(dir.path(), REPLACE).unwrap();
    source.assert_staged(dir.path());

    // A changed file takes its other name with it; one that stays gets a name that is missing.
    let changed = source.clone().with_content("top/long", &noise(77, 5000));
    changed.stage(dir.path(), REPLACE).unwrap();
    changed.assert_staged(dir.path());
    fs::remove_file(dir.path().join("top/in/other name")).unwrap();
    changed.stage(dir.path(), KEEP).unwrap();
    changed.assert_staged(dir.path());
}

#[test]
fn two_names_of_one_file_become_two_files_where_the_tree_has_two() {
    let same = noise(11, 2500);
    let source =
        Source::new(1000, Pads::None).file("t/a", &same).file("t/b", &same).file("t/none", b"").file("t/o", b"");
    let dir = staged(&source);
    let at = |name: &str| dir.path().join(name);
    let join = |first: &str, other: &str| {
        fs::remove_file(at(other)).unwrap();
        fs::hard_link(at(first), at(other)).unwrap();
    };
    join("t/a", "t/b");
    join("t/none", "t/o");
    // A name out of the tree is no matter.
    fs::hard_link(at("t/a"), at("mine")).unwrap();
    let changed = source.with_mode("t/a", 0o755).with_mode("t/b", 0o640);
    let refused = changed.open(dir.path(), KEEP).unwrap_err().to_string();
    let told =
        format!("{} is another name of {} and is to be a file of its own", at("t/b").display(), at("t/a").display());
    assert!(refused.starts_with(&told), "{refused}");
    changed.stage(dir.path(), REPLACE).unwrap();
    changed.assert_staged(dir.path());
    let files = ["t/a", "t/b", "t/none", "t/o"].map(|name| at(name).metadata().unwrap().ino());
    assert!(files.iter().enumerate().all(|(index, file)| !files[..index].contains(file)), "{files:?}");

    // One that is not wanted keeps its file, whichever it is.
    fs::remove_file(at("mine")).unwrap();
    join("t/a", "t/b");
    let before = at("t/a").metadata().unwrap().ino();
    let target =
        Target::open(dir.path(), changed.manifest(), &changed.only(&["t/a", "t/none"]), &options(REPLACE)).unwrap();
    changed.find(&target).unwrap();
    changed.fetch(&target, u32::MAX).unwrap();
    target.commit().unwrap();
    let now = |name| at(name).metadata().unwrap().ino();
    assert!(now("t/b") == before && now("t/a") != before);
}

#[test]
fn a_read_only_folder_of_the_old_tree_is_changed_and_read_only_again() {
    let source = padded().folder("t/c", 0o555);
    let dir = staged(&source);
    let changed = source.clone().with_content("t/c/d", &noise(9, 2000)).file("t/c/new/file", &noise(10, 10));
    let unnamed = Source {
        entries: changed.entries.iter().filter(|(it, _)| it.path != super::fixture::path("t/c")).cloned().collect(),
        ..changed
    };
    unnamed.stage(dir.path(), REPLACE).unwrap();
    unnamed.assert_staged(dir.path());
    assert_eq!(dir.path().join("t/c").metadata().unwrap().mode() & 0o7777, 0o555);
}

#[test]
fn a_piece_that_lay_in_place_is_counted_once() {
    let source = padded();
    let dir = staged(&source);
    let target = source.open(dir.path(), KEEP).unwrap();
    let tally = source.find(&target).unwrap();
    assert_eq!(tally.in_place, source.pieces().map.pieces());
    // What comes all the same is not written anywhere.
    target.write_piece(PieceIndex(0), &source.pieces().travels(PieceIndex(0))).unwrap();
    target.commit().unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn stock_is_taken_only_of_what_may_be_needed() {
    let source = padded();
    let dir = staged(&source);
    let changed = source.clone().with_content("t/a", &noise(9, 5000));
    let target = changed.open(dir.path(), REPLACE).unwrap();
    let mut scratch = Vec::new();
    for piece in target.prospects() {
        target.examine(piece, &changed.pieces().hash(piece), &mut scratch).unwrap();
    }
    let jobs = target.inventory_jobs().unwrap();
    let read: u64 = jobs.iter().map(|job| target.take_stock(job, &mut scratch)).sum();
    assert_eq!(read, 5000, "of all files but `a` every piece is held");
}

#[test]
fn nothing_is_listed_where_no_tree_was() {
    let dir = Scratch::new();
    let target = padded().open(dir.path(), KEEP).unwrap();
    assert!(target.prospects().is_empty() && target.inventory_jobs().unwrap().is_empty());
}
