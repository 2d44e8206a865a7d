//! What one client did, as programs read it.

use serde::Serialize;

use crate::protocol::{ClientSummary, Outcome, Time};

/// A client's row, in the summary event and the summary file.
#[derive(Debug, Serialize)]
pub(super) struct ClientRow {
    rank: u32,
    had: u64,
    wanted: u64,
    got: u64,
    sources: usize,
    from: Vec<u32>,
    served: u64,
    code: Option<u8>,
    bytes_sent: u64,
    bytes_received: u64,
    bytes_wasted: u64,
    corrupt: u64,
    source_bytes_read: u64,
    cache_hits: u64,
    found: u64,
    finished_after_s: Option<f64>,
}

impl From<&ClientSummary> for ClientRow {
    fn from(client: &ClientSummary) -> Self {
        let volume = &client.volume;
        Self {
            rank: client.rank.0,
            had: client.had,
            wanted: client.wanted,
            got: client.got,
            sources: client.sources.len(),
            from: client.sources.iter().map(|rank| rank.0).collect(),
            served: client.served,
            code: client.outcome.map(Outcome::code),
            bytes_sent: volume.sent,
            bytes_received: volume.received,
            bytes_wasted: volume.wasted,
            corrupt: volume.corrupt,
            source_bytes_read: volume.source_read,
            cache_hits: volume.cache_hits,
            found: volume.found,
            finished_after_s: client.finished.map(|time| time.since(Time::ZERO).as_secs_f64()),
        }
    }
}
