//! What makes a generated story hostile.

use serde::{Deserialize, Serialize};

/// Something in a story that a careless program stumbles over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Twist {
    /// CRLF line ends, trailing blanks and tabs, blank lines at the end
    Crlf,
    /// The first file's name has blanks and 200 characters
    LongName,
    /// The same hash twice in a file, and in all files
    SameHash,
    /// Hashes that are not 32 hexadecimal digits: words of 1 to 255 bytes
    OddHashes,
    /// The first file has no segments
    EmptyFile,
    /// The first file's owner wants it too, and all that is wanted is listed twice
    Repeated,
    /// The last client owns nothing and wants nothing
    Idle,
    /// The last client also wants a file that nobody owns (exit code 4)
    Unowned,
    /// Two owners of the last file list different hashes for one segment (exit code 7)
    Conflict,
    /// Client 2 announces 999999999999 files (exit code 3)
    BadCount,
    /// Client 2's file ends in the middle (exit code 3)
    Cut,
    /// Client 2 wants a file outside its folder, `../escape` (exit code 3)
    PathName,
}

impl Twist {
    /// The exit code of a run of a story with this twist.
    #[must_use]
    pub fn exit(self) -> u8 {
        match self {
            Self::Unowned => 4,
            Self::Conflict => 7,
            Self::BadCount | Self::Cut | Self::PathName => 3,
            _ => 0,
        }
    }
}
