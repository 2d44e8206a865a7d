//! What a source does when the files under it are left alone, and when they are not.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;
use crate::metainfo::TreePath;

/// A folder `tree` that is to be read, in one that is removed at the end.
struct Tree {
    outer: TempDir,
}

impl Tree {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let tree = Self { outer: tempfile::tempdir().unwrap() };
        for (name, content) in files {
            let place = tree.at(name);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, content).unwrap();
        }
        tree
    }

    fn at(&self, name: &str) -> PathBuf {
        self.outer.path().join("tree").join(name)
    }

    fn manifest(&self, piece_length: u32) -> Manifest {
        let entries = crate::storage::walk(&self.at("")).unwrap();
        Manifest { piece_length, entries }
    }

    fn source(&self, piece_length: u32) -> Source {
        self.source_of(self.manifest(piece_length))
    }

    fn source_of(&self, manifest: Manifest) -> Source {
        let roots = Roots::in_folder(self.outer.path(), &manifest);
        Source::new(roots, Arc::new(manifest), Sharing::Shared, None)
    }

    /// The same without the times, as a `.torrent` has it.
    fn timeless(&self, piece_length: u32) -> Source {
        let mut manifest = self.manifest(piece_length);
        manifest.entries.iter_mut().for_each(|entry| entry.modified = None);
        self.source_of(manifest)
    }
}

fn read(source: &Source, piece: u32) -> Result<Vec<u8>, SourceError> {
    let mut into = vec![0; source.map().piece_length() as usize];
    let length = source.read_piece(PieceIndex(piece), &mut into)?;
    into.truncate(length);
    Ok(into)
}

/// What is found instead of the file, where a read says that it changed.
fn changed(source: &Source, piece: u32, path: &Path) -> Found {
    match read(source, piece) {
        Err(SourceError::Changed { path: named, is, .. }) if named == path => is,
        other => panic!("{other:?}"),
    }
}

