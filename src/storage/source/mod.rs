//! What an origin reads: which sources it sees, what lies in them, and the pieces that they are made of.
//!
//! A [`View`] is what this rank sees, [`Merged`] what all of them see together and who sees what of it. [`Source`] reads
//! pieces from disk, and [`Supply`] each of them once.

mod conflict;
mod lookup;
mod merged;
mod open_files;
mod piece_cache;
mod roots;
mod source_error;
#[cfg(test)]
mod stories;
mod supply;
mod throttle;
mod view;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::num::{NonZero, NonZeroU64};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::fs::{Advice, fadvise};
use rustix::io::Errno;

use self::open_files::OpenFiles;
use self::throttle::Throttle;
use crate::metainfo::{Entry, Manifest, Modified, Node, PieceIndex, PieceMap, Span};

pub use conflict::{Conflict, Difference};
pub use lookup::{Held, Lookup, Vacancy};
pub use merged::Merged;
pub use piece_cache::{NoRoom, PieceCache};
pub use roots::Roots;
pub use source_error::{FileState, Found, SourceError};
pub use supply::{BlockCounts, Supply};
pub use view::{Identity, Look, View, ViewError};

/// Reads the pieces of a tree from disk, for several threads at once, which do the waiting.
///
/// A file is compared with what the manifest says of it when it is opened, and again after each read: what was read before
/// counts only if the length and the time of the last change are still the same. Where the manifest knows no time (a
/// `.torrent`), the one that is found first has to stay. Three things stay unseen: content that is changed and given its old
/// time back; a change so soon after one before the listing that the file system's clock did not tick in between (a few
/// milliseconds); and that the name of an open file goes to another, for the file is read on as it was listed.
#[derive(Debug)]
pub struct Source {
    manifest: Arc<Manifest>,
    map: PieceMap,
    files: OpenFiles,
    /// When files were last changed of which the manifest does not say it, by place in the manifest.
    first_seen: Mutex<HashMap<usize, Modified>>,
    sharing: Sharing,
    throttle: Option<Throttle>,
    bytes_read: AtomicU64,
}

/// Whether others read the same files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All is read here, so the system may read ahead.
    Alone,
    /// Another rank reads the neighbouring pieces. What the system reads ahead beyond a piece would then be read twice; left
    /// alone it is a fifth of all, seen with every other MiB of a file.
    Shared,
}

/// How much is read between two looks at the throttle.
const STEP: usize = 1 << 20;
/// How much the system is asked for at once. Of a longer stretch it may begin only a part.
const ANNOUNCED: u64 = 1 << 19;

impl Source {
    /// The source of these trees, as the manifest lists them; with a limit, at most so many bytes are read a second.
    #[must_use]
    pub fn new(roots: Roots, manifest: Arc<Manifest>, sharing: Sharing, limit: Option<NonZero<u64>>) -> Self {
        Self {
            map: manifest.piece_map(),
            manifest,
            files: OpenFiles::new(roots),
            first_seen: Mutex::default(),
            sharing,
            throttle: limit.map(|rate| Throttle::new(rate, Instant::now())),
            bytes_read: AtomicU64::new(0),
        }
    }

    /// Which bytes make up a piece.
    #[must_use]
    pub fn map(&self) -> &PieceMap {
        &self.map
    }

    /// How many bytes were read from disk so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Reads the content of a whole piece, without pads, to the beginning of `into`; tells its length.
    ///
    /// # Errors
    /// Where a file changed or cannot be read.
    ///
    /// # Panics
    /// Where `into` is shorter than the content.
    pub fn read_piece(&self, piece: PieceIndex, into: &mut [u8]) -> Result<usize, SourceError> {
        let length = self.map.content_length(piece) as usize;
        self.read_block(piece, 0, &mut into[..length])?;
        Ok(length)
    }

    /// Fills `into` with what begins at `offset` in the content of a piece, without pads.
    ///
    /// # Errors
    /// Where a file changed or cannot be read. Then what stands in `into` means nothing.
    ///
    /// # Panics
    /// Where the piece has less content.
    pub fn read_block(&self, piece: PieceIndex, offset: u32, into: &mut [u8]) -> Result<(), SourceError> {
        let (mut before, mut rest) = (offset, into);
        for span in self.map.spans(piece) {
            let skipped = before.min(span.length);
            before -= skipped;
            let length = rest.len().min((span.length - skipped) as usize);
            let (now, later) = rest.split_at_mut(length);
            if !now.is_empty() {
                self.read_part(span.entry, span.offset + u64::from(skipped), now)?;
            }
            rest = later;
        }
        assert!(rest.is_empty(), "the block at {offset} does not lie in piece {piece}");
        Ok(())
    }

