//! The program, under mpirun or without it.

use std::path::Path;
use std::process::Command;

use super::job::launcher::{Kind, Launcher, outside_of_any_job};
use super::job::{Ended, Running};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tema3");

/// What the program is to run as.
pub(crate) struct Job<'a> {
    ranks: u32,
    folder: &'a Path,
    /// How a shell starts the program as rank `$RANK`, where one does.
    shell: Option<&'static str>,
    words: Vec<String>,
    /// Where the launcher is to leave what it makes, where that is not the system's place.
    own: Option<&'a Path>,
}

impl<'a> Job<'a> {
    /// A job of so many ranks, all standing in `folder`.
    pub(crate) fn new(ranks: u32, folder: &'a Path) -> Self {
        Self { ranks, folder, shell: None, words: Vec::new(), own: None }
    }

    /// Lets rank R stand in `rank<R>` below the folder.
    pub(crate) fn in_folders_of_their_own(mut self) -> Self {
        self.shell = Some(r#"cd "rank$RANK" && exec "$0" "$@""#);
        self
    }

    /// Lets rank R write its stderr into `rank<R>.log` in the folder.
    pub(crate) fn with_a_log_each(mut self) -> Self {
        self.shell = Some(r#"exec "$0" "$@" 2> "rank$RANK.log""#);
        self
    }

    /// Adds words to the program's command line.
    pub(crate) fn with<W: AsRef<str>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Lets an Open MPI that is going to be killed, and so cannot clear anything away, make it here: files alone.
    pub(crate) fn with_all_its_own_below(mut self, folder: &'a Path) -> Self {
        self.own = Some(folder);
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let mut command = Launcher::get().ranks(self.ranks);
        if let Some(shell) = self.shell {
            command.args(["sh", "-c", &format!("RANK=${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}; {shell}")]);
        }
        if let Some(own) = self.own {
            command.env("TMPDIR", own).env("OMPI_MCA_btl", "self,tcp");
        }
        command.arg(PROGRAM).args(&self.words).current_dir(self.folder);
        Running::start(command)
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        self.start().end()
    }
}

/// Runs the program without a launcher, standing in `folder`.
pub(crate) fn run_alone<W: AsRef<str>>(folder: &Path, words: impl IntoIterator<Item = W>) -> Ended {
    let mut command = alone(folder);
    command.args(words.into_iter().map(|word| word.as_ref().to_owned()));
    Running::start(command).end()
}

/// Runs one rank of four as the launcher of another MPI would: it sets its own variables, of which this MPI knows nothing.
pub(crate) fn run_under_another_launcher(folder: &Path) -> Ended {
    let [rank, ranks] = match Launcher::get().kind {
        Kind::OpenMpi => ["PMI_RANK", "PMI_SIZE"],
        Kind::Other => ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"],
    };
    let mut command = alone(folder);
    command.envs([(rank, "0"), (ranks, "4")]);
    Running::start(command).end()
}

fn alone(folder: &Path) -> Command {
    let mut command = outside_of_any_job(PROGRAM.as_ref());
    command.current_dir(folder);
    command
}

/// How often a run that must always end alike is repeated.
pub(crate) fn repeats() -> u32 {
    std::env::var("TEMA3_REPEATS").ok().and_then(|repeats| repeats.parse().ok()).unwrap_or(2)
}
