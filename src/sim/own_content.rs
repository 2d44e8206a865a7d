//! What a host comes to hold without fetching it: what its storage has, what it copies, and what it comes to own.

use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Event, Node, Prospects, Rank};
use crate::storage::{Storage, Written};

use super::checkers::Kept;
use super::host::Task;
use super::scenario::{Occasion, Offer};
use super::simulation::Simulation;

impl<N: Node, S: Storage> Simulation<'_, N, S> {
    /// The storage has heard of hashes: it looks whether it has some of the pieces.
    pub(super) fn look_for(&mut self, rank: Rank, torrent: TorrentId, first: PieceIndex, count: u32) {
        let storage = &mut self.hosts[rank.0 as usize].storage;
        let has = |piece: &PieceIndex| storage.read(torrent, *piece, &mut Vec::new()).is_ok();
        let here: Vec<PieceIndex> = (first.0..first.0 + count).map(PieceIndex).filter(has).collect();
        self.own(self.now, rank, Task::Hear(Event::Learnt { torrent, first, count, here: here.clone() }));
        for piece in here {
            self.own(self.now, rank, Task::Copy { from: (torrent, piece), to: (torrent, piece) });
        }
    }

    /// Makes a piece out of another, or out of what is in its place already, and checks it: what the node hears of that.
    pub(super) fn copy(&mut self, rank: Rank, from: (TorrentId, PieceIndex), to: (TorrentId, PieceIndex)) -> Event {
        let (torrent, piece) = to;
        let storage = &mut self.hosts[rank.0 as usize].storage;
        let mut content = Vec::new();
        let copied = storage.read(from.0, from.1, &mut content).is_ok()
            && matches!(storage.write(torrent, piece, &content), Ok(Written::Verified));
        if copied && let Some(file) = self.judge.truth.of(rank).file(torrent) {
            self.judge.truth.of_mut(rank).find(file, piece);
            let kept = Kept { file, piece, content: &content };
            self.judge.ask(self.now, rank, |checker, moment| checker.written(moment, kept));
        }
        if copied { Event::Held { torrent, piece } } else { Event::Lacking { torrent, piece } }
    }

    /// A client comes to own a file, if it is there to see it.
    pub(super) fn come_to_own(&mut self, index: usize) {
        let offer = &self.scenario.offers[index];
        let rank = offer.rank;
        if self.hosts[rank.0 as usize].is_running() && self.offered.insert(index) {
            self.own(self.now, rank, Task::Offer(index));
        }
    }

    /// It hears of it, and from now on has it.
    pub(super) fn take_offer(&mut self, index: usize) -> Event {
        let offer = &self.scenario.offers[index];
        self.judge.truth.of_mut(offer.rank).own(offer.file);
        Event::Offer(Box::new(self.scenario.offered(offer)))
    }

    /// A client hears that another is gone, perhaps not for the first time: it comes to own what that one was to own, and
    /// tells what else is to be expected of it.
    pub(super) fn succeed(&mut self, rank: Rank, lost: Rank) {
        let offers = self.awaited(rank).filter(|(_, offer)| offer.on == Occasion::LossOf(lost));
        let offers: Vec<usize> = offers.map(|(index, _)| index).collect();
        self.hosts[rank.0 as usize].successions += 1;
        offers.into_iter().for_each(|index| self.come_to_own(index));
        self.look_ahead(rank);
    }

    /// Tells a client that it will come to own nothing more by itself, where that is so.
    pub(super) fn look_ahead(&mut self, rank: Rank) {
        if self.prospects(rank) == Prospects::Reserve {
            let successions = self.hosts[rank.0 as usize].successions;
            self.own(self.now, rank, Task::AllOffered { successions });
        }
    }

    /// Whether a client may still come to own something.
    pub(super) fn prospects(&self, rank: Rank) -> Prospects {
        match self.scenario.catalogs[rank.0 as usize].prospects {
            Prospects::Final => Prospects::Final,
            _ if self.awaited(rank).any(|(_, offer)| matches!(offer.on, Occasion::At(_))) => Prospects::Open,
            _ => Prospects::Reserve,
        }
    }

    /// What a client may still come to own, with its place in the scenario.
    pub(super) fn awaited(&self, rank: Rank) -> impl Iterator<Item = (usize, &Offer)> {
        let offers = self.scenario.offers.iter().enumerate();
        let open = offers.filter(move |(index, offer)| offer.rank == rank && !self.offered.contains(index));
        open.filter(|(_, offer)| match offer.on {
            Occasion::At(time) => time >= self.now,
            Occasion::LossOf(_) => true,
        })
    }
}
