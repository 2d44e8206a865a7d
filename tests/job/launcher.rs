//! The launcher of MPI programs: `MPIRUN`, which must be of the MPI that the program was built with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a launcher sets for its ranks: a test under mpirun must not hand its own on.
const OF_A_RANK: [&str; 9] = [
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK",
    "PMI_SIZE",
    "PMIX_RANK",
    "SLURM_PROCID",
    "SLURM_STEP_ID",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_NTASKS",
];

/// The launcher, and of which MPI it is.
pub(crate) struct Launcher {
    program: PathBuf,
    pub(crate) kind: Kind,
}

#[derive(PartialEq, Eq)]
pub(crate) enum Kind {
    OpenMpi,
    Other,
}

impl Launcher {
    /// The one that this run of the tests uses.
    pub(crate) fn get() -> &'static Self {
        static LAUNCHER: OnceLock<Launcher> = OnceLock::new();
        LAUNCHER.get_or_init(|| {
            let names =
                std::env::var("MPIRUN").map_or(vec!["mpirun.openmpi".into(), "mpirun".into()], |name| vec![name]);
            let version = |name: &String| Command::new(name).arg("--version").output().ok();
            let found = names.iter().find_map(|name| Some((name, version(name)?)));
            let (name, version) = found.unwrap_or_else(|| panic!("none of {names:?} can be run; set MPIRUN"));
            let is_open_mpi = String::from_utf8_lossy(&version.stdout).contains("open-mpi.org");
            Self { program: name.into(), kind: if is_open_mpi { Kind::OpenMpi } else { Kind::Other } }
        })
    }

    /// The start of a command that runs so many ranks.
    pub(crate) fn ranks(&self, ranks: u32) -> Command {
        let mut command = outside_of_any_job(&self.program);
        if self.kind == Kind::OpenMpi {
            command.arg("--oversubscribe");
            command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
        }
        command.args(["-np", &ranks.to_string()]);
        command
    }
}

/// A program that does not see in which job this test may itself be running.
pub(crate) fn outside_of_any_job(program: &Path) -> Command {
    let mut command = Command::new(program);
    OF_A_RANK.iter().for_each(|name| _ = command.env_remove(name));
    command
}
