//! How the tracker watches over its clients, and ends the run: all are told to stop, all drain, all leave with one outcome.

use std::time::Duration;

use super::roster::{Client, Presence};
use super::{FIRST, Phase, Repeat, Tracker};
use crate::protocol::{
    Answer, Body, Change, ClientSummary, Decision, Ending, Finish, Observed, Office, Outbox, Outcome, Rank, Summary,
    Term, Time, Traffic,
};

impl Tracker {
    /// How often a client is told to stop before it is taken to be lost.
    const FAREWELLS: u32 = 12;
    /// What is said again is said in this part of the patience with a call.
    const HASTE: u32 = 4;
    /// A client is lost after so many times the patience with it.
    const LOST_AFTER: u32 = 3;
    /// Fewer pings than this prove nothing where messages are lost.
    const FEW: u32 = 8;
    /// More patience than twice as much, so many times over, nobody gets.
    const MOST_REVIVALS: u32 = 2;

    /// Looks at all clients: who is silent, who is lost, whether the run can end.
    pub(super) fn check(&mut self, now: Time, out: &mut Outbox) {
        self.check_at = now + self.check_interval();
        match self.phase {
            Phase::Gathering { until } => {
                if self.term > Term::default() {
                    self.check_at = now + self.config.patience.call / Self::HASTE;
                }
                self.check_gathering(now, until, out);
            }
            Phase::Running => {
                if self.check_silent(now, out) {
                    self.check_at = now + self.config.patience.call / Self::HASTE;
                }
                self.call_the_lost(out);
                self.end_if_done(now, out);
            }
            Phase::Stopping { ending, outcome, told } => {
                let pause = self.config.patience.call / Self::HASTE;
                self.check_at = now + pause * (1 + told / Self::HASTE);
                self.remind(now, (ending, outcome, told), out);
            }
            Phase::Leaving { until } => {
                if now >= until {
                    self.phase = Phase::Left;
                }
            }
            Phase::Left => {}
        }
    }

    fn check_gathering(&mut self, now: Time, until: Time, out: &mut Outbox) {
        let absent: Vec<(Rank, Time)> = self
            .roster
            .live()
            .filter(|(_, client)| client.presence != Presence::Registered)
            .map(|(rank, client)| (rank, client.heard))
            .collect();
        let patience = &self.config.patience;
        let (silence, latest) = (patience.client, until + patience.start);
        for (rank, heard) in absent {
            // Who lives may have much to publish on a slow line.
            if now >= latest || (now >= until && now.since(heard) >= silence) {
                self.mark_lost(rank, out);
            } else {
                self.send(rank, Body::Ping, out);
            }
        }
        if self.term > Term::default() && self.roster.get(FIRST).is_none() {
            // It may only have been silent, and go on alone.
            self.send(FIRST, Body::Ping, out);
        }
        self.start_if_all_spoke(now, out);
    }

    /// Pings who is silent, at growing distances, for where a line is slow pings clog it; tells whether anybody is.
    fn check_silent(&mut self, now: Time, out: &mut Outbox) -> bool {
        let patience = self.config.patience.client;
        let haste = self.config.patience.call / Self::HASTE;
        let silent: Vec<Rank> = self
            .roster
            .live()
            .filter(|(_, client)| now.since(client.heard) >= patience)
            .map(|(rank, _)| rank)
            .collect();
        for &rank in &silent {
            let client = self.roster.entry(rank);
            let (heard, pinged, unanswered) = (client.heard, client.pinged, client.unanswered);
            if now.since(heard) >= self.patience_with(rank) && unanswered >= Self::FEW {
                self.mark_lost(rank, out);
            } else if now.since(pinged) >= haste * (1 + unanswered / Self::HASTE) {
                self.ping(now, rank, out);
            }
        }
        !silent.is_empty()
    }

