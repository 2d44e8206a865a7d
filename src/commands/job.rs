//! How a command comes into an MPI job, and leaves it with the others.

use std::path::Path;

use super::{Exit, Launch, complain, old_status, slow_lines};
use crate::cli::{Lines, Span};
use crate::net::mpi::{self, NetError, Options, World};
use crate::net::shaping::Limits;
use crate::protocol::{Rank, TRACKER};

/// Begins MPI, where a launcher started this process; else says how it is to be started. `status` is the file that loses
/// its mark as soon as all ranks are up.
///
/// # Errors
/// How this process ends, where there is no job; that has been said.
pub(super) fn enter(launch: Launch, usage: &str, status: Option<&Path>) -> Result<World, Exit> {
    if launch == Launch::Alone {
        old_status::remove_the_mark(status);
        complain(format_args!("not started by mpirun; {usage}"));
        return Err(Exit::Usage);
    }
    begin(status).map_err(|error| {
        if launch.speaks_for_all() {
            complain(error);
        }
        Exit::NoMpi
    })
}

/// No rank comes out of this before all have come into it, and then each can be told to stop: a signal that is handed on
/// earlier kills those that are slower than others.
fn begin(status: Option<&Path>) -> Result<World, NetError> {
    let begun = mpi::init();
    old_status::remove_the_mark(status);
    begun
}

/// Ends the job of a command line that cannot be meant; rank 0 says why.
pub(super) fn refuse(world: World, wrong: &str) -> ! {
    if world.rank() == TRACKER {
        complain(wrong);
    }
    world.finalize(Exit::Usage.code())
}

/// Lets all ranks leave together after a command line that was not understood, so that none is ended in mid-sentence.
pub(super) fn leave_together(exit: Exit, status: Option<&Path>) -> Exit {
    match begin(status) {
        Ok(world) => world.finalize(exit.code()),
        Err(_) => exit,
    }
}

/// Warns of lines so slow that it may go wrong.
pub(super) fn warn_of_slow(lines: &Lines, slowest: u64, world: &World) {
    if world.rank() == TRACKER && slow_lines::are_too_slow(lines, slowest) {
        let rate = slowest / 1000;
        log::warn!(
            "lines under {rate} KB/s or over 300 ms are so slow that pieces may come twice and ranks take each other for lost"
        );
    }
}

/// What a driver keeps to.
pub(super) fn options(lines: &Lines, time_limit: Option<Span>, rank: Rank) -> Options {
    let limits = Limits {
        up: lines.limit_up.of(rank.0).map(|rate| rate.0),
        down: lines.limit_down.of(rank.0).map(|rate| rate.0),
        latency: lines.latency.of(rank.0).map(|span| span.0).unwrap_or_default(),
    };
    Options { limits, time_limit: time_limit.map(|span| span.0), ..Options::default() }
}
