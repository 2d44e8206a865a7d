//! A small tree to stage, the way in which workers stage it, and a look at what came out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use sha1::{Digest, Sha1};

use crate::metainfo::{Bitfield, Entry, Manifest, Modified, Node, PieceIndex, PieceMap, TreePath};
use crate::storage::target::{Durable, Existing, Found, Target, TargetError, TargetOptions};

/// Where files begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pads {
    /// Right behind each other.
    None,
    /// At a piece, after pads.
    Each,
}

/// A tree and all its bytes.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) piece_length: u32,
    pub(super) pads: Pads,
    pub(super) entries: Vec<(Entry, Vec<u8>)>,
}

/// What became of the pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) in_place: u32,
    pub(super) in_tree: u32,
    pub(super) copied: u32,
    pub(super) fetched: u32,
}

/// Bytes that look like nothing else and are never a run of zeros.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8 | 1
    };
    (0..length).map(|_| next()).collect()
}

pub(super) const KEEP: Existing = Existing::Keep;
pub(super) const REPLACE: Existing = Existing::Replace;

pub(super) fn options(existing: Existing) -> TargetOptions {
    TargetOptions { existing, durable: Durable::Whenever, note: "pid 17 on n1".to_owned() }
}

pub(super) fn path(text: &str) -> TreePath {
    TreePath::new(text.split('/')).unwrap()
}

impl Source {
    pub(super) fn new(piece_length: u32, pads: Pads) -> Self {
        Self { piece_length, pads, entries: Vec::new() }
    }

    /// One of everything that a tree can hold: files of several pieces, of one, of a part of one; names that need care.
    pub(super) fn of_everything() -> Self {
        Self::new(1000, Pads::None)
            .file("top/b.bin", &noise(1, 3500))
            .file("top/in/empty", b"")
            .file("top/in/small", &noise(2, 10))
            .file("top/in/small too", &noise(3, 20))
            .file("top/in/\u{e9}\n", &noise(4, 999))
            .file("top/long", &noise(5, 5000))
            .symlink("top/in/link", "../long")
            .hard_link("top/in/other name", "top/long")
            .folder("top/in", 0o750)
            .folder("top/nothing", 0o555)
            .folder("top", 0o755)
            .with_mode("top/b.bin", 0o4755)
            .with_mode("top/in/small", 0o444)
            .with_mode("top/long", 0o600)
    }

    fn push(mut self, name: &str, node: Node, content: &[u8]) -> Self {
        // Each has a time of its own; one is before 1970.
        let seconds = 10_000_000 * (self.entries.len() as i64 - 1);
        let modified = (!matches!(node, Node::HardLink { .. })).then_some(Modified { seconds, nanos: 123_456_789 });
        self.entries.push((Entry { path: path(name), node, mode: None, modified }, content.to_vec()));
        self
    }

    pub(super) fn file(self, name: &str, content: &[u8]) -> Self {
        self.push(name, Node::File { length: content.len() as u64 }, content)
    }

    pub(super) fn symlink(self, name: &str, target: &str) -> Self {
        self.push(name, Node::Symlink { target: target.into() }, b"")
    }

    pub(super) fn hard_link(self, name: &str, to: &str) -> Self {
        self.push(name, Node::HardLink { to: path(to) }, b"")
    }

    pub(super) fn folder(self, name: &str, mode: u32) -> Self {
        self.push(name, Node::Folder, b"").with_mode(name, mode)
    }

    pub(super) fn with_mode(mut self, name: &str, mode: u32) -> Self {
        self.entry_mut(name).0.mode = Some(mode);
        self
    }

    /// The same tree with other bytes in a file.
    pub(super) fn with_content(mut self, name: &str, content: &[u8]) -> Self {
        let entry = self.entry_mut(name);
        entry.0.node = Node::File { length: content.len() as u64 };
        entry.1 = content.to_vec();
        self
    }

    /// The same tree with a file or folder under another name.
    pub(super) fn with_name(mut self, name: &str, new: &str) -> Self {
        self.entry_mut(name).0.path = path(new);
        self
    }

