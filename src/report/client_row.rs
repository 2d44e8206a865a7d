//! What one client did, as programs read it.

use serde::Serialize;

use crate::protocol::{ClientSummary, Outcome};

/// A client's row, in the summary event and the summary file.
#[derive(Debug, Serialize)]
pub(super) struct ClientRow {
    rank: u32,
    had: u64,
    wanted: u64,
    got: u64,
    sources: u32,
    served: u64,
    code: Option<u8>,
}

impl From<&ClientSummary> for ClientRow {
    fn from(client: &ClientSummary) -> Self {
        Self {
            rank: client.rank.0,
            had: client.had,
            wanted: client.wanted,
            got: client.got,
            sources: client.sources,
            served: client.served,
            code: client.outcome.map(Outcome::code),
        }
    }
}
