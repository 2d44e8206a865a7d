//! What the download half makes of the tracker's answers.

use std::collections::btree_map::Entry;

use super::announcing::{CHUNK, Item, Pending};
use super::download::{Download, Stage};
use super::shared::Shared;
use super::torrent::{State, Torrent};
use crate::metainfo::{Bitfield, PieceHashes, PieceIndex, TorrentId};
use crate::protocol::{
    Answer, Change, Decision, Described, Lack, Observed, Outbox, Owned, Rank, Shortfall, Swarm, Time,
};

impl Download {
    /// Takes the tracker's answer to the outstanding call.
    pub(super) fn answer(&mut self, now: Time, sequence: u32, answer: Answer, shared: &mut Shared, out: &mut Outbox) {
        let Some(pending) = self.calls.answer(now, &shared.config, sequence, &answer) else { return };
        if let Pending::Announce { stretch, .. } | Pending::Completed { stretch, .. } = &pending {
            self.confirmed = stretch.end;
        }
        match (pending, answer) {
            (_, Answer::Unknown) => self.register(now),
            (Pending::Publish(_), Answer::Start { torrents, cards }) => {
                if !std::mem::replace(&mut self.convened, true) && self.attentive {
                    out.push(Decision::Convene { cards });
                }
                self.started(&torrents, shared, out);
            }
            (Pending::Offer { index }, Answer::Offered { torrent }) => self.own(index, torrent, shared, out),
            (Pending::Offer { index }, Answer::Contradicted { publisher, piece }) => {
                let name = self.catalog.owned[index].name.clone();
                out.push(Decision::Contradict { name, publisher, piece });
            }
            (Pending::Publish(portion), Answer::Noted) => {
                if let (_, Some(next)) = self.publications(portion) {
                    self.calls.want(Pending::Publish(next));
                }
            }
            (Pending::Join { names } | Pending::Await { names }, Answer::Joined { files, swarm }) => {
                self.joined(names, files, shared, out);
                self.apply(swarm, shared, out);
            }
            (Pending::Hashes { .. }, Answer::Hashes { torrent, first, hashes }) => {
                self.learn(torrent, first, hashes, shared, out);
            }
            (Pending::Announce { stretch, .. } | Pending::Completed { stretch, .. }, Answer::Swarm(swarm)) => {
                for received in shared.holdings.received(stretch) {
                    shared.peers.get(received.from).uncount(received.pieces.pieces.len() as u32);
                }
                self.apply(swarm, shared, out);
            }
            (_, Answer::Noted) => {}
            _ => out.tell(Observed::Misbehaved { from: shared.tracker(), how: "answered another call".into() }),
        }
        self.fill(now, shared, out);
    }

    fn started(&mut self, ids: &[Option<TorrentId>], shared: &mut Shared, out: &mut Outbox) {
        out.tell(Observed::Started);
        for (item, &id) in self.items.clone().into_iter().zip(ids) {
            if let Item::Owned(index) = item {
                self.own(index, id, shared, out);
            }
        }
        (self.announced, self.confirmed) = (0, 0);
        self.closed =
            self.torrents.iter().filter(|(_, torrent)| torrent.state == State::Closed).map(|(&id, _)| id).collect();
        self.unresolved.clear();
        self.unavailable.clear();
        self.stage = Stage::Joining;
        self.offer_the_rest();
        if self.catalog.wanted.is_empty() {
            self.trade(shared, out);
        } else {
            self.join(self.catalog.wanted.clone());
        }
    }

    /// A file that this client owns has its number, or is refused.
    fn own(&mut self, index: usize, id: Option<TorrentId>, shared: &mut Shared, out: &mut Outbox) {
        let Some(torrent) = id else { return };
        let Owned { name, layout, hashes, held, .. } = &self.catalog.owned[index];
        if shared.holdings.of(torrent).is_some() {
            return self.take_own(torrent, shared, out);
        }
        out.push(Decision::Open { torrent, name: name.clone(), layout: *layout });
        shared.holdings.add(torrent, held.clone());
        if !held.is_full() {
            let hashes = hashes.clone();
            out.push(Decision::Learn { torrent, first: PieceIndex(0), hashes });
            if shared.config.policy.sameness.asks_storage() {
                self.twins.ask_storage();
            }
            shared.holdings.note_resumed(torrent, shared.config.rank);
        }
    }

    /// Asks for these names, in bounded messages.
    pub(super) fn join(&mut self, wanted: Vec<String>) {
        let mut names = Vec::new();
        let mut bytes = 0;
        for name in wanted {
            bytes += name.len() + 16;
            names.push(name);
            if bytes > CHUNK {
                self.calls.want(Pending::Join { names: std::mem::take(&mut names) });
                bytes = 0;
            }
        }
        if !names.is_empty() {
            self.calls.want(Pending::Join { names });
        }
    }