    /// Calls those that are lost as long as somebody starves: it may have been this rank that could not be heard, and then
    /// the others go on without it, under a tracker of their own, and have what is lacked here.
    fn call_the_lost(&self, out: &mut Outbox) {
        if self.roster.live().any(|(_, client)| client.starving.is_some()) {
            let lost = self.roster.iter().filter(|(_, client)| client.lost);
            lost.for_each(|(rank, _)| self.send(rank, Body::Ping, out));
        }
    }

    fn ping(&mut self, now: Time, rank: Rank, out: &mut Outbox) {
        let client = self.roster.entry(rank);
        client.pinged = now;
        client.unanswered += 1;
        self.send(rank, Body::Ping, out);
    }

    /// How long a client may be silent before it is lost: longer each time that this was wrong.
    fn patience_with(&self, rank: Rank) -> Duration {
        let revivals = self.roster.get(rank).map_or(0, |client| client.revivals);
        self.config.patience.client * Self::LOST_AFTER * (1 << revivals.min(Self::MOST_REVIVALS))
    }

    /// Asks a client that others think silent whether it lives, unless it was heard just now.
    pub(super) fn ping_if_silent(&mut self, now: Time, rank: Rank, out: &mut Outbox) {
        let pause = self.check_interval() / 2;
        let Some(client) = self.roster.get(rank).filter(|client| !client.lost) else { return };
        if now.since(client.heard) >= pause && now.since(client.pinged) >= pause {
            self.ping(now, rank, out);
        }
    }

    /// A client is gone.
    pub(super) fn lose(&mut self, now: Time, rank: Rank, out: &mut Outbox) {
        if self.roster.get(rank).is_some_and(|client| !client.lost) {
            self.mark_lost(rank, out);
            self.start_if_all_spoke(now, out);
            self.end_if_done(now, out);
            self.leave_if_drained(now, out);
        }
    }

    fn mark_lost(&mut self, rank: Rank, out: &mut Outbox) {
        self.roster.entry(rank).lost = true;
        out.tell(Observed::Lost { rank });
        self.tell_gone(rank, out);
    }

    /// Tells all that what was known of a client no longer holds. Whoever may have to do its work has not finished until
    /// it knows.
    pub(super) fn tell_gone(&mut self, rank: Rank, out: &mut Outbox) {
        self.journal.push(Change::Gone { rank });
        self.roster.note_gone(rank, self.journal.version());
        self.tell_attentive(out);
    }

    /// A client gives the run up.
    pub(super) fn abort(
        &mut self,
        now: Time,
        from: Rank,
        sequence: u32,
        (outcome, reason): (Outcome, String),
        out: &mut Outbox,
    ) {
        let client = self.roster.entry(from);
        client.presence = Presence::Registered;
        if client.finished.replace(outcome).is_none() {
            out.tell(Observed::Aborted { rank: from, outcome, reason });
        }
        self.answer(from, sequence, Answer::Noted, out);
        self.give_up(now, outcome, out);
        self.start_if_all_spoke(now, out);
    }

    /// Ends the run early; before the start only once all have spoken, so that everybody's complaint is heard.
    pub(super) fn give_up(&mut self, now: Time, outcome: Outcome, out: &mut Outbox) {
        self.outcome = self.outcome.max(outcome);
        self.given_up = true;
        let hurried = matches!(outcome, Outcome::Interrupted | Outcome::TimeLimit);
        let wait = matches!(self.phase, Phase::Gathering { .. }) && !hurried;
        if !wait {
            self.stop(now, Ending::GivenUp, out);
        }
    }

    /// Ends the run when nothing more is to be had: each client has finished, or has starved for long enough.
    pub(super) fn end_if_done(&mut self, now: Time, out: &mut Outbox) {
        match self.phase {
            Phase::Running if self.roster.live().all(|(rank, _)| self.is_done(now, rank)) => {
                self.stop(now, Ending::Done, out);
            }
            Phase::Stopping { ending: Ending::Done, outcome, .. } => {
                self.say_stop_to_latecomers(now, outcome, out);
            }
            _ => {}
        }
    }

    /// Whether a client has all that it can get. What it lacks it may still come to own.
    fn is_done(&self, now: Time, rank: Rank) -> bool {
        self.roster.get(rank).is_some_and(|client| {
            let starved = || !client.may_offer() && self.starved(now, rank);
            client.presence == Presence::Registered && (client.finished.is_some() || starved())
        })
    }

