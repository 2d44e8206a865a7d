//! What the two halves of a client share: who it is, what it holds, and what it knows of its peers.

use crate::protocol::holdings::Holdings;
use crate::protocol::peers::Peers;
use crate::protocol::{Body, Config, Decision, Message, Outbox, Rank, Term};

/// The ground on which both halves stand.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) term: Term,
    pub(super) holdings: Holdings,
    pub(super) peers: Peers,
}

impl Shared {
    /// Sends a message in this client's name.
    pub(super) fn send(&self, to: Rank, body: Body, out: &mut Outbox) {
        let message = Message { term: self.term, incarnation: self.config.incarnation, body };
        out.push(Decision::Send { to, message });
    }

    /// Where the tracker of the present term is.
    pub(super) fn tracker(&self) -> Rank {
        self.term.tracker(self.config.world)
    }
}
