//! `stage`, where this program was built without MPI: it says so.

use super::{Exit, Launch, complain};
use crate::cli::StageArgs;

/// Says what is missing.
pub(super) fn run(_args: &StageArgs, launch: Launch) -> Exit {
    if launch.speaks_for_all() {
        complain("this tema3 was built without MPI, which stage needs: build it with 'make build'");
    }
    Exit::NoMpi
}
