//! Why a source could not be read.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::PathBuf;

use crate::metainfo::{Modified, counted};
use crate::storage::walk::{kind_of_special, modified};

/// Why something of a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file is not what it was when it was listed. Nothing that was read of it since then counts.
    #[error("{path} has changed since it was listed: {}; start again when nobody writes to it", is.compared_to(*was))]
    Changed {
        /// Which file.
        path: PathBuf,
        /// What it was.
        was: FileState,
        /// What is found there now.
        is: Found,
    },
    /// The operating system refused.
    #[error("{path}: {error}")]
    Io {
        /// What was being read.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
}

/// By what a file is known to be unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its length in bytes.
    pub length: u64,
    /// When its content last changed, where that is known.
    pub modified: Option<Modified>,
}

/// What stands in the place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File(FileState),
    /// Something else: what, with its article.
    Other(&'static str),
    /// Nothing.
    Nothing,
}

impl Found {
    /// What is open.
    pub(super) fn of(found: &Metadata) -> Self {
        let kind = found.file_type();
        match () {
            () if kind.is_file() => Self::File(FileState { length: found.len(), modified: Some(modified(found)) }),
            () if kind.is_dir() => Self::Other("a folder"),
            () => Self::Other(kind_of_special(kind)),
        }
    }

    /// Whether it is what was expected, as far as that is known.
    pub(super) fn is(&self, expected: FileState) -> bool {
        let Self::File(found) = self else { return false };
        found.length == expected.length && expected.modified.is_none_or(|time| found.modified == Some(time))
    }

    fn compared_to(self, was: FileState) -> Comparison {
        Comparison { was, is: self }
    }
}

/// Says what became of a file.
struct Comparison {
    was: FileState,
    is: Found,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is {
            Found::File(is) if is.length != self.was.length => {
                write!(f, "it had {} and has {}", counted(self.was.length, "byte"), is.length)
            }
            Found::File(_) => write!(f, "it has been written to"),
            Found::Other(what) => write!(f, "it is {what}"),
            Found::Nothing => write!(f, "it is gone"),
        }
    }
}
