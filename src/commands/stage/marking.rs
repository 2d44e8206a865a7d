//! The mark in the target, by which ranks that share it find out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::protocol::{Outcome, Rank};
use crate::storage::staging::Marker;
use crate::storage::target::TargetError;

/// Why no mark could be put.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The folder cannot be made or written.
    Folder { folder: PathBuf, error: io::Error },
    /// Something else has the mark's name.
    Mark(TargetError),
}

impl Refusal {
    fn folder(folder: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::Folder { folder: folder.to_owned(), error }
    }

    fn mark(folder: &Path) -> impl Fn(TargetError) -> Self {
        move |error| match error {
            TargetError::Io { source, .. } => Self::folder(folder)(source),
            other => Self::Mark(other),
        }
    }

    /// How that ends the run of this rank, and what is said of it.
    pub(super) fn of(self, rank: Rank, host: &str) -> (Outcome, String) {
        match self {
            Self::Folder { folder, error } => {
                let what = match error.kind() {
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => "there is a file in its way".into(),
                    kind => kind.to_string(),
                };
                let folder = folder.display();
                let needed = "every rank must be able to make that folder and to write there";
                (Outcome::Disk, format!("--to {folder}: {what}; {needed}"))
            }
            Self::Mark(error) => (Outcome::BadInput, format!("{rank} on {host}: {error}")),
        }
    }
}

/// Puts a mark into the target; its word.
pub(super) fn mark(folder: &Path) -> Result<(Marker, String), Refusal> {
    fs::create_dir_all(folder).map_err(Refusal::folder(folder))?;
    let marker = Marker::find_or_put(folder).map_err(Refusal::mark(folder))?;
    let word = marker.word().to_owned();
    Ok((marker, word))
}

/// The same where the target is not to be made: the mark is put into the nearest folder that is there.
pub(super) fn mark_above(folder: &Path) -> Result<(Marker, String), Refusal> {
    let whole = std::path::absolute(folder).map_err(Refusal::folder(folder))?;
    let above = whole.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(&whole);
    if !above.is_dir() {
        return Err(Refusal::folder(folder)(io::ErrorKind::NotADirectory.into()));
    }
    let marker = Marker::find_or_put(above).map_err(Refusal::mark(folder))?;
    let rest = whole.strip_prefix(above).unwrap_or(Path::new(""));
    let word = format!("{} {}", marker.word(), rest.display());
    Ok((marker, word))
}
