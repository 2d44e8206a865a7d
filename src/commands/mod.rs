//! What was meant: one file a command. All rooms meet here.

#[cfg(feature = "mpi")]
mod assignment;
mod catalog;
#[cfg(feature = "mpi")]
mod ending;
mod exit;
mod generate;
#[cfg(feature = "mpi")]
mod job;
#[cfg(not(feature = "mpi"))]
#[path = "job_without_mpi.rs"]
mod job;
mod launch;
mod log;
#[cfg(feature = "mpi")]
mod naming;
mod old_status;
#[cfg(feature = "mpi")]
mod outputs;
mod pattern;
mod replay;
#[cfg(feature = "mpi")]
mod slow_lines;
mod soak;
#[cfg(feature = "mpi")]
mod stage;
mod torrent;
mod usage;
mod wording;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

pub use catalog::{catalog, refusal};
pub use exit::Exit;
use exit::complain;
pub use launch::Launch;

use crate::cli::{self, Cli, Command};
use crate::protocol::Outcome;

/// Does what these words ask for; the first is the program's own name.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let launch = Launch::from_environment();
    let words = cli::in_order(words.into_iter().collect());
    old_status::remove(&words);
    let exit = match Cli::try_parse_from(&words) {
        Ok(cli) => {
            log::start(cli.verbose, launch.rank());
            run_command(&cli, launch)
        }
        Err(other) => explain(&other, &words, launch),
    };
    ExitCode::from(exit.code())
}

fn run_command(cli: &Cli, launch: Launch) -> Exit {
    match &cli.command {
        #[cfg(feature = "mpi")]
        None => assignment::run(&cli.assignment, launch),
        #[cfg(feature = "mpi")]
        Some(Command::Stage(args)) => stage::run(args, launch),
        #[cfg(not(feature = "mpi"))]
        None | Some(Command::Stage(_)) => job::cannot_be(launch),
        // Under mpirun they need no company.
        Some(_) if !launch.speaks_for_all() => Exit::Ran(Outcome::Complete),
        Some(Command::Generate(args)) => generate::run(args),
        Some(Command::Soak(args)) => soak::run(args),
        Some(Command::Replay(args)) => replay::run(args),
        Some(Command::Torrent(args)) => torrent::run(args),
    }
}

/// Prints help, or what was not understood: once, however many ranks there are.
fn explain(other: &clap::Error, words: &[OsString], launch: Launch) -> Exit {
    match other.exit_code() {
        _ if !launch.speaks_for_all() => {}
        // Where not even that can be printed, the exit code still tells.
        0 => _ = other.print(),
        _ => complain(usage::explain(other, words)),
    }
    match (other.exit_code(), launch) {
        (0, _) => Exit::Ran(Outcome::Complete),
        (_, Launch::Alone) => Exit::Usage,
        (_, Launch::Rank(_)) => job::leave_together(Exit::Usage, old_status::named(words)),
    }
}
