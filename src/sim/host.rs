//! One modelled machine: a node, its storage, and what it is busy with.

use std::collections::VecDeque;

use crate::fault::Attempts;
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Event, Incarnation, Message, Node, Rank, Slot, Time, Traffic};

/// What is on its way to a host over a link.
#[derive(Clone, Debug)]
pub(super) enum Load {
    Message(Message),
    Garbled,
    Piece { slot: Slot, content: Vec<u8> },
}

/// Something for a host to deal with.
#[derive(Debug)]
pub(super) enum Task {
    /// What came over a link, and how many bytes it had.
    Take { from: Rank, load: Load, bytes: u64 },
    /// What its own driver, storage or client says.
    Hear(Event),
    /// Its storage copies a piece, or looks whether it is where it belongs.
    Copy { from: (TorrentId, PieceIndex), to: (TorrentId, PieceIndex) },
    /// It comes to own something, by its place in the scenario.
    Offer(usize),
    /// It will come to own nothing more by itself, if it was told to succeed so many by then and no more.
    AllOffered { successions: u32 },
    /// All sends have left.
    Drained,
    /// The time that it wanted to be woken at.
    Wake(Time),
}

pub(super) struct Host<N, S> {
    /// None while it is crashed.
    pub(super) node: Option<N>,
    pub(super) storage: S,
    pub(super) incarnation: Incarnation,
    /// Counts crashes and returns: what was meant for an earlier state of the host does not reach it.
    pub(super) life: u32,
    /// What it waits for. A window's worth of entries: a search is faster than a table.
    pub(super) expected: Vec<Expected>,
    pub(super) inbox: VecDeque<Task>,
    pub(super) busy_until: Time,
    /// Whether the queue will call it when it is no longer busy.
    pub(super) called: bool,
    pub(super) stalled_until: Time,
    pub(super) silent_until: Time,
    /// The earliest wake-up that is in the queue.
    pub(super) wake: Option<Time>,
    /// How often it was told to succeed somebody.
    pub(super) successions: u32,
    pub(super) traffic: Traffic,
    pub(super) attempts: Attempts,
    /// Which of the scenario's mishaps strike at a message, and at which.
    pub(super) doom: Vec<(u64, usize)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) from: Rank,
    pub(super) slot: Slot,
    pub(super) torrent: TorrentId,
    pub(super) piece: PieceIndex,
}

impl<N: Node, S> Host<N, S> {
    pub(super) fn new(node: N, storage: S) -> Self {
        Self {
            node: Some(node),
            storage,
            incarnation: Incarnation::default(),
            life: 0,
            expected: Vec::new(),
            inbox: VecDeque::new(),
            busy_until: Time::ZERO,
            called: false,
            stalled_until: Time::ZERO,
            silent_until: Time::ZERO,
            wake: None,
            successions: 0,
            traffic: Traffic::default(),
            attempts: Attempts::default(),
            doom: Vec::new(),
        }
    }

    /// Whether it is neither crashed nor has left.
    pub(super) fn is_running(&self) -> bool {
        self.node.as_ref().is_some_and(|node| !node.is_finished())
    }

    /// The node is gone, with all that it had in mind and all that was waiting for it.
    pub(super) fn crash(&mut self) {
        self.node = None;
        self.life += 1;
        self.expected.clear();
        self.inbox.clear();
        self.called = false;
        self.wake = None;
    }

    /// A new life begins, in which it hears and is heard.
    pub(super) fn revive(&mut self, now: Time) {
        self.life += 1;
        self.incarnation.0 += 1;
        (self.busy_until, self.stalled_until, self.silent_until) = (now, now, now);
        self.traffic = Traffic::default();
    }

    pub(super) fn expect(&mut self, expected: Expected) {
        self.forget(expected.from, expected.slot);
        self.expected.push(expected);
    }

    pub(super) fn forget(&mut self, from: Rank, slot: Slot) -> Option<Expected> {
        let at = self.expected.iter().position(|expected| expected.from == from && expected.slot == slot)?;
        Some(self.expected.swap_remove(at))
    }
}
