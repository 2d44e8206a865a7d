//! How verified bytes come to rest: left where they are found right, else written into the tree that is being built.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::content::{Content, Home, Lies, Made, Opened};
use super::disk::{self, Answer};
use super::holes::{Part, Run};
use super::target_error::At;
use super::{Existing, Stamp, TargetError};
use crate::metainfo::{PieceIndex, Span};

/// How much is compared or copied at once.
const CHUNK: usize = 1 << 20;

/// What the owner needs to fill a file, and to read it until it is in place.
const FILLING: u32 = 0o600;
const READING: u32 = 0o400;

impl Content {
    /// Sees to it that the verified bytes of a span rest where they belong. `from` says where they lie right now, if anywhere.
    pub(super) fn settle(
        &self,
        piece: PieceIndex,
        span: &Span,
        bytes: &[u8],
        from: Option<Lies>,
    ) -> Result<(), TargetError> {
        let mut home = self.slots[span.entry].home();
        if home.lies == Lies::Old && from != Some(Lies::Old) {
            let like = |skip: usize, into: &mut [u8]| {
                into.copy_from_slice(&bytes[skip..skip + into.len()]);
                Ok(true)
            };
            if !self.is_as_in_old(span, like)? {
                self.demote(span.entry, &mut home)?;
            }
        }
        match home.lies {
            Lies::Old => {
                home.in_old.push(piece.0);
                Ok(())
            }
            lies if from == Some(lies) => Ok(()),
            Lies::Parts => self.parts.write(self.place.hidden(), piece, span.place.into(), bytes),
            Lies::Tree if self.is_whole(span, bytes, &home) => self.create_whole(span.entry, &mut home, bytes),
            Lies::Tree => {
                let file = self.prepared(span.entry, &mut home)?;
                // Other threads write other pieces into the same file meanwhile.
                drop(home);
                let of = self.outline.length(span.entry);
                write_with_holes(&file, Part { bytes, offset: span.offset, of })
                    .at("write", || self.path(Lies::Tree, span.entry))
            }
        }
    }

    /// Writes bytes that are not verified yet: a part of a span. They never go where something verified is.
    pub(super) fn draft(&self, piece: PieceIndex, part: &Span, bytes: &[u8]) -> Result<(), TargetError> {
        let mut home = self.slots[part.entry].home();
        if home.lies == Lies::Parts {
            return self.parts.write(self.place.hidden(), piece, part.place.into(), bytes);
        }
        let file = self.prepared(part.entry, &mut home)?;
        drop(home);
        let of = self.outline.length(part.entry);
        write_with_holes(&file, Part { bytes, offset: part.offset, of })
            .at("write", || self.path(Lies::Tree, part.entry))
    }

    /// Sees to it that a span rests where it belongs whose drafted bytes turned out to be right.
    pub(super) fn settle_draft(&self, piece: PieceIndex, span: &Span) -> Result<(), TargetError> {
        let mut home = self.slots[span.entry].home();
        if home.lies != Lies::Old {
            return Ok(());
        }
        let drafted = |skip: usize, into: &mut [u8]| {
            let part = Span { offset: span.offset + skip as u64, ..*span };
            self.read_from(Lies::Tree, piece, &part, into)
        };
        if self.is_as_in_old(span, drafted)? {
            home.in_old.push(piece.0);
            return Ok(());
        }
        self.demote(span.entry, &mut home)
    }

    /// The old file differs, so the tree gets one of its own: what was found right in the old one is taken over at the end.
    pub(super) fn demote(&self, entry: usize, home: &mut Home) -> Result<(), TargetError> {
        if self.existing == Existing::Keep {
            return Err(TargetError::Differs { paths: vec![self.path(Lies::Old, entry)], more: 0 });
        }
        home.lies = Lies::Tree;
        home.in_old.sort_unstable();
        Ok(())
    }

