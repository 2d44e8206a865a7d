//! What the others make, as it is read here.

use std::path::Path;

use serde_json::json;

use super::programs::{Ended, libtorrent, other, shown, torrent};
use super::trees;

/// The info hash of `theirs.torrent` in libtorrent's eyes.
const HASH: &str = r#"print(json.dumps(str(lt.torrent_info("theirs.torrent").info_hashes().v1)))"#;

/// Lets libtorrent make `theirs.torrent` of something here.
fn made_by_libtorrent(folder: &Path, name: &str, flags: &str) {
    let script = format!(
        r#"
flags = {flags}
files = lt.file_storage()
lt.add_files(files, "{name}", flags=flags)
torrent = lt.create_torrent(files, 16384, flags=flags)
torrent.add_tracker("http://a.example/announce", 0)
lt.set_piece_hashes(torrent, ".")
open("theirs.torrent", "wb").write(lt.bencode(torrent.generate()))
print(json.dumps("made"))
"#
    );
    assert_eq!(libtorrent(folder, &script), json!("made"));
}

/// Reads `theirs.torrent`, which libtorrent must call the same, and compares it with what is here.
fn read(folder: &Path) -> Ended {
    assert_eq!(shown(folder, "theirs.torrent")["info_hash"], libtorrent(folder, HASH));
    let ended = torrent(folder, ["verify", "theirs.torrent", "."]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended
}

#[test]
fn what_mktorrent_makes_is_read_and_verifies() {
    let folder = trees::everything();
    let words =
        ["-a", "http://a.example/announce", "-c", "a word", "-p", "-l", "15", "-s", "here", "-o", "theirs.torrent"];
    other(folder.path(), "mktorrent", &[&words[..], &["tree"]].concat());
    read(folder.path());
    let shown = shown(folder.path(), "theirs.torrent");
    assert_eq!(
        (&shown["comment"], &shown["source"], &shown["private"]),
        (&json!("a word"), &json!("here"), &json!(true))
    );
    assert_eq!((&shown["piece_length"], &shown["trackers"]), (&json!(32_768), &json!([["http://a.example/announce"]])));
}

#[test]
fn what_transmission_makes_is_read_and_verifies() {
    let folder = trees::everything();
    let words = ["-o", "theirs.torrent", "-t", "udp://a.example:80", "-c", "a word", "tree"];
    other(folder.path(), "transmission-create", &words);
    read(folder.path());
    assert_eq!(
        shown(folder.path(), "theirs.torrent")["created_by"].as_str().map(|by| &by[..13]),
        Some("Transmission/")
    );
}

#[test]
fn what_libtorrent_makes_is_read_and_verifies_with_its_links_times_and_pads() {
    let folder = trees::everything();
    for flags in [
        "lt.create_torrent.v1_only | lt.create_torrent.symlinks | lt.create_torrent.modification_time",
        "lt.create_torrent.v1_only | lt.create_torrent.symlinks | lt.create_torrent.canonical_files",
        "lt.create_torrent.symlinks",
    ] {
        made_by_libtorrent(folder.path(), "tree", flags);
        let told = read(folder.path()).stdout;
        assert!(told.contains("all right: 45 files and 4 symbolic links"), "{flags}: {told}");
        let shown = shown(folder.path(), "theirs.torrent");
        let links = shown["files"].as_array().unwrap().iter().filter(|file| file["kind"] == "symlink");
        let mut links: Vec<_> =
            links.map(|link| (link["path"].as_str().unwrap(), link["target"].as_str().unwrap())).collect();
        links.sort_unstable();
        let expected = [
            ("tree/latest", "sub/small7"),
            ("tree/sub/beside", "none"),
            ("tree/sub/deep", "deeper"),
            ("tree/sub/up", "../run"),
        ];
        assert_eq!(links, expected, "{flags}");
    }
}

#[test]
fn a_single_file_of_each_is_read_and_verifies() {
    let folder = trees::single();
    other(folder.path(), "mktorrent", &["-a", "http://a.example", "-o", "theirs.torrent", "single"]);
    read(folder.path());
    other(folder.path(), "transmission-create", &["-o", "theirs.torrent", "single"]);
    read(folder.path());
    for flags in ["lt.create_torrent.v1_only", "lt.create_torrent.modification_time"] {
        made_by_libtorrent(folder.path(), "single", flags);
        assert!(read(folder.path()).stdout.contains("all right: 1 file, 68.36 KiB"));
    }
}

#[test]
fn a_torrent_of_v2_alone_is_refused_with_a_clear_word() {
    let folder = trees::single();
    made_by_libtorrent(folder.path(), "single", "lt.create_torrent.v2_only");
    let ended = torrent(folder.path(), ["show", "theirs.torrent"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.starts_with("tema3: theirs.torrent: it is of BitTorrent v2 alone"), "{}", ended.stderr);
}
