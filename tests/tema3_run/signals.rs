//! Signals: handed on to the ranks, which end the run in good order.

use std::time::{Duration, Instant};

use super::job::{Ended, Running};
use super::script::Script;

/// So slow that there is a middle.
const SLOWLY: &str = "-np 4 --latency 40ms --output out --explain";

/// A run in which something was traded already, and much is still to come.
fn in_the_middle(script: &Script) -> Running {
    let job = script.start(SLOWLY);
    job.hear("it matches its hash", 20);
    job
}

fn assert_ended_in_good_order(ended: &Ended, script: &Script) {
    assert_eq!(ended.code, 10, "{ended:#?}");
    assert_eq!(ended.said("(exit 10)"), 1, "{ended:#?}");
    assert_eq!(ended.said("I leave: interrupted."), 4, "{ended:#?}");
    assert!(!ended.stderr.contains("was killed"), "{ended:#?}");
    assert_eq!(script.left(), [""; 0]);
}

#[test]
fn whoever_asks_for_the_end_gets_a_good_one() {
    for signal in ["-USR1", "-TERM", "-INT", "-HUP"] {
        let script = Script::new(600, &[]);
        let job = in_the_middle(&script);
        job.signal(signal);
        assert_ended_in_good_order(&job.end(), &script);
    }
}

#[test]
fn a_signal_that_comes_before_the_ranks_waits_for_them() {
    let script = Script::new(600, &[]);
    let slow = script.pretend("slow", r#"echo begins; trap 'echo died; exit 1' USR1; sleep 1; exec "$REAL" "$@""#);
    let script = slow.crowded_as_root();
    let job = script.start(&format!("--launcher slow {SLOWLY}"));
    job.hear("begins", 1);
    job.signal("-USR1");
    let ended = job.end();
    assert_eq!((ended.code, ended.said("died"), script.left()), (10, 0, Vec::new()), "{ended:#?}");
}

#[test]
fn a_signal_that_comes_while_some_ranks_are_up_waits_for_the_others() {
    let script = Script::new(600, &[]);
    let slow = format!(
        r#"case "$OMPI_COMM_WORLD_RANK$PMI_RANK" in 1) echo begins; sleep 2 ;; esac; exec {} "$@""#,
        env!("CARGO_BIN_EXE_tema3")
    );
    let script = script.pretend("slow-tema3", &slow);
    let program = script.folder().join("bin/slow-tema3");
    let script = script.with("TEMA3", program.to_str().unwrap());
    let job = script.start(SLOWLY);
    job.hear("begins", 1);
    // The fast ones are up long before.
    std::thread::sleep(Duration::from_secs(1));
    job.signal("-USR1");
    let ended = job.end();
    assert_eq!((ended.code, ended.said("I leave: interrupted."), script.left()), (10, 4, Vec::new()), "{ended:#?}");
}

#[test]
fn a_signal_that_comes_while_the_launcher_is_still_being_chosen_ends_the_script_with_its_own_code() {
    let script = Script::new(600, &[]);
    let slow = r#"if [ "$1" = --version ]; then touch in-question; sleep 1; fi; exec "$REAL" "$@""#;
    let script = script.pretend("slow", slow).crowded_as_root();
    let job = script.start(&format!("--launcher slow {SLOWLY}"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !script.folder().join("in-question").exists() {
        assert!(Instant::now() < deadline, "{:#?}", job.end());
        std::thread::sleep(Duration::from_millis(10));
    }
    job.signal("-USR1");
    let ended = job.end();
    assert_eq!((ended.code, ended.stdout.as_str(), script.left()), (10, "", Vec::new()), "{ended:#?}");
    assert!(ended.stderr.contains("before a rank was started"), "{ended:#?}");
}

#[test]
fn who_asks_twice_does_not_wait_for_a_good_end() {
    let script = Script::new(600, &[]);
    let job = in_the_middle(&script);
    job.signal("-TERM");
    job.signal("-TERM");
    let ended = job.end();
    assert_eq!((ended.code, script.left()), (10, Vec::new()), "{ended:#?}");
}
