//! The end of a staging as people read it: what each rank got and gave, and how near the whole came to the best.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanBytes;

use super::Observer;
use super::bound::{Line, bound};
use super::names::{numbers, ranks};
use super::troubles::Troubles;
use crate::metainfo::counted;
use crate::protocol::{ClientSummary, Observed, Outcome, Rank, Summary, Time};

/// What was staged, as far as it is known, for the totals.
#[derive(Clone, Debug, Default)]
pub struct Staged {
    /// The bytes of all files of the tree.
    pub bytes: u64,
    /// The ranks that could read some of it.
    pub origins: Vec<Rank>,
    /// How fast the ranks may be, where somebody limits it.
    pub lines: BTreeMap<Rank, Line>,
}

/// Writes the table at the end of a run, on the rank that hears of it: the tracker's.
pub struct StagingText<W> {
    troubles: Troubles,
    staged: Box<dyn Fn() -> Staged>,
    out: W,
}

impl<W: Write> StagingText<W> {
    /// Writes to `out`, all in one write. `staged` is asked at the end.
    pub fn new(out: W, staged: impl Fn() -> Staged + 'static) -> Self {
        Self { troubles: Troubles::default(), staged: Box::new(staged), out }
    }
}

impl<W> fmt::Debug for StagingText<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text at the end, with {:?}", self.troubles)
    }
}

impl<W: Write> Observer for StagingText<W> {
    fn observe(&mut self, now: Time, observed: &Observed) {
        self.troubles.observe(observed);
        if let Observed::Summary(summary) = observed {
            let has_more_to_tell = came_to_an_end(summary);
            let mut text = if has_more_to_tell { table(summary) } else { String::new() };
            self.troubles.lines().iter().for_each(|trouble| write_line(&mut text, format_args!("{trouble}")));
            if has_more_to_tell {
                write_totals(&mut text, now, summary, &(self.staged)());
            }
            let outcome = summary.outcome;
            write_line(&mut text, format_args!("ended: {} (exit {})", outcome.meaning(), outcome.code()));
            if let Err(error) = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
                log::warn!("the summary could not be written: {error}");
            }
        }
    }
}

/// Whether the ranks did what they could, so that each has something to tell. A run that was refused or given up has not.
fn came_to_an_end(summary: &Summary) -> bool {
    let got_all = |client: &ClientSummary| {
        client.outcome == Some(Outcome::Complete) && client.finished.is_some() && client.volume.received > 0
    };
    match summary.outcome {
        early if early <= Outcome::TimeLimit => true,
        Outcome::Incomplete => true,
        Outcome::Disk => summary.clients.iter().any(got_all),
        _ => false,
    }
}

fn table(summary: &Summary) -> String {
    let headers =
        ["rank", "got", "from", "was there", "sent", "bad", "wasted", "source read", "from cache", "after", "ended"];
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2)).set_cell_alignment(CellAlignment::Right);
    }
    if let Some(ended) = table.column_mut(headers.len() - 1) {
        ended.set_cell_alignment(CellAlignment::Left);
    }
    summary.clients.iter().for_each(|client| _ = table.add_row(row(client)));
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn row(client: &ClientSummary) -> [String; 11] {
    let volume = &client.volume;
    let bytes = |bytes: u64| HumanBytes(bytes).to_string();
    let after = client.finished.map_or("-".to_owned(), |at| format!("{:.2} s", at.since(Time::ZERO).as_secs_f64()));
    [
        client.rank.0.to_string(),
        bytes(volume.received),
        if client.sources.is_empty() { "-".to_owned() } else { numbers(&client.sources, "-") },
        counted(volume.found, "piece"),
        bytes(volume.sent),
        volume.corrupt.to_string(),
        bytes(volume.wasted),
        bytes(volume.source_read),
        counted(volume.cache_hits, "piece"),
        after,
        client.outcome.map_or("lost", Outcome::meaning).to_owned(),
    ]
}