    /// Has the system fetch the long files' part of a piece that is to be read at once, while the first of it is dealt with.
    /// Where it reads ahead anyway, there is nothing to do.
    ///
    /// # Errors
    /// Where a file changed or cannot be opened.
    pub fn fetch_ahead(&self, piece: PieceIndex) -> Result<(), SourceError> {
        if self.sharing == Sharing::Alone {
            return Ok(());
        }
        for Span { entry, offset, length, .. } in self.map.spans(piece) {
            let end = offset + u64::from(length);
            if u64::from(length) < ANNOUNCED {
                continue;
            }
            let file = self.file(entry, offset..end)?;
            for at in (offset..end).step_by(ANNOUNCED as usize) {
                // It is a wish; a file system that grants none still reads.
                let _ = fadvise(&file, at, NonZeroU64::new(ANNOUNCED.min(end - at)), Advice::WillNeed);
            }
        }
        Ok(())
    }

    /// Fills `into` with what begins at `offset` in a file.
    fn read_part(&self, entry: usize, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        let file = self.file(entry, offset..offset + into.len() as u64)?;
        let read = self.read_from(&file, offset, into).map_err(|error| self.refused(entry, error));
        // A file that ends too early has changed: better said so.
        // Only a look that comes after it says that what was read is what was listed.
        let checked = self.check(entry, &file);
        let result = checked.and(read);
        if result.is_err() {
            self.files.let_go(entry);
        }
        result
    }

    fn read_from(&self, file: &File, mut offset: u64, into: &mut [u8]) -> io::Result<()> {
        for step in into.chunks_mut(STEP) {
            if let Some(throttle) = &self.throttle {
                // What is limited is to take its time: it plays a slow file system.
                thread::sleep(throttle.take(Instant::now(), step.len() as u64));
            }
            let mut rest = step;
            while !rest.is_empty() {
                match file.read_at(rest, offset) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(read) => {
                        self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
                        offset += read as u64;
                        rest = &mut rest[read..];
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// The file, opened if it was not open; if it is longer than what is to be read of it now, it is checked and kept open.
    fn file(&self, entry: usize, range: Range<u64>) -> Result<Arc<File>, SourceError> {
        if let Some(file) = self.files.get(entry) {
            return Ok(file);
        }
        let file = self.files.open(&self.entry(entry).path);
        let file = Arc::new(file.map_err(|error| self.not_opened(entry, error))?);
        if range.end - range.start < self.length(entry) {
            self.check(entry, &file)?;
            let advice = match self.sharing {
                Sharing::Alone => Advice::Sequential,
                Sharing::Shared => Advice::Random,
            };
            // A wish, as above.
            let _ = fadvise(&file, 0, None, advice);
            self.files.keep(entry, file.clone());
        }
        Ok(file)
    }

    /// Whether an open file still is what was listed.
    fn check(&self, entry: usize, file: &File) -> Result<(), SourceError> {
        let is = Found::of(&file.metadata().map_err(|error| self.refused(entry, error))?);
        let mut was = FileState { length: self.length(entry), modified: self.entry(entry).modified };
        if let (None, Found::File(FileState { modified: Some(now), .. })) = (was.modified, is) {
            was.modified = Some(*self.first_seen().entry(entry).or_insert(now));
        }
        if is.is(was) { Ok(()) } else { Err(SourceError::Changed { path: self.path(entry), was, is }) }
    }

    fn not_opened(&self, entry: usize, error: io::Error) -> SourceError {
        let is = match error.raw_os_error().map(Errno::from_raw_os_error) {
            None | Some(Errno::NOENT) => Found::Nothing,
            Some(Errno::LOOP) => Found::Other("a symbolic link"),
            Some(Errno::NOTDIR) => Found::Other("in what is no folder any more"),
            Some(Errno::NXIO) => Found::Other("a socket or a device"),
            Some(_) => return self.refused(entry, error),
        };
        let was = FileState { length: self.length(entry), modified: self.entry(entry).modified };
        SourceError::Changed { path: self.path(entry), was, is }
    }

    fn refused(&self, entry: usize, error: io::Error) -> SourceError {
        SourceError::Io { path: self.path(entry), error }
    }

    fn entry(&self, entry: usize) -> &Entry {
        &self.manifest.entries[entry]
    }

    fn length(&self, entry: usize) -> u64 {
        match self.entry(entry).node {
            Node::File { length } => length,
            _ => 0,
        }
    }

    fn path(&self, entry: usize) -> PathBuf {
        let path = &self.entry(entry).path;
        self.files.roots().place_of(path).unwrap_or_else(|| path.as_path().to_owned())
    }

    fn first_seen(&self) -> MutexGuard<'_, HashMap<usize, Modified>> {
        self.first_seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
