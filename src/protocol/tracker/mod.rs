//! The node that knows who has what, and never carries a piece.
//!
//! It waits until all clients have published ([`Phase::Gathering`]), answers their calls ([`Phase::Running`]), and when
//! nothing more is to be had it ends the run for all ([`Phase::Stopping`]). `serving` answers the calls, `ending` watches
//! over the clients and the end.

mod ending;
mod journal;
mod offers;
mod register;
mod roster;
mod serving;
#[cfg(test)]
mod stories;

use std::time::Duration;

use self::journal::Journal;
use self::register::Register;
use self::roster::Roster;
use super::own_time::OwnTime;
use super::{
    Answer, Body, Call, Change, Config, Decision, Ending, Event, Message, Node, Observed, Office, Outbox, Outcome,
    Prospects, Rank, Refusal, StopCause, TRACKER, Term, Time, Traffic,
};
use crate::metainfo::PieceHashes;

/// Keeps, per torrent, the piece hashes and who holds which pieces.
#[derive(Debug)]
pub struct Tracker {
    config: Config,
    term: Term,
    register: Register,
    roster: Roster,
    journal: Journal,
    phase: Phase,
    /// The worst that is known apart from what clients report of themselves.
    outcome: Outcome,
    /// Why this rank cannot take part, until it has said so.
    refusal: Option<Refusal>,
    /// The run is given up, though the end may still have to wait for the start.
    given_up: bool,
    /// Somebody had to say something twice that had been answered.
    lossy: bool,
    progress: Progress,
    /// What this rank had sent when it drained.
    traffic: Option<Traffic>,
    /// Messages that were sent after their sender had drained: its own, and those that it knows of.
    afterwards: u64,
    time: OwnTime,
    check_at: Time,
}

/// Pieces that clients want, and have reported.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    wanted: u64,
    done: u64,
}

/// How far the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for all clients to publish, at most until then.
    Gathering { until: Time },
    /// All trade.
    Running,
    /// All have been told to stop, so many times.
    Stopping { ending: Ending, outcome: Outcome, told: u32 },
    /// All have been told to leave. Where messages are lost, some may not have heard it: it is said again to whoever
    /// asks, until nobody has for a while.
    Leaving { until: Time },
    /// Nobody is left to talk to.
    Left,
}

impl Tracker {
    /// The tracker of a term. The first waits for the clients on the ranks above its own; one that takes over waits for
    /// all but the rank where the first was, which is welcome too.
    #[must_use]
    pub fn new(config: Config, term: Term) -> Self {
        let first = match config.policy.office {
            Office::Apart => FIRST.0 + 1,
            Office::Beside => FIRST.0,
        };
        let roster = Roster::expecting((first..config.world).map(Rank));
        let phase = Phase::Gathering { until: Time(u64::MAX) };
        let (register, journal, progress, traffic, time) = Default::default();
        let outcome = Outcome::Complete;
        let check_at = Time(u64::MAX);
        Self {
            config,
            term,
            register,
            roster,
            journal,
            phase,
            outcome,
            refusal: None,
            given_up: false,
            lossy: false,
            progress,
            traffic,
            afterwards: 0,
            time,
            check_at,
        }
    }

    /// The term in which this is the tracker.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }

    /// Lets it give the run up once all have spoken, instead of letting them start.
    #[must_use]
    pub fn refusing(self, refusal: Option<Refusal>) -> Self {
        Self { refusal, ..self }
    }

