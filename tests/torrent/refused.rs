//! What is refused, and how that is said.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::programs::{torrent, torrent_into};
use super::trees;

/// RELIABILITY rows 19 to 21; the tables of faults stand with the code that reads.
#[test]
fn a_bad_torrent_ends_with_3_and_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let single = |name: &str, rest: &str| format!("d4:infod6:lengthi1e4:name{name}{rest}ee");
    let sound = "12:piece lengthi16384e6:pieces20:....................";
    for (content, said) in [
        (String::from("<html>404</html>"), "not a sound .torrent: at byte 0: "),
        (String::new(), "it is empty"),
        ("l".repeat(1_000_000), "at byte 100: "),
        (String::from("d4:info99999999999999999999:"), "at byte 7: "),
        (single("2:..", sound), "'name': \"..\" is no name of a file"),
        (single("11:/etc/passwd", sound), "'name': \"/etc/passwd\" is no name of a file"),
        (single("1:f", "12:piece lengthi0e6:pieces20:...................."), "'piece length' is 0"),
        (
            single("1:f", "12:piece lengthi16384e6:pieces40:........................................"),
            "2 hashes for 1 piece",
        ),
        (format!("d4:infod6:lengthi20000e4:name1:f{sound}ee"), "it has 1 hash for 2 pieces"),
    ] {
        fs::write(folder.path().join("bad.torrent"), &content).unwrap();
        for words in [&["show", "bad.torrent"][..], &["show", "--json", "bad.torrent"], &["verify", "bad.torrent", "."]]
        {
            let ended = torrent(folder.path(), words);
            assert_eq!(
                (ended.code, ended.stdout.as_str(), ended.stderr.lines().count()),
                (3, "", 1),
                "{said}: {ended:?}"
            );
            assert!(
                ended.stderr.starts_with("tema3: bad.torrent: ") && ended.stderr.contains(said),
                "{said}: {ended:?}"
            );
        }
    }
}

#[test]
fn a_file_that_is_far_too_long_for_a_torrent_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than any memory.
    fs::File::create(folder.path().join("bomb.torrent")).unwrap().set_len(1 << 42).unwrap();
    let ended = torrent(folder.path(), ["show", "bomb.torrent"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("longer than 10000000 bytes"), "{}", ended.stderr);
}

#[test]
fn what_a_torrent_cannot_say_is_refused_by_name_and_nothing_is_written() {
    for (target, said) in [
        ("/etc/passwd", "tree/link is a symbolic link to '/etc/passwd', which leads outside"),
        ("../../x", "which leads outside"),
        ("latest/../../../x", "a link or of what is not there"),
        (".", "which is the shared folder itself"),
    ] {
        let folder = trees::everything();
        symlink(target, folder.path().join("tree/link")).unwrap();
        let ended = torrent(folder.path(), ["create", "tree"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{target}: {ended:?}");
        assert!(ended.stderr.contains(said), "{target}: {}", ended.stderr);
        assert!(!folder.path().join("tree.torrent").exists());
    }
    let folder = trees::everything();
    fs::write(folder.path().join("tree").join(OsStr::from_bytes(b"\xff")), "x").unwrap();
    let ended = torrent(folder.path(), ["create", "tree"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("its name is not UTF-8"), "{}", ended.stderr);
}

#[test]
fn what_is_not_there_empty_or_no_file_is_refused() {
    let folder = trees::single();
    fs::create_dir(folder.path().join("hollow")).unwrap();
    for (words, code, said) in [
        (["create", "nowhere"], 3, "nowhere: No such file"),
        (["create", "hollow"], 3, "hollow: there is not a byte in it"),
        (["create", "/dev/null"], 3, "/dev/null is a device"),
        (["create", "/"], 3, "has no name under which"),
        (["show", "nowhere"], 3, "nowhere: No such file"),
        (["show", "hollow"], 3, "hollow: Is a directory"),
        (["verify", "nowhere"], 3, "nowhere: No such file"),
    ] {
        let ended = torrent(folder.path(), words);
        assert_eq!(ended.code, code, "{words:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn the_torrent_is_not_put_into_what_it_is_of() {
    let folder = trees::everything();
    let within = torrent(folder.path(), ["create", "tree", "-o", "tree/sub/x.torrent"]);
    let here = torrent(&folder.path().join("tree"), ["create", "."]);
    for ended in [within, here] {
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.stderr.contains("lies in what is shared") && ended.stderr.contains("-o FILE"),
            "{}",
            ended.stderr
        );
    }
    let outside = torrent(&folder.path().join("tree"), ["create", ".", "-o", "../made.torrent"]);
    assert_eq!(outside.code, 0, "{outside:?}");
    let nowhere = torrent(folder.path(), ["create", "tree", "-o", "no/such/folder.torrent"]);
    assert_eq!(nowhere.code, 6, "{nowhere:?}");
}

#[test]
fn words_that_are_not_understood_are_explained_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for (words, said) in [
        (&[][..], "create, show, verify"),
        (&["create"], "<PATH>"),
        (&["verify"], "<FILE>"),
        (&["create", "x", "--piece-length", "1000"], "a power of two from 16K to 256M"),
        (&["create", "x", "--announce", "tracker"], "http://HOST/announce"),
    ] {
        let ended = torrent(folder.path(), words);
        assert_eq!(ended.code, 2, "{words:?}: {ended:?}");
        assert!(
            ended.stderr.contains(said) && ended.stderr.contains("--help tells more"),
            "{words:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_torrent_without_a_folder_is_asked_for_one_and_what_is_no_receipt_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "abc").unwrap();
    assert_eq!(torrent(folder.path(), ["create", "a"]).code, 0);
    let ended = torrent(folder.path(), ["verify", "a.torrent"]);
    assert!(ended.code == 2 && ended.stderr.contains("torrent verify FILE DIR"), "{ended:?}");
    fs::write(folder.path().join("r.json"), "{\"v\":1}").unwrap();
    let ended = torrent(folder.path(), ["verify", "r.json"]);
    assert!(ended.code == 3 && ended.stderr.contains("r.json: not a receipt"), "{ended:?}");
}

#[test]
fn what_cannot_be_printed_ends_with_6_and_who_wants_no_more_of_it_is_content() {
    let folder = trees::everything();
    assert_eq!(torrent(folder.path(), ["create", "tree"]).code, 0);
    for words in [&["show", "tree.torrent"][..], &["show", "--json", "tree.torrent"], &["verify", "tree.torrent", "."]]
    {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = torrent_into(full.into(), folder.path(), words);
        assert_eq!((ended.code, ended.stderr.lines().count()), (6, 1), "{words:?}: {ended:?}");
        assert!(ended.stderr.contains("cannot be printed: No space left on device"), "{words:?}: {ended:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = torrent_into(writer.into(), folder.path(), words);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{words:?}");
    }
}
