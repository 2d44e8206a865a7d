//! What a run writes beside its outputs: opened before it begins, so that what cannot be written is told early.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::net::record::{self, Record};
use crate::protocol::{Rank, TRACKER};
use crate::report::{Events, Names, Observers, StatusFile, SummaryFile, try_place};

/// What a command was asked to write beside its outputs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) events: Option<&'a Path>,
    pub(super) record: Option<&'a Path>,
    pub(super) summary: Option<&'a Path>,
    pub(super) status: Option<&'a Path>,
    pub(super) receipt: Option<&'a Path>,
}

impl<'a> Asked<'a> {
    /// The files that a rank would write, each with its option and what was typed.
    pub(super) fn files(self, rank: Rank) -> impl Iterator<Item = (&'static str, &'a Path, PathBuf)> {
        let folders = [
            ("--events", self.events, Events::path_of as fn(&Path, Rank) -> PathBuf),
            ("--record", self.record, record::path_of),
        ];
        let folders = folders.into_iter().filter_map(move |(option, folder, path_of)| {
            let folder = folder?;
            Some((option, folder, path_of(folder, rank)))
        });
        let files = [("--summary", self.summary), ("--status", self.status), ("--receipt", self.receipt)];
        folders.chain(files.into_iter().filter_map(|(option, file)| Some((option, file?, file?.to_owned()))))
    }
}

/// What a rank was asked to write, as far as it can.
#[derive(Default)]
pub(super) struct Outputs {
    /// Those who write down what they see.
    pub(super) writers: Observers,
    /// The record of all that this rank hears.
    pub(super) record: Option<Record>,
    /// The first that cannot be written.
    pub(super) unwritable: Option<Unwritable>,
}

/// Something that cannot be written.
#[derive(Debug)]
pub(super) struct Unwritable {
    option: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, path, error } = self;
        write!(f, "{}: {error}; {option} needs a place that can be written", path.display())
    }
}

impl Outputs {
    /// Opens this rank's own events and record, and tries the places of what the rank writes that ends the run. That is
    /// the tracker's: another, which may become it, cannot know yet and tries nothing. What an earlier run of more ranks
    /// left in the folders goes, lest it be taken for this run's.
    pub(super) fn open(asked: Asked<'_>, rank: Rank, ranks: u32, names: &Names) -> Self {
        let mut outputs = Self::default();
        if let Some(folder) = asked.events {
            remove_others(rank, ranks, |other| Events::path_of(folder, other));
            let path = Events::path_of(folder, rank);
            let events = in_folder(folder, &path, |path| Events::create(path, rank, names.clone()));
            outputs.take("--events", events, |outputs, events| outputs.writers.add(events));
        }
        if let Some(folder) = asked.record {
            remove_others(rank, ranks, |other| record::path_of(folder, other));
            let record = in_folder(folder, &record::path_of(folder, rank), Record::create);
            outputs.take("--record", record, |outputs, record| outputs.record = Some(record));
        }
        let tried = |path: &Path| match rank {
            TRACKER => try_place(path).map_err(|error| (path.to_owned(), error)),
            _ => Ok(()),
        };
        if let Some(path) = asked.summary {
            let file = SummaryFile::new(path.to_owned());
            outputs.take("--summary", tried(path), |outputs, ()| outputs.writers.add(file));
        }
        if let Some(path) = asked.status {
            let file = StatusFile::new(path.to_owned());
            outputs.take("--status", tried(path), |outputs, ()| outputs.writers.add(file));
        }
        if let Some(path) = asked.receipt {
            outputs.take("--receipt", tried(path), |_, ()| {});
        }
        outputs
    }

    /// Keeps what was opened, or notes why it was not.
    fn take<T>(
        &mut self,
        option: &'static str,
        opened: Result<T, (PathBuf, io::Error)>,
        keep: impl FnOnce(&mut Self, T),
    ) {
        match opened {
            Ok(opened) => keep(self, opened),
            Err((path, error)) => _ = self.unwritable.get_or_insert(Unwritable { option, path, error }),
        }
    }
}

/// Removes the files of ranks that this run does not have; the tracker's rank does it for all.
fn remove_others(rank: Rank, ranks: u32, path_of: impl Fn(Rank) -> PathBuf) {
    if rank == TRACKER {
        // A run has all ranks up to some number: the first that has no file ends it.
        _ = (ranks..).map(|other| std::fs::remove_file(path_of(Rank(other)))).find(Result::is_err);
    }
}

/// Opens a file in a folder, which is made where it is not there; says which of the two is at fault.
fn in_folder<T>(
    folder: &Path,
    path: &Path,
    open: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<T, (PathBuf, io::Error)> {
    std::fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))?;
    open(path).map_err(|error| (path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_a_larger_run_left_is_removed_by_the_trackers_rank_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path_of = |rank: Rank| folder.path().join(rank.0.to_string());
        (0..6).for_each(|rank| fs::write(path_of(Rank(rank)), "").unwrap());
        let left = || (0..6).filter(|&rank| path_of(Rank(rank)).exists()).collect::<Vec<_>>();
        remove_others(Rank(1), 3, path_of);
        assert_eq!(left(), [0, 1, 2, 3, 4, 5]);
        remove_others(TRACKER, 3, path_of);
        assert_eq!(left(), [0, 1, 2]);
    }
}
