//! A torrent that is being downloaded: who holds what of it, and what of it is still to be had.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::takers::Takers;
use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex, TorrentId};
use crate::protocol::piece_picker::PiecePicker;
use crate::protocol::{Config, Lack, Picking, Rank, seeded};

/// A wanted torrent.
#[derive(Debug)]
pub(super) struct Torrent {
    pub(super) name: String,
    pub(super) layout: Layout,
    /// The hashes that are known so far, from the first on.
    pub(super) hashes: PieceHashes,
    pub(super) picker: PiecePicker,
    pub(super) takers: Takers,
    pub(super) state: State,
    /// Which pieces each peer is known to hold.
    holders: BTreeMap<Rank, Bitfield>,
    /// Pieces of which a bad copy came.
    corrupt: BTreeSet<PieceIndex>,
    /// Pieces for which a seed sent us to somebody else.
    sent_on: BTreeSet<PieceIndex>,
    /// The seed that did, while it does not count as a holder of the piece.
    sent_on_by: BTreeMap<PieceIndex, Rank>,
}

/// How far a torrent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Pieces are missing.
    Open,
    /// All are held; the driver is closing it.
    Closing,
    /// Its output is in place.
    Closed,
    /// It will not become complete.
    Failed(Lack),
}

impl Torrent {
    pub(super) fn new(id: TorrentId, name: String, layout: Layout, takers: Vec<Rank>, config: &Config) -> Self {
        let seed = seeded::mix(config.seed, &[u64::from(id.0)]);
        let (takers, order) = match config.policy.picking {
            Picking::RarestFirst => Takers::divide(takers, &seeded::permutation(seed, layout.pieces), config.rank),
            Picking::Random => {
                let own = seeded::mix(seed, &[u64::from(config.rank.0)]);
                (Takers::nobody(), seeded::permutation(own, layout.pieces))
            }
            Picking::Sequential => (Takers::nobody(), (0..layout.pieces).collect()),
        };
        // Nothing is pickable until its hash is known.
        let mut picker = PiecePicker::new(config.policy.picking, order, &Bitfield::all(layout.pieces));
        let others = |piece: &PieceIndex| takers.of(*piece).is_some_and(|taker| taker != config.rank);
        (0..layout.pieces).map(PieceIndex).filter(others).for_each(|piece| picker.gained_holder(piece));
        let (hashes, holders, corrupt, sent_on, sent_on_by) = Default::default();
        Self { name, layout, hashes, picker, takers, state: State::Open, holders, corrupt, sent_on, sent_on_by }
    }

    /// Takes more hashes, those from `first` on: whose they are, where they join what is known.
    pub(super) fn learn(&mut self, first: PieceIndex, hashes: &PieceHashes) -> Option<Range<u32>> {
        let known = self.hashes.len() as u32;
        let fits = first.0 == known && hashes.len() <= (self.layout.pieces - known) as usize;
        if !fits || self.hashes.append(hashes).is_err() {
            return None;
        }
        Some(known..self.hashes.len() as u32)
    }

    /// Those of these pieces that are not held may be asked for.
    pub(super) fn release(&mut self, pieces: Range<u32>, held: &Bitfield) {
        for piece in pieces.map(PieceIndex).filter(|&piece| !held.contains(piece)) {
            self.picker.put_back(piece);
        }
    }

    /// Whether all hashes are known.
    pub(super) fn knows_all_hashes(&self) -> bool {
        self.hashes.len() == self.layout.pieces as usize
    }

    /// A peer holds a piece.
    pub(super) fn has(&mut self, peer: Rank, piece: PieceIndex) {
        self.holds(peer, [piece]);
    }

    /// A peer holds these pieces; those that the torrent does not have are left out. Tells whether there were any such.
    pub(super) fn holds(&mut self, peer: Rank, pieces: impl IntoIterator<Item = PieceIndex>) -> bool {
        let (layout, takers) = (self.layout, &self.takers);
        let held = self.holders.entry(peer).or_insert_with(|| Bitfield::none(layout.pieces));
        let mut sane = true;
        for piece in pieces {
            sane &= layout.contains(piece);
            if held.insert(piece) && !takers.is(peer, piece) {
                self.picker.gained_holder(piece);
            }
        }
        sane
    }

