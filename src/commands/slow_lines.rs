//! What the options ask of the ranks' lines: whether it can be, and whether it is wise.

use std::time::Duration;

use crate::cli::Lines;

/// Slower than this, ranks that trade segments may take each other for lost.
pub(super) const SLOWEST_FOR_SEGMENTS: u64 = 4_000;
/// The same for real files: over a line of half as many bytes a second pieces of 1 MiB often come twice, and a tracker that
/// sends some of them is taken for silent.
pub(super) const SLOWEST_FOR_FILES: u64 = 2_000_000;
const LONGEST_LATENCY: Duration = Duration::from_millis(300);

/// What is wrong where an option is for a rank that is not there, by the highest rank that each option names.
pub(super) fn unknown_rank<'a>(named: impl IntoIterator<Item = (&'a str, Option<u32>)>, ranks: u32) -> Option<String> {
    let mut named = named.into_iter();
    let (option, rank) = named.find_map(|(option, rank)| Some((option, rank.filter(|&rank| rank >= ranks)?)))?;
    Some(format!("{option} is for rank {rank}, but the last of {ranks} ranks is {}", ranks - 1))
}

/// Whether lines are so slow that ranks may take each other for lost.
pub(super) fn are_too_slow(lines: &Lines, slowest: u64) -> bool {
    lines.limit_up.values().chain(lines.limit_down.values()).any(|rate| rate.0 < slowest)
        || lines.latency.values().any(|span| span.0 > LONGEST_LATENCY)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn lines(line: &str) -> Lines {
        Cli::try_parse_from(line.split(' ')).unwrap().assignment.lines
    }

    #[test]
    fn a_limit_for_a_rank_that_is_not_there_is_named() {
        let named = [("--limit-up", Some(2)), ("--limit-down", None), ("--latency", Some(9))];
        let wrong = unknown_rank(named, 4);
        assert_eq!(wrong.as_deref(), Some("--latency is for rank 9, but the last of 4 ranks is 3"));
        assert_eq!(unknown_rank(named, 10), None);
    }

    #[test]
    fn slow_is_under_4_kilobytes_a_second_or_over_300_milliseconds() {
        for slow in ["--limit-up 3999", "--limit-down 2=1K", "--latency 1=301ms"] {
            assert!(are_too_slow(&lines(&format!("tema3 {slow}")), SLOWEST_FOR_SEGMENTS), "{slow}");
        }
        assert!(!are_too_slow(&lines("tema3 --limit-up 4K --limit-down 2=1M --latency 300ms"), SLOWEST_FOR_SEGMENTS));
    }
}
