//! The other clients, and what is usual among them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::peer::Peer;
use super::{Rank, Time};

/// The other clients, by rank.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: BTreeMap<Rank, Peer>,
    usual_service: Option<Duration>,
    usual_taking: Option<Duration>,
    /// How many pieces have come.
    measured: u32,
}

impl Peers {
    /// What is usual is looked at after each of so many pieces, then after every so many.
    const SAMPLE: u32 = 16;

    /// What is known of a peer; a new one is taken to be well.
    pub(super) fn get(&mut self, rank: Rank) -> &mut Peer {
        self.peers.entry(rank).or_default()
    }

    /// What is known of a peer that was met before.
    pub(super) fn find(&self, rank: Rank) -> Option<&Peer> {
        self.peers.get(&rank)
    }

    /// Takes the tracker's count of what each has served.
    pub(super) fn set_loads(&mut self, loads: &[(Rank, u32)]) {
        for &(rank, load) in loads {
            self.get(rank).load = load;
        }
    }

    /// The usual time from a request to its piece: the median of all peers, so that a few slow ones do not hide
    /// themselves.
    pub(super) fn usual_service(&self) -> Option<Duration> {
        self.usual_service
    }

    /// The same of pieces that the peers had to get first themselves.
    pub(super) fn usual_taking(&self) -> Option<Duration> {
        self.usual_taking
    }

    /// Looks again at what is usual, after a piece has come.
    pub(super) fn measure(&mut self) {
        self.measured += 1;
        if self.measured < Self::SAMPLE || self.measured.is_multiple_of(Self::SAMPLE) {
            self.usual_service = median(self.peers.values().filter_map(|peer| peer.pace.usual()));
            self.usual_taking = median(self.peers.values().filter_map(|peer| peer.taking.usual()));
        }
    }

    /// Who is thought to be silent.
    pub(super) fn suspects(&self) -> Vec<Rank> {
        self.peers.iter().filter(|(_, peer)| peer.suspected).map(|(&rank, _)| rank).collect()
    }

    /// Of whom nothing is expected any more.
    pub(super) fn hopeless(&self) -> Vec<Rank> {
        self.peers.iter().filter(|(_, peer)| peer.is_hopeless()).map(|(&rank, _)| rank).collect()
    }

    /// The next time at which a resting peer may be asked again.
    pub(super) fn next_rest_end(&self, now: Time) -> Option<Time> {
        self.peers.values().map(|peer| peer.rest_until).filter(|&until| until > now).min()
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut times: Vec<Duration> = times.collect();
    let middle = times.len().saturating_sub(1) / 2;
    (!times.is_empty()).then(|| *times.select_nth_unstable(middle).1)
}
