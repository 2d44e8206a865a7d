//! What a staging shows of itself, meanwhile and at its end.

use serde_json::Value;

use super::program::stage;
use super::trees::plain;

/// A staging of 2 MiB that takes about so many seconds, for rank 2 twice as many as for rank 1.
fn slow(seconds: u32, options: &str) -> (tempfile::TempDir, String) {
    let folder = plain(&[2 << 20]);
    let (fast, slow) = ((4 << 20) / seconds, (2 << 20) / seconds);
    let line = format!("data --to out/{{rank}} --from-ranks 0 --for 1-2 --limit-down 1={fast},2={slow}");
    let ended = stage(3, folder.path(), &format!("{line} --piece-length 16K {options}")).well();
    (folder, ended.stdout)
}

#[test]
fn off_a_terminal_a_line_every_few_seconds_says_how_far_it_is_and_who_is_behind() {
    let (_folder, said) = slow(7, "");
    let line = said.lines().next().unwrap();
    assert!(line.starts_with("staged ") && line.contains(" of 2.00 MiB a node), "), "{said}");
    assert!(line.contains("/s, ") && line.contains("s left, slowest: rank 2 on "), "{said}");
}

#[test]
fn a_bar_says_the_same_and_a_quiet_run_nothing() {
    let (_folder, said) = slow(2, "--progress always");
    assert!(said.contains("=> ") && said.contains(" slowest: rank 2 on ") && said.contains("s left"), "{said:?}");
    let (_folder, said) = slow(2, "--quiet");
    assert_eq!(said, "");
}

#[test]
fn the_table_says_who_got_what_from_whom_and_the_lines_below_what_that_comes_to() {
    let folder = plain(&[2 << 20]);
    let line = "data --to out/{rank} --from-ranks 0 --for 1-2 --piece-length 16K --limit-read 0=2M";
    let ended = stage(3, folder.path(), line).well();
    let row = |rank: &str| ended.stdout.lines().find(|line| line.trim_start().starts_with(rank)).unwrap();
    assert!(row("0 ").contains(" 0 B     -") && row("1 ").contains("0, 2") && row("2 ").contains("0, 1"), "{ended:#?}");
    let source = "the source, 2.00 MiB, was read 1.00 times; its origins (rank 0) sent 1.";
    assert_eq!(ended.said(source), 1, "{ended:#?}");
    assert_eq!(ended.said("with these limits 1.05 s is the least: this took "), 1, "{ended:#?}");
    let unlimited = stage(3, folder.path(), "data --to new/{rank}").well();
    assert_eq!(unlimited.said("with these limits"), 0, "{unlimited:#?}");
}

#[test]
fn the_events_name_portions_of_the_tree_and_lists_on_either_side() {
    let folder = plain(&[300_000, 20_000]);
    let line = "data --to out/{rank} --from-ranks 0 --for 1-2 --piece-length 16K --events events";
    stage(3, folder.path(), line).well();
    let named = |rank: u32, event: &str| -> Vec<String> {
        let lines = std::fs::read_to_string(folder.path().join(format!("events/rank{rank}.jsonl"))).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).map(|line| line["file"].as_str().unwrap().to_owned()).collect()
    };
    for (rank, event) in [(0, "served"), (1, "segment"), (2, "segment")] {
        let named = named(rank, event);
        assert!(named.contains(&"listing/00000000".into()) || rank > 0, "{named:?}");
        assert!(named.contains(&"tree/00000000".into()), "{named:?}");
        assert!(named.iter().all(|file| file.starts_with("tree/") || file.starts_with("listing/")), "{named:?}");
    }
}