    /// A peer does not hold a piece after all.
    pub(super) fn lacks(&mut self, peer: Rank, piece: PieceIndex) {
        if self.holders.get_mut(&peer).is_some_and(|bits| bits.remove(piece)) {
            self.lost_holder(peer, piece);
        }
    }

    /// What was known of a peer no longer holds.
    pub(super) fn gone(&mut self, peer: Rank) {
        self.sent_on_by.retain(|_, &mut seed| seed != peer);
        for piece in self.holders.remove(&peer).iter().flat_map(Bitfield::iter) {
            self.lost_holder(peer, piece);
        }
    }

    /// What was known of all peers no longer holds.
    pub(super) fn forget_holders(&mut self) {
        self.sent_on_by.clear();
        for (peer, bits) in std::mem::take(&mut self.holders) {
            bits.iter().for_each(|piece| self.lost_holder(peer, piece));
        }
    }

    /// A taker counts as a holder from the start: what it takes is as good as spread.
    fn lost_holder(&mut self, peer: Rank, piece: PieceIndex) {
        if !self.takers.is(peer, piece) {
            self.picker.lost_holder(piece);
        }
    }

    /// Who holds a piece.
    pub(super) fn holders(&self, piece: PieceIndex) -> impl Iterator<Item = Rank> {
        self.holders.iter().filter(move |(_, bits)| bits.contains(piece)).map(|(&rank, _)| rank)
    }

    /// Whether a peer is known to hold a piece.
    pub(super) fn is_held_by(&self, peer: Rank, piece: PieceIndex) -> bool {
        self.holders.get(&peer).is_some_and(|bits| bits.contains(piece))
    }

    /// Who takes a piece from the seeds first, by what all downloaders share.
    pub(super) fn taker(&self, piece: PieceIndex) -> Option<Rank> {
        self.takers.of(piece)
    }

    /// All who hold anything, with what they hold.
    pub(super) fn all_holders(&self) -> impl Iterator<Item = (Rank, &Bitfield)> {
        self.holders.iter().map(|(&rank, bits)| (rank, bits))
    }

    /// A bad copy of a piece came.
    pub(super) fn note_corrupt(&mut self, piece: PieceIndex) {
        self.corrupt.insert(piece);
    }

    /// A seed sent us to somebody else for a piece, which is tried first.
    pub(super) fn note_sent_on(&mut self, piece: PieceIndex, by: Rank) {
        self.sent_on.insert(piece);
        self.sent_on_by.insert(piece, by);
    }

    /// Nothing came of asking a peer for a piece: the seed that sent us there is a holder as good as any.
    pub(super) fn came_to_nothing(&mut self, piece: PieceIndex, peer: Rank) {
        if self.sent_on_by.get(&piece).is_some_and(|&seed| seed != peer)
            && let Some(seed) = self.sent_on_by.remove(&piece)
        {
            self.has(seed, piece);
        }
    }

    /// Whether to insist on a piece: it did not come, or came bad, from where somebody sent us.
    pub(super) fn insists_on(&self, piece: PieceIndex) -> bool {
        self.sent_on.contains(&piece) || self.corrupt.contains(&piece)
    }

    /// Why it is not complete, given what is held of it.
    pub(super) fn lack(&self, held: &Bitfield) -> Lack {
        match self.state {
            State::Failed(lack) => lack,
            _ if self.corrupt.iter().any(|&piece| !held.contains(piece)) => Lack::Corrupt,
            _ => Lack::NoHolder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Incarnation, Patience, Policy};

    #[test]
    fn a_seed_that_is_forgotten_with_all_holders_does_not_come_back() {
        let (policy, patience) = (Policy::assignment(), Patience::job());
        let config = Config { rank: Rank(2), world: 4, incarnation: Incarnation(0), seed: 1, policy, patience };
        let layout = Layout { pieces: 1, piece_length: 1 };
        let holders_after = |what: fn(&mut Torrent)| {
            let mut torrent = Torrent::new(TorrentId(1), "file".into(), layout, Vec::new(), &config);
            let (piece, seed) = (PieceIndex(0), Rank(1));
            torrent.note_sent_on(piece, seed);
            what(&mut torrent);
            torrent.came_to_nothing(piece, Rank(3));
            torrent.holders(piece).collect::<Vec<_>>()
        };
        assert_eq!(holders_after(|_| {}), [Rank(1)]);
        assert_eq!(holders_after(Torrent::forget_holders), []);
    }
}