    fn entry_mut(&mut self, name: &str) -> &mut (Entry, Vec<u8>) {
        self.entries.iter_mut().find(|(entry, _)| entry.path == path(name)).unwrap()
    }

    pub(super) fn content(&self, name: &str) -> &[u8] {
        &self.entries.iter().find(|(entry, _)| entry.path == path(name)).unwrap().1
    }

    /// The manifest, and all bytes one after the other, pads included.
    fn lay_out(&self) -> (Manifest, Vec<u8>) {
        let (mut entries, mut bytes) = (Vec::new(), Vec::new());
        for (entry, content) in &self.entries {
            entries.push(entry.clone());
            bytes.extend_from_slice(content);
            let over = bytes.len() % self.piece_length as usize;
            if self.pads == Pads::Each && over > 0 {
                let length = self.piece_length as usize - over;
                entries.push(Entry::pad(entry.path.first_name(), length as u64));
                bytes.resize(bytes.len() + length, 0);
            }
        }
        (Manifest { piece_length: self.piece_length, entries }, bytes)
    }

    pub(super) fn manifest(&self) -> Arc<Manifest> {
        Arc::new(self.lay_out().0)
    }

    pub(super) fn everything(&self) -> BTreeSet<usize> {
        (0..self.manifest().entries.len()).collect()
    }

    /// The places of these in the manifest.
    pub(super) fn only(&self, names: &[&str]) -> BTreeSet<usize> {
        let manifest = self.manifest();
        let place = |name: &&str| manifest.entries.iter().position(|entry| entry.path == path(name)).unwrap();
        names.iter().map(place).collect()
    }

    pub(super) fn pieces(&self) -> Pieces {
        let (manifest, bytes) = self.lay_out();
        Pieces { map: manifest.piece_map(), bytes }
    }

    pub(super) fn open(&self, dir: &Path, existing: Existing) -> Result<Target, TargetError> {
        Target::open(dir, self.manifest(), &self.everything(), &options(existing))
    }

    /// Stages all of it.
    pub(super) fn stage(&self, dir: &Path, existing: Existing) -> Result<Tally, TargetError> {
        let target = self.open(dir, existing)?;
        let mut tally = self.find(&target)?;
        tally.fetched = self.fetch(&target, u32::MAX)?;
        target.commit()?;
        Ok(tally)
    }

    /// Looks for what is there already: first in its place, then anywhere.
    pub(super) fn find(&self, target: &Target) -> Result<Tally, TargetError> {
        let (pieces, mut scratch, mut tally) = (self.pieces(), Vec::new(), Tally::default());
        let mut look = |piece: PieceIndex, scratch: &mut Vec<u8>| {
            match target.examine(piece, &pieces.hash(piece), scratch)? {
                Found::InPlace => tally.in_place += 1,
                Found::InTree => tally.in_tree += 1,
                Found::Copied => tally.copied += 1,
                Found::Nothing => {}
            }
            Ok::<_, TargetError>(())
        };
        for piece in target.prospects() {
            look(piece, &mut scratch)?;
        }
        if target.held() != *target.wanted_pieces() {
            for job in target.inventory_jobs()? {
                let _ = target.take_stock(&job, &mut scratch);
            }
            for piece in missing(target) {
                look(piece, &mut scratch)?;
            }
        }
        Ok(tally)
    }

    /// Brings pieces that are missing, at most so many; every second one comes block by block.
    pub(super) fn fetch(&self, target: &Target, most: u32) -> Result<u32, TargetError> {
        let (pieces, mut fetched) = (self.pieces(), 0);
        for piece in missing(target).into_iter().take(most as usize) {
            let content = pieces.travels(piece);
            if piece.0 % 2 == 0 {
                target.write_piece(piece, &content)?;
            } else {
                let draft = target.begin_draft(piece)?.expect("nobody else writes it");
                for (index, block) in content.chunks(300).enumerate() {
                    target.write_block(&draft, index as u32 * 300, block)?;
                }
                target.keep_draft(draft)?;
            }
            fetched += 1;
        }
        Ok(fetched)
    }