    /// How the run ended, once all have been told to leave.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        (self.phase == Phase::Left).then_some(self.outcome)
    }

    /// The hashes of a torrent, where all of them are known and its owners agree on them.
    pub(super) fn hashes_of(&self, name: &str) -> Option<&PieceHashes> {
        let (_, torrent) = self.register.find(name)?;
        (torrent.is_whole() && !torrent.refused).then_some(&torrent.hashes)
    }

    /// Whether the run is over, though somebody may still have to hear it.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. } | Phase::Left)
    }

    fn begin(&mut self, now: Time, out: &mut Outbox) {
        let patience = &self.config.patience;
        if self.term == Term::default() {
            self.phase = Phase::Gathering { until: now + patience.start };
            self.check_at = now + patience.client;
        } else {
            // Whoever lives knows of no new tracker yet: the pings tell them.
            self.phase = Phase::Gathering { until: now + patience.client * 2 };
            self.check(now, out);
        }
        if let Some(Refusal { outcome, reason }) = self.refusal.take() {
            self.abandon(now, outcome, reason, out);
        }
    }

    /// Gives the run up for a reason of this rank's own.
    fn abandon(&mut self, now: Time, outcome: Outcome, reason: String, out: &mut Outbox) {
        out.tell(Observed::Aborted { rank: self.config.rank, outcome, reason });
        self.give_up(now, outcome, out);
    }

    /// How often the clients are looked at.
    fn check_interval(&self) -> Duration {
        (self.config.patience.client / 2).min(self.config.patience.call)
    }

    /// How many messages these decisions send; what is for the own rank never becomes one.
    fn sends(&self, decisions: &[Decision]) -> u64 {
        let to_others = |decision: &&Decision| matches!(decision, Decision::Send { to, .. } if *to != self.config.rank);
        decisions.iter().filter(to_others).count() as u64
    }

    fn send(&self, to: Rank, body: Body, out: &mut Outbox) {
        let message = Message { term: self.term, incarnation: self.config.incarnation, body };
        out.push(Decision::Send { to, message });
    }

    fn answer(&self, to: Rank, sequence: u32, answer: Answer, out: &mut Outbox) {
        self.send(to, Body::Answer { sequence, answer }, out);
    }

    fn message(&mut self, now: Time, from: Rank, message: Message, out: &mut Outbox) {
        if !self.hear(now, from, &message, out) {
            return;
        }
        let drained = self.roster.get(from).is_some_and(|client| client.drained.is_some());
        self.afterwards += u64::from(drained && from != self.config.rank);
        match message.body {
            Body::Call { sequence, call } => self.call(now, from, sequence, call, out),
            Body::Pong => {}
            Body::Ping => self.send(from, Body::Pong, out),
            _ => out.tell(Observed::Misbehaved { from, how: "took the tracker for a client".into() }),
        }
    }

    /// Notes that a client lives; tells whether what it says counts.
    fn hear(&mut self, now: Time, from: Rank, message: &Message, out: &mut Outbox) -> bool {
        if from.0 >= self.config.world {
            return false;
        }
        // A rank from which nothing was expected is taken up only when it calls.
        let calls = matches!(message.body, Body::Call { .. });
        if self.roster.get(from).is_none() && !calls {
            return false;
        }
        let client = self.roster.entry(from);
        if message.incarnation < client.incarnation {
            return false;
        }
        client.heard = now;
        client.unanswered = 0;
        if message.incarnation > client.incarnation {
            client.reborn(message.incarnation);
            self.register.forget(from);
            self.tell_gone(from, out);
        } else if std::mem::take(&mut client.lost) {
            client.revivals += 1;
            out.tell(Observed::Recovered { rank: from });
            self.hope_where_fed();
            for (torrent, bits) in self.register.held_by(from) {
                self.journal.push(Change::Holds { rank: from, torrent, bits: bits.clone() });
            }
        }
        true
    }

    fn call(&mut self, now: Time, from: Rank, sequence: u32, call: Call, out: &mut Outbox) {
        let client = self.roster.entry(from);
        if sequence < client.sequence {
            return;
        }
        if call == Call::Again && sequence > client.sequence {
            return self.answer(from, sequence, Answer::Unheard, out);
        }
        let repeat = if sequence == client.sequence { Repeat::Yes } else { Repeat::No };
        client.sequence = sequence;
        self.lossy |= repeat == Repeat::Yes && !client.waits_for_answer_to(sequence);
        let stopped = client.stopped;
        let registered = client.presence == roster::Presence::Registered;
        match (call, self.phase) {
            (Call::Drained { received, finish, traffic }, Phase::Stopping { .. }) => {
                self.take_up(from, repeat, &received);
                self.drained(now, from, sequence, repeat, (finish, traffic), out);
            }
            (_, Phase::Leaving { .. }) => self.say_exit_again(now, from, out),
            (_, Phase::Stopping { ending, outcome, .. }) if stopped || ending == Ending::GivenUp => {
                self.send(from, Body::Stop { outcome, ending }, out)
            }
            (Call::Publish { part, files, wanted, more, about }, _) => {
                let client = self.roster.entry(from);
                (client.intends, client.more, client.about) = (wanted, Some(more), about);
                if client.about.prospects == Prospects::Reserve && self.roster.has_lost_since(0, from) {
                    // It will hear of that, and then say again what it has to offer.
                    self.roster.entry(from).about.prospects = Prospects::Open;
                }
                self.publish(now, from, sequence, repeat, (part, files, more), out);
            }
            (Call::Again, _) => {
                // Only publications are long.
                if let Some(more) = self.roster.entry(from).more {
                    self.publish(now, from, sequence, Repeat::Yes, (0, Vec::new(), more), out);
                }
            }
            (Call::Abort { outcome, reason }, _) => self.abort(now, from, sequence, (outcome, reason), out),
            _ if !registered => self.answer(from, sequence, Answer::Unknown, out),
            (Call::Offer { file }, _) => self.offer(from, sequence, repeat, &file, out),
            (Call::AllOffered { since }, _) => {
                if !self.roster.has_lost_since(since, from) {
                    self.roster.entry(from).about.prospects = Prospects::Reserve;
                }
                self.answer(from, sequence, Answer::Noted, out);
                self.tell_attentive(out);
            }
            (Call::Await { since, wanted }, _) => self.wait(from, sequence, repeat, (since, wanted), out),
            (Call::Join { since, wanted }, _) => self.join(from, sequence, (since, &wanted), out),
            (Call::Hashes { torrent, first }, _) => self.hashes(from, sequence, torrent, first, out),
            (Call::Announce(report), _) => {
                self.report(now, from, repeat, &report, out);
                let swarm = self.swarm(from, &report);
                self.answer(from, sequence, Answer::Swarm(swarm), out);
                self.end_if_done(now, out);
            }
            (Call::Completed { report, torrents, finished }, _) => {
                self.report(now, from, repeat, &report, out);
                let reserve = self.roster.entry(from).about.prospects != Prospects::Final;
                // It has not heard of somebody whose work it may have to do.
                let unaware = reserve && self.roster.has_lost_since(report.since, from);
                self.completed(now, from, (&torrents, finished.filter(|_| !unaware)), out);
                let answer = match finished {
                    Some(_) => Answer::Noted,
                    // Not which of its suspects are gone: it would begin anew to do their work, and complete it anew.
                    None => Answer::Swarm(self.changes(from, report.since, report.need)),
                };
                self.answer(from, sequence, answer, out);
                self.end_if_done(now, out);
            }
            (Call::Drained { .. }, _) => {
                out.tell(Observed::Misbehaved { from, how: "drained before the end".into() });
            }
        }
    }
}

