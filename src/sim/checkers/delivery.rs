//! Nothing is lost that a live node holds, and the end is told as it is: the exit code, and each shortfall to the piece.

use std::collections::BTreeMap;

use crate::metainfo::{Bitfield, PieceIndex};
use crate::protocol::{Body, Decision, Event, Message, Observed, Outcome, Rank, Time};
use crate::sim::{Knowledge, Scenario};

use super::{Checker, Moment};

pub(super) struct Delivery {
    clients: Vec<Client>,
    /// What trackers said that a client did not get: the last word on each file.
    short: BTreeMap<(Rank, String), Option<u32>>,
    /// Whether some client, perhaps dead by now, told that it lacks something.
    lack_told: bool,
    /// Whom a tracker took to be gone, and which tracker.
    thought_lost: BTreeMap<Rank, Rank>,
}

/// What was seen of one client's end.
#[derive(Clone, Debug, Default)]
struct Client {
    /// A piece that it gave up although a node held it, and which node.
    given_up: Vec<(usize, PieceIndex, Rank)>,
    /// When it was told to stop, or to leave at once, it had not been up for long: too late to get what it lacks.
    late: bool,
    /// Which tracker told it to stop.
    stopped_by: Option<Rank>,
    stopped: bool,
    /// That tracker crashed at the end: nobody is left to tell what this client lacks.
    untold: bool,
}

