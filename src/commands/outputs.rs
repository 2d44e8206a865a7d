//! What a run is to write beside its outputs: looked at before it begins, so that what cannot be written is told early.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::AssignmentArgs;
use crate::net::record;
use crate::protocol::{Rank, TRACKER};

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

/// Tries all that this rank is to write: its own events and record, and on the tracker's rank what is written for all.
pub(super) fn try_all(args: &AssignmentArgs, rank: Rank) -> Result<(), Unwritable> {
    let own = [("--events", &args.events, format!("rank{}.jsonl", rank.0))];
    for (option, folder, file) in own {
        if let Some(folder) = folder {
            try_folder(option, folder, &folder.join(file))?;
        }
    }
    if let Some(folder) = &args.record {
        try_folder("--record", folder, &record::path_of(folder, rank))?;
    }
    if rank == TRACKER {
        for (option, path) in [("--summary", &args.summary), ("--status", &args.status)] {
            if let Some(path) = path {
                try_replaced(option, path)?;
            }
        }
    }
    Ok(())
}

fn try_folder(option: &'static str, folder: &Path, file: &Path) -> Result<(), Unwritable> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error| Unwritable { option, path, error }
    };
    fs::create_dir_all(folder).map_err(refused(folder))?;
    File::create(file).map(drop).map_err(refused(file))
}

/// Tries a file that is written at the end beside its place: its folder takes one, and its place is no folder.
fn try_replaced(option: &'static str, path: &Path) -> Result<(), Unwritable> {
    let refused = |error| Unwritable { option, path: path.to_owned(), error };
    if path.is_dir() {
        return Err(refused(io::ErrorKind::IsADirectory.into()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(folder).map(drop).map_err(refused)
}
