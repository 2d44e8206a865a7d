//! A run that is killed between any two calls to the system, and the next one.

use std::fs;
use std::path::Path;

use super::fixture::{KEEP, Pads, REPLACE, Scratch, Source, Tally, noise, options};
use crate::storage::target::mishap::{self, Mishaps};
use crate::storage::target::{Durable, Existing, Target, TargetError, TargetOptions};

fn small() -> Source {
    Source::new(1000, Pads::None)
        .file("t/long", &noise(1, 3300))
        .file("t/in/a", &noise(2, 500))
        .file("t/in/b", &noise(3, 40))
        .file("t/empty", b"")
        .symlink("t/in/link", "a")
        .hard_link("t/other", "t/long")
        .folder("t/in", 0o555)
        .folder("t", 0o755)
        .with_mode("t/in/a", 0o444)
}

/// Runs the same until it comes to its end, killed after one call more each time; in between, what was left is looked at and
/// the next run finishes it. Tells in how many ways it was killed.
fn kill_everywhere(prepare: impl Fn(&Path), new: &Source, existing: Existing, look: impl Fn(&Path)) -> usize {
    for calls in 0.. {
        let dir = Scratch::in_memory();
        prepare(dir.path());
        mishap::plan(Mishaps { dies_after: Some(calls), ..Mishaps::default() });
        let killed = run(new, dir.path(), existing);
        let made = mishap::end().len();
        look(dir.path());

        let tally = run(new, dir.path(), existing).unwrap_or_else(|error| panic!("after {calls} calls: {error}"));
        assert_eq!(new.faults(dir.path()), [""; 0], "after {calls} calls");
        if let Ok(first) = killed {
            // It came to its end, or was killed while it took the hidden folder away.
            assert_eq!(tally.fetched, 0);
            if made < calls {
                new.assert_staged(dir.path());
                assert!(first.fetched > 0);
                return calls;
            }
        }
    }
    unreachable!()
}

/// One run; all is to be durable, so that the calls for that are among those that kill.
pub(super) fn run(source: &Source, dir: &Path, existing: Existing) -> Result<Tally, TargetError> {
    let options = TargetOptions { durable: Durable::AtEnd, ..options(existing) };
    let target = Target::open(dir, source.manifest(), &source.everything(), &options)?;
    let mut tally = source.find(&target)?;
    tally.fetched = source.fetch(&target, u32::MAX)?;
    target.commit()?;
    Ok(tally)
}

#[test]
fn a_new_tree_is_absent_or_whole_after_every_call() {
    let source = small();
    let ways = kill_everywhere(
        |_| {},
        &source,
        KEEP,
        |dir| {
            if dir.join("t").exists() {
                assert_eq!(source.faults(dir), [""; 0]);
            }
        },
    );
    assert!(ways > 40, "only {ways} calls were made");
}

#[test]
fn each_file_of_a_merged_tree_is_old_or_new_after_every_call() {
    let old = small();
    let mut content = old.content("t/long").to_vec();
    content[2500] ^= 1;
    let new = old
        .clone()
        .with_content("t/long", &content)
        .with_content("t/in/b", &noise(7, 41))
        .file("t/new/c", &noise(8, 1200));
    let ways = kill_everywhere(
        |dir| assert_ne!(old.stage(dir, KEEP).unwrap().fetched, 0),
        &new,
        REPLACE,
        |dir| {
            for (name, first) in
                [("t/long", "t/long"), ("t/other", "t/long"), ("t/in/a", "t/in/a"), ("t/in/b", "t/in/b")]
            {
                let found = fs::read(dir.join(name)).unwrap();
                assert!([&old, &new].iter().any(|tree| found == tree.content(first)), "{name} is neither old nor new");
            }
            assert!(dir.join("t/empty").exists());
            let added = dir.join("t/new/c");
            assert!(!added.exists() || fs::read(added).unwrap() == new.content("t/new/c"));
        },
    );
    assert!(ways > 40, "only {ways} calls were made");
}

#[test]
fn what_was_written_before_the_kill_is_not_fetched_again() {
    let source = small();
    let pieces = source.pieces().map.pieces();
    let mut least_saved = u32::MAX;
    for calls in 0.. {
        let dir = Scratch::in_memory();
        mishap::plan(Mishaps { dies_after: Some(calls), ..Mishaps::default() });
        let held = match source.open(dir.path(), KEEP) {
            Ok(target) => {
                let _ = source.fetch(&target, u32::MAX);
                target.held().count()
            }
            Err(_) => 0,
        };
        mishap::end();
        let fetched = source.stage(dir.path(), KEEP).unwrap().fetched;
        // At most the piece that was being written, and one that was not counted yet, come again.
        assert!(fetched <= pieces - held, "after {calls} calls {held} were held and {fetched} came again");
        least_saved = least_saved.min(pieces - fetched);
        if held == pieces {
            assert_eq!(fetched, 0);
            break;
        }
    }
    assert_eq!(least_saved, 0, "the earliest kill leaves nothing");
}

#[test]
fn a_torn_write_is_found_and_fetched_again() {
    let source = small();
    let dir = Scratch::new();
    let target = source.open(dir.path(), KEEP).unwrap();
    source.fetch(&target, u32::MAX).unwrap();
    target.suspend().unwrap();
    drop(target);
    // The disk lost the end of a piece; the note that it is held was not lost.
    let file = fs::OpenOptions::new().write(true).open(dir.path().join(".t.tema3/tree/t/long")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0; 512], 1488).unwrap();
    assert_eq!(source.stage(dir.path(), KEEP).unwrap().fetched, 1);
    source.assert_staged(dir.path());
}

#[test]
fn an_unsynced_tree_that_lost_its_data_with_the_power_is_fetched_again() {
    let source = small();
    let dir = Scratch::new();
    let target = source.open(dir.path(), KEEP).unwrap();
    source.fetch(&target, u32::MAX).unwrap();
    target.suspend().unwrap();
    drop(target);
    // Names and lengths are there, and zeros where the data was; one file lost even its length.
    for (name, length) in [("t/long", 3300), ("t/in/a", 500), ("t/in/b", 0)] {
        let path = dir.path().join(".t.tema3/tree").join(name);
        fs::remove_file(&path).unwrap();
        fs::write(&path, vec![0; length]).unwrap();
    }
    assert_eq!(source.stage(dir.path(), KEEP).unwrap().fetched, source.pieces().map.pieces());
    source.assert_staged(dir.path());
}
