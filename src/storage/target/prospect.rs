//! What a tree would find and need at a place, told without touching it.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, StatVfs};
use serde::{Deserialize, Serialize};

use super::outline::Outline;
use super::survey::Survey;
use super::target_error::At;
use super::{Existing, Shelf, TargetError, place};
use crate::metainfo::{Manifest, PieceIndex};

/// How much of it there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// What is to be expected of a place. Nothing was read for it: what has the right name and length may still differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prospect {
    /// What is wanted there.
    pub wanted: Amount,
    /// What of it seems to be there.
    pub there: Amount,
    /// Files in whose place lies something else.
    pub differing: u64,
    /// The first of them.
    pub first_differing: Option<String>,
    /// Why the place would be refused, as far as that shows without reading.
    pub refusal: Option<String>,
    /// The bytes that are still to be written, in whole blocks of the file system.
    pub needed: u64,
    /// The bytes that it has left.
    pub available: u64,
    /// The same for all places that take their room from the same file system of this machine.
    pub device: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl Prospect {
    /// That of a folder, which need not be there yet.
    ///
    /// # Errors
    /// Where the manifest cannot be put in place by itself, or the system does not tell.
    pub fn of(
        folder: &Path,
        manifest: Arc<Manifest>,
        wanted: &BTreeSet<usize>,
        existing: Existing,
    ) -> Result<Self, TargetError> {
        let outline = Outline::new(manifest, wanted)?;
        let (there, device) = nearest(folder)?;
        let left: StatVfs = rustix::fs::statvfs(&there).at("ask for the room of", || there.clone())?;
        let block = left.f_frsize.max(1);
        let earlier = folder.join(place::hidden_folder(&outline)).join("tree");
        let mut prospect = Self {
            refusal: refusal(folder, &outline, existing)?,
            available: left.f_bavail.saturating_mul(block),
            device,
            needed: mixed(&outline),
            ..Self::default()
        };
        for (entry, length) in outline.wanted_files() {
            let path = outline.entry(entry).path.as_path();
            prospect.wanted.add(length);
            match fs::symlink_metadata(folder.join(path)) {
                Ok(found) if found.is_file() && found.len() == length => {
                    prospect.there.add(length);
                    continue;
                }
                Ok(_) => {
                    prospect.differing += 1;
                    prospect.first_differing.get_or_insert_with(|| outline.entry(entry).path.to_string());
                }
                Err(_) => {}
            }
            let allocated = fs::symlink_metadata(earlier.join(path)).map_or(0, |left: Metadata| left.blocks() * 512);
            prospect.needed += length.div_ceil(block).saturating_mul(block).saturating_sub(allocated);
        }
        Ok(prospect)
    }

    /// Whether it has the room.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.needed <= self.available
    }
}

