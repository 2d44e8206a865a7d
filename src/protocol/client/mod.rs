//! The node of a client: seed, peer or leecher for each torrent on its own.
//!
//! It is made of two halves, [`download::Download`] and [`upload::Upload`], which meet only in [`shared::Shared`]: what is
//! held, and what is known of the peers.

mod announcing;
mod answers;
mod download;
mod flight;
mod offering;
mod requesting;
mod shared;
#[cfg(test)]
mod stories;
mod takers;
mod torrent;
mod twins;
mod upload;

use self::announcing::Pending;
use self::download::{Download, Shortage, Stage};
use self::shared::Shared;
use self::upload::{Upload, Wish};
use super::calls::Due;
use super::holdings::Holdings;
use super::own_time::OwnTime;
use super::peer::Heard;
use super::peers::Peers;
use super::{
    Answer, Body, Catalog, Config, Decision, Ending, Event, Incarnation, Manner, Message, Need, Node, Observed, Outbox,
    Outcome, Rank, Refusal, StopCause, Term, Time, Traffic,
};

/// Trades pieces with its peers until everybody has what they want.
#[derive(Debug)]
pub struct Client {
    shared: Shared,
    download: Download,
    upload: Upload,
    time: OwnTime,
    /// The driver's time of the last event.
    heard: Option<Time>,
    /// When something was due, in own time, before that.
    expected: Option<Time>,
    /// The own time of the last event: what is due lies after it.
    now: Time,
    /// When a peer last asked for a piece.
    asked: Time,
    end: End,
}

/// How far a client is on its way out.
#[derive(Debug)]
enum End {
    /// Not told to stop.
    Running,
    /// Told to stop; the driver is draining.
    Draining { outcome: Outcome, shortage: Shortage },
    /// Drained; waiting for the agreed outcome.
    Drained { outcome: Outcome },
    /// Gone.
    Left { outcome: Outcome },
}

impl Client {
    /// How often it says that it has drained before it leaves without an answer, unless somebody still asks it for
    /// pieces: then not everybody has been told to stop.
    const FAREWELLS: u32 = 8;
    /// After so many presumed trackers in a row that did not say a word, it tries no others.
    const STRANGERS: u32 = 2;

    /// A client that brings and wants what the catalog says.
    #[must_use]
    pub fn new(config: Config, term: Term, catalog: Catalog) -> Self {
        let download = Download::new(catalog, config.incarnation);
        let shared = Shared { config, term, holdings: Holdings::default(), peers: Peers::default() };
        let (upload, time) = (Upload::default(), OwnTime::default());
        let (heard, expected) = (None, None);
        let (now, asked) = (Time::ZERO, Time::ZERO);
        Self { shared, download, upload, time, heard, expected, now, asked, end: End::Running }
    }

    /// The term that this client follows.
    #[must_use]
    pub fn term(&self) -> Term {
        self.shared.term
    }

