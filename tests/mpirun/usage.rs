//! How the program answers where it is not used as it is meant to be.

use super::program::{Job, run_alone, run_under_another_launcher};

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
fn a_launcher_of_another_mpi_ends_with_77() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run_under_another_launcher(folder.path());
    assert_eq!(ended.code, 77, "{}", ended.stderr);
    assert!(ended.stderr.contains("the launcher started 4 ranks, but MPI shows only one"), "{}", ended.stderr);
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
    assert!(ended.stdout.contains("-np 3 ") && ended.stdout.contains("--oversubscribe"), "{}", ended.stdout);
    let again = run_alone(folder.path(), ["generate", "made"]);
    assert_eq!(again.code, 2, "{}", again.stderr);
}

#[test]
fn a_soak_ends_with_one_line_that_counts() {
    let folder = tempfile::tempdir().unwrap();
    let one = run_alone(folder.path(), ["soak", "--case", "1/clients=2/pieces=1/without=poison"]);
    assert!(one.stdout.contains("rank 0 hears Start"), "{}", one.stdout);
    let none = run_alone(folder.path(), ["soak", "--swarms", "0"]);
    assert_eq!(none.code, 0, "{}", none.stderr);
    assert!(none.stdout.ends_with("0 lost, 0 wrong, 0 stuck\n"), "{}", none.stdout);
}

#[test]
fn a_folder_without_records_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run_alone(folder.path(), ["replay", "."]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("--record DIR"), "{}", ended.stderr);
}

#[test]
fn a_folder_that_lacks_the_record_of_rank_0_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rank1.record"), "").unwrap();
    let ended = run_alone(folder.path(), ["replay", "."]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("rank0.record is missing"), "{}", ended.stderr);
}

#[test]
fn a_limit_for_a_rank_that_is_not_there_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Job::new(3, folder.path()).with(["--limit-up", "9=1K"]).run();
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("--limit-up is for rank 9").count(), 1, "{}", ended.stderr);
}

#[test]
fn what_is_no_folder_or_no_record_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("damaged")).unwrap();
    std::fs::write(folder.path().join("damaged/rank0.record"), "in1.txt").unwrap();
    for (place, what) in [
        ("nowhere", "nowhere: No such file"),
        ("damaged/rank0.record", "rank0.record: Not a directory"),
        ("damaged", "damaged/rank0.record: this is no record of tema3"),
    ] {
        let ended = run_alone(folder.path(), ["replay", place]);
        assert_eq!(ended.code, 3, "{place}: {ended:?}");
        assert!(ended.stderr.contains(what) && ended.stderr.contains("--record DIR"), "{place}: {ended:?}");
    }
}

#[test]
fn a_command_that_needs_no_mpi_is_done_once_under_mpirun() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Job::new(3, folder.path()).with(["generate", "made"]).run();
    assert_eq!((ended.code, ended.said("made made: ")), (0, 1), "{ended:?}");
}

#[test]
fn a_folder_without_inputs_is_told_with_the_option_that_names_another() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Job::new(3, folder.path()).with(["--input", "nowhere"]).run();
    assert_eq!(ended.code, 3, "{ended:?}");
    for client in [1, 2] {
        let missing = format!("nowhere/in{client}.txt: cannot read: No such file");
        assert_eq!(ended.stderr.matches(&missing).count(), 1, "{ended:?}");
    }
    assert!(ended.stderr.contains("--input names their folder"), "{ended:?}");
}
