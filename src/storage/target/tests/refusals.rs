//! What is refused, before the first byte as far as that can be known, and with nothing left behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::fixture::{KEEP, Pads, REPLACE, Scratch, Source, hidden, noise, not_tested, options, path};
use crate::metainfo::PieceIndex;
use crate::storage::target::{Existing, Found, Scarce, Target, TargetError};

fn small() -> Source {
    Source::new(1000, Pads::None).file("t/a", &noise(1, 2500)).symlink("t/link", "a").file("t/in/b", &noise(2, 10))
}

/// Why the tree is refused; nothing may change for it.
#[track_caller]
fn refusal(source: &Source, dir: &Path, existing: Existing) -> TargetError {
    let before = listing(dir);
    let error = source.open(dir, existing).unwrap_err();
    assert_eq!(listing(dir), before);
    error
}

fn listing(dir: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        found.push((path.display().to_string(), path.symlink_metadata().unwrap().ino()));
        if path.is_dir() && !path.is_symlink() {
            found.extend(listing(&path));
        }
    }
    found.sort();
    found
}

#[test]
fn a_file_of_another_length_or_kind_is_refused_without_force() {
    for plant in [
        |dir: &Path| fs::write(dir.join("t/a"), "other").unwrap(),
        |dir: &Path| symlink("in/b", dir.join("t/a")).unwrap(),
        |dir: &Path| symlink("elsewhere", dir.join("t/link")).unwrap(),
        |dir: &Path| fs::write(dir.join("t/link"), "a").unwrap(),
    ] {
        let dir = Scratch::new();
        fs::create_dir(dir.path().join("t")).unwrap();
        plant(dir.path());
        let error = refusal(&small(), dir.path(), KEEP);
        assert!(matches!(&error, TargetError::Differs { paths, more: 0 } if paths.len() == 1), "{error}");
        small().stage(dir.path(), REPLACE).unwrap();
        small().assert_staged(dir.path());
    }
}

#[test]
fn a_folder_of_the_users_own_that_has_the_hidden_ones_name_is_refused_and_stays() {
    let plants: [fn(&Path); 3] = [
        |hidden| fs::write(hidden.join("notes"), "mine").unwrap(),
        |hidden| fs::create_dir_all(hidden.join("tree/mine")).unwrap(),
        |hidden| fs::write(hidden.join("lock"), "").and_then(|()| fs::write(hidden.join("notes"), "mine")).unwrap(),
    ];
    for plant in plants {
        let dir = Scratch::new();
        let hidden = dir.path().join(".t.tema3");
        fs::create_dir(&hidden).unwrap();
        plant(&hidden);
        let told = format!("{} is a folder of somebody else's where our hidden folder belongs: ", hidden.display());
        for existing in [KEEP, REPLACE] {
            let error = refusal(&small(), dir.path(), existing).to_string();
            assert!(error.starts_with(&told), "{error}");
        }
    }
    // What is empty may have been made by a run that was killed at once.
    let dir = Scratch::new();
    fs::create_dir(dir.path().join(".t.tema3")).unwrap();
    small().stage(dir.path(), KEEP).unwrap();
    small().assert_staged(dir.path());
}

#[test]
fn the_first_files_that_differ_are_named_and_the_others_counted() {
    let dir = Scratch::new();
    fs::create_dir(dir.path().join("t")).unwrap();
    let mut source = Source::new(1000, Pads::None);
    for file in 0..8 {
        source = source.file(&format!("t/{file}"), &noise(file, 10));
        fs::write(dir.path().join(format!("t/{file}")), "x").unwrap();
    }
    let said = refusal(&source, dir.path(), KEEP).to_string();
    assert!(said.contains("t/0, ") && said.contains("t/4 and 3 more") && said.contains("--force"), "{said}");
}

#[test]
fn other_bytes_of_the_same_length_are_refused_as_soon_as_they_are_read() {
    let source = small();
    let mut content = source.content("t/a").to_vec();
    content[1700] ^= 1;
    for piece in [PieceIndex(1), PieceIndex(2)] {
        let dir = Scratch::new();
        source.clone().with_content("t/a", &content).stage(dir.path(), KEEP).unwrap();
        let target = source.open(dir.path(), KEEP).unwrap();
        let differs = |result: Result<_, TargetError>| matches!(result, Err(TargetError::Differs { .. }));
        let pieces = source.pieces();
        if piece.0 == 1 {
            assert!(differs(target.examine(piece, &pieces.hash(piece), &mut Vec::new()).map(drop)));
        }
        assert!(differs(target.write_piece(PieceIndex(1), &pieces.travels(PieceIndex(1)))));
        assert!(matches!(target.commit(), Err(TargetError::Incomplete { .. })));
        assert_eq!(fs::read(dir.path().join("t/a")).unwrap(), content);
    }
}

