//! How many ranks the launcher started, and how many of them share this machine's cores.

use super::backoff::Backoff;

/// What the mpirun of Open MPI and that of MPICH call the number of ranks on one machine.
const LOCAL_RANKS: [&str; 2] = ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"];
/// What Slurm's srun says instead: how many ranks each node has, as `2(x3),1`, and which node this is.
const RANKS_OF_NODES: &str = "SLURM_STEP_TASKS_PER_NODE";
const NODE: &str = "SLURM_NODEID";

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
    local_ranks_by(|name| std::env::var(name).ok()).unwrap_or(world)
}

fn local_ranks_by(variable: impl Fn(&str) -> Option<String>) -> Option<u32> {
    let by_mpirun = LOCAL_RANKS.into_iter().find_map(|name| variable(name)?.parse().ok());
    by_mpirun.or_else(|| ranks_of_node(&variable(RANKS_OF_NODES)?, variable(NODE)?.parse().ok()?))
}

/// Finds one node's number in Slurm's list.
fn ranks_of_node(list: &str, node: usize) -> Option<u32> {
    let mut first = 0_usize;
    for entry in list.split(',') {
        let (ranks, nodes) = match entry.split_once("(x") {
            Some((ranks, nodes)) => (ranks, nodes.strip_suffix(')')?.parse().ok()?),
            None => (entry, 1),
        };
        first = first.checked_add(nodes)?;
        if node < first {
            return ranks.parse().ok();
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(environment: &[(&str, &str)]) -> Option<u32> {
        local_ranks_by(|name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn srun_says_it_for_all_nodes_at_once() {
        for (node, ranks) in [("0", Some(2)), ("2", Some(2)), ("3", Some(1)), ("4", Some(16)), ("5", None)] {
            let environment = [("SLURM_STEP_TASKS_PER_NODE", "2(x3),1,16"), ("SLURM_NODEID", node)];
            assert_eq!(told(&environment), ranks, "node {node}");
        }
    }

    #[test]
    fn an_mpirun_within_a_job_of_slurms_knows_better() {
        let slurm = [("SLURM_STEP_TASKS_PER_NODE", "1(x3)"), ("SLURM_NODEID", "0")];
        for name in LOCAL_RANKS {
            assert_eq!(told(&[slurm[0], slurm[1], (name, "4")]), Some(4), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_understood_says_nothing() {
        assert_eq!(told(&[]), None);
        for list in ["", "2(x", "2(x3", "2(xmany)", "few", "1(x2),1(x18446744073709551615)"] {
            assert_eq!(told(&[("SLURM_STEP_TASKS_PER_NODE", list), ("SLURM_NODEID", "2")]), None, "{list}");
        }
    }
}
