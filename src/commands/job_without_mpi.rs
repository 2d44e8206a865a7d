//! Commands that need a job, in a build without MPI: they say so.

use std::path::Path;

use super::{Exit, Launch, complain, old_status};

/// Says what is missing.
pub(super) fn cannot_be(launch: Launch) -> Exit {
    if launch.speaks_for_all() {
        complain("this build has no MPI, which the assignment and stage need; make one that has it with 'make build'");
    }
    Exit::NoMpi
}

/// There is nothing that ranks would share.
pub(super) fn leave_together(exit: Exit, status: Option<&Path>) -> Exit {
    old_status::remove_the_mark(status);
    exit
}
