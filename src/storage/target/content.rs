//! Where the bytes of each file lie: in the old tree, in the one that is being built, or among the parts.

use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::leftovers::Leftovers;
use super::open_files::OpenFiles;
use super::outline::Outline;
use super::parts::Parts;
use super::place::Place;
use super::shelf::Shelf;
use super::survey::Survey;
use super::target_error::At;
use super::{Existing, Stamp, TargetError, disk};
use crate::metainfo::{Bitfield, PieceIndex, Span};

/// How many files are kept open.
const FILES_OPEN: NonZero<usize> = NonZero::new(128).unwrap();

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lies {
    /// In the old tree.
    Old,
    /// In the tree that is being built.
    Tree,
    /// Among the parts of files that are not wanted.
    Parts,
}

/// A file that is kept open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Opened {
    /// Of the old tree.
    Old(usize),
    /// Of the new tree, to be read and written.
    Writing(usize),
    /// Of the new tree, to be read.
    Reading(usize),
    /// One of those whose chunks are known.
    Stock(usize),
}

/// The content of all files of a tree.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) outline: Arc<Outline>,
    pub(super) place: Arc<Place>,
    pub(super) old: Shelf,
    pub(super) tree: Shelf,
    pub(super) survey: Survey,
    pub(super) leftovers: Leftovers,
    pub(super) parts: Parts,
    pub(super) open: OpenFiles<Opened>,
    pub(super) existing: Existing,
    /// The permission bits that the system takes away from what is made.
    pub(super) withheld: u32,
    pub(super) slots: Vec<Slot>,
    /// Whether files of the new tree may have their final names by now.
    pub(super) are_placed: AtomicBool,
}

/// A file's state.
#[derive(Debug)]
pub(super) struct Slot {
    /// How many of its bytes are not held yet.
    pub(super) remaining: AtomicU64,
    home: Mutex<Home>,
}

/// Where a file's bytes are.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) lies: Lies,
    pub(super) made: Made,
    /// The pieces whose part of this file was found in the old one, in order once the file lies elsewhere.
    pub(super) in_old: Vec<u32>,
}

/// How far a file of the tree that is being built has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// There is none.
    Not,
    /// Something is there, of whatever length.
    Left,
    /// It has its length, and room is reserved for it.
    Prepared,
    /// It has its mode and time as well: all of it was written.
    Finished,
}

impl Slot {
    pub(super) fn home(&self) -> MutexGuard<'_, Home> {
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Home {
    /// Where the part of a piece is that is held.
    fn lies(&self, piece: PieceIndex) -> Lies {
        match self.lies {
            Lies::Tree if self.in_old.binary_search(&piece.0).is_ok() => Lies::Old,
            lies => lies,
        }
    }
}

impl Content {
    /// What is there, and where each file of the tree will lie.
    pub(super) fn new(place: Arc<Place>, outline: Arc<Outline>, existing: Existing) -> Result<Self, TargetError> {
        let dir = disk::open_folder(place.dir(), b".").at("open", || place.dir_path().to_owned())?;
        let old = Shelf::new(dir, place.dir_path().to_owned());
        let survey = Survey::of(&old, &outline, existing)?;
        let tree = Shelf::new(place.tree()?, place.tree_path());
        let leftovers = Leftovers::of(&tree, &outline)?;
        let parts = Parts::open(&outline, place.hidden(), &place.hidden_path())?;
        let withheld = place.withheld()?;
        let slot = |entry| {
            let lies = match () {
                () if !outline.is_wanted(entry) => Lies::Parts,
                () if survey.may_stay(entry, &outline) => Lies::Old,
                () => Lies::Tree,
            };
            let made = if leftovers.files.contains_key(&entry) { Made::Left } else { Made::Not };
            let remaining = AtomicU64::new(outline.length(entry));
            Slot { remaining, home: Mutex::new(Home { lies, made, in_old: Vec::new() }) }
        };
        let slots = (0..outline.manifest().entries.len()).map(slot).collect();
        let open = OpenFiles::new(FILES_OPEN);
        Ok(Self {
            outline,
            place,
            old,
            tree,
            survey,
            leftovers,
            parts,
            open,
            existing,
            withheld,
            slots,
            are_placed: AtomicBool::new(false),
        })
    }

