//! How many ranks the launcher started, and how many of them share this machine's cores.

use super::backoff::Backoff;

/// What Open MPI and MPICH call the number of ranks on one machine.
const LOCAL_RANKS: [&str; 2] = ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"];

/// Variables that a launcher sets for each rank that it starts, and only for those, with that which holds their number.
const LAUNCHERS: [(&str, &str, &str); 3] = [
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "mpirun"),
    ("PMI_RANK", "PMI_SIZE", "mpirun"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "srun"),
];

/// The back-off for a job of so many ranks.
pub(super) fn backoff(world: u32) -> Backoff {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    Backoff::new(local_ranks(world), cores)
}

/// How many of so many ranks share this machine; all, where the launcher does not say.
pub(super) fn local_ranks(world: u32) -> u32 {
    LOCAL_RANKS.into_iter().find_map(number).unwrap_or(world)
}

/// How many ranks were started and by whom, where it is more than one.
pub(super) fn launched() -> Option<(u32, &'static str)> {
    LAUNCHERS.into_iter().find_map(|(rank, size, launcher)| {
        number(rank)?;
        number(size).filter(|&ranks| ranks > 1).map(|ranks| (ranks, launcher))
    })
}

fn number(variable: &str) -> Option<u32> {
    std::env::var(variable).ok()?.parse().ok()
}