    /// Whoever was lost when the others were told to stop, and came back, is told when it is done: until then the others
    /// stay and serve it.
    fn say_stop_to_latecomers(&mut self, now: Time, outcome: Outcome, out: &mut Outbox) {
        let late = self.roster.live().filter(|(_, client)| !client.stopped).map(|(rank, _)| rank);
        let done: Vec<Rank> = late.filter(|&rank| self.is_done(now, rank)).collect();
        for rank in done {
            self.say_stop(rank, outcome, Ending::Done, out);
        }
    }

    /// Whether a client has starved for long enough, still says so, and nobody came who could feed it.
    fn starved(&self, now: Time, rank: Rank) -> bool {
        let patience = &self.config.patience;
        let starving = self.roster.get(rank).and_then(|client| client.starving.as_ref());
        starving.is_some_and(|starving| {
            let (long, lately) = (now.since(starving.since), now.since(starving.last));
            // It says so twice a second, but half of that may get lost, and a slow one takes its time.
            long >= patience.starving && lately <= patience.starving * 3 && !self.could_be_fed(rank, &starving.useless)
        })
    }

    /// Tells all to stop.
    pub(super) fn stop(&mut self, now: Time, ending: Ending, out: &mut Outbox) {
        if matches!(self.phase, Phase::Stopping { .. }) || self.is_over() {
            return;
        }
        if ending == Ending::Done && self.roster.live().any(|(_, client)| client.finished.is_none()) {
            self.outcome = self.outcome.max(Outcome::Incomplete);
        }
        let outcome = self.worst();
        self.phase = Phase::Stopping { ending, outcome, told: 1 };
        let live: Vec<Rank> = self.roster.live().map(|(rank, _)| rank).collect();
        for rank in live {
            self.say_stop(rank, outcome, ending, out);
        }
        out.push(Decision::Drain);
        self.leave_if_drained(now, out);
    }

    fn say_stop(&mut self, rank: Rank, outcome: Outcome, ending: Ending, out: &mut Outbox) {
        self.roster.entry(rank).stopped = true;
        self.send(rank, Body::Stop { outcome, ending }, out);
    }

    /// Reminds those that have not drained, and gives up those that are silent.
    fn remind(&mut self, now: Time, (ending, outcome, told): (Ending, Outcome, u32), out: &mut Outbox) {
        self.lose_leavers(now, out);
        let undrained = self.roster.live().filter(|(_, client)| client.drained.is_none());
        let undrained: Vec<(Rank, bool, Time)> =
            undrained.map(|(rank, client)| (rank, client.stopped, client.heard)).collect();
        for (rank, stopped, heard) in undrained {
            if told >= Self::FAREWELLS && now.since(heard) >= self.patience_with(rank) {
                self.mark_lost(rank, out);
                continue;
            }
            if stopped || ending == Ending::GivenUp {
                self.say_stop(rank, outcome, ending, out);
            } else {
                self.send(rank, Body::Ping, out);
            }
        }
        self.phase = Phase::Stopping { ending, outcome, told: told + 1 };
        self.end_if_done(now, out);
        self.leave_if_drained(now, out);
    }

    /// Who has drained says so again and again. One that no longer does has left by itself, while this tracker could not
    /// be heard; whoever still downloads must not count on it.
    fn lose_leavers(&mut self, now: Time, out: &mut Outbox) {
        let left = |(rank, client): &(Rank, &Client)| {
            client.drained.is_some() && now.since(client.heard) >= self.patience_with(*rank)
        };
        let left: Vec<Rank> = self.roster.live().filter(left).map(|(rank, _)| rank).collect();
        left.into_iter().for_each(|rank| self.mark_lost(rank, out));
    }

