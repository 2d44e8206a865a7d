//! What is counted adds up: what a client says that it asked for and got against what its driver did, and the tracker's
//! summary against the truth.

use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Arrival, Body, Decision, Event, Observed, Office, Owned, Rank, Summary};
use crate::sim::Scenario;

use super::{Checker, Moment};

pub(super) struct Accounts {
    lives: Vec<Life>,
    /// The tracker's summary, which says in advance what is still to be sent.
    summary: Option<Summary>,
}

/// What one life of a node was seen doing.
#[derive(Clone, Debug, Default)]
struct Life {
    /// Asked for and not answered, as told.
    open: Vec<(TorrentId, PieceIndex, Rank)>,
    /// Requests that were sent, and those that were told.
    requests: [u64; 2],
    /// Pieces that were sent, and those that were told.
    served: [u64; 2],
    /// Pieces that came and were verified, and those that were told.
    received: [u64; 2],
    /// Pieces that came and were not right, and those that were told.
    corrupt: [u64; 2],
    /// Pieces that came and nobody waited for, and those that were told.
    wasted: [u64; 2],
    /// Slots that were given up.
    forgotten: u64,
    /// It was told to stop, and did not leave in the midst of its requests.
    stopped: bool,
}

const DONE: usize = 0;
const TOLD: usize = 1;

impl Accounts {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self { lives: vec![Life::default(); scenario.catalogs.len()], summary: None }
    }

    fn told(&mut self, moment: Moment, observed: &Observed) -> Result<(), String> {
        let life = &mut self.lives[moment.rank.0 as usize];
        match *observed {
            Observed::Requested { torrent, piece, to } => {
                life.requests[TOLD] += 1;
                life.open.push((torrent, piece, to));
            }
            Observed::Received { torrent, piece, from } => {
                life.received[TOLD] += 1;
                return life.close("received", (torrent, piece, from));
            }
            Observed::Rejected { torrent, piece, from, .. } => return life.close("rejected", (torrent, piece, from)),
            Observed::TimedOut { torrent, piece, from } => return life.close("timed out", (torrent, piece, from)),
            Observed::Corrupt { torrent, piece, from } => {
                life.corrupt[TOLD] += 1;
                return life.close("corrupt", (torrent, piece, from));
            }
            Observed::Wasted { .. } => life.wasted[TOLD] += 1,
            Observed::Served { .. } => life.served[TOLD] += 1,
            Observed::Stopped { .. } => life.stopped = true,
            Observed::Summary(ref summary) => self.summary = Some(Summary::clone(summary)),
            _ => {}
        }
        Ok(())
    }

    /// The tracker's summary is exact where no node was lost and every message came.
    fn compare(&self, moment: Moment, summary: &Summary) -> Result<(), String> {
        let truth = moment.truth;
        let apart = usize::from(moment.scenario.policy.office == Office::Apart);
        if summary.clients.len() + apart != self.lives.len() {
            return Err(format!("the summary has {} clients", summary.clients.len()));
        }
        for client in &summary.clients {
            let node = truth.of(client.rank);
            let got: u64 = node.received_from.iter().sum();
            let served: u64 = truth.nodes().map(|(_, other)| other.received_from[client.rank.0 as usize]).sum();
            let sent = node.received_from.iter().zip(0..).filter(|(count, _)| **count > 0);
            let sources: Vec<Rank> = sent.map(|(_, rank)| Rank(rank)).collect();
            let told = (client.had, client.got, client.served, client.sources.clone());
            let had = had(moment.scenario, client.rank).map_or(client.had, |brought| brought + node.found);
            let true_ones = (had, got, served, sources);
            if told != true_ones {
                return Err(format!("{} had, got, served, sources {told:?}: in truth {true_ones:?}", client.rank));
            }
        }
        let traded: u64 = truth.nodes().flat_map(|(_, node)| &node.received_from).sum();
        let messages: u64 = truth.nodes().map(|(_, node)| node.messages).sum();
        // What a slow host says again is on the way for long: the tracker may be gone before it hears it.
        let slow = !moment.scenario.hardware.slow.is_empty();
        let counted = summary.messages == messages || (slow && summary.messages < messages);
        if summary.traded != traded || !counted {
            return Err(format!(
                "{} traded and {} messages: in truth {traded} and {messages}",
                summary.traded, summary.messages
            ));
        }
        Ok(())
    }
}

/// The pieces that a client brought; nothing where it published a file about which owners contradict each other: then it
/// depends on who spoke first.
fn had(scenario: &Scenario, client: Rank) -> Option<u64> {
    let agreed = |owned: &Owned| {
        let all = scenario.catalogs.iter().flat_map(|catalog| &catalog.owned);
        all.filter(|other| other.name == owned.name).all(|other| other.hashes == owned.hashes)
    };
    let brought = &scenario.catalogs[client.0 as usize].owned;
    brought.iter().all(agreed).then(|| brought.iter().map(|owned| u64::from(owned.held.count())).sum())
}

impl Life {
    fn close(&mut self, how: &str, request: (TorrentId, PieceIndex, Rank)) -> Result<(), String> {
        let Some(at) = self.open.iter().position(|&open| open == request) else {
            let (torrent, piece, from) = request;
            return Err(format!("piece {piece} of {torrent} from {from} is {how} and was not asked for"));
        };
        self.open.swap_remove(at);
        Ok(())
    }

    fn balance(&self) -> Result<(), String> {
        for (name, [done, told]) in [
            ("requests", self.requests),
            ("served", self.served),
            ("received", self.received),
            ("corrupt", self.corrupt),
            ("wasted", self.wasted),
        ] {
            if done != told {
                return Err(format!("{name}: {done} in truth, {told} told"));
            }
        }
        if self.stopped && self.open.len() as u64 > self.forgotten {
            return Err(format!("{} requests without an end, {} forgotten", self.open.len(), self.forgotten));
        }
        Ok(())
    }
}

impl Checker for Accounts {
    fn heard(&mut self, moment: Moment, event: &Event) -> Result<(), String> {
        let life = &mut self.lives[moment.rank.0 as usize];
        if let Event::Piece { arrival, .. } = event {
            match arrival {
                Arrival::Verified => life.received[DONE] += 1,
                Arrival::Corrupt | Arrival::Short => life.corrupt[DONE] += 1,
                Arrival::Redundant | Arrival::Unexpected => life.wasted[DONE] += 1,
            }
        }
        Ok(())
    }

    fn decided(&mut self, moment: Moment, decision: &Decision) -> Result<(), String> {
        let life = &mut self.lives[moment.rank.0 as usize];
        match decision {
            Decision::Send { message, .. } if matches!(message.body, Body::Request { .. }) => {
                life.requests[DONE] += 1;
            }
            Decision::SendPiece { .. } => life.served[DONE] += 1,
            Decision::Forget { .. } => life.forgotten += 1,
            Decision::Tell(Observed::Left { .. }) => return life.balance(),
            Decision::Tell(observed) => return self.told(moment, observed),
            _ => {}
        }
        Ok(())
    }

    fn ended(&mut self, moment: Moment) -> Result<(), String> {
        match &self.summary {
            Some(summary) if moment.scenario.is_faultless() => self.compare(moment, summary),
            None if moment.scenario.is_faultless() => Err("the tracker left without a summary".to_owned()),
            _ => Ok(()),
        }
    }

    fn crashed(&mut self, moment: Moment) {
        self.lives[moment.rank.0 as usize] = Life::default();
    }
}
