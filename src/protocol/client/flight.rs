//! The requests that are in flight.

use std::collections::VecDeque;
use std::time::Duration;

use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Rank, Slot, Time};

/// One request without an answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) to: Rank,
    pub(super) slot: Slot,
    pub(super) torrent: TorrentId,
    pub(super) piece: PieceIndex,
    pub(super) source: Source,
    pub(super) sent: Time,
    /// Since when it is waited for in silence: since it was sent, or since the answer that gave it more time.
    pub(super) since: Time,
    pub(super) deadline: Time,
    /// It was made in place of one that lagged, and is waited for to its deadline: between two that are both silent, a
    /// client would turn to and fro for ever and find neither of them silent.
    pub(super) substitute: bool,
}

/// Why a peer was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It holds the piece.
    Holder,
    /// It will take the piece first, and answers when it has it.
    Taker,
}

/// All requests in flight, the oldest first. There are few (the window), so a list serves.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flights: Vec<Flight>,
    /// The last ones that were given up because no answer came in time.
    overdue: VecDeque<Flight>,
}

impl Flights {
    /// How many that were given up are remembered.
    const OVERDUE: usize = 256;

    pub(super) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn add(&mut self, flight: Flight) {
        self.flights.push(flight);
    }

    /// The last one was made in place of one that lagged.
    pub(super) fn mark_substitute(&mut self) {
        if let Some(last) = self.flights.last_mut() {
            last.substitute = true;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Flight> {
        self.flights.iter()
    }

    /// Whether a peer's slot index is taken.
    pub(super) fn uses(&self, to: Rank, index: u16) -> bool {
        self.flights.iter().any(|flight| flight.to == to && flight.slot.index() == index)
    }

    /// Whether a piece is in flight.
    pub(super) fn carry(&self, torrent: TorrentId, piece: PieceIndex) -> bool {
        self.flights.iter().any(|flight| flight.torrent == torrent && flight.piece == piece)
    }

    /// Takes out the request that a peer's slot stands for.
    pub(super) fn take(&mut self, to: Rank, slot: Slot) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.to == to && flight.slot == slot)?;
        Some(self.flights.remove(at))
    }

    /// Takes out the request that was answered. Who serves is not silent, so what it was asked for besides has until
    /// `patience` from here. But a peer serves what it holds in the order in which it was asked: what was overtaken was lost,
    /// and gets no more time.
    pub(super) fn answered(&mut self, to: Rank, slot: Slot, now: Time, patience: Duration) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.to == to && flight.slot == slot)?;
        for (place, flight) in self.flights.iter_mut().enumerate().filter(|(_, flight)| flight.to == to) {
            if flight.source == Source::Taker || place > at {
                flight.since = now;
                flight.deadline = flight.deadline.max(now + patience);
            }
        }
        Some(self.flights.remove(at))
    }

    /// Takes out all that `which` names.
    pub(super) fn take_all(&mut self, which: impl Fn(&Flight) -> bool) -> Vec<Flight> {
        self.flights.extract_if(.., |flight| which(flight)).collect()
    }

    /// Takes out all whose deadline has come, and remembers them.
    pub(super) fn expire(&mut self, now: Time) -> Vec<Flight> {
        let due = self.take_all(|flight| flight.deadline <= now);
        self.overdue.extend(&due);
        let excess = self.overdue.len().saturating_sub(Self::OVERDUE);
        self.overdue.drain(..excess);
        due
    }

    /// Takes out the request to which something came too late; a second copy of what was in time is not late.
    pub(super) fn take_overdue(&mut self, to: Rank, slot: Slot) -> Option<Flight> {
        let at = self.overdue.iter().position(|flight| flight.to == to && flight.slot == slot)?;
        self.overdue.remove(at)
    }

    /// When the first deadline is.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.flights.iter().map(|flight| flight.deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn flight(to: u32, index: u16, source: Source) -> Flight {
        let (piece, slot) = (PieceIndex(index.into()), Slot::new(index, 0));
        let (sent, deadline) = (Time(0), Time(0) + PATIENCE);
        Flight {
            to: Rank(to),
            slot,
            torrent: TorrentId(0),
            piece,
            source,
            sent,
            since: sent,
            deadline,
            substitute: false,
        }
    }

    #[test]
    fn an_answer_gives_time_to_what_is_behind_it_in_the_peers_queue_and_to_what_that_peer_is_to_take() {
        let mut flights = Flights::default();
        let asked =
            [(1, Source::Taker), (1, Source::Holder), (2, Source::Holder), (1, Source::Holder), (1, Source::Holder)];
        for (index, (to, source)) in (0..).zip(asked) {
            flights.add(flight(to, index, source));
        }
        let now = Time(0) + PATIENCE / 2;
        assert!(flights.answered(Rank(1), Slot::new(3, 0), now, PATIENCE).is_some());
        assert!(flights.answered(Rank(1), Slot::new(3, 0), now, PATIENCE).is_none(), "it is not in flight any more");
        let given_up = |flights: &mut Flights, now| -> Vec<u16> {
            flights.expire(now).iter().map(|flight| flight.slot.index()).collect()
        };
        assert_eq!(given_up(&mut flights, Time(0) + PATIENCE), [1, 2], "overtaken, or asked of another");
        assert_eq!(given_up(&mut flights, now + PATIENCE), [0, 4]);
    }
}
