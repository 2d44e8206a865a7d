//! How far a staging is, as it is shown meanwhile.

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
