//! What this client holds, and in which order it came to hold it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{News, Pieces, Rank, Received};
use crate::metainfo::{Bitfield, PieceIndex, TorrentId};

/// The pieces that a client holds, per torrent: the one thing that its two halves share.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    held: BTreeMap<TorrentId, Bitfield>,
    /// Every piece that came after the start, in order, with its sender. What the tracker and the peers have been told
    /// is a place in it.
    journal: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    torrent: TorrentId,
    piece: PieceIndex,
    from: Rank,
}

impl Holdings {
    /// Of one torrent, a peer is seldom told more pieces at once.
    const USUAL_NEWS: usize = 64;

    /// Adds a torrent of which these pieces are held. A torrent that is there already stays as it is.
    pub(super) fn add(&mut self, torrent: TorrentId, held: Bitfield) {
        self.held.entry(torrent).or_insert(held);
    }

    /// Which pieces of a torrent are held, where the torrent is known here.
    pub(super) fn of(&self, torrent: TorrentId) -> Option<&Bitfield> {
        self.held.get(&torrent)
    }

    /// Whether the piece is held.
    pub(super) fn contains(&self, torrent: TorrentId, piece: PieceIndex) -> bool {
        self.of(torrent).is_some_and(|held| held.contains(piece))
    }

    /// Takes up a verified piece.
    pub(super) fn insert(&mut self, torrent: TorrentId, piece: PieceIndex, from: Rank) {
        if self.held.get_mut(&torrent).is_some_and(|held| held.insert(piece)) {
            self.journal.push(Entry { torrent, piece, from });
        }
    }

    /// Notes pieces that were held before the start and are to be told one by one, not as a whole torrent.
    pub(super) fn note_resumed(&mut self, torrent: TorrentId, own: Rank) {
        if let Some(held) = self.held.get(&torrent) {
            self.journal.extend(held.iter().map(|piece| Entry { torrent, piece, from: own }));
        }
    }

    /// Drops a piece that turned out to be unreadable.
    pub(super) fn remove(&mut self, torrent: TorrentId, piece: PieceIndex) {
        if let Some(held) = self.held.get_mut(&torrent) {
            held.remove(piece);
        }
    }

    /// The length of the journal.
    pub(super) fn journal_len(&self) -> usize {
        self.journal.len()
    }

    /// A stretch of the journal for the tracker: by sender and torrent.
    pub(super) fn received(&self, stretch: Range<usize>) -> Vec<Received> {
        let mut groups: BTreeMap<(Rank, TorrentId), Vec<PieceIndex>> = BTreeMap::new();
        for entry in &self.journal[stretch] {
            groups.entry((entry.from, entry.torrent)).or_default().push(entry.piece);
        }
        let received = |((from, torrent), pieces)| Received { from, pieces: Pieces { torrent, pieces } };
        groups.into_iter().map(received).collect()
    }

    /// A stretch of the journal for a peer: by torrent, without what came from that peer.
    pub(super) fn news(&self, stretch: Range<usize>, peer: Rank) -> News {
        let mut held: Vec<Pieces> = Vec::new();
        let room = stretch.len().min(Self::USUAL_NEWS);
        for entry in self.journal[stretch].iter().filter(|entry| entry.from != peer) {
            match held.iter_mut().find(|pieces| pieces.torrent == entry.torrent) {
                Some(pieces) => pieces.pieces.push(entry.piece),
                None => {
                    let mut pieces = Vec::with_capacity(room);
                    pieces.push(entry.piece);
                    held.push(Pieces { torrent: entry.torrent, pieces });
                }
            }
        }
        News { held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TorrentId = TorrentId(1);

    fn holdings() -> Holdings {
        let mut holdings = Holdings::default();
        holdings.add(T, Bitfield::none(10));
        for (piece, from) in [(3, 2), (4, 5), (7, 2)] {
            holdings.insert(T, PieceIndex(piece), Rank(from));
        }
        holdings
    }

    #[test]
    fn the_tracker_hears_who_sent_what_in_a_stretch() {
        let received = holdings().received(0..3);
        let of = |from| &received.iter().find(|received| received.from == Rank(from)).unwrap().pieces.pieces;
        assert_eq!(of(2), &[PieceIndex(3), PieceIndex(7)]);
        assert_eq!(of(5), &[PieceIndex(4)]);
        assert_eq!(holdings().received(1..2).len(), 1);
    }

    #[test]
    fn a_peer_does_not_hear_of_what_it_sent_itself() {
        let news = holdings().news(0..3, Rank(2));
        assert_eq!(news.held, [Pieces { torrent: T, pieces: vec![PieceIndex(4)] }]);
    }

    #[test]
    fn a_piece_that_comes_twice_is_noted_once() {
        let mut holdings = holdings();
        holdings.insert(T, PieceIndex(3), Rank(9));
        assert_eq!(holdings.journal_len(), 3);
    }
}
