//! In a job of Slurm's: its own launcher, where that can start the MPI of the program.

use std::fs;

use super::script::Script;

/// Notes its arguments, and starts the ranks by another launcher, which must not believe that it is in a job.
const SRUN: &str = r#"
if [ "$1" = --mpi=list ]; then echo "MPI plugin types are..."; echo "	none"; echo "	$PLUGINS"; exit; fi >&2
printf '%s\n' "$SLURM_OVERLAP $*" > srun.arguments
while [ "$1" != -n ]; do shift; done
ranks=$2
shift 2
while [ "${1#--}" != "$1" ]; do shift; done
unset SLURM_JOB_ID SLURM_NTASKS
exec "$REAL" -np "$ranks" "$@""#;

/// A job of four tasks; an Open MPI that a stranger starts needs to be told more.
fn in_a_job() -> Script {
    Script::new(12, &[]).pretend("srun", SRUN).with("SLURM_JOB_ID", "7").with("SLURM_NTASKS", "4").crowded_as_root()
}

/// What srun was told, up to the program.
fn told(script: &Script) -> Option<String> {
    let told = fs::read_to_string(script.folder().join("srun.arguments")).ok()?;
    Some(told.split(env!("CARGO_BIN_EXE_tema3")).next().unwrap().trim().to_owned())
}

#[test]
fn srun_starts_as_many_ranks_as_the_job_has_tasks_by_the_plugin_of_this_mpi() {
    let script = in_a_job().without_mpirun_named().with("PLUGINS", "pmi2 pmix");
    let ended = script.run("--output out --quiet");
    assert_eq!(ended.code, 0, "{ended:#?}");
    let told = told(&script).expect("srun was started");
    assert!(["--mpi=pmix -n 4", "--mpi=pmi2 -n 4"].contains(&told.as_str()), "{told}");
}

/// Notes its arguments, in place of whichever mpirun the script would take.
const MPIRUN: &str = r#"
if [ "$1" = --version ]; then exec "$REAL" --version; fi
printf '%s\n' "$*" > mpirun.arguments"#;

#[test]
fn in_a_job_that_was_given_nodes_and_no_tasks_there_is_a_rank_a_node() {
    let job = || Script::new(12, &[]).pretend("srun", SRUN).with("SLURM_JOB_ID", "7").with("SLURM_JOB_NUM_NODES", "3");
    let by_srun = job().crowded_as_root().without_mpirun_named().with("PLUGINS", "pmi2 pmix");
    by_srun.make_tree("in-data");
    let ended = by_srun.run("stage in-data --to out/{rank} --quiet");
    assert_eq!(ended.code, 0, "{ended:#?}");
    assert!(told(&by_srun).is_some_and(|told| told.ends_with("-n 3")), "{:?}", told(&by_srun));

    // An mpirun that is not told so puts all of them on the first node.
    for (per_node, ranks) in [(None, "3"), (Some("2"), "6")] {
        let by_mpirun = job().without_mpirun_named().with("PLUGINS", "cray");
        let by_mpirun = ["mpirun", "mpirun.openmpi", "mpirun.mpich"].into_iter().fold(by_mpirun, |script, name| {
            script.pretend(name, MPIRUN).with("SLURM_NTASKS_PER_NODE", per_node.unwrap_or_default())
        });
        by_mpirun.run("--output out");
        let told = fs::read_to_string(by_mpirun.folder().join("mpirun.arguments")).unwrap();
        let each = per_node.unwrap_or("1");
        let expected =
            [format!("--map-by ppr:{each}:node -np {ranks} "), format!("-launcher slurm -ppn {each} -np {ranks} ")];
        assert!(expected.iter().any(|start| told.starts_with(start)), "{told}");
    }
}

#[test]
fn options_for_srun_are_passed_on_and_so_is_another_number_of_ranks() {
    let script = in_a_job().without_mpirun_named().with("SLURM_MPI_TYPE", "special");
    script.make_tree("in-data");
    let ended = script.run("-np 2 --pass=--exclusive --pass --overlap stage in-data --to out/{rank} --quiet");
    assert_eq!((ended.code, told(&script).as_deref()), (0, Some("-n 2 --exclusive --overlap")), "{ended:#?}");
}

#[test]
fn an_srun_that_cannot_start_this_mpi_is_left_alone() {
    let script = in_a_job().without_mpirun_named().with("PLUGINS", "cray").pretend("mpirun.openmpi", "exit 9");
    let script = script.pretend("mpirun.mpich", "exit 9").pretend("mpirun", "exit 9");
    let ended = script.run("--output out");
    assert_eq!((ended.code, told(&script)), (77, None), "{ended:#?}");
    assert!(ended.stderr.contains("no rank came up"), "{ended:#?}");
}

#[test]
fn within_a_step_srun_shares_its_room_and_takes_the_plugin_of_this_mpi_all_the_same() {
    // Slurm itself set the type there, and a second step that may not share would wait for ever.
    let script = in_a_job().without_mpirun_named().with("PLUGINS", "pmi2 pmix");
    let script = script.with("SLURM_STEP_ID", "4294967290").with("SLURM_MPI_TYPE", "none");
    let ended = script.run("--output out --quiet");
    assert_eq!(ended.code, 0, "{ended:#?}");
    let told = told(&script).expect("srun was started");
    assert!(["1 --mpi=pmix -n 4", "1 --mpi=pmi2 -n 4"].contains(&told.as_str()), "{told}");
}
