//! The half that downloads: what is wanted, how far it is, and what arrives. How pieces are chosen and asked for stands in
//! `requesting`, the talk with the tracker in `announcing`.

use std::collections::{BTreeMap, BTreeSet};

use super::announcing::{Item, Pending};
use super::flight::{Flight, Flights, Source};
use super::shared::Shared;
use super::torrent::{State, Torrent};
use super::twins::Twins;
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::calls::Calls;
use crate::protocol::{
    Arrival, Body, Catalog, Decision, Finish, Incarnation, Lack, News, Observed, Outbox, Outcome, Pieces, Prospects,
    Rank, Reason, Sameness, Shortfall, Slot, Time, Version,
};

/// Downloads what is wanted, and does all talk with the tracker.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) catalog: Catalog,
    pub(super) stage: Stage,
    pub(super) calls: Calls<Pending>,
    /// What is being published, in the order in which the tracker numbers it.
    pub(super) items: Vec<Item>,
    pub(super) torrents: BTreeMap<TorrentId, Torrent>,
    /// The wanted torrents that are not complete, in the order in which they were wanted.
    pub(super) open: Vec<TorrentId>,
    /// The length of the longest piece of all wanted torrents.
    pub(super) longest_piece: u32,
    /// How many pieces all of them have.
    pub(super) pieces: u64,
    /// Wanted names for which the tracker has no torrent yet.
    pub(super) unresolved: Vec<String>,
    /// Wanted names that somebody may still come to offer.
    pub(super) coming: BTreeSet<String>,
    /// How many of the owned files the tracker knows, or will by calls that wait.
    pub(super) offered: usize,
    /// Whether others' cards were handed to the driver.
    pub(super) convened: bool,
    /// Whether it is to hear at once of what others offer, and of who is gone.
    pub(super) attentive: bool,
    /// Whether the storage said that it cannot go on.
    pub(super) gave_up: bool,
    pub(super) twins: Twins,
    /// Wanted names that cannot be had.
    pub(super) unavailable: Vec<Shortfall>,
    /// Torrents that closed and that the tracker was not told of.
    pub(super) closed: Vec<TorrentId>,
    pub(super) flights: Flights,
    /// How much of the journal the tracker has been told, or will be by a call that waits.
    pub(super) announced: usize,
    /// When it was last told, where that is done sparingly, and when what has come since may be told.
    pub(super) announced_at: Option<Time>,
    pub(super) announce_due: Option<Time>,
    /// How much of it the tracker has answered.
    pub(super) confirmed: usize,
    pub(super) version: Version,
    pub(super) downloaders: u32,
    /// With nothing to ask for: when to ask the tracker again.
    pub(super) starving: Option<Time>,
    /// The tracker was told that nobody can help.
    pub(super) cried: bool,
    /// The worst that happened to this client.
    pub(super) outcome: Outcome,
}

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Telling what it owns, waiting for the start.
    Publishing,
    /// Asking for what it wants.
    Joining,
    /// Trading.
    Trading,
    /// All that can be had is here: goes on serving.
    Finished,
    /// Told to stop.
    Stopped,
}

impl Download {
    pub(super) fn new(catalog: Catalog, life: Incarnation) -> Self {
        Self {
            attentive: catalog.prospects != Prospects::Final,
            gave_up: false,
            catalog,
            stage: Stage::Publishing,
            calls: Calls::new(life),
            items: Vec::new(),
            torrents: BTreeMap::new(),
            open: Vec::new(),
            longest_piece: 1,
            pieces: 0,
            unresolved: Vec::new(),
            coming: BTreeSet::new(),
            offered: 0,
            convened: false,
            twins: Twins::default(),
            unavailable: Vec::new(),
            closed: Vec::new(),
            flights: Flights::default(),
            announced: 0,
            announced_at: None,
            announce_due: None,
            confirmed: 0,
            version: 0,
            downloaders: 1,
            starving: None,
            cried: false,
            outcome: Outcome::Complete,
        }
    }

    /// A piece came in, or what claimed to be one.
    pub(super) fn piece(
        &mut self,
        now: Time,
        from: Rank,
        slot: Slot,
        arrival: Arrival,
        shared: &mut Shared,
        out: &mut Outbox,
    ) {
        let Some(flight) = self.answered(now, from, slot, shared) else {
            self.note_late(now, from, slot, shared);
            out.tell(Observed::Wasted { from });
            return;
        };
        let Flight { torrent, piece, sent, .. } = flight;
        shared.peers.get(from).answered();
        match arrival {
            Arrival::Verified => self.verified(now, &flight, shared, out),
            Arrival::Redundant => {
                out.tell(Observed::Wasted { from });
                let peer = shared.peers.get(from);
                peer.uncount(1);
                peer.served(now);
                self.give_back(&flight, shared);
            }
            Arrival::Corrupt | Arrival::Short | Arrival::Unexpected => {
                out.tell(Observed::Corrupt { torrent, piece, from });
                let peer = shared.peers.get(from);
                peer.uncount(1);
                peer.sent_bad_piece(now, sent);
                if let Some(torrent) = self.torrents.get_mut(&torrent) {
                    torrent.note_corrupt(piece);
                }
                self.give_back(&flight, shared);
                self.turn_to_another_twin((torrent, piece), shared);
            }
        }
        self.fill(now, shared, out);
    }

