//! What is said of a command line that is not understood: what is wrong, where, and where to read on.

use std::ffi::OsString;

use clap::CommandFactory;

use crate::cli::Cli;

/// The last line of clap's own text: it does not say whose help it means.
const CLAPS_LAST: &str = "For more information";

/// Says what clap found wrong with these words, without blank lines: there is enough around it under mpirun.
pub(super) fn explain(error: &clap::Error, words: &[OsString]) -> String {
    let whole = error.render().to_string();
    let whole = whole.strip_prefix("error: ").unwrap_or(&whole);
    let lines = whole.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(CLAPS_LAST));
    let told = lines.collect::<Vec<_>>().join("\n");
    format!("{told}\n{} --help tells more", program(words))
}

/// The program, with its command, and that one's own, where these words name them.
fn program(words: &[OsString]) -> String {
    let (mut told, mut line) = ("./tema3".to_owned(), &Cli::command());
    for word in words.iter().skip(1) {
        if let Some(command) = line.get_subcommands().find(|command| command.get_name() == word) {
            told = format!("{told} {}", command.get_name());
            line = command;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn told(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        explain(&Cli::try_parse_from(&words).unwrap_err(), &words)
    }

    #[test]
    fn a_wrong_number_is_told_with_its_option_and_what_to_write() {
        for value in ["x", "-1", "1.5"] {
            assert_eq!(
                told(&format!("tema3 soak --swarms {value}")),
                format!(
                    "invalid value '{value}' for '--swarms <N>': '{value}' is not a whole number; write digits alone, as \
                     1000\n./tema3 soak --help tells more"
                )
            );
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_named_with_how_it_is_used() {
        let missing = told("tema3 generate");
        assert!(missing.contains("<DIR>") && missing.contains("Usage: ./tema3 generate <DIR>"), "{missing}");
        let unknown = told("tema3 --bogus");
        assert!(unknown.contains("'--bogus'") && unknown.contains("mpirun -np N ./tema3"), "{unknown}");
        assert!(unknown.ends_with("\n./tema3 --help tells more"), "{unknown}");
    }

    #[test]
    fn the_help_that_tells_more_is_that_of_the_innermost_command() {
        assert!(told("tema3 torrent create").ends_with("\n./tema3 torrent create --help tells more"));
        assert!(told("tema3 torrent creat").ends_with("\n./tema3 torrent --help tells more"));
        let none = told("tema3 torrent");
        assert!(none.contains("requires a subcommand") && none.contains("create, show, verify"), "{none}");
    }

    #[test]
    fn every_option_with_a_value_says_what_to_write() {
        for (words, advice) in [
            ("--limit-up abc", "write bytes a second as 500000"),
            ("--limit-up 2:1M", "RANK=VALUE"),
            ("--limit-down x=1M", "RANK=VALUE"),
            ("--latency 5", "write 500us"),
            ("--time-limit soon", "write 500us"),
            ("--seed -1", "write digits"),
            ("--progress maybe", "auto, always, never"),
            ("--input", "a value is required"),
            ("generate d --segments 9-3", "write 20 or 10-30"),
            ("generate d --clients many", "write digits"),
            ("generate d --owners -1", "write digits"),
            ("generate d --twist odd", "crlf"),
            ("soak --seed 99999999999999999999", "too large"),
            ("stage x --to y/{user}", "{user}; {rank} and {host} are known"),
            ("torrent create x --piece-length 3M", "write 65536"),
            ("torrent create x --announce y", "write http://"),
            ("soak --case foo", "it is written SEED"),
        ] {
            let told = told(&format!("tema3 {words}"));
            assert!(told.contains(advice) && !told.contains("invalid digit"), "{words}: {told}");
        }
    }
}
