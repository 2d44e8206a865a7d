//! Symbolic links that somebody planted never lead a write outside.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::fixture::{KEEP, Pads, REPLACE, Scratch, Source, noise};
use crate::storage::target::TargetError;

fn tree() -> Source {
    Source::new(1000, Pads::None)
        .file("t/in/a", &noise(1, 2500))
        .file("t/in/b", &noise(2, 30))
        .file("t/c", &noise(3, 1500))
        .folder("t/in", 0o755)
}

/// A folder with the target in it and a folder outside that must stay as it is.
struct Trap {
    root: Scratch,
}

impl Trap {
    fn new() -> Self {
        let root = Scratch::new();
        fs::create_dir_all(root.path().join("dir")).unwrap();
        fs::create_dir_all(root.path().join("outside/in")).unwrap();
        for name in ["outside/a", "outside/b", "outside/c", "outside/in/a", "outside/in/b"] {
            fs::write(root.path().join(name), noise(9, 2500)).unwrap();
        }
        Self { root }
    }

    fn dir(&self) -> std::path::PathBuf {
        self.root.path().join("dir")
    }

    /// Puts a link to what lies outside in the place of whatever has this name.
    fn plant(&self, name: &str, to: &str) {
        let link = self.dir().join(name);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        if link.is_symlink() || link.is_file() {
            fs::remove_file(&link).unwrap();
        } else if link.is_dir() {
            fs::rename(&link, self.root.path().join("taken away")).unwrap();
        }
        symlink(self.root.path().join("outside").join(to), link).unwrap();
    }

    #[track_caller]
    fn assert_outside_is_untouched(&self) {
        let files = ["a", "b", "c", "in/a", "in/b"];
        let outside = self.root.path().join("outside");
        for name in files {
            assert!(fs::read(outside.join(name)).unwrap() == noise(9, 2500), "outside/{name} was written");
        }
        let count = |folder: &Path| fs::read_dir(folder).unwrap().count();
        assert_eq!((count(&outside), count(&outside.join("in"))), (4, 2));
    }
}

#[test]
fn links_in_the_old_tree_are_refused_or_replaced_and_never_followed() {
    for (name, to) in [("t", ""), ("t/in", "in"), ("t/c", "c"), ("t/in/b", "in/b")] {
        for existing in [KEEP, REPLACE] {
            let trap = Trap::new();
            trap.plant(name, to);
            let staged = tree().stage(&trap.dir(), existing);
            trap.assert_outside_is_untouched();
            match (existing, name) {
                (REPLACE, "t/c" | "t/in/b") => tree().assert_staged(&trap.dir()),
                (REPLACE, _) => assert!(matches!(staged, Err(TargetError::InTheWay { .. }))),
                _ => assert!(matches!(staged, Err(TargetError::Differs { .. } | TargetError::InTheWay { .. }))),
            }
        }
    }
}

#[test]
fn links_in_the_hidden_folder_are_never_followed() {
    for (name, to) in [
        (".t.tema3", ""),
        (".t.tema3/lock", "a"),
        (".t.tema3/tree", ""),
        (".t.tema3/parts", "a"),
        (".t.tema3/resume", "a"),
        (".t.tema3/tree/t", ""),
        (".t.tema3/tree/t/in", "in"),
        (".t.tema3/tree/t/c", "c"),
        (".t.tema3/tree/t/in/b", "in/b"),
        (".t.tema3/tree/t/stray", "in"),
    ] {
        let trap = Trap::new();
        trap.plant(name, to);
        let staged = tree().stage(&trap.dir(), KEEP);
        trap.assert_outside_is_untouched();
        if staged.is_ok() {
            tree().assert_staged(&trap.dir());
        }
    }
}

#[test]
fn links_that_are_planted_while_it_is_staged_are_never_followed() {
    for (name, to) in [
        (".t.tema3/tree/t/in", "in"),
        (".t.tema3/tree/t/in/a", "in/a"),
        (".t.tema3/tree/t/c", "c"),
        (".t.tema3/tree", ""),
        (".t.tema3", ""),
        ("t", ""),
    ] {
        let trap = Trap::new();
        let target = tree().open(&trap.dir(), KEEP).unwrap();
        tree().fetch(&target, 2).unwrap();
        trap.plant(name, to);
        let _ = tree().fetch(&target, u32::MAX).and_then(|_| target.commit());
        let _ = target.suspend();
        trap.assert_outside_is_untouched();
    }
}

#[test]
fn links_that_are_planted_in_the_old_tree_before_the_end_are_never_followed() {
    let changed = tree().with_content("t/in/a", &noise(4, 2500)).with_content("t/c", &noise(5, 1500));
    for (name, to) in [("t/in", "in"), ("t/c", "c"), ("t/in/a", "in/a"), ("t", "")] {
        let trap = Trap::new();
        tree().stage(&trap.dir(), KEEP).unwrap();
        let target = changed.open(&trap.dir(), REPLACE).unwrap();
        changed.find(&target).unwrap();
        changed.fetch(&target, u32::MAX).unwrap();
        trap.plant(name, to);
        let _ = target.commit();
        trap.assert_outside_is_untouched();
    }
}

#[test]
fn a_link_of_the_tree_itself_is_made_as_it_says_and_leads_nobody_away() {
    let trap = Trap::new();
    let source = tree().symlink("t/way out", "../../outside").symlink("t/in/absolute", "/");
    source.stage(&trap.dir(), KEEP).unwrap();
    source.assert_staged(&trap.dir());
    // A later tree that has a folder there does not go through it.
    let later = tree().file("t/way out/a", b"evil");
    assert!(matches!(later.stage(&trap.dir(), REPLACE), Err(TargetError::InTheWay { .. })));
    trap.assert_outside_is_untouched();
}
