//! What the script refuses, and what it says of itself.

use super::script::Script;

fn assert_refused(script: &Script, line: &str, words: &[&str]) {
    let ended = script.run(line);
    assert_eq!((ended.code, script.left()), (2, Vec::new()), "{line}: {ended:#?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{line}: {ended:#?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{line}: no '{word}' in {}", ended.stderr);
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_a_line() {
    let script = Script::new(3, &[]);
    assert_refused(&script, "", &["how many ranks?", "usage: tema3-run"]);
    assert_refused(&script, "-np", &["-np needs a value", "usage: tema3-run"]);
    assert_refused(&script, "-np 0", &["'-np 0'"]);
    assert_refused(&script, "-np many --quiet", &["'-np many'"]);
    assert_refused(&script, "-np 3 torrent show x", &["needs no ranks", "torrent show x"]);
    assert_refused(&script, "-np 3 --status /dev/null", &["/dev/null", "a plain file"]);
    assert_refused(&script, "-np 3 --status .", &["--status .", "a plain file"]);
    assert_refused(&script, "-np 3 --launcher nowhere", &["nowhere cannot be run"]);
    let script = script.with("TEMA3", "nowhere/tema3");
    assert_refused(&script, "-np 3", &["nowhere/tema3 is not there", "make build"]);
}

#[test]
fn a_file_that_is_no_status_is_not_overwritten() {
    let script = Script::new(3, &[]);
    std::fs::write(script.folder().join("mine"), "my own").unwrap();
    let ended = script.run("-np 4 --status mine");
    assert_eq!((ended.code, script.left()), (2, vec!["mine".to_owned()]), "{ended:#?}");
    assert!(ended.stderr.contains("--status mine: that is no status of an earlier run"), "{ended:#?}");
    assert_eq!(std::fs::read(script.folder().join("mine")).unwrap(), b"my own");
}

#[test]
fn a_status_that_cannot_be_written_is_told_before_a_rank_is_started() {
    let ended = Script::new(3, &[]).run("-np 4 --status nowhere/status.json");
    assert_eq!(ended.code, 6, "{ended:#?}");
    assert!(ended.stderr.contains("nowhere/status.json cannot be written"), "{ended:#?}");
}

#[test]
fn help_is_given_without_ranks() {
    let script = Script::new(3, &[]);
    let own = script.run("--help");
    assert!(own.code == 0 && own.stdout.starts_with("usage: tema3-run [-np N]"), "{own:#?}");
    let of_stage = script.run("-np 4 stage --help");
    assert!(of_stage.code == 0 && of_stage.stdout.contains("--to <DIR>"), "{of_stage:#?}");
}
