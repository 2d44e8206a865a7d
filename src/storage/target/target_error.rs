//! What can go wrong with a place on disk, in words for the person who named it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::disk::Answer;
use crate::metainfo::{PieceIndex, TreePath, sized};

/// Why a target could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Somebody else puts the same tree there right now. It can be tried again later.
    #[error("{}: {by} is writing there", place.display())]
    Held {
        /// Where.
        place: PathBuf,
        /// What the other says of itself.
        by: String,
    },
    /// The hidden folder was made by somebody else, who could change what is in it.
    #[error("{} belongs to user {owner}: remove it, or choose another folder", place.display())]
    Foreign {
        /// The hidden folder.
        place: PathBuf,
        /// The number of its owner.
        owner: u32,
    },
    /// There are other files under the names of the tree.
    #[error("already there and different: {}; --force replaces", Several(paths, *more))]
    Differs {
        /// The first of them.
        paths: Vec<PathBuf>,
        /// How many more there are.
        more: usize,
    },
    /// Two files of the tree are one that has both their names.
    #[error("{} is another name of {} and is to be a file of its own; --force makes it one", path.display(), first.display())]
    OneFile {
        /// The name that is to have another file.
        path: PathBuf,
        /// The one that keeps this.
        first: PathBuf,
    },
    /// Something has a name that must belong to something else, and even force does not take it away.
    #[error("{} is {found} where {wanted} belongs: move it away", path.display())]
    InTheWay {
        /// The name.
        path: PathBuf,
        /// What has it.
        found: &'static str,
        /// What should have it.
        wanted: &'static str,
    },
    /// The file system has too little left.
    #[error(
        "{} needs {} and has {} free; make room there, or choose another folder", place.display(), what.told(*needed),
        what.told(*available)
    )]
    NoRoom {
        /// Where.
        place: PathBuf,
        /// What there is too little of.
        what: Scarce,
        /// How much is needed.
        needed: u64,
        /// How much there is.
        available: u64,
    },
    /// Somebody changed something in the target while it was used.
    #[error("{} was changed by somebody else meanwhile; run it again", path.display())]
    Changed {
        /// What.
        path: PathBuf,
    },
    /// A file is not complete, so nothing is put in place.
    #[error("{} is not complete", path.display())]
    Incomplete {
        /// Which.
        path: PathBuf,
    },
    /// A hard link is wanted without the file that it is another name of.
    #[error("{link} is a hard link to {to}: want both or none")]
    LinkAlone {
        /// The link.
        link: TreePath,
        /// The file's first name.
        to: TreePath,
    },
    /// A piece was asked for that is not held.
    #[error("piece {0} is not held")]
    NotHeld(PieceIndex),
    /// A piece was brought that nothing wanted has a part in.
    #[error("piece {0} is not wanted here")]
    NotWanted(PieceIndex),
    /// A piece was brought whole while it is written block by block.
    #[error("piece {0} is being written already")]
    BeingWritten(PieceIndex),
    /// The operating system refused.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's answer; its number is kept.
        source: io::Error,
    },
}

/// What a file system can have too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scarce {
    /// Room for content.
    Bytes,
    /// Files, whatever is in them.
    Files,
}

impl Scarce {
    fn told(self, amount: u64) -> String {
        match self {
            Self::Bytes => sized(amount),
            Self::Files => format!("{amount} files"),
        }
    }
}

impl TargetError {
    /// Whether what was asked for does not go with what is there, so that somebody has to decide; the disk is not at fault.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Differs { .. } | Self::OneFile { .. } | Self::InTheWay { .. } | Self::LinkAlone { .. })
    }
}

/// The first of many names, as a person lists them.
struct Several<'a>(&'a [PathBuf], usize);

impl fmt::Display for Several<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(paths, more) = self;
        for (index, path) in paths.iter().enumerate() {
            write!(f, "{}{}", if index > 0 { ", " } else { "" }, path.display())?;
        }
        if *more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

/// Says of a system's answer what it was an answer to.
pub(super) trait At<T> {
    /// The same, with what was tried on which path.
    fn at(self, doing: &'static str, path: impl FnOnce() -> PathBuf) -> Result<T, TargetError>;
}

impl<T> At<T> for Answer<T> {
    fn at(self, doing: &'static str, path: impl FnOnce() -> PathBuf) -> Result<T, TargetError> {
        self.map_err(|errno| TargetError::Io { doing, path: path(), source: errno.into() })
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn too_little_room_is_told_in_units_that_people_read() {
        let lack = |what, needed, available| {
            TargetError::NoRoom { place: "/scratch".into(), what, needed, available }.to_string()
        };
        let bytes = lack(Scarce::Bytes, 3 << 30, 1_500_000);
        assert_eq!(bytes, "/scratch needs 3 GiB and has 1.43 MiB free; make room there, or choose another folder");
        let files = lack(Scarce::Files, 30, 2);
        assert_eq!(files, "/scratch needs 30 files and has 2 files free; make room there, or choose another folder");
    }

    #[test]
    fn the_systems_number_is_kept_and_the_path_is_named() {
        let answer: Answer<()> = Err(Errno::DQUOT);
        let error = answer.at("write", || "/scratch/x".into()).unwrap_err();
        assert!(error.to_string().starts_with("/scratch/x: cannot write: "), "{error}");
        let TargetError::Io { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.raw_os_error(), Some(Errno::DQUOT.raw_os_error()));
    }

    #[test]
    fn the_first_names_and_the_number_of_the_others_are_said() {
        let paths = ["t/a", "t/b"].map(PathBuf::from).to_vec();
        let error = TargetError::Differs { paths, more: 7 };
        assert_eq!(error.to_string(), "already there and different: t/a, t/b and 7 more; --force replaces");
    }
}
