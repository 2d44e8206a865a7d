//! How a run ended, for one rank or for all: what becomes the exit code.

use serde::{Deserialize, Serialize};

/// The end of a run, from best to worst: where ranks differ, the greatest counts for all. The order is by severity, not
/// by the number that the shell sees ([`Outcome::code`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Outcome {
    /// All that was wanted is complete and verified.
    #[default]
    Complete,
    /// Complete, but ranks were lost on the way.
    RanksLost,
    /// Interrupted: what is complete stays.
    Interrupted,
    /// The time limit came first.
    TimeLimit,
    /// Nobody left holds some piece.
    Incomplete,
    /// Input that cannot be used.
    BadInput,
    /// A command line that cannot be meant, as only ranks that look at their disks can tell.
    Usage,
    /// Disk or other I/O.
    Disk,
    /// Content that does not match its hashes and could not be repaired, or hashes that contradict each other.
    Integrity,
    /// A bug in this program.
    Bug,
}

impl Outcome {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::RanksLost => 8,
            Self::Interrupted => 10,
            Self::TimeLimit => 5,
            Self::Incomplete => 4,
            Self::BadInput => 3,
            Self::Usage => 2,
            Self::Disk => 6,
            Self::Integrity => 7,
            Self::Bug => 70,
        }
    }

    /// What it means, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Complete => "complete and verified",
            Self::RanksLost => "complete, but ranks were lost",
            Self::Interrupted => "interrupted",
            Self::TimeLimit => "time limit reached",
            Self::Incomplete => "incomplete: needs a seed",
            Self::BadInput => "bad input",
            Self::Usage => "not used as it is meant to be",
            Self::Disk => "disk or I/O failure",
            Self::Integrity => "integrity could not be repaired",
            Self::Bug => "a bug in tema3",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_ends_is_the_one_that_the_exit_code_tells() {
        let worst_first = [70, 7, 6, 2, 3, 4, 5, 10, 8, 0];
        let mut all = [
            Outcome::Complete,
            Outcome::Incomplete,
            Outcome::Bug,
            Outcome::Disk,
            Outcome::RanksLost,
            Outcome::TimeLimit,
            Outcome::Integrity,
            Outcome::Interrupted,
            Outcome::BadInput,
            Outcome::Usage,
        ];
        all.sort_by(|a, b| b.cmp(a));
        assert_eq!(all.map(Outcome::code), worst_first);
    }
}
