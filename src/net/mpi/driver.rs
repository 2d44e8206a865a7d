//! The loop that runs one node: hears what comes, tells the node, does what it decides, and rests when there is nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use log::{debug, info, warn};

use super::backoff::{Backoff, Prospect, Rest};
use super::call::Comm;
use super::incoming::{Arrived, Incoming, LONGEST_BLOCK};
use super::outgoing::{CONTROL, Outgoing, Parcel};
use super::{NetError, Observer, Options};
use crate::metainfo::{PieceIndex, TorrentId};
use crate::net::codec;
use crate::net::excerpt::start_of;
use crate::protocol::{Arrival, Decision, Event, Message, Node, Outbox, Rank, Slot, StopCause, Time, Traffic};
use crate::storage::{Storage, Written};

/// Arrivals that are handled before sends and timeouts are looked at again.
const BATCH: usize = 256;

/// With nothing outstanding, an answer that the driver does not know of (the tracker's) is still awaited for so long.
const ANSWER_AWAITED: Duration = Duration::from_millis(20);

/// How long sends may stand still before the driver leaves without them: their receivers are gone.
const STANDSTILL: Duration = Duration::from_secs(2);

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The node wants to hear when all has left.
    Draining {
        since: Instant,
    },
}

/// One rank's run.
pub(super) struct Driver<'a> {
    me: Rank,
    size: u32,
    storage: &'a mut dyn Storage,
    observer: &'a mut Observer<'a>,
    started: Instant,
    now: Time,
    incoming: Incoming<'a>,
    outgoing: Outgoing<'a>,
    /// What the node is to hear and did not come over MPI.
    heard: VecDeque<Event>,
    outbox: Outbox,
    /// What its torrents are called, for the log.
    names: HashMap<TorrentId, String>,
    expected: HashMap<(Rank, Slot), (TorrentId, PieceIndex)>,
    stage: Stage,
    stop_signal: &'a AtomicBool,
    time_limit: Option<Time>,
    backoff: Backoff,
    active_at: Time,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        comm: &'a Comm,
        (me, size): (Rank, u32),
        storage: &'a mut dyn Storage,
        observer: &'a mut Observer<'a>,
        stop_signal: &'a AtomicBool,
        options: &'a Options,
    ) -> Self {
        Self {
            me,
            size,
            storage,
            observer,
            started: Instant::now(),
            now: Time::ZERO,
            incoming: Incoming::new(comm, &options.limits),
            outgoing: Outgoing::new(comm, me, &options.limits, &options.faults),
            heard: VecDeque::from([Event::Start]),
            outbox: Outbox::new(),
            names: HashMap::new(),
            expected: HashMap::new(),
            stage: Stage::Running,
            stop_signal,
            time_limit: options.time_limit.map(|limit| Time::ZERO + limit),
            backoff: super::crowd::backoff(size),
            active_at: Time::ZERO,
        }
    }

    /// Runs the node until it has left and its last words too.
    pub(super) fn run(mut self, node: &mut dyn Node) -> Result<Traffic, NetError> {
        info!("{} of {} ranks, on {}", self.me, self.size, super::library());
        let mut timeout = None;
        loop {
            self.now = Time::ZERO + self.started.elapsed();
            if self.step(node, timeout)? {
                // Only now can the node have changed: it need not be asked in every idle round.
                if node.is_finished() {
                    break;
                }
                timeout = node.next_timeout();
                self.active_at = self.now;
                self.backoff.reset();
            } else {
                self.rest(timeout);
            }
        }
        self.flush()?;
        let traffic = self.outgoing.traffic();
        info!("leaves; {} messages with {} bytes were sent", traffic.messages, traffic.bytes);
        Ok(traffic)
    }

    /// Looks once at all from which something may come; tells whether anything did.
    fn step(&mut self, node: &mut dyn Node, timeout: Option<Time>) -> Result<bool, NetError> {
        self.hear_stop();
        self.see_whether_drained();
        let mut any = self.hear_own(node)?;
        any |= self.hear_arrivals(node)?;
        any |= self.outgoing.advance(self.now)?;
        any |= self.hear_own(node)?;
        if timeout.is_some_and(|due| due <= self.now) {
            self.tell(node, Event::Timeout)?;
            any = true;
        }
        Ok(any)
    }

    /// Sees to it that the node's last words leave; what still comes is for nobody.
    fn flush(&mut self) -> Result<(), NetError> {
        let mut moved_at = Instant::now();
        while !self.outgoing.is_idle() {
            self.now = Time::ZERO + self.started.elapsed();
            let mut busy = self.outgoing.advance(self.now)?;
            while let Some(arrived) = self.incoming.next(self.now)? {
                self.incoming.recycle(arrived);
                busy = true;
            }
            if busy {
                moved_at = Instant::now();
                self.backoff.reset();
            } else if moved_at.elapsed() > STANDSTILL {
                // What is only held back on a slow line was not even sent.
                match self.outgoing.in_flight() {
                    0 => {}
                    1 => warn!("1 message was never received; leaving without it"),
                    several => warn!("{several} messages were never received; leaving without them"),
                }
                break;
            } else {
                self.rest(None);
            }
        }
        Ok(())
    }

    fn hear_stop(&mut self) {
        if self.stop_signal.swap(false, Ordering::Relaxed) {
            info!("a signal asks for the end");
            self.heard.push_back(Event::Stop { cause: StopCause::Signal });
        }
        if self.time_limit.take_if(|limit| *limit <= self.now).is_some() {
            self.heard.push_back(Event::Stop { cause: StopCause::TimeLimit });
        }
    }

    /// Tells the node what this rank itself has to say.
    fn hear_own(&mut self, node: &mut dyn Node) -> Result<bool, NetError> {
        let mut any = false;
        while let Some(event) = self.heard.pop_front().or_else(|| self.next_sent()) {
            self.tell(node, event)?;
            any = true;
        }
        Ok(any)
    }

    fn next_sent(&mut self) -> Option<Event> {
        self.outgoing.next_sent().map(|to| Event::Sent { to })
    }

    fn hear_arrivals(&mut self, node: &mut dyn Node) -> Result<bool, NetError> {
        for handled in 0..BATCH {
            let Some(arrived) = self.incoming.next(self.now)? else {
                return Ok(handled > 0);
            };
            let event = self.event_of(&arrived);
            self.incoming.recycle(arrived);
            self.tell(node, event)?;
        }
        Ok(true)
    }

    fn event_of(&mut self, arrived: &Arrived) -> Event {
        let from = arrived.from;
        let Some(content) = arrived.content() else {
            warn!("{from} sent a message that is too long");
            return Event::Garbled { from };
        };
        if arrived.tag == CONTROL {
            return codec::decode(content).map_or_else(
                |error| {
                    warn!("{from} sent what is no message: {error}");
                    Event::Garbled { from }
                },
                |message| {
                    debug!("{from} sent {}", start_of(&message));
                    Event::Message { from, message }
                },
            );
        }
        match u16::try_from(arrived.tag).ok().and_then(Slot::from_tag) {
            Some(slot) => self.piece_came(from, slot, content),
            None => Event::Garbled { from },
        }
    }

    fn piece_came(&mut self, from: Rank, slot: Slot, content: &[u8]) -> Event {
        let Some((torrent, piece)) = self.expected.remove(&(from, slot)) else {
            return Event::Piece { from, slot, arrival: Arrival::Unexpected };
        };
        let arrival = match self.storage.write(torrent, piece, content) {
            Ok(Written::Verified) => Arrival::Verified,
            Ok(Written::Corrupt) => Arrival::Corrupt,
            Ok(Written::Short) => Arrival::Short,
            Err(error) => {
                warn!("segment {} of {} cannot be kept: {error}", piece.ordinal(), self.name(torrent));
                return Event::WriteFailed { torrent };
            }
        };
        debug!("segment {} of {} came from {from}: {arrival:?}", piece.ordinal(), self.name(torrent));
        Event::Piece { from, slot, arrival }
    }

    /// What a torrent is called; its number where it was never opened.
    fn name(&self, torrent: TorrentId) -> String {
        self.names.get(&torrent).cloned().unwrap_or_else(|| torrent.to_string())
    }

    /// Tells the node one thing, and does what it decides.
    fn tell(&mut self, node: &mut dyn Node, event: Event) -> Result<(), NetError> {
        let mut outbox = std::mem::take(&mut self.outbox);
        debug_assert!(outbox.is_empty(), "decisions of the event before were not carried out");
        node.handle(self.now, event, &mut outbox);
        for decision in outbox.drain() {
            self.carry_out(decision)?;
        }
        self.outbox = outbox;
        Ok(())
    }

    fn carry_out(&mut self, decision: Decision) -> Result<(), NetError> {
        match decision {
            Decision::Send { to, message } => return self.send(to, message),
            Decision::SendPiece { to, slot, torrent, piece } => return self.send_piece(to, slot, torrent, piece),
            Decision::Expect { from, slot, torrent, piece } => {
                self.expected.insert((from, slot), (torrent, piece));
            }
            Decision::Forget { from, slot } => {
                self.expected.remove(&(from, slot));
            }
            Decision::Open { torrent, name, layout } => {
                info!("opens {name}: {} segments", layout.pieces);
                self.storage.open(torrent, &name, &layout);
                self.names.insert(torrent, name);
            }
            Decision::Learn { torrent, first, hashes } => self.storage.learn(torrent, first, &hashes),
            Decision::Close { torrent } => self.close(torrent),
            Decision::Copy { to: (torrent, piece), .. } => self.heard.push_back(Event::Lacking { torrent, piece }),
            Decision::Convene { .. } | Decision::Succeed { .. } => {}
            Decision::Drain => self.stage = Stage::Draining { since: Instant::now() },
            Decision::Tell(observed) => (self.observer)(self.now, &observed),
        }
        Ok(())
    }

    fn send(&mut self, to: Rank, message: Message) -> Result<(), NetError> {
        if to == self.me {
            self.heard.push_back(Event::Message { from: to, message });
            return Ok(());
        }
        if to.0 >= self.size {
            warn!("a message to {to} is dropped: there is no such rank");
            return Ok(());
        }
        debug!("sends {to} {}", start_of(&message));
        let mut buffer = self.outgoing.buffer();
        codec::encode(&message, &mut buffer)?;
        Ok(self.outgoing.send(self.now, Parcel::message(to, &message), buffer)?)
    }

    fn send_piece(&mut self, to: Rank, slot: Slot, torrent: TorrentId, piece: PieceIndex) -> Result<(), NetError> {
        let mut buffer = self.outgoing.buffer();
        let refusal = match self.storage.read(torrent, piece, &mut buffer) {
            Err(error) => error.to_string(),
            Ok(()) if to.0 >= self.size => "there is no such rank".to_owned(),
            Ok(()) if buffer.len() > LONGEST_BLOCK => format!("{} bytes are more than a block", buffer.len()),
            Ok(()) => {
                debug!("sends {to} segment {} of {}", piece.ordinal(), self.name(torrent));
                return Ok(self.outgoing.send(self.now, Parcel::piece(to, slot, torrent, piece), buffer)?);
            }
        };
        warn!("segment {} of {} cannot be sent to {to}: {refusal}", piece.ordinal(), self.name(torrent));
        self.outgoing.recycle(buffer);
        self.heard.push_back(Event::ReadFailed { to, slot, torrent, piece });
        Ok(())
    }

    fn close(&mut self, torrent: TorrentId) {
        let event = match self.storage.close(torrent) {
            Ok(()) => {
                info!("{} is complete and closed", self.name(torrent));
                Event::Closed { torrent }
            }
            Err(error) => {
                warn!("the output of {} cannot be written: {error}", self.name(torrent));
                Event::WriteFailed { torrent }
            }
        };
        self.heard.push_back(event);
    }

    fn see_whether_drained(&mut self) {
        let Stage::Draining { since } = self.stage else { return };
        if self.outgoing.is_idle() || since.elapsed() > STANDSTILL {
            self.stage = Stage::Running;
            self.heard.push_back(Event::Drained { traffic: self.outgoing.traffic() });
        }
    }

    /// Nothing happened: makes room for those on whom this rank waits, until something is due at the latest.
    fn rest(&mut self, timeout: Option<Time>) {
        let outstanding = !self.expected.is_empty() || !self.outgoing.is_idle() || !self.incoming.is_idle();
        let awaited = outstanding || self.now.since(self.active_at) < ANSWER_AWAITED;
        match self.backoff.next(if awaited { Prospect::Awaited } else { Prospect::Quiet }) {
            Rest::Spin => std::hint::spin_loop(),
            Rest::Yield => std::thread::yield_now(),
            Rest::Sleep(longest) => {
                let due = [timeout, self.outgoing.next_due(), self.incoming.next_due()].into_iter().flatten().min();
                std::thread::sleep(due.map_or(longest, |due| due.since(self.now).min(longest)));
            }
        }
    }
}