/// Why a tree that is put there would be refused, whoever looks at it.
fn refusal(folder: &Path, outline: &Outline, existing: Existing) -> Result<Option<String>, TargetError> {
    if !folder.exists() {
        return Ok(None);
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(folder, flags, Mode::empty()).at("open", || folder.to_owned())?;
    let looked = place::look_at_hidden(&dir, folder, outline)
        .and_then(|()| Survey::of(&Shelf::new(dir, folder.to_owned()), outline, existing));
    match looked {
        Ok(_) => Ok(None),
        Err(error) if error.is_refusal() => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// The room for pieces that have bytes of files that are not wanted there too.
fn mixed(outline: &Outline) -> u64 {
    let map = outline.map();
    let wanted = |piece: &_| outline.wants(*piece);
    let is_mixed = |piece: &_| map.spans(*piece).any(|span| !outline.is_wanted(span.entry));
    let pieces = (0..map.pieces()).map(PieceIndex).filter(|piece| wanted(piece) && is_mixed(piece));
    pieces.count() as u64 * u64::from(map.piece_length())
}

/// The nearest folder that is there, at this place or above it, and the device that it lies on.
fn nearest(folder: &Path) -> Result<(PathBuf, u64), TargetError> {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let there = whole.ancestors().find_map(|place| Some((place.to_owned(), fs::metadata(place).ok()?.dev())));
    there.ok_or(rustix::io::Errno::NOENT).at("look at", || whole)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::metainfo::{Entry, Node, TreePath};
    use crate::storage::target::{Durable, Target, TargetOptions};

    fn manifest() -> Arc<Manifest> {
        let file = |name: &str, length| {
            let path = TreePath::new(["t", name]).unwrap();
            Entry { path, node: Node::File { length }, mode: None, modified: None }
        };
        let entries = vec![file("a", 25_000), file("b", 3), file("c", 0)];
        Arc::new(Manifest { piece_length: 10_000, entries })
    }

    fn of(folder: &Path, wanted: &[usize]) -> Prospect {
        Prospect::of(folder, manifest(), &wanted.iter().copied().collect(), Existing::Keep).unwrap()
    }

    #[test]
    fn of_a_folder_that_is_not_there_all_is_needed_in_whole_blocks_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let prospect = of(&folder.path().join("out/there"), &[0, 1, 2]);
        let block = rustix::fs::statvfs(folder.path()).unwrap().f_frsize;
        assert_eq!(prospect.wanted, Amount { files: 3, bytes: 25_003 });
        assert_eq!((prospect.there, prospect.needed), (Amount::default(), 25_000_u64.next_multiple_of(block) + block));
        assert!(prospect.fits() && prospect.available > 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_has_its_name_and_length_is_not_needed_and_what_has_another_differs() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("t")).unwrap();
        fs::write(folder.path().join("t/a"), vec![1; 25_000]).unwrap();
        fs::write(folder.path().join("t/b"), "four").unwrap();
        let prospect = of(folder.path(), &[0, 1]);
        assert_eq!(prospect.there, Amount { files: 1, bytes: 25_000 });
        assert_eq!((prospect.differing, prospect.first_differing.as_deref()), (1, Some("t/b")));
        assert!(prospect.needed < 25_000);
    }

    #[test]
    fn a_piece_with_bytes_of_other_files_needs_room_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let block = rustix::fs::statvfs(folder.path()).unwrap().f_frsize;
        assert_eq!(of(folder.path(), &[1]).needed, 10_000 + block);
    }

    #[test]
    fn what_an_earlier_run_left_is_not_needed_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".t.tema3/tree/t")).unwrap();
        let before = of(folder.path(), &[0, 1, 2]).needed;
        let left = folder.path().join(".t.tema3/tree/t/a");
        fs::write(&left, vec![1; 25_000]).unwrap();
        fs::File::open(&left).unwrap().sync_all().unwrap();
        assert!(of(folder.path(), &[0, 1, 2]).needed <= before - 25_000);
    }

    #[test]
    fn what_would_be_refused_is_refused_in_the_same_words_and_nothing_changes() {
        let plants: [fn(&Path); 5] = [
            |dir| fs::write(dir.join("t"), "").unwrap(),
            |dir| symlink("nowhere", dir.join("t")).unwrap(),
            |dir| fs::create_dir_all(dir.join("t/b")).unwrap(),
            |dir| fs::create_dir(dir.join("t")).and_then(|()| fs::write(dir.join("t/b"), "four")).unwrap(),
            |dir| fs::write(dir.join(".t.tema3"), "").unwrap(),
        ];
        for plant in plants {
            for existing in [Existing::Keep, Existing::Replace] {
                let folder = tempfile::tempdir().unwrap();
                plant(folder.path());
                let wanted = (0..3).collect();
                let names =
                    || fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect::<Vec<_>>();
                let before = names();
                let told = Prospect::of(folder.path(), manifest(), &wanted, existing).unwrap().refusal;
                assert_eq!(names(), before);
                let options = TargetOptions { existing, durable: Durable::Whenever, note: String::new() };
                let opened = Target::open(folder.path(), manifest(), &wanted, &options);
                assert_eq!(told, opened.err().map(|error| error.to_string()));
                assert!(told.is_some() || existing == Existing::Replace);
            }
        }
    }
}
