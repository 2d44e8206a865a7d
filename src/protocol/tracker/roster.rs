//! The clients that a tracker serves: how far each is, and when it was last heard.

use std::collections::{BTreeMap, BTreeSet};

use crate::metainfo::TorrentId;
use crate::protocol::{About, Finish, Incarnation, More, Outcome, Prospects, Rank, Time, Traffic, Version};

/// The clients of a swarm, by rank.
#[derive(Debug, Default)]
pub(super) struct Roster {
    clients: BTreeMap<Rank, Client>,
}

/// What the tracker knows of one client.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) incarnation: Incarnation,
    /// The last call that was carried out; a repeat of it is only answered again.
    pub(super) sequence: u32,
    pub(super) presence: Presence,
    /// It is silent for too long, or never came.
    pub(super) lost: bool,
    /// The version in which all were told last that it is gone; 0 where they never were.
    pub(super) gone: Version,
    /// How often it was thought lost and was not: it is only slow, and gets more patience each time.
    pub(super) revivals: u32,
    pub(super) heard: Time,
    pub(super) pinged: Time,
    /// Pings since it was heard.
    pub(super) unanswered: u32,
    /// The files that it published, in the order in which it named them, as far as they are not refused.
    pub(super) published: Vec<Option<TorrentId>>,
    /// The names that it said it would want.
    pub(super) intends: Vec<String>,
    /// Whether its last part of a publication was the last of all.
    pub(super) more: Option<More>,
    /// What it said of itself.
    pub(super) about: About,
    /// The call that is answered when something happens.
    pub(super) awaits: Option<Awaits>,
    /// A file whose chunks still arrive.
    pub(super) publishing: Option<String>,
    /// The call that is answered when all have spoken.
    pub(super) awaits_start: Option<u32>,
    /// What it wants and does not have whole yet.
    pub(super) wanted: BTreeSet<TorrentId>,
    /// The clients that it is told of; all where nothing is said.
    pub(super) neighbours: Option<BTreeSet<Rank>>,
    /// It has nothing to ask for.
    pub(super) starving: Option<Starving>,
    pub(super) finished: Option<Outcome>,
    /// When it last said so.
    pub(super) finished_at: Option<Time>,
    /// It was told to stop. Whoever was lost at that time and comes back may still complete first.
    pub(super) stopped: bool,
    pub(super) drained: Option<(Finish, Traffic)>,
    pub(super) counts: Counts,
}

/// What a client waits to hear.
#[derive(Clone, Debug)]
pub(super) struct Awaits {
    /// The number of its call.
    pub(super) sequence: u32,
    /// The version that it has applied.
    pub(super) since: Version,
    /// The names that it wants.
    pub(super) wanted: Vec<String>,
}

/// Whether a client takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has said nothing yet.
    #[default]
    Expected,
    /// It is here and has not published all.
    Arrived,
    /// It takes part.
    Registered,
}

/// A client that has nothing to ask for and says so again and again.
#[derive(Clone, Debug)]
pub(super) struct Starving {
    pub(super) since: Time,
    pub(super) last: Time,
    /// Whom it has asked in vain.
    pub(super) useless: Vec<Rank>,
}

/// What is counted of a client, for the summary and for load balance.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) had: u64,
    pub(super) wanted: u64,
    pub(super) got: u64,
    pub(super) sources: BTreeSet<Rank>,
    pub(super) served: u32,
}

impl Roster {
    /// A roster that waits for these ranks.
    pub(super) fn expecting(ranks: impl Iterator<Item = Rank>) -> Self {
        Self { clients: ranks.map(|rank| (rank, Client::default())).collect() }
    }

    pub(super) fn get(&self, rank: Rank) -> Option<&Client> {
        self.clients.get(&rank)
    }

    /// The record of a client, made where there is none.
    pub(super) fn entry(&mut self, rank: Rank) -> &mut Client {
        self.clients.entry(rank).or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Rank, &Client)> {
        self.clients.iter().map(|(&rank, client)| (rank, client))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Rank, &mut Client)> {
        self.clients.iter_mut().map(|(&rank, client)| (rank, client))
    }

    /// Somebody came who may bring what nobody knew of: whoever starves must find out anew whether it still does.
    pub(super) fn hope_again(&mut self) {
        self.clients.values_mut().for_each(|client| client.starving = None);
    }

    /// A rank is gone, in this version: those who may have to do its work, though they may be silent for now, have not
    /// finished until they have said so again. Whoever was told to stop does no more work.
    pub(super) fn note_gone(&mut self, gone: Rank, version: Version) {
        self.entry(gone).gone = version;
        let others = self.clients.iter_mut().filter(|(rank, _)| **rank != gone).map(|(_, client)| client);
        let reserve = |client: &&mut Client| client.about.prospects == Prospects::Reserve && !client.stopped;
        for client in others.filter(reserve) {
            client.about.prospects = Prospects::Open;
            client.finished = None;
        }
    }

    /// Whether anybody else is gone of whom a client has not heard that has applied this version.
    pub(super) fn has_lost_since(&self, since: Version, rank: Rank) -> bool {
        self.gone_since(since).any(|other| other != rank)
    }

    /// Those that are not lost.
    pub(super) fn live(&self) -> impl Iterator<Item = (Rank, &Client)> {
        self.iter().filter(|(_, client)| !client.lost)
    }

    /// Those that are gone since a version, or were, though they are back.
    pub(super) fn gone_since(&self, since: Version) -> impl Iterator<Item = Rank> {
        self.iter().filter(move |(_, client)| client.gone > since).map(|(rank, _)| rank)
    }

    /// Whether nobody is missing: what nobody has published by now, nobody will.
    pub(super) fn is_complete(&self) -> bool {
        self.clients.values().all(|client| !client.lost && client.presence == Presence::Registered)
    }

    /// Whether a client is missing that took part, or should have, and did not only leave before it was told to.
    pub(super) fn has_lost(&self) -> bool {
        self.clients.values().any(|client| client.lost && client.drained.is_none())
    }

    /// How many live clients still download.
    pub(super) fn downloaders(&self) -> u32 {
        self.live().filter(|(_, client)| client.finished.is_none() && !client.wanted.is_empty()).count() as u32
    }
}

impl Client {
    /// Whether it was not answered yet, for the answer comes when something happens.
    pub(super) fn waits_for_answer_to(&self, sequence: u32) -> bool {
        let awaits = self.awaits.as_ref().map(|awaits| awaits.sequence);
        [self.awaits_start, awaits].contains(&Some(sequence))
    }

    /// Whether it may come to offer more than it has.
    pub(super) fn may_offer(&self) -> bool {
        self.about.prospects == Prospects::Open && self.finished.is_none()
    }

    /// It is in a new life: only what was counted of the old one stays.
    pub(super) fn reborn(&mut self, incarnation: Incarnation) {
        let (counts, heard) = (std::mem::take(&mut self.counts), self.heard);
        *self = Self { incarnation, counts, heard, ..Self::default() };
    }
}
