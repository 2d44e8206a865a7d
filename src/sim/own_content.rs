//! What a host comes to hold without fetching it: what its storage has, what it copies, and what it comes to own.

use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Event, Node, Rank};
use crate::storage::{Storage, Written};

use super::checkers::Kept;
use super::host::Task;
use super::simulation::Simulation;

impl<N: Node, S: Storage> Simulation<'_, N, S> {
    /// The storage has heard of hashes: it looks whether it has some of the pieces.
    pub(super) fn look_for(&mut self, rank: Rank, torrent: TorrentId, first: PieceIndex, count: u32) {
        let Some(file) = self.judge.truth.of(rank).file(torrent) else { return };
        let pieces = (first.0..first.0 + count).map(PieceIndex);
        let storage = &mut self.hosts[rank.0 as usize].storage;
        let held = &self.judge.truth.of(rank).held[file];
        let mut has = |piece: &PieceIndex| storage.read(torrent, *piece, &mut Vec::new()).is_ok();
        let here: Vec<PieceIndex> = pieces.filter(|&piece| !held.contains(piece)).filter(|piece| has(piece)).collect();
        self.own(self.now, rank, Task::Hear(Event::Learnt { torrent, first, count, here: here.clone() }));
        for piece in here {
            self.copy(rank, (torrent, piece), (torrent, piece));
        }
    }

    /// Makes a piece out of another, or out of what is in its place already, and checks it.
    pub(super) fn copy(&mut self, rank: Rank, from: (TorrentId, PieceIndex), to: (TorrentId, PieceIndex)) {
        let (torrent, piece) = to;
        let storage = &mut self.hosts[rank.0 as usize].storage;
        let mut content = Vec::new();
        let copied = storage.read(from.0, from.1, &mut content).is_ok()
            && matches!(storage.write(torrent, piece, &content), Ok(Written::Verified));
        let event = if copied { Event::Held { torrent, piece } } else { Event::Lacking { torrent, piece } };
        if copied && let Some(file) = self.judge.truth.of(rank).file(torrent) {
            self.judge.truth.of_mut(rank).find(file, piece);
            let kept = Kept { file, piece, content: &content };
            self.judge.ask(self.now, rank, |checker, moment| checker.written(moment, kept));
        }
        self.own(self.now, rank, Task::Hear(event));
    }

    /// A client comes to own a file, if it is there to see it.
    pub(super) fn come_to_own(&mut self, index: usize) {
        let offer = self.scenario.offers[index];
        if !self.hosts[offer.rank.0 as usize].is_running() {
            return;
        }
        self.judge.truth.of_mut(offer.rank).own(offer.file);
        let owned = Box::new(self.scenario.files[offer.file].owned());
        self.own(self.now, offer.rank, Task::Hear(Event::Offer(owned)));
        if self.scenario.offers_after(offer.rank, self.now).next().is_none() {
            self.own(self.now, offer.rank, Task::Hear(Event::AllOffered));
        }
    }
}
