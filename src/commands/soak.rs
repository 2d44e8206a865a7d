//! `soak`: very many faulty swarms in virtual time, and each failure as one command that replays it.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};

use super::wording::{end, said, say};
use super::{Exit, complain};
use crate::cli::SoakArgs;
use crate::protocol::Outcome;
use crate::sim::checkers::Violation;
use crate::sim::soak::{Soak, Tally, Verdict, shrink};
use crate::sim::{Case, Trace};

/// Runs the swarms, or the one case that was asked for.
pub(super) fn run(args: &SoakArgs) -> Exit {
    match &args.case {
        Some(case) => run_one(case),
        None => run_all(&Soak::new(args.swarms, args.seed)),
    }
}

/// Runs one case and tells what it is made of, then every event and decision.
fn run_one(case: &Case) -> Exit {
    let mut trace = Trace(io::BufWriter::new(io::stdout()));
    // What cannot be written is found in the end, when all of it must be.
    _ = write!(trace.0, "{}", case.scenario());
    let verdict = Verdict::watched(case, &mut trace, |_| 0);
    if verdict.violation.is_none() {
        _ = writeln!(trace.0, "case {case}: nothing lost, wrong or stuck");
    }
    let said = said(trace.0.flush());
    match verdict.violation {
        Some(violation) => {
            complain(format_args!("case {case}: {violation}"));
            end(Outcome::Bug, said)
        }
        None => end(Outcome::Complete, said),
    }
}

fn run_all(soak: &Soak) -> Exit {
    let bar = bar(soak.swarms);
    let tally = soak.run_and_tell(|| bar.inc(1));
    bar.finish_and_clear();
    if let Some((case, violation)) = tally.failures.first() {
        explain(&tally, case, violation);
    }
    end(if tally.failures.is_empty() { Outcome::Complete } else { Outcome::Bug }, say(tally))
}

/// How far it is, on a terminal.
fn bar(swarms: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %, {pos} of {len} swarms, {eta} left");
    let style = style.expect("the template is legal: it is a constant").progress_chars("=> ");
    ProgressBar::new(swarms).with_style(style)
}

/// Says what failed, and makes the first failure small enough to be understood.
fn explain(tally: &Tally, first: &Case, violation: &Violation) {
    for (case, violation) in &tally.failures {
        complain(format_args!("seed {case}: {violation} (./tema3 soak --case {case})"));
    }
    let (smallest, violation) = shrink(first, violation);
    complain(format_args!("seed {first} shrunk to {smallest}: {violation}"));
    complain(format_args!("replay it: ./tema3 soak --case {smallest}"));
}