    /// A client has stopped and closed everything.
    pub(super) fn drained(
        &mut self,
        now: Time,
        from: Rank,
        sequence: u32,
        repeat: Repeat,
        (finish, traffic): (Finish, Traffic),
        out: &mut Outbox,
    ) {
        if repeat == Repeat::Yes {
            self.answer(from, sequence, Answer::Wait, out);
        } else {
            for shortfall in &finish.shortfalls {
                let (name, missing, why) = (shortfall.name.clone(), shortfall.missing, shortfall.why);
                out.tell(Observed::Short { rank: from, name, missing, why });
            }
            // The client could not count this call.
            self.afterwards += u64::from(from != self.config.rank);
            self.roster.entry(from).drained = Some((finish, traffic));
        }
        self.leave_if_drained(now, out);
    }

    /// Tells all to leave with the agreed outcome, once all that live have drained.
    fn leave_if_drained(&mut self, now: Time, out: &mut Outbox) {
        let stopping = matches!(self.phase, Phase::Stopping { .. });
        if !stopping || self.roster.live().any(|(_, client)| client.drained.is_none()) {
            return;
        }
        self.outcome = self.worst();
        let live: Vec<Rank> = self.roster.live().map(|(rank, _)| rank).collect();
        for &rank in &live {
            self.send(rank, Body::Exit { outcome: self.outcome }, out);
        }
        out.tell(Observed::Summary(Box::new(self.summary(self.sends(out.decisions())))));
        self.phase = if self.lossy { Phase::Leaving { until: self.quiet_from(now) } } else { Phase::Left };
        self.check_at = self.quiet_from(now);
        out.tell(Observed::Left { outcome: self.outcome });
    }

    /// A client has not heard that it can leave.
    pub(super) fn say_exit_again(&mut self, now: Time, to: Rank, out: &mut Outbox) {
        self.send(to, Body::Exit { outcome: self.outcome }, out);
        self.phase = Phase::Leaving { until: self.quiet_from(now) };
        self.check_at = self.quiet_from(now);
    }

    /// When a client that had something to say would have said it again, several times.
    fn quiet_from(&self, now: Time) -> Time {
        now + self.config.patience.call * 2
    }

    /// The worst that anybody knows.
    fn worst(&self) -> Outcome {
        let clients = self.roster.live().flat_map(|(_, client)| {
            [client.finished, client.drained.as_ref().map(|(finish, _)| finish.outcome)].into_iter().flatten()
        });
        let first_lost = self.term > Term::default() && self.roster.get(FIRST).is_none_or(|first| first.lost);
        let lost = if self.roster.has_lost() || first_lost { Outcome::RanksLost } else { Outcome::Complete };
        clients.fold(self.outcome.max(lost), Outcome::max)
    }

    /// What is known at the end. To what all had sent when they drained come the last calls and answers, of which `now`
    /// are being sent.
    fn summary(&self, now: u64) -> Summary {
        let drained = self.roster.iter().filter_map(|(_, client)| client.drained.as_ref());
        let sent = drained.map(|(_, traffic)| traffic).fold(self.traffic.unwrap_or_default(), |sum, traffic| Traffic {
            messages: sum.messages + traffic.messages,
            bytes: sum.bytes + traffic.bytes,
            volume: sum.volume,
        });
        let clients: Vec<ClientSummary> = self
            .roster
            .iter()
            .filter(|(rank, client)| {
                self.config.policy.office == Office::Beside || *rank != FIRST || client.counts.wanted > 0
            })
            .map(|(rank, client)| ClientSummary {
                rank,
                had: client.counts.had,
                wanted: client.counts.wanted,
                got: client.counts.got,
                sources: client.counts.sources.iter().copied().collect(),
                served: u64::from(client.counts.served),
                outcome: client.drained.as_ref().map(|(finish, _)| finish.outcome),
                volume: client.drained.as_ref().map(|(_, traffic)| traffic.volume).unwrap_or_default(),
                finished: client.finished_at,
            })
            .collect();
        let traded = clients.iter().map(|client| client.got).sum();
        let messages = sent.messages + self.afterwards + now;
        Summary { outcome: self.outcome, clients, messages, bytes: sent.bytes, traded }
    }
}