fn write_totals(text: &mut String, now: Time, summary: &Summary, staged: &Staged) {
    let clients = &summary.clients;
    let received: u64 = clients.iter().map(|client| client.volume.received).sum();
    let read: u64 = clients.iter().map(|client| client.volume.source_read).sum();
    let seconds = now.since(Time::ZERO).as_secs_f64();
    if received + read > 0 {
        let rate = HumanBytes((received as f64 / seconds.max(1e-9)) as u64);
        write_line(text, format_args!("{} moved in {seconds:.2} s, {rate}/s together", HumanBytes(received)));
    }
    if staged.bytes > 0 && !staged.origins.is_empty() {
        let origins = clients.iter().filter(|client| staged.origins.contains(&client.rank));
        let sent: u64 = origins.map(|client| client.volume.sent).sum();
        let times = |bytes: u64| bytes as f64 / staged.bytes as f64;
        let (size, by, read, sent) = (HumanBytes(staged.bytes), ranks(&staged.origins), times(read), times(sent));
        write_line(
            text,
            format_args!(
                "the source, {size}, was read {read:.2} times; its origins ({by}) sent {sent:.2} times as much"
            ),
        );
    }
    let line = |rank| staged.lines.get(&rank).copied().unwrap_or_default();
    if let Some(bound) = bound(clients, &staged.origins, line).filter(|_| summary.outcome == Outcome::Complete) {
        let (least, times) = (bound.as_secs_f64(), seconds / bound.as_secs_f64());
        write_line(
            text,
            format_args!("with these limits {least:.2} s is the least: this took {times:.2} times as long"),
        );
    }
}

fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Volume;

    fn client(rank: u32, volume: Volume, outcome: Option<Outcome>) -> ClientSummary {
        let (sources, finished) = (vec![Rank(0), Rank(2), Rank(3), Rank(4)], outcome.map(|_| Time(250_000_000)));
        ClientSummary { sources, outcome, volume, finished, ..ClientSummary::of(Rank(rank)) }
    }

    fn told(summary: Summary, staged: Staged) -> Vec<String> {
        let mut out = Vec::new();
        let mut text = StagingText::new(&mut out, move || staged.clone());
        text.observe(Time(1_500_000_000), &Observed::Summary(Box::new(summary)));
        drop(text);
        String::from_utf8(out).unwrap().lines().map(String::from).collect()
    }

    fn moved() -> Vec<ClientSummary> {
        let seed = Volume { sent: 3 << 20, source_read: 2 << 20, cache_hits: 9, ..Volume::default() };
        let leech = Volume { received: 3 << 20, found: 1, corrupt: 2, wasted: 1 << 10, ..Volume::default() };
        let seed = ClientSummary { sources: Vec::new(), ..client(0, seed, Some(Outcome::Complete)) };
        vec![seed, client(1, leech, None)]
    }

    #[test]
    fn each_rank_has_a_row_and_the_last_lines_tell_of_all() {
        let summary = Summary { outcome: Outcome::RanksLost, clients: moved(), ..Summary::default() };
        let staged = Staged { bytes: 2 << 20, origins: vec![Rank(0)], ..Staged::default() };
        assert_eq!(
            told(summary, staged),
            [
                "rank       got    from  was there      sent  bad    wasted  source read  from cache   after  ended",
                "   0       0 B       -   0 pieces  3.00 MiB    0       0 B     2.00 MiB    9 pieces  0.25 s  complete and verified",
                "   1  3.00 MiB  0, 2-4    1 piece       0 B    2  1.00 KiB          0 B    0 pieces       -  lost",
                "3.00 MiB moved in 1.50 s, 2.00 MiB/s together",
                "the source, 2.00 MiB, was read 1.00 times; its origins (rank 0) sent 1.50 times as much",
                "ended: complete, but ranks were lost (exit 8)",
            ]
        );
    }

    #[test]
    fn a_disk_that_refuses_at_one_rank_leaves_the_others_something_to_tell_and_a_refusal_at_the_start_does_not() {
        let ranks_told = |clients: Vec<ClientSummary>| {
            let summary = Summary { outcome: Outcome::Disk, clients, ..Summary::default() };
            told(summary, Staged::default())
                .iter()
                .filter(|line| line.trim_start().starts_with(['0', '1', '2']))
                .count()
        };
        let got = Volume { received: 9, ..Volume::default() };
        assert_eq!(ranks_told([moved(), vec![client(2, got, Some(Outcome::Complete))]].concat()), 3);
        assert_eq!(ranks_told(moved()), 0);
    }

    #[test]
    fn a_run_that_was_refused_has_no_totals_to_tell() {
        let summary = Summary { outcome: Outcome::BadInput, clients: moved(), ..Summary::default() };
        let staged = Staged { bytes: 2 << 20, origins: vec![Rank(0)], ..Staged::default() };
        assert_eq!(told(summary, staged), ["ended: bad input (exit 3)"]);
    }

    #[test]
    fn where_lines_are_limited_the_time_is_held_against_the_least_that_they_allow() {
        let summary = Summary { outcome: Outcome::Complete, clients: moved(), ..Summary::default() };
        let line = Line { read: Some(2 << 20), ..Line::default() };
        let staged = Staged { lines: [(Rank(0), line)].into(), origins: vec![Rank(0)], ..Staged::default() };
        let told = told(summary, staged);
        assert!(
            told.contains(&"with these limits 1.00 s is the least: this took 1.50 times as long".into()),
            "{told:?}"
        );
    }
}
