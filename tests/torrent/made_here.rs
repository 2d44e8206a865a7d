//! What `torrent create` writes, as the others read it.

use serde_json::{Value, json};

use super::programs::{libtorrent, other, shown, torrent};
use super::trees;

/// What libtorrent finds in `made.torrent`: and whether the pieces of what is here hash to what it says.
const READ: &str = r#"
torrent = lt.torrent_info("made.torrent")
files = torrent.files()
flags = lt.create_torrent.v1_only | lt.create_torrent.symlinks
again = lt.create_torrent(files, torrent.piece_length(), flags=flags)
lt.set_piece_hashes(again, ".")
hashes = b"".join(torrent.hash_for_piece(n) for n in range(torrent.num_pieces()))
print(json.dumps({
    "info_hash": str(torrent.info_hashes().v1),
    "same_pieces": again.generate()[b"info"][b"pieces"] == hashes,
    "private": torrent.priv(),
    "comment": torrent.comment(),
    "trackers": [tracker.url for tracker in torrent.trackers()],
    "files": [[files.file_path(n), files.file_size(n), files.file_flags(n), files.symlink(n)] for n in range(files.num_files())],
}))
"#;
const PAD: u64 = 1;
const PROGRAM: u64 = 4;
const LINK: u64 = 8;

fn text(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

/// Makes `made.torrent`, and gives the info hash that it prints.
fn create(folder: &std::path::Path, words: &[&str]) -> String {
    let ended = torrent(folder, [&["create", "-o", "made.torrent"], words].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let hash = ended.stdout.lines().find_map(|line| line.strip_prefix("info hash "));
    hash.expect("it prints the info hash").to_owned()
}

#[test]
fn all_read_a_tree_with_everything_in_it_with_the_same_info_hash() {
    let folder = trees::everything();
    let told = ["--announce", "http://a.example/announce", "--announce", "udp://b.example:80", "--comment", "ein Wört"];
    let hash = create(folder.path(), &[&["tree", "--private"], &told[..]].concat());

    assert_eq!(text(&shown(folder.path(), "made.torrent")["info_hash"]), hash);
    let transmission = other(folder.path(), "transmission-show", &["made.torrent"]);
    for said in
        [&format!("Hash: {hash}"), "Private torrent", "ein Wört", "http://a.example/announce", "udp://b.example:80"]
    {
        assert!(transmission.contains(said), "{said}: {transmission}");
    }
    let aria2 = other(folder.path(), "aria2c", &["-S", "made.torrent"]);
    for said in [&format!("Info Hash: {hash}"), "Comment: ein Wört", "./tree/пакет/ünï", "|488KiB (500,000)"] {
        assert!(aria2.contains(said), "{said}: {aria2}");
    }
    let read = libtorrent(folder.path(), READ);
    assert_eq!(text(&read["info_hash"]), hash);
    assert_eq!(read["private"], json!(true));
    assert_eq!(read["comment"], json!("ein Wört"));
    assert_eq!(read["trackers"], json!(["http://a.example/announce", "udp://b.example:80"]));
}

#[test]
fn libtorrent_finds_the_same_pieces_pads_links_and_programs() {
    let folder = trees::everything();
    create(folder.path(), &["tree"]);

    let read = libtorrent(folder.path(), READ);

    assert_eq!(read["same_pieces"], json!(true));
    let files: Vec<_> = read["files"].as_array().unwrap().iter().collect();
    let with = |flag: u64| {
        let flagged = files.iter().filter(move |file| file[2] == flag);
        flagged.map(|file| (text(&file[0]), text(&file[3]))).collect::<Vec<_>>()
    };
    assert_eq!(with(PROGRAM), [("tree/run", "")]);
    assert_eq!(
        with(LINK),
        [
            ("tree/latest", "tree/sub/small7"),
            ("tree/sub/beside", "tree/sub/none"),
            ("tree/sub/deep", "tree/sub/deeper"),
            ("tree/sub/up", "tree/run")
        ]
    );
    assert!(with(PAD).iter().all(|(path, _)| path.starts_with("tree/.pad/")) && !with(PAD).is_empty());
    let large = files.iter().position(|file| file[0] == "tree/sub/deeper/larger").unwrap();
    let before: u64 = files[..large].iter().map(|file| file[1].as_u64().unwrap()).sum();
    assert_eq!(before % 16_384, 0, "a file of a piece or more begins with a piece");
}

#[test]
fn all_read_a_single_file_with_the_same_info_hash() {
    let folder = trees::single();
    let hash = create(folder.path(), &["single", "--piece-length", "32K"]);

    assert!(other(folder.path(), "transmission-show", &["made.torrent"]).contains(&format!("Hash: {hash}")));
    let aria2 = other(folder.path(), "aria2c", &["-S", "made.torrent"]);
    assert!(aria2.contains(&format!("Info Hash: {hash}")) && aria2.contains("Piece Length: 32KiB"), "{aria2}");
    let read = libtorrent(folder.path(), READ);
    assert_eq!((text(&read["info_hash"]), &read["same_pieces"]), (hash.as_str(), &json!(true)));
    assert_eq!(read["files"], json!([["single", 70_000, 0, ""]]));
}

#[test]
fn what_is_created_is_the_same_each_time_and_verifies() {
    let folder = trees::everything();
    let first = create(folder.path(), &["tree"]);
    assert_eq!(create(folder.path(), &["tree", "--comment", "another"]), first);
    assert_ne!(create(folder.path(), &["tree", "--piece-length", "64K"]), first);
    assert_eq!(torrent(folder.path(), ["verify", "made.torrent", "."]).code, 0);
}

#[test]
fn hard_links_are_shared_as_files_and_empty_folders_are_told() {
    let folder = trees::single();
    let tree = folder.path().join("tree");
    std::fs::create_dir_all(tree.join("empty")).unwrap();
    for name in ["a", "b"] {
        std::fs::hard_link(folder.path().join("single"), tree.join(name)).unwrap();
    }

    let ended = torrent(folder.path(), ["create", "tree"]);

    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("no place for them: 1 empty folder (tree/empty)"), "{}", ended.stdout);
    let files = shown(folder.path(), "tree.torrent")["files"].clone();
    let files: Vec<_> = files.as_array().unwrap().iter().filter(|file| file["kind"] == "file").collect();
    assert_eq!(
        files,
        [
            &json!({"path": "tree/a", "kind": "file", "length": 70_000}),
            &json!({"path": "tree/b", "kind": "file", "length": 70_000})
        ]
    );
    std::fs::create_dir(folder.path().join("copy")).unwrap();
    std::fs::rename(&tree, folder.path().join("copy/tree")).unwrap();
    assert_eq!(torrent(folder.path(), ["verify", "tree.torrent", "copy"]).code, 0);
}
