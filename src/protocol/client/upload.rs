//! The half that answers other clients.

use std::collections::{BTreeMap, VecDeque};

use super::shared::Shared;
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Body, Decision, Manner, Observed, Outbox, Rank, Reason, Seeding, Slot};

/// Serves pieces: each request gets the piece or a reject.
#[derive(Debug, Default)]
pub(super) struct Upload {
    /// Pieces that the driver is sending.
    leaving: u32,
    queue: VecDeque<Wish>,
    /// Requests for pieces that are not held yet and will be.
    parked: Vec<Wish>,
    /// To whom each piece was given and how often, under [`Seeding::OnceEach`].
    given: BTreeMap<(TorrentId, PieceIndex), BTreeMap<Rank, u32>>,
}

/// One request of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) from: Rank,
    pub(super) slot: Slot,
    pub(super) torrent: TorrentId,
    pub(super) piece: PieceIndex,
    pub(super) manner: Manner,
}

impl Upload {
    /// Pieces that are handed to the driver at once; what is asked beyond them waits here, where it can be cancelled.
    const AT_ONCE: u32 = 64;
    /// Requests that wait, of all peers and of one.
    const WAITING: usize = 4096;
    const WAITING_OF_ONE: usize = 64;

    /// A peer wants a piece.
    pub(super) fn request(&mut self, wish: Wish, shared: &Shared, out: &mut Outbox) {
        self.supersede(wish);
        if !shared.holdings.contains(wish.torrent, wish.piece) {
            return refuse(wish, Reason::NotHeld, Vec::new(), shared, out);
        }
        if let Some(holders) = self.elsewhere(wish, shared) {
            return refuse(wish, Reason::Elsewhere, holders, shared, out);
        }
        if self.is_crowded(wish.from) {
            return refuse(wish, Reason::Busy, Vec::new(), shared, out);
        }
        self.queue.push_back(wish);
        self.serve(shared, out);
    }

    /// A peer wants a piece that is not held yet and will be: it waits.
    pub(super) fn park(&mut self, wish: Wish, shared: &Shared, out: &mut Outbox) {
        self.supersede(wish);
        if self.is_crowded(wish.from) {
            return refuse(wish, Reason::Busy, Vec::new(), shared, out);
        }
        self.parked.push(wish);
    }

    /// Looks again at what waits for pieces: some may have come, of others it may be known that they will not.
    pub(super) fn unpark(&mut self, promised: impl Fn(Wish) -> bool, shared: &Shared, out: &mut Outbox) {
        let held = |wish: &Wish| shared.holdings.contains(wish.torrent, wish.piece);
        let ripe: Vec<Wish> = self.parked.extract_if(.., |wish| held(wish) || !promised(*wish)).collect();
        ripe.into_iter().for_each(|wish| self.request(wish, shared, out));
    }

    /// A peer that uses a slot again has given up what it wanted under it, though the word of that may be lost.
    fn supersede(&mut self, wish: Wish) {
        let others = |older: &Wish| older.from != wish.from || older.slot.index() != wish.slot.index();
        self.queue.retain(others);
        self.parked.retain(others);
    }

    fn is_crowded(&self, peer: Rank) -> bool {
        let of_one = self.queue.iter().chain(&self.parked).filter(|waiting| waiting.from == peer).count();
        self.queue.len() + self.parked.len() >= Self::WAITING || of_one >= Self::WAITING_OF_ONE
    }

    /// A peer no longer wants what it asked for.
    pub(super) fn cancel(&mut self, from: Rank, slot: Slot) {
        let others = |wish: &Wish| wish.from != from || wish.slot != slot;
        self.queue.retain(others);
        self.parked.retain(others);
    }

    /// A peer is gone, or in a new life: what it asked for is moot.
    pub(super) fn forget(&mut self, peer: Rank) {
        self.queue.retain(|wish| wish.from != peer);
        self.parked.retain(|wish| wish.from != peer);
        for given in self.given.values_mut() {
            given.remove(&peer);
        }
    }

    /// The driver has sent a piece.
    pub(super) fn sent(&mut self, shared: &Shared, out: &mut Outbox) {
        self.leaving = self.leaving.saturating_sub(1);
        self.serve(shared, out);
    }

    /// A piece could not be read: it is not held after all.
    pub(super) fn unreadable(&mut self, wish: Wish, shared: &mut Shared, out: &mut Outbox) {
        shared.holdings.remove(wish.torrent, wish.piece);
        refuse(wish, Reason::Unreadable, Vec::new(), shared, out);
        self.sent(shared, out);
    }

    fn serve(&mut self, shared: &Shared, out: &mut Outbox) {
        while self.leaving < Self::AT_ONCE {
            let Some(wish) = self.queue.pop_front() else { return };
            let Wish { from: to, slot, torrent, piece, .. } = wish;
            self.leaving += 1;
            out.push(Decision::SendPiece { to, slot, torrent, piece });
            out.tell(Observed::Served { torrent, piece, to });
            if shared.config.policy.seeding == Seeding::OnceEach {
                *self.given.entry((torrent, piece)).or_default().entry(to).or_default() += 1;
            }
        }
    }

    /// Who else has a piece that this seed has given already, where the asker would take it from them. To whom it was
    /// given more than once, to that one it did not come, or not whole.
    fn elsewhere(&self, wish: Wish, shared: &Shared) -> Option<Vec<Rank>> {
        let is_seed = shared.holdings.of(wish.torrent).is_some_and(|held| held.is_full());
        if shared.config.policy.seeding == Seeding::Freely || wish.manner == Manner::Insistent || !is_seed {
            return None;
        }
        let given = self.given.get(&(wish.torrent, wish.piece))?;
        let alive =
            |rank: &Rank| *rank != wish.from && !shared.peers.find(*rank).is_some_and(|peer| peer.is_suspected());
        let once = given.iter().filter(|&(_, &times)| times == 1).map(|(&rank, _)| rank);
        let holders: Vec<Rank> = once.filter(alive).collect();
        (!holders.is_empty()).then_some(holders)
    }
}

fn refuse(wish: Wish, reason: Reason, holders: Vec<Rank>, shared: &Shared, out: &mut Outbox) {
    let Wish { from: to, slot, torrent, piece, .. } = wish;
    shared.send(to, Body::Reject { slot, reason, holders }, out);
    out.tell(Observed::Refused { torrent, piece, to, reason });
}
