//! Runs that end in the middle, and the same command that goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::compared::{assert_alike, assert_only};
use super::program::stage;
use super::trees::plain;

/// Pieces of the tree.
const PIECES: u64 = 256;
/// Rank 0 reads, ranks 1 and 2 write.
const LINE: &str = "data --to out/{rank} --from-ranks 0 --for 1-2 --piece-length 16K";
/// So slow that there is a middle: four seconds.
const SLOWLY: &str = "data --to out/{rank} --from-ranks 0 --for 1-2 --piece-length 16K --limit-read 1M";

/// A folder with a tree `data` of 4 MiB.
fn large() -> tempfile::TempDir {
    plain(&[1 << 20, 3 << 20])
}

fn data_of(folder: &Path, rank: u32) -> PathBuf {
    folder.join(format!("out/{rank}/data"))
}

/// Waits until a quarter of the tree is in the hidden folder of a rank.
fn until_a_quarter_is_written(folder: &Path, rank: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let hidden = folder.join(format!("out/{rank}/.data.tema3/tree/data"));
    while pieces_in(&hidden) < PIECES / 4 {
        assert!(Instant::now() < deadline, "a quarter never came to {}", hidden.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The pieces that are written: room is taken for all of them at the beginning, and there is no piece of zeros.
fn pieces_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let contents = files.filter_map(|file| fs::read(file.path()).ok());
    contents
        .map(|content| content.chunks(16_384).filter(|piece| piece.iter().any(|&byte| byte != 0)).count() as u64)
        .sum()
}

fn assert_staged(folder: &Path) {
    for rank in 1..3 {
        assert_alike(&folder.join("data"), &data_of(folder, rank));
        assert_only(&folder.join(format!("out/{rank}")), &["data"]);
    }
}

/// Nothing has the final name before all of it is there.
fn assert_absent(folder: &Path) {
    for rank in 1..3 {
        assert!(!data_of(folder, rank).exists(), "rank {rank}");
    }
}

#[test]
fn killed_in_the_middle_the_next_run_goes_on() {
    // RELIABILITY row 24.
    let folder = large();
    let job = stage(3, folder.path(), SLOWLY).start();
    until_a_quarter_is_written(folder.path(), 1);
    assert_absent(folder.path());
    job.signal("-KILL");
    job.end();
    assert_absent(folder.path());
    let moved = stage(3, folder.path(), LINE).moved();
    assert!(moved < 2 * PIECES - PIECES / 4, "{moved} pieces moved");
    assert_staged(folder.path());
}

#[test]
fn interrupted_in_the_middle_the_same_command_goes_on() {
    // RELIABILITY row 32.
    let folder = large();
    let job = stage(3, folder.path(), SLOWLY).start();
    until_a_quarter_is_written(folder.path(), 1);
    job.signal("-USR1");
    let ended = job.end();
    assert_eq!(ended.code, 10, "{ended:#?}");
    assert_eq!(ended.said("(exit 10)"), 1, "{ended:#?}");
    assert_absent(folder.path());
    let moved = stage(3, folder.path(), LINE).moved();
    assert!(moved < 2 * PIECES - PIECES / 4, "{moved} pieces moved");
    assert_staged(folder.path());
}

#[test]
fn more_or_fewer_ranks_go_on() {
    // RELIABILITY row 38.
    for ranks in [2, 5] {
        let folder = large();
        let job = stage(3, folder.path(), SLOWLY).start();
        until_a_quarter_is_written(folder.path(), 1);
        job.signal("-USR1");
        assert_eq!(job.end().code, 10);
        let line = format!("data --to out/{{rank}} --from-ranks 0 --for 1-{} --piece-length 16K", ranks - 1);
        let moved = stage(ranks, folder.path(), &line).moved();
        assert!(moved < u64::from(ranks - 1) * PIECES - PIECES / 8, "{moved} pieces moved");
        for rank in 1..ranks {
            assert_alike(&folder.path().join("data"), &data_of(folder.path(), rank));
        }
    }
}

#[test]
fn a_time_limit_ends_it_in_good_order_and_the_same_command_goes_on() {
    // RELIABILITY row 33.
    let folder = large();
    let ended = stage(3, folder.path(), &format!("{SLOWLY} --time-limit 2s")).run();
    assert_eq!(ended.code, 5, "{ended:#?}");
    assert_absent(folder.path());
    let moved = stage(3, folder.path(), LINE).moved();
    assert!(moved < 2 * PIECES, "{moved} pieces moved");
    assert_staged(folder.path());
}

#[test]
fn a_source_that_changes_meanwhile_is_told_and_leaves_no_mixed_file() {
    // RELIABILITY row 30.
    let folder = large();
    let job = stage(3, folder.path(), SLOWLY).start();
    until_a_quarter_is_written(folder.path(), 1);
    fs::write(folder.path().join("data/file1"), super::trees::noise(70, 3 << 20)).unwrap();
    let ended = job.end();
    super::program::assert_refused(&ended, 7, &["data/file1 has changed since it was listed"]);
    assert_absent(folder.path());
}
