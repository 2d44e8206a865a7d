//! The seam between the protocol and whatever carries its messages.

use super::{Event, Outbox, Time};

/// Takes part in a swarm: hears what happened, decides, answers through the outbox.
///
/// The network calls the node; the node never calls the network. A node is deterministic: the same events at the same
/// times leave the same decisions.
pub trait Node {
    /// Hears one event and adds what it decides to `out`. `now` never goes back.
    fn handle(&mut self, now: Time, event: Event, out: &mut Outbox);

    /// When the node wants an [`Event::Timeout`], at the latest.
    fn next_timeout(&self) -> Option<Time>;

    /// Whether the node has left: it wants no more events.
    fn is_finished(&self) -> bool;
}
