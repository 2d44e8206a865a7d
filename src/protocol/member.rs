//! All that one rank runs.

use super::{
    Answer, Body, Catalog, Client, Config, Event, Message, Node, Observed, Office, Outbox, Outcome, Rank, Term, Time,
    Tracker, Traffic,
};
use crate::metainfo::PieceHashes;

/// The node of one rank: its client, and the tracker where and while this rank is it.
#[derive(Debug)]
pub struct Member {
    config: Config,
    client: Option<Client>,
    tracker: Option<Tracker>,
}

impl Member {
    /// The node that rank `config.rank` starts with: a tracker on rank 0, with a client beside it where the policy says
    /// so, and a client elsewhere.
    #[must_use]
    pub fn new(config: Config, catalog: Catalog) -> Self {
        let first = Term::default();
        let is_tracker = first.tracker(config.world) == config.rank;
        let refusal = catalog.refusal.clone().filter(|_| config.policy.office == Office::Apart);
        let tracker = is_tracker.then(|| Tracker::new(config.clone(), first).refusing(refusal));
        let takes_part = !is_tracker || config.policy.office == Office::Beside;
        let client = takes_part.then(|| Client::new(config.clone(), first, catalog));
        Self { config, client, tracker }
    }

    /// How the run ended, once this rank has left.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        if !self.is_finished() {
            return None;
        }
        let client = self.client.as_ref().and_then(Client::outcome);
        client.max(self.tracker.as_ref().and_then(Tracker::outcome))
    }

    /// The term that this rank follows.
    #[must_use]
    pub fn term(&self) -> Term {
        let client = self.client.as_ref().map(Client::term);
        client.max(self.tracker.as_ref().map(Tracker::term)).unwrap_or_default()
    }

    /// Whether this rank is the tracker, and so speaks for the run.
    #[must_use]
    pub fn is_tracker(&self) -> bool {
        self.tracker.is_some()
    }

    /// The hashes of a torrent, where this rank is the tracker and knows all of them.
    #[must_use]
    pub fn hashes_of(&self, name: &str) -> Option<&PieceHashes> {
        self.tracker.as_ref()?.hashes_of(name)
    }

    /// Follows a higher term that somebody spoke of: a tracker of a lower one is deposed and becomes a client that has
    /// and wants nothing.
    fn follow(&mut self, now: Time, term: Term, out: &mut Outbox) {
        if term <= self.term() || self.is_finished() {
            return;
        }
        self.tracker = None;
        match &mut self.client {
            Some(client) => client.follow(now, term, out),
            None => {
                out.tell(Observed::TermChanged { term, tracker: term.tracker(self.config.world) });
                let mut client = Client::new(self.config.clone(), term, Catalog::default());
                client.handle(now, Event::Start, out);
                self.client = Some(client);
            }
        }
    }

    /// Becomes the tracker where the term says so.
    fn take_office(&mut self, now: Time, out: &mut Outbox) {
        let term = self.term();
        let chosen = term.tracker(self.config.world) == self.config.rank;
        if chosen && self.tracker.is_none() && !self.is_finished() {
            let mut tracker = Tracker::new(self.config.clone(), term);
            tracker.handle(now, Event::Start, out);
            self.tracker = Some(tracker);
        }
    }

    fn message(&mut self, now: Time, from: Rank, message: Message, out: &mut Outbox) {
        self.follow(now, message.term, out);
        self.take_office(now, out);
        let term = self.term();
        match message.body {
            Body::Call { sequence, .. } if message.term < term => {
                // Whom it calls is no longer the tracker: the answer's term says who is.
                let body = Body::Answer { sequence, answer: Answer::Unknown };
                let message = Message { term, incarnation: self.config.incarnation, body };
                out.push(super::Decision::Send { to: from, message });
            }
            Body::Call { .. } | Body::Pong => {
                if let Some(tracker) = &mut self.tracker {
                    tracker.handle(now, Event::Message { from, message }, out);
                }
            }
            _ => match (&mut self.client, &mut self.tracker) {
                (Some(client), _) => client.handle(now, Event::Message { from, message }, out),
                (None, Some(tracker)) => tracker.handle(now, Event::Message { from, message }, out),
                (None, None) => {}
            },
        }
    }

    fn each(&mut self, now: Time, event: &Event, out: &mut Outbox) {
        if let Some(client) = &mut self.client {
            client.handle(now, event.clone(), out);
        }
        if let Some(tracker) = &mut self.tracker {
            tracker.handle(now, event.clone(), out);
        }
    }
}

impl Node for Member {
    fn handle(&mut self, now: Time, event: Event, out: &mut Outbox) {
        match event {
            // Nobody has such a rank.
            Event::Message { from, .. } if from.0 >= self.config.world => {}
            Event::Message { from, message } => self.message(now, from, message, out),
            Event::Drained { traffic } => {
                // One event answers both; the traffic is the client's to tell, where there is one.
                let (clients, trackers) = match &self.client {
                    Some(_) => (traffic, Traffic::default()),
                    None => (Traffic::default(), traffic),
                };
                if let Some(client) = self.client.as_mut().filter(|client| client.is_draining()) {
                    client.handle(now, Event::Drained { traffic: clients }, out);
                }
                if let Some(tracker) = &mut self.tracker {
                    tracker.handle(now, Event::Drained { traffic: trackers }, out);
                }
            }
            Event::Start | Event::Timeout | Event::PeerLost { .. } | Event::Stop { .. } => self.each(now, &event, out),
            Event::Garbled { .. }
            | Event::Piece { .. }
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
            | Event::WriteFailed { .. } => match (&mut self.client, &mut self.tracker) {
                (Some(client), _) => client.handle(now, event, out),
                (None, Some(tracker)) => tracker.handle(now, event, out),
                (None, None) => {}
            },
        }
        self.take_office(now, out);
    }

    fn next_timeout(&self) -> Option<Time> {
        let client = self.client.as_ref().and_then(Node::next_timeout);
        let tracker = self.tracker.as_ref().and_then(Node::next_timeout);
        client.into_iter().chain(tracker).min()
    }

    fn is_finished(&self) -> bool {
        self.client.as_ref().is_none_or(Node::is_finished) && self.tracker.as_ref().is_none_or(Node::is_finished)
    }
}