    /// Whether any of these held pieces rests elsewhere than in the old tree.
    pub(super) fn keeps_any(&self, held: &Bitfield) -> bool {
        let is_kept = |piece, span: &Span| self.slots[span.entry].home().lies(piece) != Lies::Old;
        held.iter().any(|piece| self.outline.spans(piece).iter().any(|span| is_kept(piece, span)))
    }

    /// Reads a part of a held piece, or all of it that lies in one file.
    pub(super) fn read(&self, piece: PieceIndex, part: &Span, into: &mut [u8]) -> Result<(), TargetError> {
        let lies = self.slots[part.entry].home().lies(piece);
        if self.read_from(lies, piece, part, into)? {
            return Ok(());
        }
        Err(TargetError::Changed { path: self.path(lies, part.entry) })
    }

    /// Reads a part of a piece out of this place; tells whether it is all there.
    pub(super) fn read_from(
        &self,
        lies: Lies,
        piece: PieceIndex,
        span: &Span,
        into: &mut [u8],
    ) -> Result<bool, TargetError> {
        let file = match lies {
            Lies::Parts => return self.parts.read(piece, span.place.into(), into),
            Lies::Old => self.open_old(span.entry)?,
            Lies::Tree => self.open_tree(span.entry)?,
        };
        let read = disk::read_at(file, into, span.offset).at("read", || self.path(lies, span.entry))?;
        Ok(read == into.len())
    }

    /// The places where a part of a piece may be before anything was done: what was left first.
    pub(super) fn sources(&self, piece: PieceIndex, span: &Span) -> [Option<Lies>; 2] {
        let range = span.offset..span.offset + u64::from(span.length);
        let kept = if self.outline.is_wanted(span.entry) {
            let left = self.leftovers.files.get(&span.entry);
            left.is_some_and(|left| left.has_data(range.clone())).then_some(Lies::Tree)
        } else {
            self.parts.has(piece).then_some(Lies::Parts)
        };
        let old = self.survey.files.get(&span.entry).filter(|stamp| range.end <= stamp.size);
        [kept, old.map(|_| Lies::Old)]
    }

    /// Opens a file of the old tree, which must be the one that was there at the beginning.
    pub(super) fn open_old(&self, entry: usize) -> Result<Arc<OwnedFd>, TargetError> {
        if let Some(file) = self.open.get(Opened::Old(entry)) {
            return Ok(file);
        }
        let path = || self.path(Lies::Old, entry);
        let folder = self.old.folder(&self.outline, self.outline.folder_of(entry))?;
        let folder = folder.ok_or_else(|| TargetError::Changed { path: path() })?;
        let file = disk::open_to_read(folder, self.outline.name(entry)).at("open", path)?;
        let found = Stamp::of(&disk::stat_open(&file).at("look at", path)?);
        match self.survey.files.get(&entry) {
            Some(stamp) if stamp.is_same_file(&found) && stamp.size == found.size => {
                Ok(self.open.keep(Opened::Old(entry), file))
            }
            _ => Err(TargetError::Changed { path: path() }),
        }
    }

    /// Opens a file of the new tree to read it, wherever that is by now.
    fn open_tree(&self, entry: usize) -> Result<Arc<OwnedFd>, TargetError> {
        let kept = self.open.get(Opened::Writing(entry)).or_else(|| self.open.get(Opened::Reading(entry)));
        if let Some(file) = kept {
            return Ok(file);
        }
        let found = match self.find_in(&self.tree, entry)? {
            None if self.are_placed.load(Ordering::SeqCst) => self.find_in(&self.old, entry)?,
            found => found,
        };
        let file = found.ok_or_else(|| TargetError::Changed { path: self.path(Lies::Tree, entry) })?;
        Ok(self.open.keep(Opened::Reading(entry), file))
    }

    fn find_in(&self, shelf: &Shelf, entry: usize) -> Result<Option<OwnedFd>, TargetError> {
        let Some(folder) = shelf.folder(&self.outline, self.outline.folder_of(entry))? else { return Ok(None) };
        let opened = disk::open_to_read(folder, self.outline.name(entry));
        disk::found(opened).at("open", || shelf.path_of(&self.outline.entry(entry).path))
    }

    /// What a file is called by people.
    pub(super) fn path(&self, lies: Lies, entry: usize) -> PathBuf {
        let shelf = if lies == Lies::Tree { &self.tree } else { &self.old };
        shelf.path_of(&self.outline.entry(entry).path)
    }
}
