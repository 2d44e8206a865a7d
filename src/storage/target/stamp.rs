//! What tells whether a file is still the one that was looked at.

use rustix::fs::Stat;

use crate::metainfo::Modified;

/// A file as the system describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    pub(super) modified: Modified,
}

impl Stamp {
    /// The stamp of what was described like this.
    pub(super) fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino, size: stat.st_size as u64, modified: modified(stat) }
    }

    /// Which file it is, whatever was done to it.
    pub(super) fn file(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether both are the same file, whatever was done to it.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        self.file() == other.file()
    }
}

/// When something last changed.
pub(super) fn modified(stat: &Stat) -> Modified {
    Modified { seconds: stat.st_mtime, nanos: stat.st_mtime_nsec as u32 }
}
