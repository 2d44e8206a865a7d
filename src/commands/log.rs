//! The log: what goes on inside, on stderr, with the rank in each line.

use std::io::{self, Write};

use env_logger::{Builder, Env, Target};

use crate::report::{LineByLine, whole_lines};

/// Starts the log. `RUST_LOG` chooses in detail; without it only warnings are shown, and more for each `-v`.
pub(super) fn start(verbosity: u8, rank: Option<u32>) {
    let level = match verbosity {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let who = rank.map_or_else(String::new, |rank| format!(" rank {rank}"));
    let lines = move |out: &mut env_logger::fmt::Formatter, record: &log::Record| {
        let level = record.level().as_str().to_ascii_lowercase();
        let lines = whole_lines(&format!("tema3{who}: {level}: "), &record.args().to_string());
        lines.iter().try_for_each(|line| out.write_all(line.as_bytes()))
    };
    let target = Target::Pipe(Box::new(LineByLine(io::stderr())));
    Builder::from_env(Env::default().default_filter_or(level)).format(lines).target(target).init();
}
