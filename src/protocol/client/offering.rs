//! What a client comes to own and to want while the swarm runs, and how it waits for what others may come to offer.

use std::collections::BTreeSet;

use super::announcing::Pending;
use super::download::{Download, Stage};
use super::shared::Shared;
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{About, Claim, Decision, Lack, Outbox, Owned, Prospects, Publication, Rank};

use super::announcing::Item;

impl Download {
    /// This client has come to own a file, whole.
    pub(super) fn come_to_own(&mut self, owned: Owned, shared: &mut Shared, out: &mut Outbox) {
        let downloaded = self.torrents.iter().find(|(_, torrent)| torrent.name == owned.name).map(|(&id, _)| id);
        // There was nobody before who owned it.
        self.unavailable.retain(|shortfall| shortfall.name != owned.name || shortfall.why != Lack::Unowned);
        self.catalog.owned.push(owned);
        if let Some(id) = downloaded {
            self.take_own(id, shared, out);
        }
        if !matches!(self.stage, Stage::Publishing | Stage::Stopped) {
            self.offer_the_rest();
        }
    }

    /// Of a torrent that is downloaded: takes what this client owns of it, if that is the same.
    pub(super) fn take_own(&mut self, id: TorrentId, shared: &mut Shared, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get(&id) else { return };
        let same = |owned: &&Owned| owned.name == torrent.name && owned.hashes == torrent.hashes;
        // One that came back with a part of it may come to own it whole.
        let pieces = self.catalog.owned.iter().filter(same).flat_map(|owned| owned.held.iter());
        let new: BTreeSet<PieceIndex> = pieces.filter(|&piece| !shared.holdings.contains(id, piece)).collect();
        for piece in new {
            shared.holdings.insert(id, piece, shared.config.rank);
            self.came_to_hold(id, piece, shared, out);
        }
    }

    /// Offers what was not published with the rest.
    pub(super) fn offer_the_rest(&mut self) {
        for index in self.offered..self.catalog.owned.len() {
            self.calls.want(Pending::Offer { index });
        }
        self.offered = self.catalog.owned.len();
        let told = self.calls.wants(|pending| matches!(pending, Pending::AllOffered));
        if self.catalog.prospects == Prospects::Reserve && !told {
            self.calls.want(Pending::AllOffered);
        }
    }

    /// A rank is gone for good: whoever is attentive may have to do its work, and has not finished until it knows.
    pub(super) fn take_over_from(&mut self, rank: Rank, out: &mut Outbox) {
        if self.attentive && self.stage != Stage::Stopped {
            self.catalog.prospects = Prospects::Open;
            self.calls.withdraw(|pending| matches!(pending, Pending::AllOffered));
            if self.stage == Stage::Finished {
                self.stage = Stage::Trading;
            }
            out.push(Decision::Succeed { rank });
        }
    }

    /// This client has come to want these names.
    pub(super) fn come_to_want(&mut self, names: Vec<String>) {
        let new: Vec<String> = names.into_iter().filter(|name| !self.catalog.wanted.contains(name)).collect();
        self.catalog.wanted.extend(new.iter().cloned());
        if matches!(self.stage, Stage::Joining | Stage::Trading) {
            // Until the tracker has said more of them.
            self.coming.extend(new.iter().cloned());
            self.join(new);
        }
    }

    /// This client will neither own nor want anything more.
    pub(super) fn all_offered(&mut self, shared: &Shared, out: &mut Outbox) {
        self.catalog.prospects = Prospects::Reserve;
        if !matches!(self.stage, Stage::Publishing | Stage::Stopped) {
            self.offer_the_rest();
            self.complete_if_done(shared, out);
        }
    }

    /// With nothing else to say: the call that is answered when something happens.
    pub(super) fn wait_attentively(&self) -> Option<Pending> {
        let takes_part = matches!(self.stage, Stage::Trading | Stage::Finished);
        let waits = takes_part && (self.attentive || !self.coming.is_empty()) && self.calls.is_silent();
        waits.then(|| Pending::Await { names: self.coming.iter().cloned().collect() })
    }

    /// What all others are to know of this client. What it has come to own while it published is still to be offered.
    pub(super) fn about(&self) -> About {
        let owes = self.offered < self.catalog.owned.len();
        let prospects = if owes { Prospects::Open } else { self.catalog.prospects };
        About { card: self.catalog.card.clone(), prospects }
    }

    /// A file by its place in the catalog, as it is offered. Of one that is downloaded, each piece is reported as held.
    pub(super) fn offer(&self, index: usize) -> Publication {
        let Owned { name, layout, hashes, takers, .. } = self.catalog.owned[index].clone();
        let downloaded = self.torrents.values().any(|torrent| torrent.name == name);
        let claim = if downloaded { Claim::Hashes } else { Claim::Seed };
        Publication { name, layout, claim, first: PieceIndex(0), hashes, takers }
    }

    /// Who is going to download an item, where its owner knows.
    pub(super) fn takers_of(&self, item: Item) -> Option<Vec<Rank>> {
        match item {
            Item::Owned(index) => self.catalog.owned[index].takers.clone(),
            Item::Downloaded(_) => None,
        }
    }
}
