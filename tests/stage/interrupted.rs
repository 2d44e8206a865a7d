//! Runs that end in the middle, and the same command that goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

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

/// The tree that is built at a rank's place.
fn hidden_of(folder: &Path, rank: u32) -> PathBuf {
    folder.join(format!("out/{rank}/.data.tema3/tree/data"))
}

/// Waits until a quarter of the tree is in the hidden folder of a rank.
fn until_a_quarter_is_written(folder: &Path, rank: u32) {
    until_written(&hidden_of(folder, rank), PIECES / 4);
}

/// Waits until so many pieces are in a hidden folder.
pub(super) fn until_written(hidden: &Path, pieces: u64) {
    assert!(is_written(hidden, pieces), "{pieces} pieces never came to {}", hidden.display());
}

/// Waits until so many pieces are in a hidden folder; tells whether they came.
pub(super) fn is_written(hidden: &Path, pieces: u64) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    while pieces_in(hidden) < pieces {
        if Instant::now() > deadline {
            return false;
        }
        // Nobody tells of a piece that is written; the deadline ends this.
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// How many pieces of this length are whole and right in the hidden folders of both ranks: no other may be fetched again.
fn kept(folder: &Path, length: usize) -> u64 {
    let whole = |rank: u32, file: &str| {
        let read = |path: PathBuf| fs::read(path.join(file)).unwrap_or_default();
        let (kept, right) = (read(hidden_of(folder, rank)), read(folder.join("data")));
        kept.chunks(length).zip(right.chunks(length)).filter(|(kept, right)| kept == right).count() as u64
    };
    (1..3).map(|rank| whole(rank, "file0") + whole(rank, "file1")).sum()
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
    let own = tempfile::tempdir().unwrap();
    let job = stage(3, folder.path(), SLOWLY).with_all_its_own_below(own.path()).start();
    until_a_quarter_is_written(folder.path(), 1);
    assert_absent(folder.path());
    job.signal("-KILL");
    job.end();
    assert_absent(folder.path());
    let kept = kept(folder.path(), 16 << 10);
    assert!(kept >= PIECES / 4);
    assert_eq!(stage(3, folder.path(), LINE).moved(), 2 * PIECES - kept);
    assert_staged(folder.path());
}

#[test]
fn with_one_rank_killed_the_next_run_goes_on() {
    // RELIABILITY row 24. Long pieces come in several blocks, and are in the file before they are verified.
    for (rank, pieces, slowly) in
        [(0, "16K", "--limit-read 1M"), (1, "16K", "--limit-read 1M"), (1, "2M", "--limit-down 1M")]
    {
        let folder = large();
        let line = LINE.replace("16K", pieces);
        let job = stage(3, folder.path(), &format!("{line} {slowly}")).start();
        until_a_quarter_is_written(folder.path(), 1);
        job.signal_rank(rank, "-KILL");
        assert_ne!(job.end().code, 0);
        assert_absent(folder.path());
        let (all, length) = if pieces == "16K" { (PIECES, 16 << 10) } else { (3, 2 << 20) };
        let kept = kept(folder.path(), length);
        assert_eq!(stage(3, folder.path(), &line).moved(), 2 * all - kept, "rank {rank}, {pieces}");
        assert_staged(folder.path());
    }
}

#[test]
fn interrupted_in_the_middle_the_same_command_goes_on() {
    // RELIABILITY row 32.
    let folder = large();
    let job = stage(3, folder.path(), &format!("{SLOWLY} --summary summary.json")).start();
    until_a_quarter_is_written(folder.path(), 1);
    job.signal("-USR1");
    let ended = job.end();
    // Not by the clock: mpirun takes up to two seconds to see that its ranks are gone.
    let summary: Value = serde_json::from_slice(&fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
    let read = summary["clients"][0]["source_bytes_read"].as_u64().unwrap();
    assert!(read < 3 << 20, "what is not read yet is not read any more, and {read} bytes were: {ended:#?}");
    assert!(ended.ended_after_signal(10), "{ended:#?}");
    assert_eq!(ended.said("(exit 10)"), 1, "{ended:#?}");
    assert_absent(folder.path());
    let kept = kept(folder.path(), 16 << 10);
    assert_eq!(stage(3, folder.path(), LINE).moved(), 2 * PIECES - kept);
    assert_staged(folder.path());
}

#[test]
fn terminated_in_the_middle_it_ends_in_good_order_within_the_time_that_mpirun_gives() {
    // RELIABILITY row 32. mpirun kills ranks soon after it has passed TERM on, and has exit codes of its own.
    let folder = large();
    let job = stage(3, folder.path(), &format!("{SLOWLY} --status status")).start();
    until_a_quarter_is_written(folder.path(), 1);
    let begun = Instant::now();
    job.signal("-TERM");
    let ended = job.end();
    assert!(begun.elapsed() < Duration::from_secs(5), "{ended:#?}");
    assert_ne!(ended.code, 0, "{ended:#?}");
    let status = fs::read_to_string(folder.path().join("status")).unwrap();
    assert!(status.contains("\"code\":10"), "{status}: {ended:#?}");
    assert_absent(folder.path());
    for rank in 1..3 {
        assert!(folder.path().join(format!("out/{rank}/.data.tema3/resume")).exists(), "rank {rank} noted what it has");
    }
    let kept = kept(folder.path(), 16 << 10);
    assert_eq!(stage(3, folder.path(), LINE).moved(), 2 * PIECES - kept);
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
        let ended = job.end();
        assert!(ended.ended_after_signal(10), "{ended:#?}");
        assert_eq!(ended.said("(exit 10)"), 1, "{ended:#?}");
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
    let kept = kept(folder.path(), 16 << 10);
    assert!(kept > 0);
    assert_eq!(stage(3, folder.path(), LINE).moved(), 2 * PIECES - kept);
    assert_staged(folder.path());
}

#[test]
fn who_is_stopped_before_it_knows_what_it_wants_is_not_called_complete() {
    let folder = large();
    let ended = stage(3, folder.path(), &format!("{LINE} --time-limit 0s --summary summary.json")).run();
    assert_eq!(ended.code, 5, "{ended:#?}");
    assert_eq!(ended.said("complete and verified"), 0, "{ended:#?}");
    let summary: Value = serde_json::from_slice(&fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
    assert!(summary["clients"].as_array().unwrap().iter().all(|client| client["code"] == 5), "{summary}");
    assert_only(folder.path(), &["data", "summary.json"]);
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
