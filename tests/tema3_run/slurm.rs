//! In a job of Slurm's: its own launcher, where that can start the MPI of the program.

use std::fs;

use super::script::Script;

/// Notes its arguments, and starts the ranks by another launcher, which must not believe that it is in a job.
const SRUN: &str = r#"
if [ "$1" = --mpi=list ]; then echo "MPI plugin types are..."; echo "	none"; echo "	$PLUGINS"; exit; fi >&2
printf '%s\n' "$*" > srun.arguments
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
fn within_a_step_of_a_job_there_is_no_other_srun() {
    let script = in_a_job().without_mpirun_named().with("PLUGINS", "pmi2 pmix").with("SLURM_STEP_ID", "0");
    let script =
        script.pretend("mpirun.openmpi", "exit 9").pretend("mpirun.mpich", "exit 9").pretend("mpirun", "exit 9");
    assert_eq!((script.run("--output out").code, told(&script)), (77, None));
}
