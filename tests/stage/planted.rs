//! Names and symbolic links that lead elsewhere: nothing is ever written there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType};
use sha1::{Digest, Sha1};

use super::compared::{assert_alike, assert_only};
use super::interrupted::until_written;
use super::program::{assert_refused, stage};
use super::trees::{noise, plain};

const LINE: &str = "data --to out/{rank} --from-ranks 0 --for 1-2 --piece-length 16K";

/// A tree `data` with a file in a folder in it, and `elsewhere`, into which links are going to lead.
fn with_elsewhere() -> tempfile::TempDir {
    let folder = plain(&[1 << 20]);
    fs::create_dir_all(folder.path().join("data/sub")).unwrap();
    fs::write(folder.path().join("data/sub/deep"), noise(90, 3 << 20)).unwrap();
    fs::create_dir_all(folder.path().join("elsewhere/data")).unwrap();
    fs::create_dir_all(folder.path().join("out/1")).unwrap();
    folder
}

fn assert_nothing_elsewhere(folder: &Path) {
    assert_only(&folder.join("elsewhere"), &["data"]);
    assert_only(&folder.join("elsewhere/data"), &[]);
}

#[test]
fn links_that_were_planted_in_the_target_before_are_refused_or_replaced_and_never_followed() {
    // RELIABILITY row 21.
    for planted in ["data", "data/sub", "data/file0", "data/sub/deep"] {
        let folder = with_elsewhere();
        let link = folder.path().join("out/1").join(planted);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(folder.path().join("elsewhere/data"), &link).unwrap();
        let ended = stage(3, folder.path(), LINE).run();
        assert_refused(&ended, 3, &["rank 1", &format!("out/1/{planted}")]);
        assert!(link.is_symlink(), "{planted}");
        assert_nothing_elsewhere(folder.path());
        // In the place of a folder it is an error even then.
        let forced = stage(3, folder.path(), &format!("{LINE} --force")).run();
        if forced.code == 0 {
            assert_alike(&folder.path().join("data"), &folder.path().join("out/1/data"));
        } else {
            assert_refused(&forced, 3, &["rank 1", &format!("out/1/{planted}"), "symbolic link"]);
        }
        assert_nothing_elsewhere(folder.path());
    }
}

#[test]
fn a_link_in_the_place_of_the_hidden_folder_is_refused() {
    // RELIABILITY row 21.
    let folder = with_elsewhere();
    symlink(folder.path().join("elsewhere"), folder.path().join("out/1/.data.tema3")).unwrap();
    let ended = stage(3, folder.path(), LINE).run();
    assert_refused(&ended, 3, &["rank 1", "out/1/.data.tema3", "symbolic link"]);
    assert_nothing_elsewhere(folder.path());
}

#[test]
fn a_folder_of_the_users_own_that_has_the_hidden_ones_name_is_refused_and_stays() {
    let folder = with_elsewhere();
    let mine = folder.path().join("out/1/.data.tema3/mine");
    fs::create_dir_all(&mine).unwrap();
    for options in ["", "--force", "--plan"] {
        let ended = stage(3, folder.path(), &format!("{LINE} {options}")).run();
        assert_refused(&ended, 3, &["rank 1", "out/1/.data.tema3 is a folder of somebody else's", "move it away"]);
        assert!(mine.exists());
    }
}

#[test]
fn links_that_are_planted_while_it_is_staged_are_never_followed() {
    // RELIABILITY row 21.
    for planted in ["tree/data/sub", "tree/data", "tree"] {
        let folder = with_elsewhere();
        let job = stage(3, folder.path(), &format!("{LINE} --limit-read 1M")).start();
        let hidden = folder.path().join("out/1/.data.tema3");
        until_written(&hidden.join("tree/data"), 32);
        let place = hidden.join(planted);
        fs::rename(&place, hidden.join("moved away")).unwrap();
        symlink(folder.path().join("elsewhere/data"), &place).unwrap();
        let ended = job.end();
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        assert_nothing_elsewhere(folder.path());
        if ended.code == 0 {
            // All files were open, and what was made in the end was right.
            assert_alike(&folder.path().join("data"), &folder.path().join("out/1/data"));
        } else {
            assert_eq!(ended.code, 6, "{planted}: {ended:#?}");
            assert!(!folder.path().join("out/1/data").exists(), "{planted}");
        }
    }
}

#[test]
fn names_of_a_torrent_that_lead_outside_are_refused_before_anything_is_made() {
    // RELIABILITY rows 20 and 21.
    let sound = "12:piece lengthi16384e6:pieces20:....................";
    for info in [
        format!("6:lengthi1e4:name7:../evil{sound}"),
        format!("6:lengthi1e4:name9:/tmp/evil{sound}"),
        format!("5:filesld6:lengthi1e4:pathl2:..4:evileee4:name4:data{sound}"),
        format!("5:filesld6:lengthi1e4:pathl1:aed6:lengthi1e4:pathl1:a1:beee4:name4:data{sound}"),
    ] {
        let folder = with_elsewhere();
        fs::write(folder.path().join("evil.torrent"), format!("d4:infod{info}ee")).unwrap();
        let ended = stage(2, folder.path(), "evil.torrent --from . --to made/{rank}").run();
        assert_refused(&ended, 3, &["evil.torrent: "]);
        assert_only(folder.path(), &["data", "elsewhere", "evil.torrent", "out"]);
    }
}

#[test]
fn what_has_the_name_of_our_marker_is_told_and_ends_the_run_at_once() {
    let folder = plain(&[1000]);
    let at = |path: &str| folder.path().join(path);
    (0..3).for_each(|rank| fs::create_dir_all(at(&format!("out/{rank}"))).unwrap());
    // Each user has a marker of its own, by the name of what is to be made below the folder: here nothing.
    let user = Sha1::digest(rustix::process::geteuid().as_raw().to_le_bytes());
    let marker = user.iter().fold(".tema3-place-".to_owned(), |name, byte| format!("{name}{byte:02x}"));
    symlink("/nowhere/at/all", at(&format!("out/0/{marker}"))).unwrap();
    rustix::fs::mknodat(CWD, at(&format!("out/1/{marker}")), FileType::Fifo, 0o600.into(), 0).unwrap();
    fs::create_dir(at(&format!("out/2/{marker}"))).unwrap();
    for line in ["data --to out/{rank}", "data --to out/{rank} --plan"] {
        let ended = stage(3, folder.path(), line).run();
        for (rank, found) in ["a symbolic link", "a pipe", "a folder"].iter().enumerate() {
            let told = format!("out/{rank}/{marker} is {found} where our marker belongs: move it away");
            assert_refused(&ended, 3, &[&format!("rank {rank} on "), &told]);
            assert_only(&at(&format!("out/{rank}")), &[&marker]);
        }
    }
}