/// Whether a call was carried out before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Yes,
    No,
}

impl Node for Tracker {
    fn handle(&mut self, now: Time, event: Event, out: &mut Outbox) {
        let now = self.time.at(now, Some(self.check_at));
        let before = out.decisions().len();
        match event {
            // Only now: whom the tracker finds silent may have spoken in what came before.
            Event::Timeout if now >= self.check_at => self.check(now, out),
            Event::Start => self.begin(now, out),
            Event::Message { from, message } => self.message(now, from, message, out),
            Event::Garbled { from } => out.tell(Observed::Misbehaved { from, how: "sent what is no message".into() }),
            Event::Piece { from, .. } => out.tell(Observed::Misbehaved { from, how: "sent a tracker a piece".into() }),
            Event::Drained { traffic } => self.traffic = Some(traffic),
            Event::PeerLost { rank } => self.lose(now, rank, out),
            Event::Stop { cause } => {
                let (outcome, reason) = match cause {
                    StopCause::Signal => (Outcome::Interrupted, "a signal asked for the end"),
                    StopCause::TimeLimit => (Outcome::TimeLimit, "the time limit was reached"),
                };
                self.abandon(now, outcome, reason.into(), out);
            }
            Event::Timeout
            | Event::Sent { .. }
            | Event::ReadFailed { .. }
            | Event::Learnt { .. }
            | Event::Held { .. }
            | Event::Lacking { .. }
            | Event::Offer(_)
            | Event::Want { .. }
            | Event::AllOffered
            | Event::GiveUp(_)
            | Event::Closed { .. }
            | Event::WriteFailed { .. } => {}
        }
        if self.traffic.is_some() {
            self.afterwards += self.sends(&out.decisions()[before..]);
        }
    }

    fn next_timeout(&self) -> Option<Time> {
        (self.phase != Phase::Left && self.check_at < Time(u64::MAX)).then(|| self.time.driver_time(self.check_at))
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Left
    }
}

/// Where the first tracker was: its loss is not on the roster.
const FIRST: Rank = TRACKER;