    /// Takes out the request that a peer has answered, if it is still in flight.
    fn answered(&mut self, now: Time, from: Rank, slot: Slot, shared: &Shared) -> Option<Flight> {
        let least = self.least_patience(shared);
        let patience = shared.peers.find(from).map_or(least, |peer| peer.pace.patience(least));
        self.flights.answered(from, slot, now, patience)
    }

    /// Something came for no request in flight: perhaps for one that had been given up.
    fn note_late(&mut self, now: Time, from: Rank, slot: Slot, shared: &mut Shared) {
        if let Some(flight) = self.flights.take_overdue(from, slot) {
            shared.peers.get(from).was_late(now, flight.sent);
        }
    }

    fn verified(&mut self, now: Time, flight: &Flight, shared: &mut Shared, out: &mut Outbox) {
        let &Flight { to: from, torrent, piece, source, sent, .. } = flight;
        let peer = shared.peers.get(from);
        peer.served(now);
        match source {
            Source::Holder => peer.pace.took(now.since(sent)),
            // That the peer had to wait for it itself says nothing of how fast it serves.
            Source::Taker => peer.took(now.since(sent)),
        }
        shared.peers.measure();
        shared.holdings.insert(torrent, piece, from);
        out.tell(Observed::Received { torrent, piece, from });
        self.starving = None;
        self.came_to_hold(torrent, piece, shared, out);
    }

    /// A piece has come to be held, one way or another.
    pub(super) fn came_to_hold(&mut self, id: TorrentId, piece: PieceIndex, shared: &mut Shared, out: &mut Outbox) {
        for other in self.flights.take_all(|other| other.torrent == id && other.piece == piece) {
            shared.peers.get(other.to).uncount(1);
            self.abandon(&other, shared, out);
            shared.send(other.to, Body::Cancel { slot: other.slot }, out);
        }
        if let Some(state) = self.torrents.get_mut(&id) {
            state.picker.take(piece);
        }
        if std::mem::take(&mut self.cried) {
            self.take_heart(shared);
        }
        if shared.config.policy.sameness == Sameness::Copied {
            self.copy_to_twins((id, piece), shared, out);
        }
        if !self.close_if_complete(id, shared, out) {
            self.announce_if_due(shared);
        }
    }

    /// Closes a torrent of which all pieces are held; tells whether it did.
    pub(super) fn close_if_complete(&mut self, id: TorrentId, shared: &Shared, out: &mut Outbox) -> bool {
        let complete = shared.holdings.of(id).is_some_and(|held| held.is_full());
        match self.torrents.get_mut(&id) {
            Some(torrent) if complete && torrent.state == State::Open && torrent.knows_all_hashes() => {
                torrent.state = State::Closing;
                self.open.retain(|&open| open != id);
                out.push(Decision::Close { torrent: id });
                true
            }
            _ => false,
        }
    }

    /// A torrent's output is in place.
    pub(super) fn closed(&mut self, now: Time, id: TorrentId, shared: &mut Shared, out: &mut Outbox) {
        if let Some(torrent) = self.torrents.get_mut(&id).filter(|torrent| torrent.state == State::Closing) {
            torrent.state = State::Closed;
            out.tell(Observed::FileFinished { torrent: id });
            self.closed.push(id);
            self.complete_if_done(shared, out);
            self.fill(now, shared, out);
        }
    }

    /// A torrent cannot be written.
    pub(super) fn unwritable(&mut self, now: Time, id: TorrentId, shared: &mut Shared, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get_mut(&id) else { return };
        // Why it cannot go on has been said; what fails after that fails because of it.
        if torrent.state == State::Closed || self.gave_up {
            return;
        }
        torrent.state = State::Failed(Lack::Unwritable);
        self.open.retain(|&open| open != id);
        for flight in self.flights.take_all(|flight| flight.torrent == id) {
            self.abandon(&flight, shared, out);
        }
        self.complete_if_done(shared, out);
        self.fill(now, shared, out);
    }

