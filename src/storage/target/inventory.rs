//! What the files of the old tree consist of, chunk by chunk, so that a file that was renamed or moved is not fetched.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha1::{Digest, Sha1};

use super::content::{Content, Lies, Opened};
use super::outline::last_name;
use super::target_error::At;
use super::walk::{Onward, walk};
use super::{Shelf, Target, TargetError, disk};
use crate::metainfo::{PieceIndex, TreePath};

/// How much of a file one job hashes.
const JOB: u64 = 64 << 20;

/// What is known of old files.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    files: Vec<Arc<OldFile>>,
    /// By the hash of a piece: the file that holds its content, where, and how much of it.
    chunks: HashMap<[u8; 20], (usize, u64, usize)>,
}

#[derive(Debug)]
struct OldFile {
    lies: Lies,
    path: TreePath,
    length: u64,
}

/// A part of an old file, to be hashed by [`Target::take_stock`].
#[derive(Debug)]
pub struct StockJob {
    file: usize,
    range: Range<u64>,
    shapes: Arc<Shapes>,
}

/// For each number of bytes that a piece may have of a single file, from the piece's first byte on: the lengths of such
/// pieces, which go on with zeros.
type Shapes = HashMap<u32, HashSet<u32>>;

impl Inventory {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the piece with this hash from an old file; tells whether it is there.
    pub(super) fn find(&self, content: &Content, expected: &[u8; 20], bytes: &mut [u8]) -> bool {
        let (index, file, offset, length) = {
            let known = self.known();
            let Some(&(index, offset, length)) = known.chunks.get(expected) else { return false };
            (index, Arc::clone(&known.files[index]), offset, length)
        };
        if length > bytes.len() {
            return false;
        }
        let read = content.open_stock(index, &file).and_then(|open| {
            disk::read_at(open, &mut bytes[..length], offset)
                .at("read", || content.shelf(file.lies).path_of(&file.path))
        });
        bytes[length..].fill(0);
        match read {
            Ok(read) => read == length && Sha1::digest(&*bytes)[..] == *expected,
            Err(error) => {
                log::debug!("not taken from an old file: {error}");
                false
            }
        }
    }
}

impl Target {
    /// What there is to hash of old files whose names say nothing of their content. To be asked once those pieces were
    /// examined that may lie in place, and only if some were not found; afterwards the missing ones are to be examined again.
    ///
    /// # Errors
    /// Where the old tree cannot be listed.
    pub fn inventory_jobs(&self) -> Result<Vec<StockJob>, TargetError> {
        let shapes = Arc::new(self.missing_shapes());
        let mut files = Vec::new();
        let strays = self.content.leftovers.strays.iter();
        files.extend(
            strays.filter_map(|stray| {
                Some(OldFile { lies: Lies::Tree, path: stray.path.clone(), length: stray.length? })
            }),
        );
        if !shapes.is_empty() {
            self.list_old_files(&mut files)?;
        }
        let longest = self.map().piece_length();
        let fits = |length: u64| match u32::try_from(length) {
            Ok(length) if length < longest => shapes.contains_key(&length),
            _ => true,
        };
        files.retain(|file| file.length > 0 && fits(file.length));

        let per_job = (JOB / u64::from(longest)).max(1) * u64::from(longest);
        let mut known = self.inventory.known();
        let first = known.files.len();
        known.files.extend(files.into_iter().map(Arc::new));
        let jobs = known.files.iter().enumerate().skip(first).flat_map(|(index, file)| {
            let starts = (0..file.length).step_by(per_job as usize);
            let range = |start: u64| start..file.length.min(start + per_job);
            let shapes = &shapes;
            starts.map(move |start| StockJob { file: index, range: range(start), shapes: Arc::clone(shapes) })
        });
        Ok(jobs.collect())
    }