    fn is_as_in_old(
        &self,
        span: &Span,
        like: impl Fn(usize, &mut [u8]) -> Result<bool, TargetError>,
    ) -> Result<bool, TargetError> {
        let old = self.open_old(span.entry)?;
        let length = span.length as usize;
        let (mut there, mut wanted) = (vec![0; length.min(CHUNK)], vec![0; length.min(CHUNK)]);
        for skip in (0..length).step_by(CHUNK) {
            let part = CHUNK.min(length - skip);
            let read = disk::read_at(&old, &mut there[..part], span.offset + skip as u64);
            let is_all = read.at("read", || self.path(Lies::Old, span.entry))? == part;
            if !is_all || !like(skip, &mut wanted[..part])? || there[..part] != wanted[..part] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether bytes are all of a file that is not there yet, so that it can be made in one go.
    fn is_whole(&self, span: &Span, bytes: &[u8], home: &Home) -> bool {
        home.made == Made::Not
            && bytes.len() as u64 == self.outline.length(span.entry)
            && Part { bytes, offset: 0, of: bytes.len() as u64 }.has_no_hole()
    }

    /// Makes a file with all that is in it, its mode and its time.
    fn create_whole(&self, entry: usize, home: &mut Home, bytes: &[u8]) -> Result<(), TargetError> {
        let path = || self.path(Lies::Tree, entry);
        let folder = self.tree.make_folder(&self.outline, self.outline.folder_of(entry))?;
        let bits = self.outline.entry(entry).mode.map_or(0o666, |mode| mode & 0o777 | READING);
        let file = disk::create(folder, self.outline.name(entry), bits).at("make", path)?;
        home.made = Made::Left;
        disk::write_at(&file, bytes, 0).at("write", path)?;
        self.dress(&file, entry, Some(bits & !self.withheld))?;
        home.made = Made::Finished;
        Ok(())
    }

    /// A file of the tree, of its full length, open to be written. Room is reserved for it, unless the old file may stay.
    pub(super) fn prepared(&self, entry: usize, home: &mut Home) -> Result<Arc<OwnedFd>, TargetError> {
        let file = match self.open.get(Opened::Writing(entry)) {
            Some(file) => file,
            None => self.open_to_fill(entry, home.made)?,
        };
        if home.made == Made::Prepared {
            return Ok(file);
        }
        let path = || self.path(Lies::Tree, entry);
        let length = self.outline.length(entry);
        let there = disk::stat_open(&file).at("look at", path)?.st_size as u64;
        if there > length || (there < length && home.lies == Lies::Old) {
            disk::set_length(&file, length).at("set the length of", path)?;
        }
        home.made = Made::Left;
        if home.lies == Lies::Tree {
            if length > 0 {
                disk::reserve(&file, length).at("reserve room for", path)?;
            }
            home.made = Made::Prepared;
        }
        Ok(file)
    }

    /// Opens a file to fill it, also one that an earlier run had made read-only because it was full. It is made if there never
    /// was one: if somebody took it away, what was verified in it is gone too.
    fn open_to_fill(&self, entry: usize, made: Made) -> Result<Arc<OwnedFd>, TargetError> {
        let folder = self.tree.make_folder(&self.outline, self.outline.folder_of(entry))?;
        let name = self.outline.name(entry);
        let path = || self.path(Lies::Tree, entry);
        let opened = match made {
            Made::Not => {
                let bits = self.outline.entry(entry).mode.map_or(0o666, |mode| mode & 0o777 | FILLING);
                disk::make_to_write(&folder, name, bits).map(Some)
            }
            Made::Left | Made::Prepared | Made::Finished => match disk::open_to_write(&folder, name) {
                Err(Errno::ACCESS) => disk::open_to_read(&folder, name)
                    .and_then(|file| disk::set_mode(file, FILLING))
                    .and_then(|()| disk::open_to_write(&folder, name).map(Some)),
                answer => disk::found(answer),
            },
        };
        let file = opened.at("open", path)?.ok_or_else(|| TargetError::Changed { path: path() })?;
        Ok(self.open.keep(Opened::Writing(entry), file))
    }

    /// Counts a piece that is held from now on. Files that are whole with it get their mode and time.
    pub(super) fn count(&self, spans: &[Span]) -> Result<(), TargetError> {
        for span in spans.iter().filter(|span| self.outline.is_wanted(span.entry)) {
            let length = u64::from(span.length);
            if self.slots[span.entry].remaining.fetch_sub(length, Ordering::AcqRel) == length {
                self.finish(span.entry)?;
            }
        }
        Ok(())
    }

    /// Gives a whole file of the tree its mode and time, unless something of it lies elsewhere still.
    pub(super) fn finish(&self, entry: usize) -> Result<(), TargetError> {
        let home = &mut *self.slots[entry].home();
        if home.lies != Lies::Tree || !home.in_old.is_empty() || home.made == Made::Finished {
            return Ok(());
        }
        let file = self.prepared(entry, home)?;
        self.dress(&file, entry, None)?;
        home.made = Made::Finished;
        Ok(())
    }

    fn dress(&self, file: &OwnedFd, entry: usize, has: Option<u32>) -> Result<(), TargetError> {
        let path = || self.path(Lies::Tree, entry);
        let entry = self.outline.entry(entry);
        if let Some(bits) = entry.mode.map(|mode| mode | READING).filter(|&bits| has != Some(bits)) {
            disk::set_mode(file, bits).at("change the mode of", path)?;
        }
        entry.modified.map_or(Ok(()), |modified| disk::set_time(file, modified)).at("set the time of", path)
    }

    /// Copies what was found right in the old file into the new one, as it was when it was found right.
    pub(super) fn take_over(&self, entry: usize) -> Result<(), TargetError> {
        let home = &mut *self.slots[entry].home();
        if home.lies != Lies::Tree || home.in_old.is_empty() {
            return Ok(());
        }
        let (old, new) = (self.open_old(entry)?, self.prepared(entry, home)?);
        let mut buffer = vec![0; CHUNK];
        for &piece in &home.in_old {
            let spans = self.outline.spans(PieceIndex(piece));
            for span in spans.iter().filter(|span| span.entry == entry) {
                for skip in (0..span.length as usize).step_by(CHUNK) {
                    let chunk = &mut buffer[..CHUNK.min(span.length as usize - skip)];
                    let offset = span.offset + skip as u64;
                    let read = disk::read_at(&old, chunk, offset).at("read", || self.path(Lies::Old, entry))?;
                    let chunk = Part { bytes: &chunk[..read], offset, of: self.outline.length(entry) };
                    write_with_holes(&new, chunk).at("write", || self.path(Lies::Tree, entry))?;
                }
            }
        }
        let now = Stamp::of(&disk::stat_open(&old).at("look at", || self.path(Lies::Old, entry))?);
        if self.survey.files.get(&entry) != Some(&now) {
            return Err(TargetError::Changed { path: self.path(Lies::Old, entry) });
        }
        home.in_old.clear();
        Ok(())
    }
}

/// Writes bytes, and holes where there are only zeros: whatever was there before is gone either way.
fn write_with_holes(file: &OwnedFd, part: Part<'_>) -> Answer<()> {
    for run in part.runs() {
        let (Run::Data(range) | Run::Hole(range)) = run.clone();
        let start = part.offset + range.start as u64;
        if matches!(run, Run::Hole(_)) && disk::punch(file, start..start + range.len() as u64)? {
            continue;
        }
        disk::write_at(file, &part.bytes[range], start)?;
    }
    Ok(())
}
