//! What went wrong on a disk, in the words of the driver.

use crate::storage::StorageError;
use crate::storage::source::SourceError;
use crate::storage::target::TargetError;

impl From<TargetError> for StorageError {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Io { path, source, .. } => Self::Io { path: path.display().to_string(), source },
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<SourceError> for StorageError {
    fn from(error: SourceError) -> Self {
        Self::Refused(error.to_string())
    }
}
