//! All that one rank runs.

use super::{Catalog, Config, Event, Node, Outbox, Time};

/// The node of one rank: its client, and the tracker where and while this rank is it.
#[derive(Debug)]
pub struct Member {}

impl Member {
    /// The node that rank `config.rank` starts with: a tracker on rank 0, a client elsewhere.
    #[must_use]
    pub fn new(config: Config, catalog: Catalog) -> Self {
        let _ = (config, catalog);
        unimplemented!("being written")
    }
}

impl Node for Member {
    fn handle(&mut self, _now: Time, _event: Event, _out: &mut Outbox) {}

    fn next_timeout(&self) -> Option<Time> {
        None
    }

    fn is_finished(&self) -> bool {
        false
    }
}
