//! Nothing is lost that a live node holds, and the end is told as it is: the exit code, and each shortfall to the piece.

use std::collections::BTreeMap;

use crate::metainfo::PieceIndex;
use crate::protocol::{Decision, Observed, Outcome, Rank, Time};
use crate::sim::Scenario;

use super::{Checker, Moment};

pub(super) struct Delivery {
    clients: Vec<Client>,
    /// What trackers said that a client did not get: the last word on each file.
    short: BTreeMap<(Rank, String), Option<u32>>,
    /// Whether some client, perhaps dead by now, told that it lacks something.
    lack_told: bool,
}

/// What was seen of one client's end.
#[derive(Clone, Debug, Default)]
struct Client {
    /// A piece that it gave up although a node held it, and which node.
    given_up: Vec<(usize, PieceIndex, Rank)>,
}

impl Delivery {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let clients = vec![Client::default(); scenario.catalogs.len()];
        Self { clients, short: BTreeMap::new(), lack_told: false }
    }

    /// A client gives up what it lacks: what of it was to be had?
    fn gives_up(&mut self, moment: Moment) {
        let given_up = &mut self.clients[moment.rank.0 as usize].given_up;
        given_up.clear();
        let patience = moment.scenario.patience.starving;
        if moment.now.since(Time::ZERO) >= patience {
            let since = Time(moment.now.0.saturating_sub(patience.as_nanos() as u64));
            given_up.extend(obtainable(moment, since));
        }
        self.lack_told |= lacks(moment, moment.rank);
    }

    /// A client says that nothing more is to be had.
    fn finished(&mut self, moment: Moment, outcome: Outcome) -> Result<(), String> {
        self.gives_up(moment);
        match (lacks(moment, moment.rank), tells_lack(outcome)) {
            (true, false) => Err(format!("finished as '{}' and lacks something", outcome.meaning())),
            (false, true) => Err(format!("finished as '{}' and lacks nothing", outcome.meaning())),
            _ => Ok(()),
        }
    }

    fn left(&self, moment: Moment, outcome: Outcome) -> Result<(), String> {
        let node = moment.truth.of(moment.rank);
        for &(file, piece, holder) in &self.clients[moment.rank.0 as usize].given_up {
            if !node.held[file].contains(piece) {
                let name = &moment.scenario.files[file].name;
                return Err(format!("piece {piece} of {name} is lost, though {holder} held it"));
            }
        }
        let nobody_lacks = !self.lack_told && !moment.truth.nodes().any(|(rank, _)| lacks(moment, rank));
        match tells_lack(outcome) {
            true if nobody_lacks => Err(format!("left as '{}' though nobody lacks anything", outcome.meaning())),
            false if lacks(moment, moment.rank) => Err(format!("left as '{}' and lacks something", outcome.meaning())),
            _ => Ok(()),
        }
    }

    /// What the trackers told of a live client is what it lacks.
    fn shortfalls(&self, moment: Moment, rank: Rank) -> Result<(), String> {
        let node = moment.truth.of(rank);
        for name in &moment.scenario.catalogs[rank.0 as usize].wanted {
            let told = self.short.get(&(rank, name.clone()));
            let missing = moment.truth.file(name).map(|file| node.held[file].pieces() - node.held[file].count());
            match (missing, told) {
                (Some(0), Some(told)) => return Err(format!("{rank} is told to lack {told:?} of {name}, and has it")),
                (Some(1..) | None, None) => {
                    return Err(format!("{rank} lacks {missing:?} of {name}, which is not told"));
                }
                (Some(missing), Some(Some(told))) if missing != *told => {
                    return Err(format!("{rank} lacks {missing} of {name}, told are {told}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether an outcome says that something is missing.
fn tells_lack(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Complete | Outcome::RanksLost)
}

/// Whether a client lacks a piece that it wants, or a file that is in no catalog.
fn lacks(moment: Moment, rank: Rank) -> bool {
    let wanted = &moment.scenario.catalogs[rank.0 as usize].wanted;
    moment.truth.of(rank).lacks() > 0 || wanted.iter().any(|name| moment.truth.file(name).is_none())
}

/// The pieces that a client lacks and that a node which could serve them all that time holds.
fn obtainable(moment: Moment, since: Time) -> impl Iterator<Item = (usize, PieceIndex, Rank)> {
    let Moment { truth, rank, scenario, .. } = moment;
    let node = truth.of(rank);
    node.wanted.iter().flat_map(move |&file| {
        (0..node.held[file].pieces()).map(PieceIndex).filter(move |&piece| !node.held[file].contains(piece)).filter_map(
            move |piece| {
                let holder = truth.held_by_one_up_since(file, piece, since, &scenario.faults.poisoners)?;
                Some((file, piece, holder))
            },
        )
    })
}

impl Checker for Delivery {
    fn decided(&mut self, moment: Moment, decision: &Decision) -> Result<(), String> {
        let Decision::Tell(observed) = decision else { return Ok(()) };
        match observed {
            Observed::AllFinished { outcome } => self.finished(moment, *outcome),
            Observed::Stopped { .. } => {
                self.gives_up(moment);
                Ok(())
            }
            Observed::Left { outcome } => self.left(moment, *outcome),
            Observed::Short { rank, name, missing, .. } => {
                self.short.insert((*rank, name.clone()), *missing);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn ended(&mut self, moment: Moment) -> Result<(), String> {
        let live = |&(_, node): &(Rank, &crate::sim::Knowledge)| node.left.is_some();
        let outcomes: Vec<Outcome> = moment.truth.nodes().filter(live).filter_map(|(_, node)| node.left).collect();
        if moment.scenario.mishaps.is_empty() && outcomes.iter().any(|outcome| *outcome != outcomes[0]) {
            return Err(format!("all were up, and left with different outcomes: {outcomes:?}"));
        }
        moment.truth.nodes().filter(live).try_for_each(|(rank, _)| self.shortfalls(moment, rank))
    }
}
