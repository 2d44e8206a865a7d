//! How a command ends, as the shell sees it.

use crate::protocol::Outcome;

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It ran, and this is how that ended.
    Ran(Outcome),
    /// It was not used as it is meant to be: too few ranks, no mpirun, rules that contradict each other.
    Usage,
    /// MPI cannot be used here.
    NoMpi,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Ran(outcome) => outcome.code(),
            Self::Usage => Outcome::Usage.code(),
            Self::NoMpi => 77,
        }
    }
}

/// Says the one line that tells why a command ended early.
pub(super) fn complain(what: impl std::fmt::Display) {
    eprintln!("tema3: {what}");
}
