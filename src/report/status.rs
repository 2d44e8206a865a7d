//! `--status FILE`: how the run ended, where mpirun's own exit code cannot be trusted to say it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Observer, write_atomically};
use crate::protocol::{Observed, Outcome, Term, Time};

/// The version of the file. A new field keeps it; a changed or removed one raises it.
const VERSION: u32 = 1;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The end that all ranks agreed on.
    pub outcome: Outcome,
    /// The term in which it ended: 0 where the first tracker saw the end.
    pub term: Term,
    /// Why a client gave the run up, where one did.
    pub reason: Option<String>,
}

#[derive(Serialize)]
struct Content<'a> {
    v: u32,
    code: u8,
    meaning: &'static str,
    term: u32,
    reason: Option<&'a str>,
}

impl Status {
    /// Writes the status as JSON into a file, whole or not at all.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let content = Content {
            v: VERSION,
            code: self.outcome.code(),
            meaning: self.outcome.meaning(),
            term: self.term.0,
            reason: self.reason.as_deref(),
        };
        let mut text = serde_json::to_string(&content).expect("the content has only string keys");
        text.push('\n');
        write_atomically(path, text.as_bytes())
    }

    /// Whether a status lies there, or an empty file that is to become one.
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        let mut head = Vec::new();
        let read = File::open(path).and_then(|file| file.take(Self::HEAD).read_to_end(&mut head));
        let head = String::from_utf8_lossy(&head);
        read.is_ok() && (head.is_empty() || head.starts_with("{\"v\":") && head.contains(",\"meaning\":"))
    }

    /// Within so many bytes it shows that something is a status: its version, its code, and that it has a meaning.
    const HEAD: u64 = 32;
}

/// Writes the status at the end of a run, on the rank that ends it: the tracker's.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    term: Term,
    reason: Option<String>,
    failure: Option<String>,
}

impl StatusFile {
    /// Will write `path`.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, term: Term::default(), reason: None, failure: None }
    }
}

impl Observer for StatusFile {
    fn observe(&mut self, _now: Time, observed: &Observed) {
        match observed {
            Observed::TermChanged { term, .. } => self.term = *term,
            Observed::Aborted { reason, .. } => self.reason = Some(reason.clone()),
            Observed::Summary(summary) => {
                let status = Status { outcome: summary.outcome, term: self.term, reason: self.reason.clone() };
                if let Err(error) = status.write(&self.path) {
                    self.failure = Some(format!("{}: the status could not be written: {error}", self.path.display()));
                }
            }
            _ => {}
        }
    }

    fn failures(&self) -> Vec<String> {
        self.failure.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::protocol::{Rank, Summary};

    fn written(steps: &[Observed]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        let mut observer = StatusFile::new(path.clone());
        for step in steps {
            observer.observe(Time::ZERO, step);
        }
        fs::read_to_string(path).ok()
    }

    fn end(outcome: Outcome) -> Observed {
        Observed::Summary(Box::new(Summary { outcome, ..Summary::default() }))
    }

    #[test]
    fn the_end_is_written_with_its_code_and_meaning() {
        assert_eq!(
            written(&[Observed::Started, end(Outcome::Complete)]).unwrap(),
            "{\"v\":1,\"code\":0,\"meaning\":\"complete and verified\",\"term\":0,\"reason\":null}\n"
        );
    }

    #[test]
    fn a_later_tracker_says_its_term() {
        assert_eq!(
            written(&[Observed::TermChanged { term: Term(1), tracker: Rank(1) }, end(Outcome::RanksLost)]).unwrap(),
            "{\"v\":1,\"code\":8,\"meaning\":\"complete, but ranks were lost\",\"term\":1,\"reason\":null}\n"
        );
    }

    #[test]
    fn a_run_that_was_given_up_says_why() {
        let reason = String::from("in2.txt:4: not a number");
        let aborted = Observed::Aborted { rank: Rank(2), outcome: Outcome::BadInput, reason };
        assert_eq!(
            written(&[aborted, end(Outcome::BadInput)]).unwrap(),
            "{\"v\":1,\"code\":3,\"meaning\":\"bad input\",\"term\":0,\"reason\":\"in2.txt:4: not a number\"}\n"
        );
    }

    #[test]
    fn before_the_end_there_is_no_status() {
        assert_eq!(written(&[Observed::Started]), None);
    }
}
