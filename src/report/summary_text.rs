//! The summary as people read it: who had, wanted, got and served what, and what went wrong.

use std::fmt::Write as _;
use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::Observer;
use super::figures::{Figures, by_load};
use super::troubles::Troubles;
use crate::metainfo::counted;
use crate::protocol::{ClientSummary, Observed, Summary, Time};

/// More clients than these do not fit a screen: the busiest and the idlest are shown.
const MOST_ROWS: usize = 40;
const EACH_END: usize = 10;

/// Writes the summary at the end of a run, on the rank that hears it: the tracker's.
#[derive(Debug)]
pub struct SummaryText<W> {
    troubles: Troubles,
    extent: Extent,
    out: W,
}

/// How much is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    TroublesAlone,
}

impl<W: Write> SummaryText<W> {
    /// Writes to `out`, all in one write.
    pub fn new(out: W) -> Self {
        Self { troubles: Troubles::default(), extent: Extent::Whole, out }
    }

    /// Writes to `out` what went wrong, and nothing where nothing did.
    pub fn of_troubles(out: W) -> Self {
        Self { troubles: Troubles::default(), extent: Extent::TroublesAlone, out }
    }
}

impl<W: Write> Observer for SummaryText<W> {
    fn observe(&mut self, _now: Time, observed: &Observed) {
        self.troubles.observe(observed);
        if let Observed::Summary(summary) = observed
            && !self.troubles.ended_before_the_start(summary)
        {
            let troubles = self.troubles.lines();
            let text = match self.extent {
                Extent::Whole => text(summary, &troubles),
                Extent::TroublesAlone => troubles.iter().map(|trouble| format!("{trouble}\n")).collect(),
            };
            if let Err(error) = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
                log::warn!("the summary could not be written: {error}");
            }
        }
    }
}

fn text(summary: &Summary, troubles: &[String]) -> String {
    let mut text = String::new();
    let clients = &summary.clients;
    if clients.len() <= MOST_ROWS {
        write_table(&mut text, clients.iter());
    } else {
        let sorted = by_load(clients);
        write_line(&mut text, format_args!("Of {} clients, those that served most:", clients.len()));
        write_table(&mut text, sorted[..EACH_END].iter().copied());
        write_line(&mut text, format_args!("and least (--summary FILE.json has all):"));
        write_table(&mut text, sorted[sorted.len() - EACH_END..].iter().copied());
    }
    let Figures { messages_a_segment, load } = Figures::of(summary);
    if let (Some(messages), Some(load)) = (messages_a_segment, load) {
        // A rank that was lost never said how many messages it sent.
        let least = if clients.iter().all(|client| client.outcome.is_some()) { "" } else { "at least " };
        write_line(
            &mut text,
            format_args!(
                "{} traded in {least}{}: {messages:.2} a segment; load max/mean {load:.2}",
                counted(summary.traded, "segment"),
                counted(summary.messages, "message")
            ),
        );
    }
    for trouble in troubles {
        write_line(&mut text, format_args!("{trouble}"));
    }
    write_line(&mut text, format_args!("ended: {} (exit {})", summary.outcome.meaning(), summary.outcome.code()));
    text
}

fn write_table<'a>(text: &mut String, clients: impl Iterator<Item = &'a ClientSummary>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["client", "had", "wanted", "got", "from", "served", "ended"]);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2)).set_cell_alignment(CellAlignment::Right);
    }
    if let Some(ended) = table.column_mut(6) {
        ended.set_cell_alignment(CellAlignment::Left);
    }
    for client in clients {
        table.add_row([
            client.rank.0.to_string(),
            client.had.to_string(),
            client.wanted.to_string(),
            client.got.to_string(),
            client.sources.len().to_string(),
            client.served.to_string(),
            client.outcome.map_or("lost", |outcome| outcome.meaning()).to_owned(),
        ]);
    }
    for line in table.lines() {
        write_line(text, format_args!("{}", line.trim_end()));
    }
}

fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::Bitfield;
    use crate::protocol::{Lack, Outcome, Rank, Volume};

    fn client(rank: u32, figures: [u64; 5], outcome: Option<Outcome>) -> ClientSummary {
        let [had, wanted, got, sources, served] = figures;
        ClientSummary {
            rank: Rank(rank),
            had,
            wanted,
            got,
            sources: (0..sources as u32).map(Rank).collect(),
            served,
            outcome,
            volume: Volume::default(),
            finished: None,
        }
    }

    fn told(steps: &[Observed]) -> String {
        let mut out = Vec::new();
        let mut summary = SummaryText::new(&mut out);
        for step in steps {
            summary.observe(Time::ZERO, step);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_clean_run_is_a_table_and_two_lines() {
        let complete = Some(Outcome::Complete);
        let summary = Summary {
            clients: vec![
                client(1, [120, 0, 0, 0, 41], complete),
                client(2, [0, 80, 80, 2, 20], complete),
                client(3, [40, 41, 41, 2, 60], complete),
            ],
            messages: 290,
            traded: 121,
            ..Summary::default()
        };
        assert_eq!(
            told(&[Observed::Started, Observed::Summary(Box::new(summary))]),
            "\
client  had  wanted  got  from  served  ended
     1  120       0    0     0      41  complete and verified
     2    0      80   80     2      20  complete and verified
     3   40      41   41     2      60  complete and verified
121 segments traded in 290 messages: 2.40 a segment; load max/mean 1.49
ended: complete and verified (exit 0)
"
        );
    }

    #[test]
    fn what_went_wrong_stands_between_the_figures_and_the_end() {
        let summary = Summary {
            outcome: Outcome::Incomplete,
            clients: vec![client(1, [3, 0, 0, 0, 2], None), client(2, [0, 3, 2, 1, 0], Some(Outcome::Incomplete))],
            messages: 9,
            traded: 2,
            ..Summary::default()
        };
        assert_eq!(
            told(&[
                Observed::Lost { rank: Rank(1) },
                Observed::Short {
                    rank: Rank(2),
                    name: String::from("file1"),
                    missing: Some(Bitfield::all(1)),
                    why: Lack::NoHolder
                },
                Observed::Summary(Box::new(summary)),
            ]),
            "\
client  had  wanted  got  from  served  ended
     1    3       0    0     0       2  lost
     2    0       3    2     1       0  incomplete: needs a seed
2 segments traded in at least 9 messages: 4.50 a segment; load max/mean 2.00
file1 lacks 1 segment at rank 2: nobody left holds the rest; it needs a seed
lost: rank 1
ended: incomplete: needs a seed (exit 4)
"
        );
    }

    #[test]
    fn where_only_troubles_are_wanted_a_clean_run_says_nothing() {
        let mut out = Vec::new();
        let mut summary = SummaryText::of_troubles(&mut out);
        let end = Observed::Summary(Box::new(Summary { traded: 2, ..Summary::default() }));
        summary.observe(Time::ZERO, &end);
        summary.observe(Time::ZERO, &Observed::Lost { rank: Rank(1) });
        summary.observe(Time::ZERO, &end);
        assert_eq!(out, b"lost: rank 1\n");
    }

    #[test]
    fn of_many_clients_the_busiest_and_the_idlest_are_shown() {
        let clients = (1..=200).map(|rank| client(rank, [0, 0, 0, 0, u64::from(rank)], Some(Outcome::Complete)));
        let summary = Summary { clients: clients.collect(), messages: 20_100, traded: 20_100, ..Summary::default() };
        let text = told(&[Observed::Summary(Box::new(summary))]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 11 + 1 + 11 + 2);
        assert_eq!(lines[0], "Of 200 clients, those that served most:");
        assert_eq!(lines[2], "   200    0       0    0     0     200  complete and verified");
        assert_eq!(lines[12], "and least (--summary FILE.json has all):");
        assert_eq!(lines[23], "     1    0       0    0     0       1  complete and verified");
    }

    #[test]
    fn a_run_that_never_started_has_no_table() {
        let reason = String::from("in2.txt:4: not a number");
        let told = told(&[
            Observed::Aborted { rank: Rank(2), outcome: Outcome::BadInput, reason },
            Observed::Summary(Box::new(Summary { outcome: Outcome::BadInput, ..Summary::default() })),
        ]);
        assert_eq!(told, "");
    }
}
