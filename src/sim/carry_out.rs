//! What a node decides is done: messages and pieces go onto the wire, where their fate awaits them, and the storage works.

use std::time::Duration;

use crate::fault::{Fate, Subject};
use crate::metainfo::PieceIndex;
use crate::protocol::{Decision, Event, Node, Observed, Rank, Sameness, Time};
use crate::storage::Storage;

use super::checkers::{Invariant, Kept};
use super::fired::Kind;
use super::host::{Expected, Load, Task};
use super::network;
use super::queue::Queue;
use super::simulation::{Alive, Item, Simulation};

/// A driver does not wait longer than this for messages to leave: whom they are for may be gone.
const LONGEST_DRAIN: Duration = Duration::from_secs(2);

impl<N: Node, S: Storage> Simulation<'_, N, S> {
    pub(super) fn carry_out(&mut self, rank: Rank, decision: Decision) -> Alive {
        let host = &mut self.hosts[rank.0 as usize];
        match decision {
            Decision::Send { to, message } if to == rank => {
                self.own(self.now, rank, Task::Hear(Event::Message { from: rank, message }));
            }
            Decision::Send { to, message } => {
                let (subject, bytes) = (Subject::of(&message), network::size(&message));
                if self.send(rank, to, subject, bytes, Load::Message(message)).is_none() {
                    return Alive::No;
                }
            }
            Decision::SendPiece { to, slot, torrent, piece } => {
                let mut content = Vec::new();
                if host.storage.read(torrent, piece, &mut content).is_err() {
                    self.own(self.now, rank, Task::Hear(Event::ReadFailed { to, slot, torrent, piece }));
                    return Alive::Yes;
                }
                let (subject, bytes) = (Subject::Piece { torrent, piece }, content.len() as u64);
                let Some(departure) = self.send(rank, to, subject, bytes, Load::Piece { slot, content }) else {
                    return Alive::No;
                };
                self.tell_sent(departure, rank, to);
            }
            Decision::Expect { from, slot, torrent, piece } => host.expect(Expected { from, slot, torrent, piece }),
            Decision::Forget { from, slot } => {
                host.forget(from, slot);
            }
            Decision::Open { torrent, name, layout } => {
                host.storage.open(torrent, &name, &layout);
                self.judge.truth.open(rank, torrent, &name, layout.pieces);
            }
            Decision::Learn { torrent, first, hashes } => {
                host.storage.learn(torrent, first, &hashes);
                self.judge.truth.of_mut(rank).learn(torrent, first, hashes.len());
                if self.scenario.policy.sameness != Sameness::Traded {
                    self.look_for(rank, torrent, first, hashes.len() as u32);
                }
            }
            Decision::Copy { from, to } => self.own(self.now, rank, Task::Copy { from, to }),
            Decision::Succeed { rank: lost } => self.succeed(rank, lost),
            // What is in the cards is the driver's to understand, and here nobody writes any. Nor is there a user to whom
            // something else would mean more than that its offer was refused.
            Decision::Convene { .. } | Decision::Contradict { .. } => {}
            Decision::Close { torrent } => {
                let event = match host.storage.close(torrent) {
                    Ok(()) => {
                        self.judge.truth.of_mut(rank).finish(torrent);
                        Event::Closed { torrent }
                    }
                    Err(_) => Event::WriteFailed { torrent },
                };
                self.look_at_closed(rank, &event);
                self.own(self.now, rank, Task::Hear(event));
            }
            Decision::Drain => {
                let drained = self.network.drained(rank).clamp(self.now, self.now + LONGEST_DRAIN);
                self.own(drained, rank, Task::Drained);
            }
            Decision::Tell(Observed::Left { outcome }) => self.judge.truth.of_mut(rank).left = Some(outcome),
            Decision::Tell(_) => {}
        }
        Alive::Yes
    }

    /// A node that is gone does not take a message, so its sender's buffer stays in use.
    fn tell_sent(&mut self, departure: Time, rank: Rank, to: Rank) {
        if self.takes(to) {
            self.own(departure, rank, Task::Hear(Event::Sent { to }));
        }
    }

    fn takes(&self, rank: Rank) -> bool {
        self.hosts.get(rank.0 as usize).is_some_and(|host| host.node.is_some())
    }

    fn look_at_closed(&mut self, rank: Rank, event: &Event) {
        let Event::Closed { torrent } = *event else { return };
        let Some(file) = self.judge.truth.of(rank).file(torrent) else { return };
        let mut content = Vec::new();
        for piece in (0..self.scenario.files[file].layout.pieces).map(PieceIndex) {
            content.clear();
            let read = self.hosts[rank.0 as usize].storage.read(torrent, piece, &mut content);
            match read {
                Ok(()) => {
                    let kept = Kept { file, piece, content: &content };
                    self.judge.ask(self.now, rank, |checker, moment| checker.closed(moment, kept));
                }
                Err(error) => self.judge.object(Invariant::Published, self.now, rank, error.to_string()),
            }
        }
    }

    /// Puts something on the wire, where its fate awaits it. Returns when it has left; nothing where the sender crashed
    /// on it.
    fn send(&mut self, from: Rank, to: Rank, subject: Subject, bytes: u64, load: Load) -> Option<Time> {
        if self.meets_doom(from) == Alive::No {
            return None;
        }
        let host = &mut self.hosts[from.0 as usize];
        host.traffic.messages += 1;
        host.traffic.bytes += bytes;
        self.judge.truth.of_mut(from).messages += 1;
        let journey = self.network.send(self.now, from, to, bytes);
        let silent = host.silent_until > self.now;
        let faults = &self.scenario.faults;
        let attempt = if faults.are_none() { 0 } else { host.attempts.next(to, subject) };
        if silent || !self.takes(to) {
            return Some(journey.departure);
        }
        let (rank, life) = (to, self.hosts[to.0 as usize].life);
        let put = |queue: &mut Queue<Item>, at: Time, load: Load| {
            queue.push(at, Item::Task { rank, life, task: Task::Take { from, load, bytes } });
        };
        match faults.fate(from, to, &subject, attempt) {
            Fate::Deliver => put(&mut self.queue, journey.arrival, load),
            Fate::Drop => self.fired.count(Kind::Drop),
            Fate::Duplicate => {
                let late = faults.lateness(from, to, &subject, attempt);
                put(&mut self.queue, journey.arrival, load.clone());
                put(&mut self.queue, journey.arrival + late, load);
                self.fired.count(Kind::Duplicate);
            }
            Fate::Delay(by) => {
                put(&mut self.queue, journey.arrival + by, load);
                self.fired.count(Kind::Delay);
            }
            Fate::Corrupt { at } => {
                let poison = matches!(subject, Subject::Piece { .. }) && faults.poisoners.contains(&from);
                put(&mut self.queue, journey.arrival, load.corrupted(at));
                self.fired.count(if poison { Kind::Poison } else { Kind::Corrupt });
            }
        }
        Some(journey.departure)
    }
}

impl Load {
    /// The same, as it arrives with a wrong byte: a control message cannot be read any more.
    fn corrupted(self, at: u32) -> Self {
        match self {
            Self::Message(_) | Self::Garbled => Self::Garbled,
            Self::Piece { slot, mut content } => {
                if !content.is_empty() {
                    let at = at as usize % content.len();
                    content[at] ^= 0xff;
                }
                Self::Piece { slot, content }
            }
        }
    }
}
