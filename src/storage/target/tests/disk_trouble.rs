//! Disks that are full, slow-witted or broken.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::io::Errno;

use super::fixture::{KEEP, Pads, REPLACE, Scratch, Source, hidden, noise, not_tested};
use crate::storage::target::mishap::{self, Mishaps};
use crate::storage::target::{Scarce, TargetError};

fn small() -> Source {
    Source::new(1000, Pads::None)
        .file("t/long", &noise(1, 3300))
        .file("t/in/a", &noise(2, 500))
        .file("t/in/b", &noise(3, 40))
}

fn errno(error: &TargetError) -> Option<Errno> {
    let TargetError::Io { source, .. } = error else { return None };
    Errno::from_io_error(source)
}

#[test]
fn a_disk_that_is_full_at_any_byte_is_an_error_and_what_was_kept_is_not_fetched_again() {
    let source = small();
    let pieces = source.pieces().map.pieces();
    for room in (0..4000).step_by(37) {
        let dir = Scratch::new();
        mishap::plan(Mishaps { room: Some(room), ..Mishaps::default() });
        let target = source.open(dir.path(), KEEP).unwrap();
        let result = source.fetch(&target, u32::MAX);
        mishap::end();
        let held = target.held().count();
        if room < 3840 {
            let error = result.unwrap_err();
            assert_eq!(errno(&error), Some(Errno::NOSPC), "{error}");
            assert!(!dir.path().join("t").exists());
        }
        target.suspend().unwrap();
        drop(target);
        // There is room again.
        assert_eq!(source.stage(dir.path(), KEEP).unwrap().fetched, pieces - held, "with room for {room} bytes");
        source.assert_staged(dir.path());
    }
}

#[test]
fn a_piece_can_be_brought_again_once_there_is_room() {
    let dir = Scratch::new();
    let source = Source::new(1000, Pads::None)
        .file("t/a", &noise(1, 600))
        .file("t/b", &noise(2, 400))
        .file("t/long", &noise(3, 2500));
    let target = source.open(dir.path(), KEEP).unwrap();
    for room in [0, 700, 1500] {
        mishap::plan(Mishaps { room: Some(room), ..Mishaps::default() });
        source.fetch(&target, u32::MAX).unwrap_err();
        mishap::end();
    }
    source.fetch(&target, u32::MAX).unwrap();
    target.commit().unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn room_that_is_refused_is_an_error_before_the_first_byte() {
    for code in [Errno::NOSPC, Errno::DQUOT] {
        let dir = Scratch::new();
        mishap::plan(Mishaps { fails: Some(("reserve", code)), ..Mishaps::default() });
        let error = small().open(dir.path(), KEEP).unwrap_err();
        mishap::end();
        assert_eq!(errno(&error), Some(code));
        assert!(error.to_string().contains("t/long"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    }
}

#[test]
fn room_that_is_refused_leaves_what_an_earlier_run_had_and_takes_no_more() {
    let dir = Scratch::new();
    let source = small();
    let target = source.open(dir.path(), KEEP).unwrap();
    source.fetch(&target, 2).unwrap();
    target.suspend().unwrap();
    drop(target);
    let grown = source.clone().file("t/another", &noise(7, 2500)).file("t/third", &noise(8, 2500));
    mishap::plan(Mishaps { reserves: Some(2), ..Mishaps::default() });
    let error = grown.open(dir.path(), KEEP).unwrap_err();
    mishap::end();
    assert_eq!(errno(&error), Some(Errno::NOSPC));
    let mut left: Vec<_> =
        fs::read_dir(dir.path().join(".t.tema3/tree/t")).unwrap().map(|it| it.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["long"]);
    assert_eq!(grown.stage(dir.path(), KEEP).unwrap().in_tree, 2);
}

#[test]
fn a_file_system_that_can_neither_reserve_room_nor_punch_holes_will_do() {
    for call in ["reserve", "punch"] {
        let dir = Scratch::new();
        let mut content = noise(1, 400_000);
        content[70_000..300_000].fill(0);
        let source = Source::new(100_000, Pads::None).file("t/sparse", &content);
        mishap::plan(Mishaps { fails: Some((call, Errno::OPNOTSUPP)), ..Mishaps::default() });
        source.stage(dir.path(), KEEP).unwrap();
        mishap::end();
        source.assert_staged(dir.path());
    }
}

#[test]
fn a_file_system_that_cannot_tell_holes_from_data_costs_time_only() {
    let dir = Scratch::new();
    let source = small();
    let target = source.open(dir.path(), KEEP).unwrap();
    source.fetch(&target, 2).unwrap();
    drop(target);
    mishap::plan(Mishaps { fails: Some(("seek", Errno::INVAL)), ..Mishaps::default() });
    let tally = source.stage(dir.path(), KEEP).unwrap();
    mishap::end();
    assert_eq!(tally.in_tree, 2);
    source.assert_staged(dir.path());
}

#[test]
fn a_file_system_that_cannot_rename_to_a_free_name_in_one_step_will_do() {
    let source = small();
    let dir = Scratch::new();
    mishap::plan(Mishaps { fails: Some(("place", Errno::INVAL)), ..Mishaps::default() });
    source.stage(dir.path(), KEEP).unwrap();
    source.assert_staged(dir.path());

    let dir = Scratch::new();
    let target = source.open(dir.path(), KEEP).unwrap();
    source.fetch(&target, u32::MAX).unwrap();
    fs::create_dir(dir.path().join("t")).unwrap();
    let error = target.commit().unwrap_err();
    mishap::end();
    assert!(matches!(error, TargetError::Changed { .. }), "{error}");
}

#[test]
fn whatever_the_disk_says_is_said_with_its_number_and_a_path() {
    let calls = [
        "create", "mkdir", "write", "utimens", "chmod", "symlink", "link", "place", "sync", "open", "stat", "lock",
        "list",
    ];
    for call in calls {
        for code in [Errno::IO, Errno::DQUOT, Errno::ROFS, Errno::ACCESS, Errno::STALE, Errno::NOSPC] {
            let dir = Scratch::in_memory();
            let source = Source::of_everything();
            mishap::plan(Mishaps { fails: Some((call, code)), ..Mishaps::default() });
            let result = super::crash::run(&source, dir.path(), KEEP);
            mishap::end();
            let error = result.expect_err(call);
            assert_eq!(errno(&error), Some(code), "{call}: {error}");
            let TargetError::Io { path, .. } = &error else { unreachable!() };
            assert!(path.starts_with(dir.path()), "{call}: {error}");
            // Then the disk is well again.
            source.stage(dir.path(), KEEP).unwrap();
            source.assert_staged(dir.path());
        }
    }
}

#[test]
fn short_writes_and_signals_do_no_harm() {
    let dir = Scratch::new();
    mishap::plan(Mishaps { longest_write: Some(7), interrupts: true, ..Mishaps::default() });
    let source = Source::of_everything();
    source.stage(dir.path(), KEEP).unwrap();
    let writes = mishap::end().iter().filter(|&&call| call == "write").count();
    assert!(writes > 9000 / 7, "{writes} writes");
    source.assert_staged(dir.path());
}

#[test]
fn an_old_file_that_cannot_be_read_is_fetched() {
    let source = small();
    let dir = Scratch::new();
    source.stage(dir.path(), KEEP).unwrap();
    let target = source.open(dir.path(), REPLACE).unwrap();
    mishap::plan(Mishaps { fails: Some(("read", Errno::IO)), ..Mishaps::default() });
    let found = source.find(&target).unwrap();
    mishap::end();
    assert_eq!(found.in_place, 0);
    source.fetch(&target, u32::MAX).unwrap();
    target.commit().unwrap();
    source.assert_staged(dir.path());

    // Where it has to stay, nothing can be said of it.
    let target = source.open(dir.path(), KEEP).unwrap();
    mishap::plan(Mishaps { fails: Some(("read", Errno::IO)), ..Mishaps::default() });
    let error = source.find(&target).unwrap_err();
    mishap::end();
    assert_eq!(errno(&error), Some(Errno::IO));
}

/// A small file system of its own, where this process may mount one.
struct SmallDisk {
    root: Scratch,
}

impl SmallDisk {
    fn mount(options: &str) -> Option<Self> {
        let root = Scratch::new();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(root.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { root });
        }
        not_tested("no file system can be mounted here; what it would say is tested with failing calls only");
        None
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.root.path()).status();
        assert!(status.unwrap().success());
    }

    fn path(&self) -> &Path {
        self.root.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.root.path()).status();
    }
}

