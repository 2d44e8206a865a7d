//! What went wrong on a disk, in the words of the driver.

use std::io;

use crate::storage::StorageError;
use crate::storage::source::SourceError;
use crate::storage::target::TargetError;

impl From<TargetError> for StorageError {
    fn from(error: TargetError) -> Self {
        let path = String::new();
        match error {
            TargetError::Io { path, source, .. } => Self::Io { path: path.display().to_string(), source },
            other => Self::Io { path, source: io::Error::other(other.to_string()) },
        }
    }
}

impl From<SourceError> for StorageError {
    fn from(error: SourceError) -> Self {
        Self::Io { path: String::new(), source: io::Error::other(error.to_string()) }
    }
}
