//! How the program answers where it is not used as it is meant to be.

use super::job::{Job, run_alone};

#[test]
fn too_few_ranks_end_with_one_clear_line() {
    // RELIABILITY row 36.
    let folder = tempfile::tempdir().unwrap();
    for ranks in [1, 2] {
        let ended = Job::new(ranks, folder.path()).run();
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        let ours: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("tema3:")).collect();
        assert_eq!(ours.len(), 1, "{}", ended.stderr);
        assert!(ours[0].contains("mpirun -np N"), "{}", ours[0]);
    }
}

#[test]
fn without_mpirun_it_ends_with_one_clear_line() {
    // RELIABILITY row 36.
    let folder = tempfile::tempdir().unwrap();
    let ended = run_alone::<&str>(folder.path(), []);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("mpirun -np N"), "{}", ended.stderr);
}

#[test]
fn help_is_printed_once_with_and_without_mpirun() {
    let folder = tempfile::tempdir().unwrap();
    for ended in [run_alone(folder.path(), ["--help"]), Job::new(3, folder.path()).with(["--help"]).run()] {
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stdout.matches("Exit codes:").count(), 1, "{}", ended.stdout);
    }
}

#[test]
fn a_word_that_is_not_understood_is_explained_once() {
    let folder = tempfile::tempdir().unwrap();
    for ended in [run_alone(folder.path(), ["--wat"]), Job::new(3, folder.path()).with(["--wat"]).run()] {
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert_eq!(ended.stderr.matches("'--wat'").count(), 1, "{}", ended.stderr);
    }
}

#[test]
fn commands_that_need_no_mpi_run_without_mpirun() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run_alone(folder.path(), ["generate", "made", "--clients", "2", "--files", "1"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(folder.path().join("made/in2.txt").exists());
    let again = run_alone(folder.path(), ["generate", "made"]);
    assert_eq!(again.code, 2, "{}", again.stderr);
}