    /// How the run ended, once this client has left.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.end {
            End::Left { outcome } => Some(outcome),
            _ => None,
        }
    }

    /// Whether it waits for the driver to drain.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        matches!(self.end, End::Draining { .. })
    }

    /// Follows a higher term: its tracker does not know this client, so it starts over with it.
    pub fn follow(&mut self, now: Time, term: Term, out: &mut Outbox) {
        let now = self.own_time(now);
        if term > self.shared.term && !matches!(self.end, End::Left { .. }) {
            self.change_term(now, term, out);
            self.download.speak(now, &self.shared, out);
        }
    }

    fn change_term(&mut self, now: Time, term: Term, out: &mut Outbox) {
        self.shared.term = term;
        self.download.calls.turn_to_another();
        self.start_over(now);
        out.tell(Observed::TermChanged { term, tracker: self.shared.tracker() });
    }

    /// In a later life, before any tracker has spoken: asks all who might know which term it is.
    fn look_around(&self, out: &mut Outbox) {
        let Shared { config, .. } = &self.shared;
        if config.incarnation > Incarnation::default() && self.download.calls.strangers() > 0 {
            let others = (0..config.world).map(Rank).filter(|&rank| rank != config.rank);
            others.for_each(|rank| self.shared.send(rank, Body::Ping, out));
        }
    }

    /// The tracker does not know this client, or no longer. Who was told to stop goes on: somebody may have come who lacks
    /// what is held here.
    fn start_over(&mut self, now: Time) {
        if !matches!(self.end, End::Left { .. }) {
            self.end = End::Running;
            self.download.register(now);
        }
    }

    /// The tracker is silent: the next term whose tracker is not known to be silent too. The own rank always is one, and
    /// its turn comes after a few strangers' silence: a tracker calls everybody at once, and so finds whoever is left.
    fn next_term(&mut self, now: Time, out: &mut Outbox) {
        let Shared { config, term, peers, .. } = &self.shared;
        let alone = self.download.calls.strangers() >= Self::STRANGERS;
        let suspected = |rank: Rank| peers.find(rank).is_some_and(|peer| peer.is_suspected());
        let silent = |rank: Rank| rank != config.rank && (alone || suspected(rank));
        let later = (1..=config.world).map(|step| Term(term.0.saturating_add(step)));
        let next = later.into_iter().find(|term| !silent(term.tracker(config.world)));
        let tracker = self.shared.tracker();
        self.look_around(out);
        if self.shared.peers.get(tracker).suspect(now, now, self.shared.config.patience.request) {
            out.tell(Observed::Suspected { rank: tracker });
        }
        self.change_term(now, next.expect("the own rank is never silent"), out);
    }

    fn hear(&mut self, now: Time, event: Event, out: &mut Outbox) {
        let Self { shared, download, upload, .. } = self;
        match event {
            Event::Start => {
                download.register(now);
                self.look_around(out);
            }
            // Only now: a client that is behind with its mail must not take what it has not read yet for silence.
            Event::Timeout => self.tick(now, out),
            Event::Message { from, .. } | Event::Garbled { from } | Event::Piece { from, .. }
                if from.0 >= shared.config.world
                    || from == shared.config.rank && !matches!(event, Event::Message { .. }) => {}
            Event::Message { from, message } => self.message(now, from, message, out),
            Event::Garbled { from } => {
                out.tell(Observed::Misbehaved { from, how: "sent what is no message".into() });
            }
            Event::Piece { from, slot, arrival } => {
                if shared.peers.get(from).hear_piece(now) == Heard::Recovered {
                    out.tell(Observed::Recovered { rank: from });
                }
                download.piece(now, from, slot, arrival, shared, out);
            }
            Event::Sent { .. } => upload.sent(shared, out),
            Event::ReadFailed { to, slot, torrent, piece } => {
                let wish = Wish { from: to, slot, torrent, piece, manner: Manner::Insistent };
                upload.unreadable(wish, shared, out);
            }
            Event::Learnt { torrent, first, count, here } => {
                download.learnt(now, torrent, (first, count), &here, shared, out);
            }
            Event::Held { torrent, piece } => download.held(now, torrent, piece, shared, out),
            Event::Lacking { torrent, piece } => download.lacking(now, torrent, piece, shared, out),
            Event::Offer(owned) => download.come_to_own(*owned, shared, out),
            Event::Want { names } => download.come_to_want(names),
            Event::AllOffered => download.all_offered(shared, out),
            Event::GiveUp(Refusal { outcome, reason }) => {
                if matches!(self.end, End::Running) {
                    download.gave_up = true;
                    download.abort(now, outcome, reason);
                }
            }
            Event::Closed { torrent } => download.closed(now, torrent, shared, out),
            Event::WriteFailed { torrent } => download.unwritable(now, torrent, shared, out),
            Event::Drained { traffic } => self.drained(traffic),
            Event::PeerLost { rank } => {
                download.peer_gone(rank, shared, out);
                upload.forget(rank);
            }
            Event::Stop { cause } => {
                let (outcome, reason) = match cause {
                    StopCause::Signal => (Outcome::Interrupted, "a signal asked for the end"),
                    StopCause::TimeLimit => (Outcome::TimeLimit, "the time limit was reached"),
                };
                if matches!(self.end, End::Running) {
                    download.abort(now, outcome, reason.into());
                }
            }
        }
    }

    fn message(&mut self, now: Time, from: Rank, message: Message, out: &mut Outbox) {
        match self.shared.peers.get(from).hear(now, message.incarnation) {
            Heard::Outlived => return,
            Heard::Recovered => out.tell(Observed::Recovered { rank: from }),
            Heard::Reborn => {
                self.download.peer_gone(from, &mut self.shared, out);
                self.upload.forget(from);
                // A tracker in a new life has forgotten all that it was told in this term.
                let known = from == self.shared.tracker() && self.download.calls.strangers() == 0;
                if known {
                    self.start_over(now);
                }
                self.download.fill(now, &mut self.shared, out);
            }
            Heard::AsEver => {}
        }
        let from_tracker = from == self.shared.tracker() && message.term == self.shared.term;
        if from_tracker {
            self.download.calls.hear(now);
        }
        let Self { shared, download, upload, asked, .. } = self;
        match message.body {
            Body::Answer { sequence, answer } if from_tracker => self.answer(now, sequence, answer, out),
            Body::Stop { outcome, ending } if from_tracker => self.stop(now, outcome, ending, out),
            Body::Exit { outcome } if from_tracker => {
                // Whoever is told to leave before it has stopped was thought lost.
                let own = download.finish(Shortage::Real, shared).outcome;
                let early = matches!(self.end, End::Running | End::Draining { .. });
                if early {
                    self.download.stop(now, shared, out);
                }
                self.leave(if early { outcome.max(own) } else { outcome }, out);
            }
            Body::Ping => shared.send(from, Body::Pong, out),
            // From a tracker of another term: it will learn.
            Body::Answer { .. } | Body::Stop { .. } | Body::Exit { .. } => {}
            Body::Request { slot, torrent, piece, manner, news } => {
                if !download.news(from, &news) {
                    out.tell(Observed::Misbehaved { from, how: "has pieces past a torrent's end".into() });
                }
                *asked = now;
                let wish = Wish { from, slot, torrent, piece, manner };
                if !shared.holdings.contains(torrent, piece) && download.promises(torrent, piece, shared) {
                    upload.park(wish, shared, out);
                } else {
                    upload.request(wish, shared, out);
                }
                download.fill(now, shared, out);
            }
            Body::Reject { slot, reason, holders } => {
                download.rejected(now, from, slot, (reason, holders), shared, out);
            }
            Body::Cancel { slot } => upload.cancel(from, slot),
            Body::Call { .. } | Body::Pong => {
                out.tell(Observed::Misbehaved { from, how: "took this client for a tracker".into() });
            }
        }
    }

    fn answer(&mut self, now: Time, sequence: u32, answer: Answer, out: &mut Outbox) {
        // Who has drained is told to wait, while somebody still lacks something, or that the tracker does not know it.
        if matches!(self.end, End::Running | End::Drained { .. }) {
            self.download.answer(now, sequence, answer, &mut self.shared, out);
        }
        if self.download.stage == Stage::Publishing {
            self.end = End::Running;
        }
    }

    fn stop(&mut self, now: Time, outcome: Outcome, ending: Ending, out: &mut Outbox) {
        match self.end {
            End::Running => {}
            // Heard before: closing takes its time.
            End::Draining { .. } => return self.shared.send(self.shared.tracker(), Body::Pong, out),
            // What it has to say is said again and again anyway.
            End::Drained { .. } | End::Left { .. } => return,
        }
        self.download.stop(now, &mut self.shared, out);
        let shortage = match ending {
            Ending::Done => Shortage::Real,
            Ending::GivenUp => Shortage::CutShort,
        };
        self.end = End::Draining { outcome, shortage };
        out.tell(Observed::Stopped { outcome });
        out.push(Decision::Drain);
    }

    fn drained(&mut self, traffic: Traffic) {
        if let End::Draining { outcome, shortage } = self.end {
            let mut finish = self.download.finish(shortage, &self.shared);
            if shortage == Shortage::CutShort && self.download.is_unfinished() {
                // It ended as the run did.
                finish.outcome = finish.outcome.max(outcome);
            }
            self.end = End::Drained { outcome: outcome.max(finish.outcome) };
            self.download.drained(finish, traffic, &self.shared);
        }
    }

    fn leave(&mut self, outcome: Outcome, out: &mut Outbox) {
        if !matches!(self.end, End::Left { .. }) {
            self.end = End::Left { outcome };
            out.tell(Observed::Left { outcome });
        }
    }

    /// Does what is due.
    fn tick(&mut self, now: Time, out: &mut Outbox) {
        // What lags is due once: it is no longer ahead now.
        let due = self.expected.into_iter().chain(self.next_due()).min();
        if due.is_none_or(|due| due > now) {
            return;
        }
        let Self { shared, download, .. } = self;
        if download.stage == Stage::Trading {
            download.expire(now, shared, out);
            download.fill(now, shared, out);
            download.starve(now, shared);
        }
        if self.keepalive_due().is_some_and(|due| now >= due) {
            let stretch = self.download.announced..self.download.announced;
            self.download.calls.want(Pending::Announce { stretch, need: Need::Fresh });
        }
        match self.download.calls.due(now, &self.shared.config) {
            Due::Nothing => {}
            Due::Repeat | Due::TrackerSilent if matches!(self.end, End::Drained { .. }) => self.farewell(now, out),
            Due::Repeat => self.repeat(now, out),
            Due::TrackerSilent => self.next_term(now, out),
        }
    }

    fn repeat(&mut self, now: Time, out: &mut Outbox) {
        if let Some(message) = self.download.calls.repeat(now, &self.shared.config, self.shared.term) {
            out.push(Decision::Send { to: self.shared.tracker(), message });
        }
    }

    /// Says again that it has drained, or leaves: the tracker has answered the others and is gone.
    fn farewell(&mut self, now: Time, out: &mut Outbox) {
        let missed = now.since(self.asked) < self.shared.config.patience.tracker;
        let tired = self.download.calls.attempts() >= Self::FAREWELLS;
        match self.end {
            End::Drained { outcome } if tired && !missed => self.leave(outcome, out),
            _ => self.repeat(now, out),
        }
    }

    /// When a client that has nothing to say asks whether the tracker is still there: it pings whoever is silent, so a
    /// live one is never silent for so long.
    fn keepalive_due(&self) -> Option<Time> {
        let idle = self.download.calls.is_idle() && matches!(self.end, End::Running);
        idle.then(|| self.download.calls.heard() + self.shared.config.patience.client * 3)
    }

    /// The own time at the driver's `now`. Much is heard at one moment; only the first of it can have been awaited.
    fn own_time(&mut self, now: Time) -> Time {
        if self.heard != Some(now) {
            self.expected = self.heard.and_then(|_| self.next_due());
            self.now = self.time.at(now, self.expected);
            self.heard = Some(now);
        }
        self.now
    }

    /// When something will be due, in own time.
    fn next_due(&self) -> Option<Time> {
        if matches!(self.end, End::Left { .. }) {
            return None;
        }
        let requests = self.download.next_request_due(self.now, &self.shared);
        let times = [self.download.calls.next_due(), self.keepalive_due(), requests];
        times.into_iter().flatten().min()
    }
}

impl Node for Client {
    fn handle(&mut self, now: Time, event: Event, out: &mut Outbox) {
        let now = self.own_time(now);
        self.hear(now, event, out);
        // Whatever happened: a client that lacks something asks for it, or knows when it will.
        if self.download.starving.is_none() && self.download.is_idle(&self.shared) {
            self.download.fill(now, &mut self.shared, out);
        }
        let Self { shared, download, upload, .. } = self;
        upload.unpark(|wish| download.promises(wish.torrent, wish.piece, shared), shared, out);
        download.announce_sparingly(now, shared);
        download.speak(now, shared, out);
    }

    fn next_timeout(&self) -> Option<Time> {
        self.next_due().map(|due| self.time.driver_time(due))
    }

    fn is_finished(&self) -> bool {
        self.outcome().is_some()
    }
}