fn set_time(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn time_of(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn pieces_are_the_files_one_after_the_other() {
    let tree = Tree::with(&[("a", b"0123456"), ("b/c", b""), ("b/d", b"789ab"), ("e", b"cdefghij")]);
    let source = tree.source(6);
    let pieces: Vec<_> = (0..4).map(|piece| read(&source, piece).unwrap()).collect();
    assert_eq!(pieces, [&b"012345"[..], b"6789ab", b"cdefgh", b"ij"]);
    assert_eq!(source.bytes_read(), 20);
}

#[test]
fn blocks_are_parts_of_the_content_and_pads_are_none() {
    let tree = Tree::with(&[("a", b"0123"), ("b", b"456789")]);
    let mut manifest = tree.manifest(16);
    let pad =
        Entry { path: TreePath::new(["pad"]).unwrap(), node: Node::Pad { length: 4 }, mode: None, modified: None };
    manifest.entries.insert(2, pad);
    let source = tree.source_of(manifest);
    for (offset, length) in [(0, 10), (0, 4), (2, 5), (4, 6), (9, 1), (10, 0)] {
        let mut into = vec![0; length];
        source.read_block(PieceIndex(0), offset, &mut into).unwrap();
        assert_eq!(into, b"0123456789"[offset as usize..][..length], "{length} bytes at {offset}");
    }
}

#[test]
#[should_panic(expected = "does not lie in piece 0")]
fn a_block_beyond_its_piece_is_our_own_mistake() {
    let tree = Tree::with(&[("a", b"0123")]);
    let _ = tree.source(16).read_block(PieceIndex(0), 2, &mut [0; 3]);
}

#[test]
fn a_root_may_be_a_link_or_a_file() {
    let tree = Tree::with(&[("a", b"content")]);
    let (link, file) = (tree.outer.path().join("link"), tree.at("a"));
    symlink(tree.at(""), &link).unwrap();
    let Look { view, .. } = View::look(&[link, file]).unwrap();
    let roots = view.unwrap().roots;
    let manifest = Manifest { piece_length: 7, entries: roots.list().unwrap() };
    let source = Source::new(roots, Arc::new(manifest), Sharing::Alone, None);
    assert_eq!([read(&source, 0).unwrap(), read(&source, 1).unwrap()], [b"content", b"content"]);
}

#[test]
fn another_length_is_a_change_before_and_while_it_is_read() {
    let tree = Tree::with(&[("a", b"0123456789")]);
    let source = tree.source(4);
    fs::write(tree.at("a"), "0123").unwrap();
    assert!(matches!(changed(&source, 0, &tree.at("a")), Found::File(FileState { length: 4, .. })));
    assert_eq!(source.bytes_read(), 0, "it is not even begun");

    fs::write(tree.at("a"), "0123456789").unwrap();
    let source = tree.source(4);
    let time = time_of(&tree.at("a"));
    read(&source, 0).unwrap();
    // It is open now; and what is read of it next still has its old content.
    File::options().write(true).open(tree.at("a")).unwrap().set_len(8).unwrap();
    set_time(&tree.at("a"), time);
    assert_eq!(
        read(&source, 1).unwrap_err().to_string(),
        format!(
            "{} has changed since it was listed: it had 10 bytes and has 8; start again when nobody writes to it",
            tree.at("a").display()
        )
    );
}

#[test]
fn a_file_that_ends_within_the_piece_that_is_read_has_changed() {
    let tree = Tree::with(&[("a", b"0123456789")]);
    let source = tree.source(8);
    read(&source, 0).unwrap();
    File::options().write(true).open(tree.at("a")).unwrap().set_len(9).unwrap();
    assert!(matches!(changed(&source, 1, &tree.at("a")), Found::File(FileState { length: 9, .. })));
}

#[test]
fn another_time_is_a_change_before_and_while_it_is_read() {
    let tree = Tree::with(&[("a", b"0123456789")]);
    let source = tree.source(4);
    read(&source, 0).unwrap();
    let hour_ago = time_of(&tree.at("a")) - Duration::from_secs(3600);
    set_time(&tree.at("a"), hour_ago);
    for _ in 0..2 {
        let is = changed(&source, 1, &tree.at("a"));
        assert!(matches!(is, Found::File(FileState { length: 10, .. })));
    }
    assert!(read(&source, 0).unwrap_err().to_string().contains("it has been written to"));
}

#[test]
fn content_that_is_given_its_old_time_back_stays_unseen() {
    let tree = Tree::with(&[("a", b"0123456789")]);
    let source = tree.source(10);
    let time = time_of(&tree.at("a"));
    fs::write(tree.at("a"), "9876543210").unwrap();
    set_time(&tree.at("a"), time);
    assert_eq!(read(&source, 0).unwrap(), b"9876543210", "which only a hash that is known before can tell");
}

#[test]
fn what_is_no_file_any_more_has_changed_and_is_not_followed() {
    let tree = Tree::with(&[("a", b"content"), ("secret", b"content")]);
    let source = tree.source(7);
    let time = time_of(&tree.at("a"));
    fs::remove_file(tree.at("a")).unwrap();
    assert_eq!(changed(&source, 0, &tree.at("a")), Found::Nothing);

    symlink("secret", tree.at("a")).unwrap();
    set_time(&tree.at("secret"), time);
    assert_eq!(changed(&source, 0, &tree.at("a")), Found::Other("a symbolic link"));

    fs::remove_file(tree.at("a")).unwrap();
    fs::create_dir(tree.at("a")).unwrap();
    assert_eq!(changed(&source, 0, &tree.at("a")), Found::Other("a folder"));

    fs::remove_dir(tree.at("a")).unwrap();
    mknodat(CWD, tree.at("a"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert_eq!(changed(&source, 0, &tree.at("a")), Found::Other("a pipe"), "and nobody waits for a writer");

    fs::remove_file(tree.at("a")).unwrap();
    let _socket = UnixListener::bind(tree.at("a")).unwrap();
    assert_eq!(changed(&source, 0, &tree.at("a")), Found::Other("a socket or a device"));
}

#[test]
fn a_link_planted_in_the_place_of_a_folder_leads_nowhere() {
    let tree = Tree::with(&[("in/a", b"content")]);
    let source = tree.source(7);
    fs::rename(tree.at("in"), tree.outer.path().join("elsewhere")).unwrap();
    symlink("../elsewhere", tree.at("in")).unwrap();
    let is = changed(&source, 0, &tree.at("in/a"));
    assert_eq!(is, Found::Other("in what is no folder any more"));
}

#[test]
fn a_file_whose_name_goes_to_another_is_read_on_as_it_was_listed() {
    let tree = Tree::with(&[("a", b"01234567"), ("b", b"new and newer")]);
    let source = tree.source(4);
    assert_eq!(read(&source, 0).unwrap(), b"0123");
    fs::rename(tree.at("b"), tree.at("a")).unwrap();
    assert_eq!(read(&source, 1).unwrap(), b"4567");
}

#[test]
fn without_a_listed_time_the_first_that_is_seen_has_to_stay() {
    let tree = Tree::with(&[("a", b"0123456789"), ("b", b"01")]);
    let source = tree.timeless(10);
    assert_eq!(read(&source, 0).unwrap(), b"0123456789");
    set_time(&tree.at("a"), SystemTime::UNIX_EPOCH);
    assert!(matches!(changed(&source, 0, &tree.at("a")), Found::File(_)), "though it was closed in between");

    fs::write(tree.at("b"), "012").unwrap();
    assert!(matches!(changed(&source, 1, &tree.at("b")), Found::File(FileState { length: 3, .. })));
}

#[test]
fn the_systems_refusal_keeps_its_path_and_number() {
    let tree = Tree::with(&[("a", b"content")]);
    let source = tree.source(7);
    let write_only = File::options().write(true).open(tree.at("a")).unwrap();
    source.files.keep(1, Arc::new(write_only));
    match read(&source, 0) {
        Err(SourceError::Io { path, error }) => {
            assert_eq!((path, error.raw_os_error()), (tree.at("a"), Some(Errno::BADF.raw_os_error())));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(read(&source, 0).unwrap(), b"content", "it is opened anew");
}

#[test]
fn many_more_files_and_folders_than_stay_open_are_read_by_several_threads() {
    let names: Vec<_> = (0..400).map(|number| format!("{number:03}/file")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
    let tree = Tree::with(&files);
    let source = tree.source(3);
    let whole = names.concat().into_bytes();
    thread::scope(|scope| {
        for first in 0..4 {
            let (source, whole) = (&source, &whole);
            scope.spawn(move || {
                for piece in (first..source.map().pieces()).step_by(4) {
                    let expected = whole.chunks(3).nth(piece as usize).unwrap();
                    assert_eq!(read(source, piece).unwrap(), expected);
                }
            });
        }
    });
    assert_eq!(source.bytes_read(), whole.len() as u64);
}

#[test]
fn what_is_fetched_ahead_is_not_counted_as_read() {
    let tree = Tree::with(&[("a", &[7; 3 << 19])]);
    let source = tree.source(1 << 20);
    source.fetch_ahead(PieceIndex(0)).unwrap();
    assert_eq!(source.bytes_read(), 0);
    assert_eq!(read(&source, 0).unwrap(), [7; 1 << 20]);
    fs::remove_file(tree.at("a")).unwrap();
    assert!(tree.source_of(source.manifest.as_ref().clone()).fetch_ahead(PieceIndex(0)).is_err());
}

#[test]
fn a_limit_makes_the_reader_wait() {
    let tree = Tree::with(&[("a", &[7; 100_000])]);
    let manifest = tree.manifest(100_000);
    let roots = Roots::in_folder(tree.outer.path(), &manifest);
    let start = Instant::now();
    let source = Source::new(roots, Arc::new(manifest), Sharing::Alone, NonZero::new(1_000_000));
    read(&source, 0).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_hole_in_a_file_is_zeros() {
    let tree = Tree::with(&[("a", b"")]);
    File::options().write(true).open(tree.at("a")).unwrap().write_all_at(b"end", 1 << 16).unwrap();
    let content = read(&tree.source(1 << 17), 0).unwrap();
    assert_eq!((content.len(), &content[1 << 16..], content[0]), ((1 << 16) + 3, &b"end"[..], 0));
}