#[test]
fn a_real_disk_that_is_too_small_is_refused_and_once_it_is_large_enough_it_will_do() {
    let Some(disk) = SmallDisk::mount("size=1m") else { return };
    let source =
        Source::new(100_000, Pads::None).file("t/long", &noise(1, 1_500_000)).file("t/small", &noise(2, 50_000));
    let error = source.open(disk.path(), KEEP).unwrap_err();
    assert!(matches!(error, TargetError::NoRoom { what: Scarce::Bytes, .. }), "{error}");
    assert_eq!(hidden(disk.path()), [""; 0]);

    disk.remount("size=3m");
    let target = source.open(disk.path(), KEEP).unwrap();
    // Others use up what was free; what was reserved is ours.
    let hog = fs::write(disk.path().join("hog"), vec![1; 3 << 20]);
    assert!(hog.is_err());
    let error = source.fetch(&target, u32::MAX).unwrap_err();
    assert_eq!(errno(&error), Some(Errno::NOSPC), "{error}");
    assert!(target.held().count() >= 14, "the long file had its room: {:?}", target.held().count());
    target.suspend().unwrap_err();
    drop(target);
    fs::remove_file(disk.path().join("hog")).unwrap();
    assert!(source.stage(disk.path(), KEEP).unwrap().fetched <= 2);
    source.assert_staged(disk.path());
}

#[test]
fn a_real_disk_without_free_files_is_refused() {
    let Some(disk) = SmallDisk::mount("size=4m,nr_inodes=20") else { return };
    let mut source = Source::new(1000, Pads::None);
    for file in 0..30 {
        source = source.file(&format!("t/{file}"), b"x");
    }
    let error = source.open(disk.path(), KEEP).unwrap_err();
    assert!(matches!(error, TargetError::NoRoom { what: Scarce::Files, needed: 30, .. }), "{error}");
}

#[test]
fn a_real_disk_that_is_read_only_is_refused_before_the_first_byte() {
    let Some(disk) = SmallDisk::mount("size=4m") else { return };
    let source = small();
    disk.remount("ro");
    for dir in [disk.path().to_owned(), disk.path().join("new")] {
        let error = source.open(&dir, KEEP).unwrap_err();
        assert_eq!(errno(&error), Some(Errno::ROFS), "{error}");
        assert!(error.to_string().contains(&*dir.to_string_lossy()), "{error}");
    }
    disk.remount("rw");
    source.stage(disk.path(), KEEP).unwrap();
    source.assert_staged(disk.path());
}
