//! What the environment says of who started this process: known before MPI is, and where MPI is not.

/// The launcher's word on this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launch {
    /// mpirun, srun or another launcher started it as this rank.
    Rank(u32),
    /// A shell did: there is one process and no rank.
    Alone,
}

/// What each launcher calls the rank that it starts.
const RANKS: [&str; 4] = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"];
/// The number of processes that Slurm started together. A batch script has a `SLURM_PROCID` without it; and a process that
/// was started alone is mostly a shell (`srun --pty bash`, that of an salloc), whose children have all that it has.
const SLURM_RANKS: &str = "SLURM_STEP_NUM_TASKS";

impl Launch {
    /// What this process's environment says.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from(|name| std::env::var(name).ok())
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Self {
        let slurm_started_several =
            variable(SLURM_RANKS).and_then(|ranks| ranks.parse::<u32>().ok()).is_some_and(|ranks| ranks > 1);
        let is_meant = |name: &&str| *name != "SLURM_PROCID" || slurm_started_several;
        let mut ranks = RANKS.iter().filter(|name| is_meant(name)).filter_map(|name| variable(name)?.parse().ok());
        ranks.next().map_or(Self::Alone, Self::Rank)
    }

    /// The rank, where there is one.
    #[must_use]
    pub fn rank(self) -> Option<u32> {
        match self {
            Self::Rank(rank) => Some(rank),
            Self::Alone => None,
        }
    }

    /// Whether this process says what all would say.
    #[must_use]
    pub fn speaks_for_all(self) -> bool {
        matches!(self, Self::Alone | Self::Rank(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(environment: &[(&str, &str)]) -> Launch {
        Launch::from(|name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn each_launcher_is_known_by_its_variables() {
        for name in ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"] {
            assert_eq!(launch(&[(name, "2")]), Launch::Rank(2), "{name}");
        }
        assert_eq!(launch(&[("SLURM_PROCID", "2"), ("SLURM_STEP_NUM_TASKS", "4")]), Launch::Rank(2));
    }

    #[test]
    fn a_shell_and_a_batch_script_are_no_launchers() {
        assert_eq!(launch(&[]), Launch::Alone);
        assert_eq!(launch(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]), Launch::Alone);
        let shell_of_salloc = [("SLURM_PROCID", "0"), ("SLURM_STEP_ID", "4294967290"), ("SLURM_STEP_NUM_TASKS", "1")];
        assert_eq!(launch(&shell_of_salloc), Launch::Alone);
        assert_eq!(launch(&[("OMPI_COMM_WORLD_RANK", "first")]), Launch::Alone);
    }

    #[test]
    fn one_process_speaks_for_all() {
        assert!(Launch::Alone.speaks_for_all() && Launch::Rank(0).speaks_for_all());
        assert!(!Launch::Rank(1).speaks_for_all());
    }
}
