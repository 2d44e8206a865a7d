//! Disks that are full, read-only or no folders at all.

use std::fs;
use std::process::Command;

use super::compared::{assert_alike, assert_only};
use super::interrupted::until_written;
use super::mounted::Mounted;
use super::program::{assert_refused, run_alone, stage, stage_by_shell};
use super::trees::{noise, plain};

#[test]
fn a_disk_that_is_too_small_is_told_before_the_first_byte_and_what_is_freed_is_enough() {
    // RELIABILITY row 28.
    let folder = plain(&[1_500_000]);
    let at = |path: &str| folder.path().join(path);
    let Some(_small) = Mounted::at(&at("out/1"), "2M") else { return };
    fs::write(at("out/1/in the way"), noise(60, 1_000_000)).unwrap();
    let line = "data --to out/{rank} --piece-length 16K";
    assert_refused(
        &stage(3, folder.path(), line).run(),
        6,
        &["rank 1 on ", "out/1 needs 1.43 MiB and has 1.0", " MiB free"],
    );
    assert!(!at("out/1/data").exists());
    fs::remove_file(at("out/1/in the way")).unwrap();
    stage(3, folder.path(), line).well();
    for rank in 0..3 {
        assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
    }
    assert_only(&at("out/1"), &["data"]);
}

#[test]
fn where_there_is_no_room_no_folder_is_left() {
    let folder = plain(&[1_500_000]);
    let small = folder.path().join("small");
    let Some(_small) = Mounted::at(&small, "1M") else { return };
    let ended = stage(3, folder.path(), "data --to small/out/{rank} --from-ranks 0 --for 1").run();
    assert_refused(&ended, 6, &["rank 1 on ", "small/out/1 needs 1.43 MiB and has 1"]);
    assert_only(&small, &[]);
}

#[test]
fn a_file_for_which_no_room_can_be_reserved_ends_the_run_and_the_same_command_goes_on() {
    // RELIABILITY row 28: a limit of the shell, in blocks of 512 bytes. MPI itself makes files of a few megabytes.
    let folder = plain(&[300_000, 13_000_000]);
    let at = |path: &str| folder.path().join(path);
    let line = "data --to out/{rank} --piece-length 256K --from-ranks 0 --for 1,2";
    let limited = r#"trap '' XFSZ; [ "$RANK" != 1 ] || ulimit -f 24000; exec "$0" "$@""#;
    let ended = stage_by_shell(3, folder.path(), limited, line).run();
    assert_refused(&ended, 6, &["rank 1", "out/1", "data/file1", "File too large"]);
    assert!(!format!("{ended:?}").contains("tree/0"), "{ended:#?}");
    assert!(!at("out/1/data").exists());
    stage(3, folder.path(), line).well();
    for rank in 1..3 {
        assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
        assert_only(&at(&format!("out/{rank}")), &["data"]);
    }
}

#[test]
fn a_disk_that_somebody_fills_in_the_middle_stops_nobody_else_and_once_there_is_room_the_same_command_goes_on() {
    // RELIABILITY row 28. Room is taken for long files at the beginning; short ones are made when they come.
    let folder = plain(&[10_000; 300]);
    let at = |path: &str| folder.path().join(path);
    let Some(_small) = Mounted::at(&at("out/1"), "8M") else { return };
    let line = "data --to out/{rank} --piece-length 16K --from-ranks 0 --for 1,2";
    let job = stage(3, folder.path(), &format!("{line} --limit-read 1M")).start();
    let hidden = at("out/1/.data.tema3/tree/data");
    until_written(&hidden, 100);
    let filled = Command::new("dd").args(["if=/dev/zero", "bs=64k", "of=filler"]).current_dir(at("out/1")).output();
    assert!(String::from_utf8_lossy(&filled.unwrap().stderr).contains("No space left"));
    let ended = job.end();
    assert_refused(&ended, 6, &["error: rank 1 on", "out/1/.data.tema3/tree/data/file", "cannot write: No space left"]);
    assert!(!format!("{ended:?}").contains("tree/0"), "{ended:#?}");
    assert!(!at("out/1/data").exists());
    assert_alike(&at("data"), &at("out/2/data"));
    assert_only(&at("out/2"), &["data"]);
    let kept = fs::read_dir(&hidden).unwrap().count() as u64;
    fs::remove_file(at("out/1/filler")).unwrap();
    let moved = stage(3, folder.path(), line).moved();
    assert!(kept >= 100 && moved < 190 - 50, "{kept} files were kept, and {moved} pieces moved");
    for rank in 1..3 {
        assert_alike(&at("data"), &at(&format!("out/{rank}/data")));
        assert_only(&at(&format!("out/{rank}")), &["data"]);
    }
}

#[test]
fn the_rank_that_reads_the_source_goes_on_for_the_others_when_its_own_disk_is_full() {
    // RELIABILITY row 28, where it hurts most.
    for more in ["data --piece-length 16K", "data.torrent --from ."] {
        let folder = plain(&[10_000; 300]);
        let at = |path: &str| folder.path().join(path);
        assert_eq!(run_alone(folder.path(), "torrent create data --piece-length 16K").code, 0);
        let Some(_small) = Mounted::at(&at("out/0"), "8M") else { return };
        let line = format!("{more} --to out/{{rank}} --from-ranks 0");
        let job = stage(3, folder.path(), &format!("{line} --limit-read 1M")).start();
        until_written(&at("out/0/.data.tema3/tree/data"), 100);
        let filled = Command::new("dd").args(["if=/dev/zero", "bs=64k", "of=filler"]).current_dir(at("out/0")).output();
        assert!(String::from_utf8_lossy(&filled.unwrap().stderr).contains("No space left"));
        let ended = job.end();
        assert_refused(&ended, 6, &["error: rank 0 on", "out/0/.data.tema3/tree/data/file", "No space left"]);
        assert!(!at("out/0/data").exists());
        let is_right =
            |rank: u32| run_alone(folder.path(), &format!("torrent verify data.torrent out/{rank}")).code == 0;
        assert_eq!([0, 1, 2].map(is_right), [false, true, true]);
        fs::remove_file(at("out/0/filler")).unwrap();
        stage(3, folder.path(), &line).well();
        assert!(is_right(0));
        assert_only(&at("out/0"), &["data"]);
    }
}

#[test]
fn a_target_that_is_read_only_is_told_by_name() {
    // RELIABILITY row 29.
    let folder = plain(&[1000]);
    let Some(mounted) = Mounted::at(&folder.path().join("out/1"), "2M") else { return };
    mounted.remount("ro");
    let ended = stage(3, folder.path(), "data --to out/{rank}").run();
    assert_refused(&ended, 6, &["out/1", "read-only filesystem", "every rank must be able"]);
    assert_only(&folder.path().join("out"), &["1"]);
    assert_only(&folder.path().join("out/1"), &[]);
}

#[test]
fn a_file_where_the_target_folder_belongs_is_told_by_name() {
    let folder = plain(&[1000]);
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/1"), "mine").unwrap();
    let ended = stage(3, folder.path(), "data --to out/{rank}").run();
    assert_refused(&ended, 6, &["out/1: there is a file in its way"]);
    assert_eq!(fs::read(folder.path().join("out/1")).unwrap(), b"mine");
}
