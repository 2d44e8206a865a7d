//! The loop that runs one node: hears what comes, tells the node, does what it decides, and rests when there is nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use log::{debug, info, warn};

use super::backoff::{Backoff, Prospect, Rest};
use super::call::{Comm, Look};
use super::incoming::{Arrived, Incoming};
use super::outgoing::{CONTROL, Outgoing};
use super::passages::Passages;
use super::pool::Pool;
use super::sending::Sending;
use super::{NetError, Observer, Options};
use crate::metainfo::TorrentId;
use crate::net::codec;
use crate::net::excerpt::start_of;
use crate::protocol::{Event, Node, Outbox, Rank, Slot, StopCause, Time, Traffic, Volume};
use crate::storage::{Depot, Usage};

/// Arrivals that are handled before sends and timeouts are looked at again.
const BATCH: usize = 256;

/// With nothing outstanding, an answer that the driver does not know of (the tracker's) is still awaited for so long.
const ANSWER_AWAITED: Duration = Duration::from_millis(20);

/// How long sends may stand still before the driver leaves without them, since their receivers are gone; and how long the
/// depot may say nothing.
const STANDSTILL: Duration = Duration::from_secs(2);

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Running,
    /// The node wants to hear when all has left and the depot rests.
    Draining {
        since: Time,
    },
}

