//! Pieces that need not be fetched: those that were here, and those whose content another piece has.

use std::collections::{BTreeMap, BTreeSet};

use super::download::{Download, Stage};
use super::shared::Shared;
use super::torrent::State;
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Decision, Outbox, Sameness, Time};

/// One piece of one torrent.
type Piece = (TorrentId, PieceIndex);

/// Knows which pieces have the same hash: of each such set one is fetched, and the others are copied from what comes first.
#[derive(Debug, Default)]
pub(super) struct Twins {
    /// By the beginning of a hash: the first piece that was seen to have it. A hash that only begins like another's has no
    /// twin, which costs nothing but a fetch.
    first: BTreeMap<u64, Piece>,
    /// By the piece that they wait for: those with the same hash.
    followers: BTreeMap<Piece, BTreeSet<Piece>>,
    /// Pieces that are being copied.
    copying: BTreeSet<Piece>,
    /// What the storage was asked and has not answered.
    asked: u64,
}

impl Twins {
    /// Whether the storage works on something that may spare a fetch.
    pub(super) fn are_busy(&self) -> bool {
        self.asked > 0
    }

    /// The storage was told of hashes, and will say what it has.
    pub(super) fn ask_storage(&mut self) {
        self.asked += 1;
    }

    /// The storage answered, with so many new questions of its own.
    fn answered(&mut self, questions: u64) {
        self.asked = self.asked.saturating_sub(1) + questions;
    }

    /// Has one piece made out of another, unless that is being done.
    fn copy(&mut self, from: Piece, to: Piece, out: &mut Outbox) {
        if self.copying.insert(to) {
            self.asked += 1;
            out.push(Decision::Copy { from, to });
        }
    }
}

impl Download {
    /// The storage has heard of hashes, and looks at those of the pieces that may be here.
    pub(super) fn learnt(
        &mut self,
        now: Time,
        id: TorrentId,
        (first, count): (PieceIndex, u32),
        here: &[PieceIndex],
        shared: &mut Shared,
        out: &mut Outbox,
    ) {
        self.twins.answered(here.len() as u64);
        let Some(torrent) = self.torrents.get(&id) else { return };
        let end = first.0.saturating_add(count).min(torrent.layout.pieces);
        let here: BTreeSet<PieceIndex> = here.iter().copied().collect();
        for piece in (first.0..end).map(PieceIndex) {
            if here.contains(&piece) || shared.holdings.contains(id, piece) {
                self.first_like((id, piece));
            } else {
                self.settle((id, piece), shared, out);
            }
        }
        self.fill(now, shared, out);
    }

    /// A piece is held that was not fetched.
    pub(super) fn held(&mut self, now: Time, id: TorrentId, piece: PieceIndex, shared: &mut Shared, out: &mut Outbox) {
        self.twins.answered(0);
        self.twins.copying.remove(&(id, piece));
        if self.stage != Stage::Stopped {
            shared.holdings.insert(id, piece, shared.config.rank);
            self.starving = None;
            self.came_to_hold(id, piece, shared, out);
            self.fill(now, shared, out);
        }
    }

    /// A piece has to be fetched after all.
    pub(super) fn lacking(
        &mut self,
        now: Time,
        id: TorrentId,
        piece: PieceIndex,
        shared: &mut Shared,
        out: &mut Outbox,
    ) {
        self.twins.answered(0);
        if shared.holdings.contains(id, piece) {
            return;
        }
        match self.twins.copying.remove(&(id, piece)) {
            // What failed once will fail again.
            true => self.fetch((id, piece)),
            false => self.settle((id, piece), shared, out),
        }
        self.fill(now, shared, out);
    }

    /// Finds the way to a piece that is not held: a fetch, or a copy of its twin, for which it may have to wait.
    fn settle(&mut self, piece: Piece, shared: &Shared, out: &mut Outbox) {
        if shared.config.policy.sameness != Sameness::Copied {
            return self.fetch(piece);
        }
        match self.first_like(piece) {
            Some(first) if first == piece => self.fetch(piece),
            Some(first) if shared.holdings.contains(first.0, first.1) => self.twins.copy(first, piece, out),
            Some(first) => _ = self.twins.followers.entry(first).or_default().insert(piece),
            None => self.fetch(piece),
        }
    }

    /// A piece has come to be held: all that have the same hash are copied from it. Seldom is one of them on its way too.
    pub(super) fn copy_to_twins(&mut self, from: Piece, shared: &Shared, out: &mut Outbox) {
        let Some(first) = self.first_like(from) else { return };
        let followers = self.twins.followers.remove(&first).unwrap_or_default();
        for to in followers.into_iter().chain([first]).filter(|&to| !shared.holdings.contains(to.0, to.1)) {
            if let Some(torrent) = self.torrents.get_mut(&to.0) {
                torrent.picker.take(to.1);
            }
            self.twins.copy(from, to, out);
        }
    }

    /// Of twins that wait for one that nobody gives, has another one fetched. Tells whether there was any.
    pub(super) fn turn_to_other_twins(&mut self, shared: &Shared) -> bool {
        let vain = self.twins.followers.keys().filter(|&&first| !self.is_given(first, shared));
        let vain: Vec<Piece> = vain.copied().collect();
        vain.into_iter().filter(|&first| self.turn_to_another_twin(first, shared)).count() > 0
    }

    /// A piece was asked for in vain. Of those that wait for it, one is asked for too that somebody gives, and the others
    /// wait for that one. Tells whether there was any.
    pub(super) fn turn_to_another_twin(&mut self, first: Piece, shared: &Shared) -> bool {
        let Some(followers) = self.twins.followers.get(&first) else { return false };
        let untried = |&&(id, piece): &&Piece| {
            let pickable = self.torrents.get(&id).is_some_and(|torrent| torrent.picker.pickable().contains(piece));
            !pickable && !self.flights.carry(id, piece) && self.is_given((id, piece), shared)
        };
        let Some(&second) = followers.iter().find(untried) else { return false };
        let mut others = self.twins.followers.remove(&first).unwrap_or_default();
        others.remove(&second);
        others.insert(first);
        self.twins.followers.insert(second, others);
        self.twins.first.values_mut().filter(|piece| **piece == first).for_each(|piece| *piece = second);
        self.fetch(second);
        true
    }

    /// Whether somebody is known to hold a piece who gives it.
    fn is_given(&self, (id, piece): Piece, shared: &Shared) -> bool {
        let hopeless = |rank| shared.peers.find(rank).is_some_and(|peer| peer.is_hopeless());
        let open = self.torrents.get(&id).filter(|torrent| torrent.state == State::Open);
        open.is_some_and(|torrent| torrent.holders(piece).any(|rank| !hopeless(rank)))
    }

    fn fetch(&mut self, (id, piece): Piece) {
        let in_flight = self.flights.carry(id, piece);
        if let Some(torrent) = self.torrents.get_mut(&id).filter(|_| !in_flight) {
            torrent.picker.put_back(piece);
        }
    }

    /// The first piece with the same hash, which may be the piece itself.
    fn first_like(&mut self, piece: Piece) -> Option<Piece> {
        let hash_of = |(id, piece): Piece| self.torrents.get(&id)?.hashes.get(piece);
        let hash = hash_of(piece)?;
        let beginning = hash.iter().take(8).fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let first = *self.twins.first.entry(beginning).or_insert(piece);
        (hash_of(first) == Some(hash)).then_some(first)
    }
}
