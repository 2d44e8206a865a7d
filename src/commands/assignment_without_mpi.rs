//! The assignment in a build without MPI: it cannot run.

use super::{Exit, Launch, complain};
use crate::cli::AssignmentArgs;

/// Says that this build has no MPI.
pub(super) fn run(_: &AssignmentArgs, launch: Launch) -> Exit {
    if launch.speaks_for_all() {
        complain("this build has no MPI; build it with the cargo feature 'mpi' (the default)");
    }
    Exit::NoMpi
}

/// There is nothing that ranks would share.
pub(super) fn leave_together(exit: Exit) -> Exit {
    exit
}
