//! `torrent verify`, where what is on disk is not what it should be.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::programs::torrent;
use super::trees::{self, spoil};

/// The tree with everything, and its `tree.torrent`.
fn tree() -> TempDir {
    let folder = trees::everything();
    assert_eq!(torrent(folder.path(), ["create", "tree"]).code, 0);
    folder
}

/// What is said of the tree, which must not be right.
fn told(folder: &Path) -> String {
    let ended = torrent(folder, ["verify", "tree.torrent", "."]);
    assert_eq!((ended.code, ended.stderr.as_str()), (4, ""), "{ended:?}");
    ended.stdout
}

#[test]
fn a_byte_that_is_wrong_is_told_with_its_piece_and_file() {
    let folder = tree();
    spoil(&folder.path().join("tree/a large one"), 40_000);
    let told = told(folder.path());
    assert!(
        told.contains("1 fault in 45 files and 4 symbolic links:\n  tree/a large one  1 of 19 pieces wrong"),
        "{told}"
    );
    assert!(told.ends_with("pieces wrong: 3\n"), "{told}");
}

#[test]
fn a_byte_that_is_wrong_where_small_files_share_a_piece_blames_none_of_them_alone() {
    let folder = tree();
    spoil(&folder.path().join("tree/sub/small3"), 100);
    let told = told(folder.path());
    assert!(told.contains("at least one of ") && !told.contains("fault"), "{told}");
    assert!(told.contains("tree/sub/small3") && told.contains("\n1 of "), "{told}");
}

#[test]
fn what_is_missing_cut_off_or_something_else_is_told() {
    let folder = tree();
    let at = |name: &str| folder.path().join("tree").join(name);
    fs::remove_file(at("sub/none")).unwrap();
    fs::File::options().write(true).open(at("sub/deeper/larger")).unwrap().set_len(400_000).unwrap();
    fs::remove_file(at("run")).unwrap();
    fs::create_dir(at("run")).unwrap();
    fs::remove_file(at("latest")).unwrap();
    symlink("sub/small8", at("latest")).unwrap();
    fs::remove_file(at("sub/beside")).unwrap();
    fs::write(at("sub/beside"), "").unwrap();
    let told = told(folder.path());
    for (path, what) in [
        ("sub/none", "missing"),
        ("sub/deeper/larger", "400000 bytes instead of 500000"),
        ("run", "a folder instead of a file"),
        ("latest", "leads to 'sub/small8' instead of 'sub/small7'"),
        ("sub/beside", "a file instead of a symbolic link"),
    ] {
        let line = told.lines().find(|line| line.trim().starts_with(&format!("tree/{path} ")));
        assert!(line.is_some_and(|line| line.ends_with(what)), "{path} {what}: {told}");
    }
    assert!(told.contains("not there to be checked: "), "{told}");
}

#[test]
fn where_nothing_is_there_one_line_says_so() {
    let folder = tree();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let ended = torrent(folder.path(), ["verify", "tree.torrent", "empty"]);
    assert_eq!((ended.code, ended.stdout.lines().count()), (4, 1), "{ended:?}");
    let ended = torrent(folder.path(), ["verify", "tree.torrent", "nowhere"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (6, "tema3: nowhere: No such file or directory (os error 2)\n"));
}

#[test]
fn the_folder_is_found_from_outside_and_by_itself_and_with_one_of_its_name_in_it() {
    let folder = tree();
    let verified = |place: &str| torrent(folder.path(), ["verify", "tree.torrent", place]).code;
    assert_eq!((verified("."), verified("tree"), verified("tree/sub/..")), (0, 0, 0));
    fs::create_dir(folder.path().join("tree/tree")).unwrap();
    assert_eq!(verified("tree"), 0);
    symlink(folder.path().join("tree"), folder.path().join("elsewhere")).unwrap();
    assert_eq!(verified("elsewhere"), 0);
}

#[test]
fn a_link_that_leads_to_the_same_is_right_however_it_says_so() {
    let folder = tree();
    let at = |name: &str| folder.path().join("tree").join(name);
    fs::remove_file(at("sub/up")).unwrap();
    symlink("deeper/.././../run", at("sub/up")).unwrap();
    fs::rename(at("a large one"), folder.path().join("elsewhere")).unwrap();
    symlink(folder.path().join("elsewhere"), at("a large one")).unwrap();
    let ended = torrent(folder.path(), ["verify", "tree.torrent", "."]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_folder_that_a_link_out_of_the_tree_was_put_in_place_of_is_a_fault() {
    let folder = tree();
    let (place, moved) = (folder.path().join("tree/sub/deeper"), folder.path().join("moved"));
    fs::rename(&place, &moved).unwrap();
    symlink(&moved, &place).unwrap();
    let told = told(folder.path());
    let fault = "tree/sub/deeper/larger  not looked at: tree/sub/deeper is a symbolic link instead of a folder";
    assert!(told.lines().any(|line| line.trim() == fault), "{told}");
}
