//! What the environment says of who started this process: known before MPI is, and where MPI is not.

/// The launcher's word on this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Launch {
    /// Whether a launcher started it.
    pub by: Launcher,
    /// Its rank, where the launcher says so.
    pub rank: Option<u32>,
    /// How many ranks were started, where the launcher says so.
    pub ranks: Option<u32>,
}

/// What starts a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Launcher {
    /// mpirun, srun or another that starts ranks.
    Mpi,
    /// A shell: there is one process and no rank.
    #[default]
    Shell,
}

/// What each launcher sets for a rank it starts: its rank, then the number of ranks. Slurm's variables without a step are
/// those of a batch script, which is no rank.
const VARIABLES: [[&str; 2]; 4] = [
    ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"],
    ["PMI_RANK", "PMI_SIZE"],
    ["PMIX_RANK", "SLURM_STEP_NUM_TASKS"],
    ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS"],
];
const SLURM_STEP: &str = "SLURM_STEP_ID";

impl Launch {
    /// What this process's environment says.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from(|name| std::env::var(name).ok())
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| variable(name)?.parse().ok();
        let is_set = |[rank, _]: &[&str; 2]| number(rank).is_some() && (*rank != "SLURM_PROCID" || variable(SLURM_STEP).is_some());
        let Some([rank, ranks]) = VARIABLES.iter().find(|names| is_set(names)) else { return Self::default() };
        let ranks = number(ranks).or_else(|| number("SLURM_NTASKS"));
        Self { by: Launcher::Mpi, rank: number(rank), ranks }
    }

    /// Whether this process is the one that speaks for all. Where no launcher says otherwise, it is alone.
    #[must_use]
    pub fn is_spokesman(&self) -> bool {
        self.rank.unwrap_or(0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(environment: &[(&str, &str)]) -> Launch {
        Launch::from(|name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn by_mpi(rank: u32, ranks: Option<u32>) -> Launch {
        Launch { by: Launcher::Mpi, rank: Some(rank), ranks }
    }

    #[test]
    fn each_launcher_is_known_by_its_variables() {
        assert_eq!(launch(&[("OMPI_COMM_WORLD_RANK", "2"), ("OMPI_COMM_WORLD_SIZE", "4")]), by_mpi(2, Some(4)));
        assert_eq!(launch(&[("PMI_RANK", "2"), ("PMI_SIZE", "4")]), by_mpi(2, Some(4)));
        assert_eq!(launch(&[("PMIX_RANK", "2")]), by_mpi(2, None));
        let step = [("SLURM_PROCID", "2"), ("SLURM_STEP_ID", "0"), ("SLURM_STEP_NUM_TASKS", "3"), ("SLURM_NTASKS", "4")];
        assert_eq!(launch(&step), by_mpi(2, Some(3)));
    }

    #[test]
    fn a_shell_and_a_batch_script_are_no_launchers() {
        assert_eq!(launch(&[]), Launch::default());
        assert_eq!(launch(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]), Launch::default());
        assert_eq!(launch(&[("OMPI_COMM_WORLD_RANK", "first")]), Launch::default());
        assert!(launch(&[]).is_spokesman());
    }
}
