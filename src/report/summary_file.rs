//! `--summary FILE.json`: the summary as programs read it.

use std::path::PathBuf;

use serde::Serialize;

use super::client_row::ClientRow;
use super::figures::Figures;
use super::troubles::{Listed, Troubles};
use super::{Observer, write_atomically};
use crate::protocol::{Observed, Summary, Time};

/// The version of the file. A new field keeps it; a changed or removed one raises it.
const VERSION: u32 = 1;

/// Writes the summary into a file at the end of a run, on the rank that hears it: the tracker's.
#[derive(Debug)]
pub struct SummaryFile {
    path: PathBuf,
    troubles: Troubles,
    failure: Option<String>,
}

impl SummaryFile {
    /// Will write `path`, whole or not at all.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, troubles: Troubles::default(), failure: None }
    }
}

impl Observer for SummaryFile {
    fn observe(&mut self, _now: Time, observed: &Observed) {
        self.troubles.observe(observed);
        if let Observed::Summary(summary) = observed {
            let content = json(summary, self.troubles.listed());
            if let Err(error) = write_atomically(&self.path, content.as_bytes()) {
                self.failure = Some(format!("{}: the summary could not be written: {error}", self.path.display()));
            }
        }
    }

    fn failures(&self) -> Vec<String> {
        self.failure.iter().cloned().collect()
    }
}

#[derive(Serialize)]
struct Content<'a> {
    v: u32,
    code: u8,
    meaning: &'static str,
    messages: u64,
    bytes: u64,
    traded: u64,
    messages_a_segment: Option<f64>,
    load_max_over_mean: Option<f64>,
    clients: Vec<ClientRow>,
    #[serde(flatten)]
    troubles: Listed<'a>,
}

fn json(summary: &Summary, troubles: Listed<'_>) -> String {
    let Figures { messages_a_segment, load } = Figures::of(summary);
    let content = Content {
        v: VERSION,
        code: summary.outcome.code(),
        meaning: summary.outcome.meaning(),
        messages: summary.messages,
        bytes: summary.bytes,
        traded: summary.traded,
        messages_a_segment,
        load_max_over_mean: load,
        clients: summary.clients.iter().map(ClientRow::from).collect(),
        troubles,
    };
    let mut text = serde_json::to_string_pretty(&content).expect("the content has only string keys");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::protocol::{ClientSummary, Lack, Outcome, Rank, Volume};

    #[test]
    fn the_file_has_all_clients_all_figures_and_all_troubles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        let mut observer = SummaryFile::new(path.clone());
        observer.observe(
            Time::ZERO,
            &Observed::Short { rank: Rank(1), name: String::from("file9"), missing: None, why: Lack::Unowned },
        );
        observer.observe(
            Time::ZERO,
            &Observed::Summary(Box::new(Summary {
                outcome: Outcome::Incomplete,
                clients: vec![ClientSummary {
                    rank: Rank(1),
                    had: 1,
                    wanted: 4,
                    got: 4,
                    sources: vec![Rank(2), Rank(4)],
                    served: 4,
                    outcome: Some(Outcome::Incomplete),
                    volume: Volume {
                        sent: 40,
                        received: 80,
                        wasted: 20,
                        corrupt: 1,
                        source_read: 5,
                        cache_hits: 2,
                        found: 3,
                    },
                    finished: Some(Time(1_500_000_000)),
                }],
                messages: 10,
                bytes: 500,
                traded: 4,
            })),
        );
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            r#"{
  "v": 1,
  "code": 4,
  "meaning": "incomplete: needs a seed",
  "messages": 10,
  "bytes": 500,
  "traded": 4,
  "messages_a_segment": 2.5,
  "load_max_over_mean": 1.0,
  "clients": [
    {
      "rank": 1,
      "had": 1,
      "wanted": 4,
      "got": 4,
      "sources": 2,
      "from": [
        2,
        4
      ],
      "served": 4,
      "code": 4,
      "bytes_sent": 40,
      "bytes_received": 80,
      "bytes_wasted": 20,
      "corrupt": 1,
      "source_bytes_read": 5,
      "cache_hits": 2,
      "found": 3,
      "finished_after_s": 1.5
    }
  ],
  "short": [
    {
      "file": "file9",
      "missing": null,
      "why": "unowned",
      "clients": [
        1
      ]
    }
  ],
  "conflicts": [],
  "lost": [],
  "aborted": []
}
"#
        );
    }

    #[test]
    fn without_the_end_there_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        SummaryFile::new(path.clone()).observe(Time::ZERO, &Observed::Started);
        assert!(!path.exists());
    }
}
