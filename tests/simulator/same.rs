//! The same seed gives the same events, at the same times, everywhere.

use std::process::Command;

use tema3::sim::{Case, Digest, simulate};

const SEEDS: std::ops::Range<u64> = 500..540;
/// Set in the second process, which prints its digest.
const SECOND: &str = "TEMA3_TEST_SECOND_PROCESS";
const NAME: &str = "same::row_41_two_processes_see_the_same_events";

fn digest() -> String {
    let mut digest = Digest::default();
    for seed in SEEDS {
        simulate(&Case::of(seed).scenario(), &mut digest);
    }
    digest.hex()
}

#[test]
fn row_41_two_runs_of_a_seed_have_the_same_events() {
    assert_eq!(digest(), digest());
}

#[test]
fn row_41_two_processes_see_the_same_events() {
    let own = digest();
    if std::env::var_os(SECOND).is_some() {
        println!("digest {own}");
        return;
    }
    let program = std::env::current_exe().expect("a test has a program");
    let second = Command::new(program)
        .args(["--exact", NAME, "--nocapture"])
        .env(SECOND, "1")
        .output()
        .expect("the second process starts");
    let output = String::from_utf8_lossy(&second.stdout);
    assert!(output.contains(&format!("digest {own}")), "{own} is not in:\n{output}");
}

#[test]
fn other_seeds_have_other_events() {
    let digest_of = |seed| {
        let mut digest = Digest::default();
        simulate(&Case::of(seed).scenario(), &mut digest);
        digest.hex()
    };
    assert_ne!(digest_of(1), digest_of(2));
}
