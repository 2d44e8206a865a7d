//! How a command ends, as the shell sees it.

use std::fmt::Display;
use std::io::{self, Write};

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
pub(super) fn complain(what: impl Display) {
    say_why(format_args!("tema3: {what}"));
}

/// Says a line on standard error, all in one write: what ranks say at once is not to be mixed.
pub(super) fn say_why(what: impl Display) {
    // Where even that cannot be said, the exit code tells.
    let _ = io::stderr().write_all(format!("{what}\n").as_bytes());
}