    /// A peer will not send a piece now.
    pub(super) fn rejected(
        &mut self,
        now: Time,
        from: Rank,
        slot: Slot,
        (reason, holders): (Reason, Vec<Rank>),
        shared: &mut Shared,
        out: &mut Outbox,
    ) {
        let Some(flight) = self.answered(now, from, slot, shared) else {
            return self.note_late(now, from, slot, shared);
        };
        let Flight { torrent: id, piece, .. } = flight;
        out.push(Decision::Forget { from, slot });
        out.tell(Observed::Rejected { torrent: id, piece, from, reason });
        let peer = shared.peers.get(from);
        peer.answered();
        peer.uncount(1);
        match (reason, flight.source) {
            (Reason::Elsewhere, _) => {}
            (Reason::Busy, _) => peer.is_busy(now, flight.sent),
            // It was only supposed to come to hold it.
            (_, Source::Taker) => self.distrust(from, id),
            (Reason::NotHeld | Reason::Unreadable, Source::Holder) => peer.failed(now, flight.sent),
        }
        if let Some(torrent) = self.torrents.get_mut(&id).filter(|_| reason != Reason::Busy) {
            torrent.lacks(from, piece);
            let others = |rank: &Rank| *rank != shared.config.rank && rank.0 < shared.config.world;
            holders.into_iter().filter(others).for_each(|rank| torrent.has(rank, piece));
            if reason == Reason::Elsewhere {
                torrent.note_sent_on(piece, from);
            }
        }
        self.give_back(&flight, shared);
        if matches!(reason, Reason::NotHeld | Reason::Unreadable) {
            self.turn_to_another_twin((id, piece), shared);
        }
        self.fill(now, shared, out);
    }

    /// A peer told what it holds; tells whether all of it makes sense. A torrent that is not wanted here is none of our
    /// business.
    pub(super) fn news(&mut self, from: Rank, news: &News) -> bool {
        news.held.iter().fold(true, |sane, Pieces { torrent, pieces }| {
            let wanted = self.torrents.get_mut(torrent);
            sane & wanted.is_none_or(|torrent| torrent.holds(from, pieces.iter().copied()))
        })
    }

    /// A peer is gone, or in a new life: what was known of it, and what was asked of it, is moot.
    pub(super) fn peer_gone(&mut self, rank: Rank, shared: &mut Shared, out: &mut Outbox) {
        for torrent in self.torrents.values_mut() {
            torrent.gone(rank);
            torrent.takers.distrust(rank);
        }
        for flight in self.flights.take_all(|flight| flight.to == rank) {
            shared.peers.get(rank).uncount(1);
            self.abandon(&flight, shared, out);
        }
    }

    /// Gives a request up: its slot is retired and its piece can be asked for again.
    pub(super) fn abandon(&mut self, flight: &Flight, shared: &mut Shared, out: &mut Outbox) {
        out.push(Decision::Forget { from: flight.to, slot: flight.slot });
        shared.peers.get(flight.to).answered();
        self.give_back(flight, shared);
    }

    fn give_back(&mut self, flight: &Flight, shared: &Shared) {
        let Flight { torrent, piece, .. } = *flight;
        if shared.holdings.contains(torrent, piece) || self.flights.carry(torrent, piece) {
            return;
        }
        if let Some(torrent) = self.torrents.get_mut(&torrent) {
            torrent.came_to_nothing(piece, flight.to);
            torrent.picker.put_back(piece);
        }
    }

    /// The run ends: nothing more is asked for.
    pub(super) fn stop(&mut self, now: Time, shared: &mut Shared, out: &mut Outbox) {
        for flight in self.flights.take_all(|_| true) {
            self.abandon(&flight, shared, out);
        }
        self.calls.clear(now);
        self.stage = Stage::Stopped;
        self.starving = None;
    }

    /// Whether a wanted file is not complete and in place, or it was still to be said what else is wanted or offered.
    pub(super) fn is_unfinished(&self) -> bool {
        let closed = |name: &String| {
            let mut torrents = self.torrents.values();
            torrents.any(|torrent| torrent.name == *name && torrent.state == State::Closed)
        };
        self.catalog.prospects == Prospects::Open || !self.catalog.wanted.iter().all(closed)
    }

    /// How the download ended, with what is missing. `shortage`: whether what is missing now could not be had, or was
    /// only not waited for.
    pub(super) fn finish(&self, shortage: Shortage, shared: &Shared) -> Finish {
        let mut shortfalls = self.unavailable.clone();
        if shortage == Shortage::Real {
            let known = |name: &String| {
                self.torrents.values().any(|torrent| torrent.name == *name)
                    || self.unavailable.iter().any(|shortfall| shortfall.name == *name)
                    || self.catalog.owned.iter().any(|owned| owned.name == *name && owned.held.is_full())
            };
            let unowned = |name: &String| Shortfall { name: name.clone(), missing: None, why: Lack::Unowned };
            shortfalls.extend(self.catalog.wanted.iter().filter(|name| !known(name)).map(unowned));
        }
        for (id, torrent) in &self.torrents {
            let held = shared.holdings.of(*id).expect("a torrent that is downloaded has holdings");
            let failed = matches!(torrent.state, State::Failed(_));
            if failed || (torrent.state == State::Open && shortage == Shortage::Real) {
                let missing = Some(held.complement());
                shortfalls.push(Shortfall { name: torrent.name.clone(), missing, why: torrent.lack(held) });
            }
        }
        let outcome = shortfalls.iter().map(|shortfall| shortfall.why.outcome()).fold(self.outcome, Outcome::max);
        Finish { outcome, shortfalls }
    }
}

/// What it means that something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// Nobody left holds it.
    Real,
    /// The run was cut short.
    CutShort,
}
