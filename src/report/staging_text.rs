//! The end of a staging as people read it: what each rank got and gave, and how near the whole came to the best.

use std::fmt::Write as _;
use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanBytes;

use super::Observer;
use super::troubles::Troubles;
use crate::protocol::{ClientSummary, Observed, Outcome, Summary, Time};

/// Writes the table at the end of a run, on the rank that hears of it: the tracker's.
#[derive(Debug)]
pub struct StagingText<W> {
    troubles: Troubles,
    out: W,
}

impl<W: Write> StagingText<W> {
    /// Writes to `out`, all in one write.
    pub fn new(out: W) -> Self {
        Self { troubles: Troubles::default(), out }
    }
}

impl<W: Write> Observer for StagingText<W> {
    fn observe(&mut self, now: Time, observed: &Observed) {
        self.troubles.observe(observed);
        if let Observed::Summary(summary) = observed {
            let mut text = if summary.outcome <= Outcome::TimeLimit { table(summary) } else { String::new() };
            self.troubles.lines().iter().for_each(|trouble| write_line(&mut text, format_args!("{trouble}")));
            write_totals(&mut text, now, summary);
            if let Err(error) = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
                log::warn!("the summary could not be written: {error}");
            }
        }
    }
}

fn table(summary: &Summary) -> String {
    let headers = ["rank", "got", "from", "was there", "sent", "bad", "wasted", "source read", "after", "ended"];
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

fn row(client: &ClientSummary) -> [String; 10] {
    let volume = &client.volume;
    let bytes = |bytes: u64| HumanBytes(bytes).to_string();
    let pieces = |pieces: u64| if pieces == 1 { "1 piece".to_owned() } else { format!("{pieces} pieces") };
    let after = client.finished.map_or("-".to_owned(), |at| format!("{:.2} s", at.since(Time::ZERO).as_secs_f64()));
    [
        client.rank.0.to_string(),
        bytes(volume.received),
        client.sources.to_string(),
        pieces(volume.found),
        bytes(volume.sent),
        volume.corrupt.to_string(),
        bytes(volume.wasted),
        bytes(volume.source_read),
        after,
        client.outcome.map_or("lost", Outcome::meaning).to_owned(),
    ]
}

fn write_totals(text: &mut String, now: Time, summary: &Summary) {
    let sum = |of: fn(&ClientSummary) -> u64| summary.clients.iter().map(of).sum::<u64>();
    let received = sum(|client| client.volume.received);
    let read = sum(|client| client.volume.source_read);
    let seconds = now.since(Time::ZERO).as_secs_f64();
    if received + read > 0 {
        let rate = HumanBytes((received as f64 / seconds.max(1e-9)) as u64);
        let (received, read) = (HumanBytes(received), HumanBytes(read));
        write_line(
            text,
            format_args!("{received} moved in {seconds:.2} s, {rate}/s together; {read} read of the source"),
        );
    }
    write_line(text, format_args!("ended: {} (exit {})", summary.outcome.meaning(), summary.outcome.code()));
}

fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Rank, Volume};

    fn client(rank: u32, volume: Volume, outcome: Option<Outcome>) -> ClientSummary {
        let (had, wanted, got, sources, served) = (0, 0, 0, 2, 0);
        let finished = outcome.map(|_| Time(250_000_000));
        ClientSummary { rank: Rank(rank), had, wanted, got, sources, served, outcome, volume, finished }
    }

    #[test]
    fn each_rank_has_a_row_and_the_last_lines_tell_of_all() {
        let seed = Volume { sent: 3 << 20, source_read: 2 << 20, ..Volume::default() };
        let leech = Volume { received: 3 << 20, found: 1, corrupt: 2, wasted: 1 << 10, ..Volume::default() };
        let clients = vec![client(0, seed, Some(Outcome::Complete)), client(1, leech, None)];
        let summary = Summary { outcome: Outcome::RanksLost, clients, ..Summary::default() };
        let mut out = Vec::new();
        StagingText::new(&mut out).observe(Time(1_500_000_000), &Observed::Summary(Box::new(summary)));
        let told = String::from_utf8(out).unwrap();
        assert_eq!(
            told.lines().collect::<Vec<_>>(),
            [
                "rank       got  from  was there      sent  bad    wasted  source read   after  ended",
                "   0       0 B     2   0 pieces  3.00 MiB    0       0 B     2.00 MiB  0.25 s  complete and verified",
                "   1  3.00 MiB     2    1 piece       0 B    2  1.00 KiB          0 B       -  lost",
                "3.00 MiB moved in 1.50 s, 2.00 MiB/s together; 2.00 MiB read of the source",
                "ended: complete, but ranks were lost (exit 8)",
            ]
        );
    }
}
