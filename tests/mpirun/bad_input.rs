//! Inputs that cannot be used: exit code 3 on all ranks, one line that says where, and no output.

use std::time::Duration;

use tema3::assignment::Twist;

use super::job::Ended;
use super::stories::small;
use super::swarm_folder::{Layout, Run};

/// A hang would take for ever, a time-out 20 s; MPI itself starts within a second or two on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Runs three clients of which the second has this input, or none.
fn run_with(input: Option<&[u8]>) -> Run {
    small(&[]).with_input(2, input).run(Layout::InAndOut, &[])
}

/// The one line of ours that names the input.
fn complaint(ended: &Ended) -> String {
    let ours: Vec<_> = ended.stderr.lines().filter(|line| line.contains("in2.txt")).collect();
    assert_eq!(ours.len(), 1, "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ours[0].to_owned()
}

fn check(input: Option<&[u8]>, place: &str) {
    let run = run_with(input);
    let shown = input.map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned());
    assert_eq!(run.ended.code, 3, "{shown:?}: {}", run.ended.stderr);
    let complaint = complaint(&run.ended);
    assert!(complaint.starts_with(&format!("in/{place}")), "{shown:?}: {complaint}");
    assert!(run.outputs.is_empty(), "{shown:?}: {:?}", run.outputs.keys());
    assert!(run.ended.took < AT_ONCE, "{shown:?}: {:?}", run.ended.took);
}

#[test]
fn a_missing_input_ends_the_run_on_all_ranks() {
    // RELIABILITY row 7.
    check(None, "in2.txt: cannot read: No such file");
}

#[test]
fn an_input_that_is_a_folder_ends_the_run() {
    // RELIABILITY row 7: unreadable also for root.
    let swarm = small(&[]).with_input(2, None);
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("in");
    std::fs::create_dir_all(inputs.join("in2.txt")).unwrap();
    for (client, bytes) in &swarm.inputs {
        std::fs::write(inputs.join(format!("in{client}.txt")), bytes).unwrap();
    }
    let ended = super::program::Job::new(swarm.ranks, folder.path()).with(["--input", "in", "--output", "out"]).run();
    assert_eq!(ended.code, 3);
    assert!(complaint(&ended).starts_with("in/in2.txt: cannot read: not a regular file"));
}

#[test]
fn counts_that_cannot_be_are_named_with_their_line() {
    // RELIABILITY row 7.
    for (input, place) in [
        ("1\nmine 999999999999\nhash\n0", "in2.txt:2: "),
        ("1\nmine 9223372036854775808\nhash\n0", "in2.txt:2: "),
        ("-1\n0", "in2.txt:1: "),
        ("0\n-9223372036854775808", "in2.txt:2: "),
        ("two\n0", "in2.txt:1: "),
        ("1\nmine 3\nhash\nhash\n0", "in2.txt:6: "),
        ("1\nmine 4\nhash\nhash\n0", "in2.txt:2: "),
        ("1\nmine 1\ntwo words\n0", "in2.txt:3: "),
        ("", "in2.txt:1: "),
    ] {
        check(Some(input.as_bytes()), place);
    }
}

#[test]
fn an_input_cut_in_the_middle_is_refused() {
    // RELIABILITY row 7.
    let whole = &small(&[]).inputs[&2];
    check(Some(&whole[..whole.len() / 2]), "in2.txt:");
}

#[test]
fn names_that_lead_elsewhere_are_refused_and_nothing_is_written_there() {
    // RELIABILITY row 8.
    let too_long = "x".repeat(256);
    for name in ["../x", "/abs", "a/b", ".", "..", "a\0b", &too_long] {
        check(Some(format!("0\n1\n{name}").as_bytes()), "in2.txt:3: ");
    }
    check(Some(b"0\n1\n\xff\xfe"), "in2.txt:3: ");
    check(Some(b"0\n2\n\nx"), "in2.txt:3: ");
    check(Some(b"1\n 0\n0"), "in2.txt:2: ");
    let run = small(&[Twist::PathName]).run(Layout::InAndOut, &[]);
    assert!(!run.folder.path().join("escape").exists() && !run.folder.path().join("client2_..").exists());
}

#[test]
fn names_that_only_look_strange_are_written_into_the_folder() {
    // RELIABILITY row 8.
    let mut swarm = small(&[]);
    let names = ["client1_x", "...", "-rf", "a\\b", "\u{1f980} and blanks"];
    let listed = names.map(|name| format!("{name} 1\nhash")).join("\n");
    swarm.inputs.insert(1, format!("5\n{listed}\n0").into_bytes());
    swarm.inputs.insert(2, format!("0\n5\n{}", names.join("\n")).into_bytes());
    swarm.inputs.insert(3, b"0\n0".to_vec());
    swarm.expected = names.map(|name| (format!("client2_{name}"), b"hash".to_vec())).into();
    swarm.check(Layout::InAndOut);
}

#[test]
fn the_complaint_is_our_last_line() {
    let run = run_with(Some(b"-1\n0"));
    let complaint = complaint(&run.ended);
    let after = run.ended.stderr.split(&complaint).nth(1).unwrap_or_default();
    assert!(!after.contains("tema3:"), "{}", run.ended.stderr);
    assert!(!run.ended.stdout.contains("client"), "no table of a run that was none: {}", run.ended.stdout);
}