    /// What is wrong with the tree in this folder; nothing where it is as it should be.
    pub(super) fn faults(&self, dir: &Path) -> Vec<String> {
        let all = self.entries.iter();
        all.filter_map(|(entry, content)| Some(format!("{}: {}", entry.path, fault(dir, entry, content)?))).collect()
    }

    /// Holds that the tree is in this folder, and nothing of ours beside it.
    #[track_caller]
    pub(super) fn assert_staged(&self, dir: &Path) {
        assert_eq!(self.faults(dir), [""; 0]);
        assert_eq!(hidden(dir), [""; 0]);
    }
}

/// The pieces of a source.
pub(super) struct Pieces {
    pub(super) map: PieceMap,
    bytes: Vec<u8>,
}

impl Pieces {
    fn whole(&self, piece: PieceIndex) -> &[u8] {
        let start = piece.as_usize() * self.map.piece_length() as usize;
        &self.bytes[start..start + self.map.length(piece) as usize]
    }

    pub(super) fn hash(&self, piece: PieceIndex) -> [u8; 20] {
        Sha1::digest(self.whole(piece)).into()
    }

    /// What travels of a piece.
    pub(super) fn travels(&self, piece: PieceIndex) -> Vec<u8> {
        let whole = self.whole(piece);
        let spans = self.map.spans(piece);
        spans.flat_map(|span| &whole[span.place as usize..(span.place + span.length) as usize]).copied().collect()
    }

    /// All that can be read of a target is what it should be.
    #[track_caller]
    pub(super) fn assert_served(&self, target: &Target) {
        for piece in target.wanted_pieces().iter() {
            let content = self.travels(piece);
            let mut read = vec![0; content.len()];
            for (index, block) in read.chunks_mut(170).enumerate() {
                target.read_block(piece, index as u32 * 170, block).unwrap();
            }
            assert!(read == content, "piece {piece}");
        }
    }
}

pub(super) fn missing(target: &Target) -> Vec<PieceIndex> {
    let held: Bitfield = target.held();
    target.wanted_pieces().iter().filter(|&piece| !held.contains(piece)).collect()
}

/// A folder for one story, gone when it ends, also where parts of it are read-only.
pub(super) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One in memory, where there is such a place: for stories in which all is made durable a hundred times.
    pub(super) fn in_memory() -> Self {
        Self(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fn open_up(folder: &Path) {
            let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open_up(&entry.path());
                }
            }
        }
        open_up(self.path());
    }
}

/// Says aloud that a test could not be made here: also where the output of tests is not shown.
pub(super) fn not_tested(why: &str) {
    let _ = writeln!(std::io::stderr(), "NOT TESTED: {why}");
}

/// What in a folder has a name of ours.
pub(super) fn hidden(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.ends_with(".tema3")).collect()
}

fn fault(dir: &Path, entry: &Entry, content: &[u8]) -> Option<String> {
    let path = dir.join(entry.path.as_path());
    let Ok(found) = path.symlink_metadata() else { return Some("is missing".to_owned()) };
    let kind_fault = match &entry.node {
        Node::File { .. } if !found.is_file() => Some("is no file"),
        Node::File { .. } if fs::read(&path).unwrap() != content => Some("has other bytes"),
        Node::Folder if !found.is_dir() => Some("is no folder"),
        Node::Symlink { target }
            if !fs::read_link(&path).is_ok_and(|says| says.as_os_str() == OsStr::from_bytes(target)) =>
        {
            Some("is another link")
        }
        Node::HardLink { to }
            if dir.join(to.as_path()).metadata().map(|first| first.ino()).ok() != Some(found.ino()) =>
        {
            Some("is another file")
        }
        _ => None,
    };
    let has_mode = |bits| !found.is_symlink() && found.mode() & 0o7777 != bits;
    let time = Modified { seconds: found.mtime(), nanos: found.mtime_nsec() as u32 };
    kind_fault
        .map(str::to_owned)
        .or_else(|| {
            entry.mode.filter(|&bits| has_mode(bits)).map(|bits| format!("{:o} and not {bits:o}", found.mode()))
        })
        .or_else(|| {
            entry.modified.filter(|&wanted| wanted != time).map(|wanted| format!("{time:?} and not {wanted:?}"))
        })
}