impl Delivery {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let clients = vec![Client::default(); scenario.catalogs.len()];
        Self { clients, short: BTreeMap::new(), lack_told: false, thought_lost: BTreeMap::new() }
    }

    /// A client gives up what it lacks: what of it was to be had?
    fn gives_up(&mut self, moment: Moment) {
        let since = long_ago(moment);
        let client = &mut self.clients[moment.rank.0 as usize];
        client.late = came_after(moment, since);
        client.given_up.clear();
        if !client.late && since > Time::ZERO {
            client.given_up.extend(obtainable(moment, since));
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

    fn left(&mut self, moment: Moment, outcome: Outcome) -> Result<(), String> {
        let client = &mut self.clients[moment.rank.0 as usize];
        if !client.stopped {
            client.late = came_after(moment, long_ago(moment));
        }
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
            false if lacks(moment, moment.rank) && self.took_part(moment, moment.rank) => {
                Err(format!("left as '{}' and lacks something", outcome.meaning()))
            }
            _ => Ok(()),
        }
    }

    /// Whether a client had a part in the end that was agreed, and is not one that stalled or crashed and came too late.
    fn took_part(&self, moment: Moment, rank: Rank) -> bool {
        let client = &self.clients[rank.0 as usize];
        let absent = client.late || client.untold || self.thought_lost.contains_key(&rank);
        moment.scenario.is_faultless() || !absent
    }

    /// What the trackers told of a live client is what it lacks.
    fn shortfalls(&self, moment: Moment, rank: Rank) -> Result<(), String> {
        let node = moment.truth.of(rank);
        for name in &moment.scenario.catalogs[rank.0 as usize].wanted {
            let told = self.short.get(&(rank, name.clone()));
            let file = moment.truth.file(name);
            let missing = file.map(|file| node.missing(file));
            match (file.is_some_and(|file| node.complete[file]), told) {
                (true, Some(_)) => return Err(format!("{rank} is told to lack {name}, and has it")),
                (false, None) => return Err(format!("{rank} lacks {missing:?} of {name}, which is not told")),
                (false, Some(Some(told))) if missing != Some(*told) => {
                    return Err(format!("{rank} lacks {missing:?} of {name}, told are {told}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// So long ago that whoever has been up since had the time to get and to give.
fn long_ago(moment: Moment) -> Time {
    Time(moment.now.0.saturating_sub(moment.scenario.patience.starving.as_nanos() as u64))
}

/// Whether the moment's node has not been up since then.
fn came_after(moment: Moment, since: Time) -> bool {
    moment.truth.of(moment.rank).up_since.is_none_or(|up| up > since)
}

/// Whether two that were up all the time may leave with these outcomes. On a network that loses messages the last word
/// may be lost, and with it that a rank was thought lost at the very end, or why another one lacks what it lacks.
fn agree(one: Outcome, other: Outcome, moment: Moment) -> bool {
    one == other || (tells_lack(one) == tells_lack(other) && !moment.scenario.is_faultless())
}

/// Whether an outcome says that something is missing.
fn tells_lack(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Complete | Outcome::RanksLost)
}

/// Whether a client lacks a file that it wants.
fn lacks(moment: Moment, rank: Rank) -> bool {
    let node = moment.truth.of(rank);
    let wanted = &moment.scenario.catalogs[rank.0 as usize].wanted;
    wanted.iter().any(|name| moment.truth.file(name).is_none_or(|file| !node.complete[file]))
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
            Observed::Lost { rank } => {
                self.thought_lost.insert(*rank, moment.rank);
                Ok(())
            }
            Observed::Recovered { rank } if self.thought_lost.get(rank) == Some(&moment.rank) => {
                if moment.truth.of(moment.rank).left.is_none() {
                    self.thought_lost.remove(rank);
                }
                Ok(())
            }
            Observed::Stopped { .. } => {
                self.clients[moment.rank.0 as usize].stopped = true;
                self.gives_up(moment);
                Ok(())
            }
            Observed::FileFinished { torrent } => {
                // Told too early, by a tracker that could not hear all: what came after all is better than its word.
                if let Some(name) = moment.truth.name(moment.rank, *torrent) {
                    self.short.remove(&(moment.rank, name.to_owned()));
                }
                Ok(())
            }
            Observed::Left { outcome } => self.left(moment, *outcome),
            Observed::Short { rank, name, missing, .. } => {
                self.short.insert((*rank, name.clone()), missing.as_ref().map(Bitfield::count));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn heard(&mut self, moment: Moment, event: &Event) -> Result<(), String> {
        if let Event::Message { from, message: Message { body: Body::Stop { .. }, .. } } = event {
            self.clients[moment.rank.0 as usize].stopped_by = Some(*from);
        }
        Ok(())
    }

    fn crashed(&mut self, moment: Moment) {
        self.clients[moment.rank.0 as usize] = Client::default();
        let stopped = self.clients.iter_mut().filter(|client| client.stopped_by == Some(moment.rank));
        stopped.for_each(|client| client.untold = true);
    }

    fn ended(&mut self, moment: Moment) -> Result<(), String> {
        let live = |&(_, node): &(Rank, &Knowledge)| node.left.is_some();
        // A tracker whose word to stop arrived after its crash has told nobody what was missing.
        let gone = |tracker: Rank| moment.truth.of(tracker).left.is_none();
        let orphan = |rank: Rank| self.clients[rank.0 as usize].stopped_by.is_some_and(gone);
        let told = |(rank, _): &(Rank, &Knowledge)| self.took_part(moment, *rank) && !orphan(*rank);
        let outcomes: Vec<Outcome> =
            moment.truth.nodes().filter(live).filter(told).filter_map(|(_, node)| node.left).collect();
        if moment.scenario.mishaps.is_empty() && outcomes.iter().any(|outcome| !agree(*outcome, outcomes[0], moment)) {
            return Err(format!("all were up, and left with different outcomes: {outcomes:?}"));
        }
        let mut refusals = moment.scenario.catalogs.iter().filter_map(|catalog| catalog.refusal.as_ref());
        if refusals.any(|refusal| outcomes.contains(&refusal.outcome)) {
            // Refused before it began: what nobody could trade is told as the refusal alone.
            return Ok(());
        }
        moment.truth.nodes().filter(live).filter(told).try_for_each(|(rank, _)| self.shortfalls(moment, rank))
    }
}