#[test]
fn a_place_where_nothing_was_kept_is_left_as_it_was_found() {
    let (source, pieces) = (small(), small().pieces());
    let examine = |target: &Target, piece| target.examine(piece, &pieces.hash(piece), &mut Vec::new()).unwrap();
    let (in_place, empty) = (Scratch::new(), Scratch::new());
    source.stage(in_place.path(), KEEP).unwrap();
    for dir in [&in_place, &empty] {
        let before = listing(dir.path());
        let target = source.open(dir.path(), KEEP).unwrap();
        for piece in (0..3).map(PieceIndex) {
            examine(&target, piece);
        }
        let draft = target.begin_draft(PieceIndex(0)).unwrap();
        if let Some(draft) = draft {
            target.write_block(&draft, 0, &[7; 100]).unwrap();
        }
        target.suspend().unwrap();
        drop(target);
        assert_eq!(listing(dir.path()), before);
    }
    let target = source.open(empty.path(), KEEP).unwrap();
    target.write_piece(PieceIndex(1), &pieces.travels(PieceIndex(1))).unwrap();
    drop(target);
    // The next one has nothing to do with it before it ends; what is there is not its own to take away.
    drop(source.open(empty.path(), KEEP).unwrap());
    let target = source.open(empty.path(), KEEP).unwrap();
    assert_eq!(examine(&target, PieceIndex(1)), Found::InTree);
}

#[test]
fn a_folder_in_a_files_place_and_a_file_in_a_folders_are_errors_even_with_force() {
    for (existing, name, is_folder) in [
        (KEEP, "t/a", true),
        (REPLACE, "t/a", true),
        (REPLACE, "t/link", true),
        (REPLACE, "t/in", false),
        (REPLACE, "t/empty", false),
    ] {
        let dir = Scratch::new();
        let planted = dir.path().join(name);
        if is_folder {
            fs::create_dir_all(planted).unwrap();
        } else {
            fs::create_dir(dir.path().join("t")).unwrap();
            fs::write(planted, "").unwrap();
        }
        let error = refusal(&small().folder("t/empty", 0o755), dir.path(), existing);
        assert!(matches!(&error, TargetError::InTheWay { path, .. } if path.ends_with(name)), "{error}");
    }
}

#[test]
fn two_at_once_in_one_place_are_one_too_many() {
    let dir = Scratch::new();
    let source = small();
    let first = source.open(dir.path(), KEEP).unwrap();
    let error = source.open(dir.path(), KEEP).unwrap_err();
    assert!(matches!(&error, TargetError::Held { by, .. } if by == "pid 17 on n1"), "{error}");
    // Another tree in the same folder is another place.
    Source::new(1000, Pads::None).file("u", b"x").stage(dir.path(), KEEP).unwrap();

    source.fetch(&first, u32::MAX).unwrap();
    first.commit().unwrap();
    // Who waited finds it done, also while the first still serves.
    let second = source.open(dir.path(), KEEP).unwrap();
    assert_eq!(source.find(&second).unwrap().in_place, source.pieces().map.pieces());
    source.pieces().assert_served(&first);
    second.commit().unwrap();
    source.assert_staged(dir.path());
}

#[test]
fn many_that_want_one_place_have_it_one_after_the_other() {
    let dir = Scratch::new();
    let source = small();
    let fetched: u32 = std::thread::scope(|scope| {
        let stage = || {
            loop {
                match source.stage(dir.path(), KEEP) {
                    Ok(tally) => return tally.fetched,
                    Err(TargetError::Held { .. }) => std::thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(stage)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(fetched, source.pieces().map.pieces(), "only one of them had anything to fetch");
    source.assert_staged(dir.path());
}

#[test]
fn the_hidden_folder_of_another_user_is_not_trusted() {
    let dir = Scratch::new();
    let planted = dir.path().join(".t.tema3");
    fs::create_dir(&planted).unwrap();
    if std::os::unix::fs::chown(&planted, Some(12345), None).is_err() {
        not_tested("only root can make a folder of another user");
        return;
    }
    assert!(matches!(refusal(&small(), dir.path(), KEEP), TargetError::Foreign { owner: 12345, .. }));
}

#[test]
fn a_tree_that_does_not_fit_is_refused() {
    let dir = Scratch::new();
    let huge = Source::new(1 << 31, Pads::None).with_length("t/huge", 1 << 50);
    let error = Target::open(dir.path(), huge, &[0].into(), &options(KEEP)).unwrap_err();
    assert!(matches!(&error, TargetError::NoRoom { what: Scarce::Bytes, needed, .. } if *needed >= 1 << 50), "{error}");
    assert_eq!(hidden(dir.path()), [""; 0]);
    let target = small().open(dir.path(), KEEP).unwrap();
    assert!(target.room().needed >= 2510 && target.room().available > target.room().needed);
}

impl Source {
    /// The manifest of a file that is far too long to have.
    fn with_length(self, name: &str, length: u64) -> std::sync::Arc<crate::metainfo::Manifest> {
        let mut manifest = (*self.file(name, b"x").manifest()).clone();
        manifest.entries[0].node = crate::metainfo::Node::File { length };
        manifest.into()
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_with_its_name() {
    let dir = Scratch::new();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = small().open(&dir.path().join("file/below"), KEEP).unwrap_err();
    assert!(matches!(&error, TargetError::Io { path, .. } if path.ends_with("file/below")), "{error}");
}

#[test]
fn a_hard_link_without_its_file_is_refused() {
    let dir = Scratch::new();
    let source = small().hard_link("t/other", "t/a");
    let wanted = source.only(&["t/other"]);
    let error = Target::open(dir.path(), source.manifest(), &wanted, &options(KEEP)).unwrap_err();
    assert!(matches!(&error, TargetError::LinkAlone { to, .. } if *to == path("t/a")), "{error}");
}