/// One rank's run.
pub(super) struct Driver<'a> {
    pub(super) me: Rank,
    pub(super) size: u32,
    pub(super) depot: &'a mut dyn Depot,
    pub(super) depot_spoke_at: Time,
    pub(super) observer: &'a mut Observer<'a>,
    started: Instant,
    pub(super) now: Time,
    pub(super) incoming: Incoming<'a>,
    pub(super) outgoing: Outgoing<'a>,
    /// The buffers of blocks, in and out.
    pub(super) pool: Pool,
    pub(super) passages: Passages,
    pub(super) sending: Sending,
    pub(super) passages_so_far: u64,
    /// What the node is to hear next.
    pub(super) heard: VecDeque<Event>,
    outbox: Outbox,
    /// What its torrents are called, for the log.
    pub(super) names: HashMap<TorrentId, String>,
    pub(super) stage: Stage,
    /// Whether the depot has said why this rank cannot go on, or can keep nothing more.
    pub(super) has_said_why: bool,
    pub(super) volume: Volume,
    stop_signal: &'a AtomicBool,
    time_limit: Option<Time>,
    backoff: Backoff,
    active_at: Time,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        comm: &'a Comm,
        (me, size): (Rank, u32),
        depot: &'a mut dyn Depot,
        observer: &'a mut Observer<'a>,
        stop_signal: &'a AtomicBool,
        options: &'a Options,
    ) -> Self {
        let pool = Pool::new(options.memory);
        // A rank that is gone must not keep the buffers that the others need.
        let most_to_one = (pool.most_of_one() / 4).max(1);
        Self {
            me,
            size,
            depot,
            depot_spoke_at: Time::ZERO,
            observer,
            started: Instant::now(),
            now: Time::ZERO,
            incoming: Incoming::new(comm, &options.limits),
            outgoing: Outgoing::new(comm, me, &options.limits, &options.faults),
            pool,
            passages: Passages::default(),
            sending: Sending::new(most_to_one as u32),
            passages_so_far: 0,
            heard: VecDeque::from([Event::Start]),
            outbox: Outbox::new(),
            names: HashMap::new(),
            stage: Stage::Running,
            has_said_why: false,
            volume: Volume::default(),
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
        let traffic = self.traffic();
        info!("leaves; {} messages with {} bytes were sent", traffic.messages, traffic.bytes);
        Ok(traffic)
    }

    /// Looks once at all from which something may come; tells whether anything did.
    fn step(&mut self, node: &mut dyn Node, timeout: Option<Time>) -> Result<bool, NetError> {
        self.hear_stop();
        self.see_whether_drained();
        let mut any = self.hear_own(node)?;
        any |= self.hear_arrivals(node)?;
        any |= self.outgoing.advance(self.now, &mut self.pool)?;
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
        self.sending.stop();
        while !self.outgoing.is_idle() {
            self.now = Time::ZERO + self.started.elapsed();
            let mut busy = self.outgoing.advance(self.now, &mut self.pool)?;
            busy |= self.move_blocks()?;
            while let Some(arrived) = self.incoming.next(self.now, Look::Twice, &mut self.pool)? {
                self.incoming.recycle(arrived, &mut self.pool);
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
        if self.stop_signal.load(Ordering::Relaxed) && self.stop_signal.swap(false, Ordering::Relaxed) {
            info!("a signal asks for the end");
            self.heard.push_back(Event::Stop { cause: StopCause::Signal });
        }
        if self.time_limit.take_if(|limit| *limit <= self.now).is_some() {
            self.heard.push_back(Event::Stop { cause: StopCause::TimeLimit });
        }
    }

    /// Tells the node what is to be heard, and what comes of that.
    fn hear_own(&mut self, node: &mut dyn Node) -> Result<bool, NetError> {
        let mut any = self.move_blocks()?;
        while let Some(event) = self.heard.pop_front() {
            self.tell(node, event)?;
            self.move_blocks()?;
            any = true;
        }
        Ok(any)
    }

    fn hear_arrivals(&mut self, node: &mut dyn Node) -> Result<bool, NetError> {
        for handled in 0..BATCH {
            let look = if handled == 0 { Look::Twice } else { Look::Once };
            let Some(arrived) = self.incoming.next(self.now, look, &mut self.pool)? else {
                return Ok(handled > 0);
            };
            if let Some(event) = self.take_in(arrived) {
                self.tell(node, event)?;
            }
            self.hear_own(node)?;
        }
        Ok(true)
    }

    /// What the node is to hear of a message that came, where that is known at once.
    fn take_in(&mut self, arrived: Arrived) -> Option<Event> {
        let from = arrived.from;
        let event = match (arrived.content(), u16::try_from(arrived.tag).ok().and_then(Slot::from_tag)) {
            (None, _) => {
                warn!("{from} sent a message that is too long");
                Event::Garbled { from }
            }
            (Some(content), _) if arrived.tag == CONTROL => codec::decode(content).map_or_else(
                |error| {
                    warn!("{from} sent what is no message: {error}");
                    Event::Garbled { from }
                },
                |message| {
                    debug!("{from} sent {}", start_of(&message));
                    Event::Message { from, message }
                },
            ),
            (Some(_), Some(slot)) => return self.block_came(slot, arrived),
            (Some(_), None) => Event::Garbled { from },
        };
        self.incoming.recycle(arrived, &mut self.pool);
        Some(event)
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

    /// What went through this rank so far.
    fn traffic(&self) -> Traffic {
        let Usage { source_read, cache_hits, found } = self.depot.usage();
        let volume = Volume { source_read, cache_hits, found, ..self.volume };
        Traffic { volume, ..self.outgoing.traffic() }
    }

    fn see_whether_drained(&mut self) {
        let Stage::Draining { since } = self.stage else { return };
        let (depot_waited_for, now) = (since.max(self.depot_spoke_at), self.now);
        let left = self.outgoing.is_idle() && self.sending.is_idle() || now.since(since) > STANDSTILL;
        let rests = !self.depot.is_busy() || now.since(depot_waited_for) > STANDSTILL;
        if left && rests {
            self.stage = Stage::Running;
            let traffic = self.traffic();
            self.heard.push_back(Event::Drained { traffic });
        }
    }

    /// Nothing happened: makes room for those on whom this rank waits, until something is due at the latest.
    fn rest(&mut self, timeout: Option<Time>) {
        let on_its_way = !self.outgoing.is_idle() || !self.sending.is_idle() || !self.incoming.is_idle();
        let outstanding = on_its_way || !self.passages.is_empty() || self.depot.is_busy();
        let awaited = outstanding || self.now.since(self.active_at) < ANSWER_AWAITED;
        match self.backoff.next(if awaited { Prospect::Awaited } else { Prospect::Quiet }) {
            Rest::Spin => std::hint::spin_loop(),
            Rest::Yield => std::thread::yield_now(),
            Rest::Sleep(longest) => {
                let dues =
                    [timeout, self.outgoing.next_due(), self.incoming.next_due(), self.sending.next_due(self.now)];
                let due = dues.into_iter().flatten().min();
                let span = due.map_or(longest, |due| due.since(self.now).min(longest));
                // What the depot has done is of use at once.
                match self.depot.is_busy() {
                    true => self.depot.wait(span),
                    // Nothing of MPI waits with a limit.
                    false => std::thread::sleep(span),
                }
            }
        }
    }
}
