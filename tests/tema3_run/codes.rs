//! The exit code: what the ranks agreed on, whatever the launcher returns.

use std::fs;

use tema3::assignment::Twist;

use super::script::Script;

#[test]
fn a_run_that_goes_well_returns_0_and_leaves_its_outputs_alone() {
    let script = Script::new(12, &[]);
    let ended = script.run("-np 4 --output out");
    assert_eq!((ended.code, script.left()), (0, vec!["out".to_owned()]), "{ended:#?}");
    assert!(!ended.stderr.contains("tema3-run"), "{ended:#?}");
}

#[test]
fn a_run_that_ends_otherwise_returns_its_own_code() {
    for (twist, code) in [(Twist::Unowned, 4), (Twist::BadCount, 3)] {
        let script = Script::new(12, &[twist]);
        let ended = script.run("-np 4 --output out --quiet");
        assert_eq!(ended.code, code, "{ended:#?}");
        assert!(script.left().iter().all(|name| name == "out"), "{:?}", script.left());
    }
}

#[test]
fn files_are_staged_as_the_assignment_is_run() {
    let script = Script::new(12, &[]);
    script.make_tree("in-data");
    let ended = script.run("-np 2 stage in-data --to out/{rank}");
    assert_eq!((ended.code, script.left()), (0, vec!["out".to_owned()]), "{ended:#?}");
    assert!(script.folder().join("out/1/in-data/file").exists());
}

#[test]
fn the_code_of_a_launcher_that_knows_no_better_is_set_right() {
    for code in [0, 137] {
        let ended = Script::new(12, &[Twist::Unowned])
            .pretend("careless", &format!(r#""$REAL" "$@"; exit {code}"#))
            .crowded_as_root()
            .run("--launcher careless -np 4 --output out --quiet");
        assert_eq!(ended.code, 4, "{ended:#?}");
        let told = format!("careless returned {code}; what counts is what the ranks agreed on: 4");
        assert_eq!(ended.stderr.matches(&told).count(), 1, "{ended:#?}");
    }
}

#[test]
fn a_status_file_that_was_asked_for_is_written_and_stays() {
    let script = Script::new(12, &[Twist::Unowned]);
    for words in ["--status told", "--status=told"] {
        fs::write(script.folder().join("told"), r#"{"v":1,"code":0,"meaning":"complete and verified"}"#).unwrap();
        let ended = script.run(&format!("-np 4 --output out --quiet {words}"));
        assert_eq!((ended.code, script.left()), (4, vec!["out".to_owned(), "told".to_owned()]), "{ended:#?}");
        assert!(fs::read_to_string(script.folder().join("told")).unwrap().contains("\"code\":4"));
    }
}

#[test]
fn a_job_that_was_killed_is_told_apart_from_one_that_ended() {
    let script = Script::new(600, &[]).pretend("killed", r#"exec timeout -s KILL 3 "$REAL" "$@""#).crowded_as_root();
    // An Open MPI that is killed cannot clear anything away: neither its folder nor shared memory, which it does without here.
    let own = script.folder().join("bin").to_str().unwrap().to_owned();
    let script = script.with("TMPDIR", &own).with("OMPI_MCA_btl", "self,tcp");
    for words in ["", "--status told"] {
        let ended = script.run(&format!("--launcher killed -np 4 --latency 40ms --output out {words}"));
        assert_eq!(ended.code, 10, "{ended:#?}");
        assert_eq!(
            ended.stderr.matches("the job was killed before it could say how it ended").count(),
            1,
            "{ended:#?}"
        );
        assert_eq!(script.left(), [""; 0]);
    }
}

#[test]
fn a_job_of_which_no_rank_came_up_is_told_apart_from_one_that_was_killed() {
    let script = Script::new(12, &[]).pretend("broken", "echo no nodes >&2; exit 1");
    for words in ["", "--status told"] {
        let ended = script.run(&format!("--launcher broken -np 4 {words}"));
        assert_eq!(ended.code, 77, "{ended:#?}");
        assert!(ended.stderr.contains("no nodes") && ended.stderr.contains("no rank came up"), "{ended:#?}");
        assert_eq!(script.left(), [""; 0]);
    }
}

#[test]
fn what_the_ranks_say_before_there_is_a_status_counts_too() {
    let script = Script::new(12, &[]);
    for line in ["-np 2", "-np 4 --wat"] {
        let ended = script.run(line);
        assert_eq!((ended.code, script.left()), (2, Vec::new()), "{ended:#?}");
    }
}