    /// Hashes a part of an old file; tells how many bytes were read. What cannot be read is left out.
    #[must_use]
    pub fn take_stock(&self, job: &StockJob, scratch: &mut Vec<u8>) -> u64 {
        let file = Arc::clone(&self.inventory.known().files[job.file]);
        let piece_length = self.map().piece_length();
        scratch.resize(scratch.len().max(piece_length as usize), 0);
        let mut total = 0;
        for offset in job.range.clone().step_by(piece_length as usize) {
            let length = u64::from(piece_length).min(file.length - offset) as u32;
            let Some(shapes) = job.shapes.get(&length) else { continue };
            let read = self.content.open_stock(job.file, &file).and_then(|open| {
                let path = || self.content.shelf(file.lies).path_of(&file.path);
                disk::read_at(open, &mut scratch[..length as usize], offset).at("read", path)
            });
            match read {
                Ok(read) if read == length as usize => total += u64::from(length),
                Ok(_) => break,
                Err(error) => {
                    log::debug!("an old file is left out: {error}");
                    break;
                }
            }
            for &whole in shapes {
                scratch[length as usize..whole as usize].fill(0);
                let hash = Sha1::digest(&scratch[..whole as usize]).into();
                self.inventory.known().chunks.insert(hash, (job.file, offset, length as usize));
            }
        }
        total
    }

    /// What missing pieces look like that could be found in a single file.
    fn missing_shapes(&self) -> Shapes {
        let held = self.pieces.held();
        let mut shapes = Shapes::new();
        for piece in self.wanted_pieces().iter().filter(|&piece| !held.contains(piece)) {
            let mut spans = self.map().spans(piece);
            if let (Some(span), None) = (spans.next(), spans.next())
                && span.place == 0
            {
                shapes.entry(span.length).or_default().insert(self.map().length(piece));
            }
        }
        shapes
    }

    /// Lists the files of the old tree, apart from those that stay as they are.
    fn list_old_files(&self, files: &mut Vec<OldFile>) -> Result<(), TargetError> {
        let (content, outline) = (&self.content, &self.content.outline);
        let held = self.pieces.held();
        let stays = |entry: usize| {
            let mut pieces = self.map().pieces_of(entry).map(PieceIndex);
            content.slots[entry].home().lies == Lies::Old && pieces.all(|piece| held.contains(piece))
        };
        let staying: HashSet<&TreePath> = outline
            .wanted_files()
            .filter(|&(entry, _)| stays(entry))
            .map(|(entry, _)| &outline.entry(entry).path)
            .collect();
        for top in &content.survey.tops {
            let Ok(top) = TreePath::new([top]) else { continue };
            let mut add = |path: &TreePath, length| {
                if !staying.contains(path) {
                    files.push(OldFile { lies: Lies::Old, path: path.clone(), length });
                }
            };
            let found = disk::stat(content.old.root(), last_name(&top)).at("look at", || content.old.path_of(&top))?;
            let Some(found) = found else { continue };
            match rustix::fs::FileType::from_raw_mode(found.st_mode) {
                kind if kind.is_file() => add(&top, found.st_size as u64),
                kind if kind.is_dir() => walk(&content.old, Some(&top), &mut |met| {
                    if met.kind().is_file() {
                        add(met.path, met.stat.st_size as u64);
                    }
                    Ok(Onward::In)
                })?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Content {
    fn shelf(&self, lies: Lies) -> &Shelf {
        if lies == Lies::Tree { &self.tree } else { &self.old }
    }

    fn open_stock(&self, index: usize, file: &OldFile) -> Result<Arc<OwnedFd>, TargetError> {
        if let Some(open) = self.open.get(Opened::Stock(index)) {
            return Ok(open);
        }
        let path = || self.shelf(file.lies).path_of(&file.path);
        let folder =
            self.shelf(file.lies).find_parent(&file.path)?.ok_or_else(|| TargetError::Changed { path: path() })?;
        let open = disk::open_to_read(folder, last_name(&file.path)).at("open", path)?;
        Ok(self.open.keep(Opened::Stock(index), open))
    }
}
