//! The script, started in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tema3::assignment::{Input, Story, StoryRules, Twist};
use tempfile::TempDir;

use super::job::launcher::{Launcher, outside_of_any_job};
use super::job::{Ended, Running};

/// What a Slurm job sets, besides what a rank hears.
const OF_A_JOB: [&str; 7] = [
    "SLURM_JOB_ID",
    "SLURM_JOB_NUM_NODES",
    "SLURM_NTASKS_PER_NODE",
    "SLURM_MPI_TYPE",
    "SLURM_OVERLAP",
    "PBS_JOBID",
    "TMPDIR",
];

/// A folder with the inputs of three clients, and the script that is to run there.
pub(crate) struct Script {
    folder: TempDir,
    launcher: Option<PathBuf>,
    path: String,
    environment: BTreeMap<&'static str, String>,
}

impl Script {
    /// Two files of so many segments, an owner each.
    pub(crate) fn new(segments: u32, twists: &[Twist]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = StoryRules {
            seed: 5,
            clients: 3,
            files: 2,
            fewest_segments: segments,
            most_segments: segments,
            owners: 1,
            wanters: None,
            twists: twists.to_vec(),
        };
        let story = Story::make(rules).unwrap();
        for client in 1..story.card().ranks {
            fs::write(folder.path().join(Input::file_name(client)), story.input_bytes(client)).unwrap();
        }
        let launcher = Some(Launcher::get().ranks(1).get_program().into());
        Self { folder, launcher, path: std::env::var("PATH").unwrap(), environment: BTreeMap::new() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a folder with a file, to be staged.
    pub(crate) fn make_tree(&self, name: &str) {
        fs::create_dir(self.folder().join(name)).unwrap();
        fs::write(self.folder().join(name).join("file"), [7; 100_000]).unwrap();
    }

    /// Makes a program of the shell's that comes first on the path; `$REAL` is the mpirun of these tests.
    pub(crate) fn pretend(mut self, program: &str, shell: &str) -> Self {
        let bin = self.folder().join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join(program), format!("#!/bin/sh\n{shell}\n")).unwrap();
        fs::set_permissions(bin.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        if !self.path.starts_with(bin.to_str().unwrap()) {
            self.path = format!("{}:{}", bin.display(), self.path);
        }
        self
    }

    pub(crate) fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.insert(variable, value.to_owned());
        self
    }

    /// What an Open MPI needs that the script does not start itself.
    pub(crate) fn crowded_as_root(self) -> Self {
        let allowed = ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"];
        allowed.into_iter().fold(self, |script, variable| script.with(variable, "1"))
    }

    /// Leaves it to the script to find its launcher.
    pub(crate) fn without_mpirun_named(mut self) -> Self {
        self.launcher = None;
        self
    }

    pub(crate) fn start(&self, line: &str) -> Running {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/tema3-run");
        // A shell cannot trap what was ignored when it began: a hangup under nohup, an interrupt behind `&`.
        let mut command = outside_of_any_job(Path::new("env"));
        command.arg("--default-signal").arg(script);
        OF_A_JOB.iter().for_each(|name| _ = command.env_remove(name));
        command.env_remove("MPIRUN").envs(self.launcher.iter().map(|launcher| ("MPIRUN", launcher)));
        command.env("REAL", Launcher::get().ranks(1).get_program());
        command.env("TEMA3", env!("CARGO_BIN_EXE_tema3")).env("PATH", &self.path);
        command.envs(&self.environment).args(line.split_whitespace()).current_dir(self.folder());
        Running::start(command)
    }

    pub(crate) fn run(&self, line: &str) -> Ended {
        self.start(line).end()
    }

    /// The names in its folder, but for the inputs and the programs that pretend.
    pub(crate) fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut left: Vec<_> = names.filter(|name| !name.starts_with("in") && name != "bin").collect();
        left.sort();
        left
    }
}
