//! `tema3 stage` as a user types it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::job::launcher::{Kind, Launcher, outside_of_any_job};
use super::job::{Ended, Running};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tema3");

/// Where the summary of a run goes that [`moved`] is asked about.
const SUMMARY: &str = "summary.json";

/// A job that stages.
pub(crate) struct Stage<'a> {
    ranks: u32,
    folder: &'a Path,
    command: Command,
    /// How a shell starts the program as rank `$RANK`, where one does.
    shell: Option<&'static str>,
}

/// So many ranks that stand in `folder` and stage what this line says.
pub(crate) fn stage<'a>(ranks: u32, folder: &'a Path, line: &str) -> Stage<'a> {
    Stage { ranks, folder, command: Launcher::get().ranks(ranks), shell: None }.program(line)
}

/// The same where a shell starts the program as rank `$RANK`: `exec "$0" "$@"`.
pub(crate) fn stage_by_shell<'a>(ranks: u32, folder: &'a Path, shell: &'static str, line: &str) -> Stage<'a> {
    Stage { ranks, folder, command: Launcher::get().ranks(ranks), shell: Some(shell) }.program(line)
}

impl Stage<'_> {
    /// Lets an Open MPI that is going to be killed, and so cannot clear anything away, make it here: files alone.
    pub(crate) fn with_all_its_own_below(mut self, folder: &Path) -> Self {
        self.command.env("TMPDIR", folder).env("OMPI_MCA_btl", "self,tcp");
        self
    }

    /// The others go on where a rank is killed; nothing with an MPI that cannot do so, which is said loudly.
    pub(crate) fn surviving(mut self) -> Option<Self> {
        if Launcher::get().kind != Kind::OpenMpi {
            eprintln!("NOT TESTED, since this MPI ends the job with the first rank that is killed");
            return None;
        }
        self.command.env("OMPI_MCA_orte_enable_recovery", "1");
        Some(self)
    }

    /// More ranks of the same job, which are told something else.
    pub(crate) fn and(mut self, ranks: u32, line: &str) -> Self {
        self.ranks += ranks;
        self.command.args([":", "-np", &ranks.to_string()]);
        self.program(line)
    }

    fn program(mut self, line: &str) -> Self {
        if let Some(shell) = self.shell {
            self.command.args(["sh", "-c", &format!("RANK=${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}; {shell}")]);
        }
        self.command.args([PROGRAM, "stage"]).args(line.split_whitespace());
        self
    }

    pub(crate) fn start(mut self) -> Running {
        self.command.current_dir(self.folder);
        Running::start(self.command)
    }

    /// Starts it while another job runs.
    pub(crate) fn start_beside(mut self, other: &Running) -> Running {
        self.command.current_dir(self.folder);
        other.start_beside(self.command)
    }

    /// Runs it to its end, whatever that is.
    pub(crate) fn run(self) -> Ended {
        self.start().end()
    }

    /// Runs it to its end, which must be a good one.
    pub(crate) fn well(self) -> Ended {
        let ended = self.run();
        assert_eq!(ended.code, 0, "{ended:#?}");
        ended
    }

    /// Runs it to a good end, and tells how many pieces of the tree were moved between ranks, of which one reads the source.
    /// All others get its listing from it, a piece each.
    pub(crate) fn moved(mut self) -> u64 {
        self.command.args(["--summary", SUMMARY]);
        let summary = self.folder.join(SUMMARY);
        let ranks = self.ranks;
        self.well();
        let summary: Value = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
        summary["traded"].as_u64().unwrap() - u64::from(ranks - 1)
    }
}

/// Runs the program without a launcher.
pub(crate) fn run_alone(folder: &Path, line: &str) -> Ended {
    let mut command = outside_of_any_job(PROGRAM.as_ref());
    command.args(line.split_whitespace()).current_dir(folder);
    Running::start(command).end()
}

/// Checks that a run ended with this code, and that one line of what it said on stderr has all of these words.
pub(crate) fn assert_refused(ended: &Ended, code: i32, words: &[&str]) {
    let lines = ended.stderr.lines().filter(|line| words.iter().all(|word| line.contains(word)));
    assert_eq!((ended.code, lines.count()), (code, 1), "{words:?}: {ended:#?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
}