    fn trade(&mut self, shared: &Shared, out: &mut Outbox) {
        self.stage = Stage::Trading;
        self.announce_all(shared);
        self.complete_if_done(shared, out);
    }

    fn joined(&mut self, names: Vec<String>, files: Vec<Described>, shared: &mut Shared, out: &mut Outbox) {
        for (name, described) in names.into_iter().zip(files) {
            self.unresolved.retain(|unresolved| *unresolved != name);
            self.coming.remove(&name);
            match described {
                Described::Known { torrent: id, layout, hashes, mut takers } => {
                    takers.retain(|taker| taker.0 < shared.config.world);
                    match self.torrents.entry(id) {
                        Entry::Vacant(vacant) => {
                            vacant.insert(Torrent::new(id, name.clone(), layout, takers, &shared.config));
                            out.push(Decision::Open { torrent: id, name: name.clone(), layout });
                            out.tell(Observed::Joined { torrent: id, name, pieces: layout.pieces });
                            shared.holdings.add(id, Bitfield::none(layout.pieces));
                            self.open.push(id);
                            self.pieces += u64::from(layout.pieces);
                            self.longest_piece = self.longest_piece.max(layout.piece_length);
                            self.learn(id, PieceIndex(0), hashes, shared, out);
                        }
                        // Another tracker was asked for the rest of its hashes.
                        Entry::Occupied(torrent) if !torrent.get().knows_all_hashes() => {
                            self.calls.want(Pending::Hashes { torrent: id });
                        }
                        Entry::Occupied(_) => {}
                    }
                }
                Described::Awaited => self.unresolved.push(name),
                Described::Coming => _ = self.coming.insert(name),
                Described::Unowned => self.unavailable(name, Lack::Unowned, out),
                Described::Conflict => self.unavailable(name, Lack::Conflict, out),
            }
        }
        if self.stage == Stage::Joining && !self.calls.wants(|pending| matches!(pending, Pending::Join { .. })) {
            self.trade(shared, out);
        } else {
            self.complete_if_done(shared, out);
        }
    }

    fn unavailable(&mut self, name: String, why: Lack, out: &mut Outbox) {
        out.tell(Observed::Unavailable { name: name.clone(), why });
        self.unavailable.push(Shortfall { name, missing: None, why });
    }

    fn learn(&mut self, id: TorrentId, first: PieceIndex, hashes: PieceHashes, shared: &mut Shared, out: &mut Outbox) {
        let (Some(torrent), Some(held)) = (self.torrents.get_mut(&id), shared.holdings.of(id)) else { return };
        let Some(learnt) = torrent.learn(first, &hashes) else {
            return out.tell(Observed::Misbehaved { from: shared.tracker(), how: "hashes do not join".into() });
        };
        if !shared.config.policy.sameness.asks_storage() {
            torrent.release(learnt, held);
        } else if !hashes.is_empty() {
            self.twins.ask_storage();
        }
        if !hashes.is_empty() {
            out.push(Decision::Learn { torrent: id, first, hashes });
        }
        let torrent = &self.torrents[&id];
        if torrent.knows_all_hashes() {
            self.take_own(id, shared, out);
            self.close_if_complete(id, shared, out);
        } else {
            self.calls.want(Pending::Hashes { torrent: id });
        }
    }

    fn apply(&mut self, mut swarm: Swarm, shared: &mut Shared, out: &mut Outbox) {
        self.version = swarm.version;
        self.downloaders = swarm.downloaders;
        let (own, world) = (shared.config.rank, shared.config.world);
        swarm.loads.retain(|(rank, _)| rank.0 < world);
        shared.peers.set_loads(&swarm.loads);
        let other = |rank: Rank| rank != own && rank.0 < world;
        for change in swarm.changes {
            match change {
                Change::Anew => self.torrents.values_mut().for_each(Torrent::forget_holders),
                Change::Has { rank, pieces } if other(rank) => {
                    if let Some(torrent) = self.torrents.get_mut(&pieces.torrent) {
                        torrent.holds(rank, pieces.pieces);
                    }
                }
                Change::HasAll { rank, torrent } if other(rank) => {
                    if let Some(torrent) = self.torrents.get_mut(&torrent) {
                        torrent.holds(rank, (0..torrent.layout.pieces).map(PieceIndex));
                    }
                }
                Change::Holds { rank, torrent, bits } if other(rank) => {
                    if let Some(torrent) = self.torrents.get_mut(&torrent) {
                        torrent.holds(rank, bits.iter());
                    }
                }
                Change::Gone { rank } if other(rank) => {
                    self.peer_gone(rank, shared, out);
                    self.take_over_from(rank, out);
                }
                Change::Has { .. } | Change::HasAll { .. } | Change::Holds { .. } | Change::Gone { .. } => {}
            }
        }
    }
}
