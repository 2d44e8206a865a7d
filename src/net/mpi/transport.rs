//! Spares Open MPI its search for a network where all ranks share a machine.

/// The parameters that Open MPI takes from the environment by which it sends through shared memory, and by TCP where that
/// cannot be. It chooses no other way on a machine without a fast network; to look for one first takes 0.2 s of the 0.27
/// that `MPI_Init` takes (4.1.4 of Debian, whose `cm` waits for PSM2).
const SHARED_MEMORY: [(&str, &str); 2] = [("OMPI_MCA_pml", "ob1"), ("OMPI_MCA_btl", "self,vader,tcp")];

/// Where one of these is set, by the user or by mpirun's `--mca`, the choice is made.
const CHOICES: [&str; 3] = ["OMPI_MCA_pml", "OMPI_MCA_btl", "OMPI_MCA_mtl"];

/// Chooses the way of all messages before MPI begins, if that needs no search. All ranks come to the same: what decides it
/// is what mpirun tells each of them alike.
pub(super) fn choose() {
    for (name, value) in choice(|name| std::env::var(name).ok()) {
        // SAFETY: the thread that begins MPI is the only one yet that could touch the environment (tests wait for it).
        unsafe { std::env::set_var(name, value) };
    }
}

fn choice(variable: impl Fn(&str) -> Option<String>) -> &'static [(&'static str, &'static str)] {
    let (here, all) = (variable("OMPI_COMM_WORLD_LOCAL_SIZE"), variable("OMPI_COMM_WORLD_SIZE"));
    let is_open = here.is_some() && here == all && !CHOICES.into_iter().any(|name| variable(name).is_some());
    if is_open { &SHARED_MEMORY } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(environment: &[(&str, &str)]) -> bool {
        let found = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        !choice(found).is_empty()
    }

    #[test]
    fn shared_memory_is_chosen_where_all_ranks_are_here() {
        assert!(chosen(&[("OMPI_COMM_WORLD_LOCAL_SIZE", "4"), ("OMPI_COMM_WORLD_SIZE", "4")]));
        assert!(!chosen(&[("OMPI_COMM_WORLD_LOCAL_SIZE", "4"), ("OMPI_COMM_WORLD_SIZE", "8")]));
        assert!(!chosen(&[]), "another launcher, or none");
    }

    #[test]
    fn who_has_chosen_is_not_overruled() {
        for name in CHOICES {
            let environment = [("OMPI_COMM_WORLD_LOCAL_SIZE", "4"), ("OMPI_COMM_WORLD_SIZE", "4"), (name, "^ucx")];
            assert!(!chosen(&environment), "{name}");
        }
    }
}
