//! The driver in virtual time: gives nodes their events and carries out what they decide.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::fault::{Return, When};
use crate::protocol::{
    Arrival, Catalog, Config, Event, Incarnation, Member, Node, Outbox, Owned, Rank, Slot, TRACKER, Time,
};
use crate::storage::{Model, Storage, Written};

use super::checkers::{Invariant, Kept, Limit, Violation};
use super::fired::{Fired, Kind};
use super::host::{Expected, Host, Load, Task};
use super::judge::Judge;
use super::network::Network;
use super::queue::Queue;
use super::scenario::Occasion;
use super::{Scenario, Truth, Watch};

/// A node that cannot come any nearer to its next time-out is woken again after this.
const TICK: Duration = Duration::from_micros(1);

/// What is in the queue.
pub(super) enum Item {
    /// Something for a host to deal with, in the life that it is meant for.
    Task { rank: Rank, life: u32, task: Task },
    /// A host is no longer busy.
    Ready { rank: Rank, life: u32 },
    /// A mishap whose time has come.
    Mishap(usize),
    /// A client comes to own something.
    Offer(usize),
    /// A crashed host comes back.
    Return { rank: Rank, with: Return },
    /// A stall or a silence may be over.
    Up(Rank),
}

/// A swarm on its way through virtual time.
pub struct Simulation<'a, N, S> {
    pub(super) scenario: &'a Scenario,
    pub(super) birth: &'a dyn Fn(Config, Catalog) -> N,
    pub(super) storage: &'a dyn Fn(&[Owned]) -> S,
    pub(super) now: Time,
    pub(super) queue: Queue<Item>,
    pub(super) network: Network,
    pub(super) hosts: Vec<Host<N, S>>,
    pub(super) judge: Judge<'a>,
    /// Which of the scenario's offers were made.
    pub(super) offered: BTreeSet<usize>,
    pub(super) fired: Fired,
    /// Nodes that are neither crashed nor have left.
    pub(super) running: usize,
    /// Crashed nodes that will come back.
    pub(super) returning: usize,
    left: usize,
    outbox: Outbox,
    events: u64,
    limit: Limit,
}

/// How a run ended.
#[derive(Debug)]
pub struct Report {
    /// When the last node left, or the run was broken off.
    pub ended: Time,
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
    /// Which faults struck.
    pub fired: Fired,
    /// Who holds what, and how each left.
    pub truth: Truth,
    /// Events that nodes heard.
    pub events: u64,
}

/// Whether a node goes on after something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alive {
    Yes,
    No,
}

/// Runs the scenario with the real nodes and model content.
pub fn simulate(scenario: &Scenario, watch: &mut dyn Watch) -> Report {
    let storage = |brought: &[Owned]| scenario.model_storage(brought);
    Simulation::<Member, Model>::new(scenario, &Member::new, &storage).run(watch)
}

impl<'a, N: Node, S: Storage> Simulation<'a, N, S> {
    /// A swarm at its start. `birth` makes a node, `storage` one that holds what a client brings.
    pub fn new(
        scenario: &'a Scenario,
        birth: &'a dyn Fn(Config, Catalog) -> N,
        storage: &'a dyn Fn(&[Owned]) -> S,
    ) -> Self {
        let host = |(rank, catalog): (usize, &Catalog)| {
            let config = scenario.config(Rank(rank as u32), Incarnation::default());
            let later = scenario.offers.iter().filter(|offer| offer.rank == config.rank);
            let later = later.map(|offer| scenario.offered(offer));
            let owned: Vec<Owned> = catalog.owned.iter().cloned().chain(later).collect();
            Host::new(birth(config, catalog.clone()), storage(&owned))
        };
        let mut simulation = Self {
            scenario,
            birth,
            storage,
            now: Time::ZERO,
            queue: Queue::new(),
            network: Network::new(&scenario.hardware, scenario.seed, scenario.world()),
            hosts: scenario.catalogs.iter().enumerate().map(host).collect(),
            judge: Judge::new(scenario),
            offered: BTreeSet::new(),
            fired: Fired::default(),
            running: scenario.catalogs.len(),
            returning: 0,
            left: 0,
            outbox: Outbox::new(),
            events: 0,
            limit: Limit::of(scenario),
        };
        simulation.arrange();
        simulation
    }

    fn arrange(&mut self) {
        for rank in 0..self.hosts.len() as u32 {
            self.own(Time::ZERO, Rank(rank), Task::Hear(Event::Start));
            self.look_ahead(Rank(rank));
        }
        for (index, mishap) in self.scenario.mishaps.iter().enumerate() {
            match mishap.when {
                When::At(time) => self.queue.push(time, Item::Mishap(index)),
                When::Message(count) => self.hosts[mishap.rank.0 as usize].doom.push((count, index)),
            }
        }
        for (index, offer) in self.scenario.offers.iter().enumerate() {
            if let Occasion::At(time) = offer.on {
                self.queue.push(time, Item::Offer(index));
            }
        }
        for &(rank, _) in &self.scenario.hardware.slow {
            if (rank.0 as usize) < self.hosts.len() {
                self.fired.count(Kind::Slow);
            }
        }
    }

    /// Runs to the end: until all that live have left, or an invariant is broken.
    pub fn run(mut self, watch: &mut dyn Watch) -> Report {
        let (scenario, birth, storage) = (self.scenario, self.birth, self.storage);
        let faultless = || {
            let scenario = scenario.faultless();
            let mut run = Simulation::new(&scenario, birth, storage);
            run.limit = Limit::absolute(&scenario);
            run.run(&mut ()).ended.since(Time::ZERO)
        };
        while self.goes_on() {
            let Some((at, item)) = self.queue.pop() else {
                self.object_to_standstill("nothing is to happen any more");
                break;
            };
            debug_assert!(at >= self.now, "virtual time goes back");
            self.now = at;
            if self.limit.passed(at, self.events, faultless) {
                self.object_to_standstill("it takes too long");
                break;
            }
            self.take(item, watch);
        }
        self.judge.ask(self.now, TRACKER, |checker, moment| checker.ended(moment));
        let (truth, violation) = self.judge.verdict();
        Report { ended: self.now, violation, fired: self.fired, truth, events: self.events }
    }

    fn goes_on(&self) -> bool {
        self.judge.is_content() && (self.running > 0 || (self.returning > 0 && self.left == 0))
    }

    fn object_to_standstill(&mut self, what: &str) {
        let waiting: Vec<u32> =
            (0..).zip(&self.hosts).filter(|(_, host)| host.is_running()).map(|(rank, _)| rank).collect();
        let rank = Rank(waiting.first().copied().unwrap_or_default());
        self.judge.object(Invariant::Progress, self.now, rank, format!("{what}; still there: {waiting:?}"));
    }

    fn take(&mut self, item: Item, watch: &mut dyn Watch) {
        match item {
            Item::Task { rank, life, task } => {
                let host = &mut self.hosts[rank.0 as usize];
                if host.life != life || !host.is_running() {
                    return;
                }
                if host.busy_until > self.now || !host.inbox.is_empty() {
                    host.inbox.push_back(task);
                    self.call_when_ready(rank);
                } else {
                    self.deal_with(rank, task, watch);
                }
            }
            Item::Ready { rank, life } => {
                let host = &mut self.hosts[rank.0 as usize];
                if host.life != life {
                    return;
                }
                host.called = false;
                if host.busy_until <= self.now
                    && let Some(task) = host.inbox.pop_front()
                {
                    self.deal_with(rank, task, watch);
                }
                self.call_when_ready(rank);
            }
            Item::Mishap(index) => {
                self.strike(index);
            }
            Item::Offer(index) => {
                self.come_to_own(index);
                self.look_ahead(self.scenario.offers[index].rank);
            }
            Item::Return { rank, with } => self.bring_back(rank, with),
            Item::Up(rank) => {
                let host = &self.hosts[rank.0 as usize];
                let up = host.is_running() && host.stalled_until <= self.now && host.silent_until <= self.now;
                if up {
                    self.judge.truth.of_mut(rank).up_since.get_or_insert(self.now);
                }
            }
        }
    }

    fn call_when_ready(&mut self, rank: Rank) {
        let host = &mut self.hosts[rank.0 as usize];
        if !host.called && host.is_running() && !host.inbox.is_empty() {
            host.called = true;
            self.queue.push(host.busy_until.max(self.now), Item::Ready { rank, life: host.life });
        }
    }

    /// Arranges something that does not come over a link.
    pub(super) fn own(&mut self, at: Time, rank: Rank, task: Task) {
        let life = self.hosts[rank.0 as usize].life;
        self.queue.push(at, Item::Task { rank, life, task });
    }

    fn deal_with(&mut self, rank: Rank, task: Task, watch: &mut dyn Watch) {
        let host = &mut self.hosts[rank.0 as usize];
        let mut bytes = 0;
        let event = match task {
            Task::Hear(event) => event,
            Task::Copy { from, to } => self.copy(rank, from, to),
            Task::Offer(index) => self.take_offer(index),
            // It was told to succeed somebody meanwhile, and will say so when that is done.
            Task::AllOffered { successions } if successions < host.successions => return,
            Task::AllOffered { .. } => Event::AllOffered,
            Task::Drained => Event::Drained { traffic: host.traffic },
            Task::Wake(at) => {
                if host.wake != Some(at) {
                    return;
                }
                host.wake = None;
                let due = host.node.as_ref().and_then(Node::next_timeout).is_some_and(|due| due <= self.now);
                if !due {
                    self.arrange_wake(rank);
                    return;
                }
                Event::Timeout
            }
            Task::Take { from, load, bytes: size } => {
                bytes = size;
                match load {
                    Load::Message(message) => Event::Message { from, message },
                    Load::Garbled => Event::Garbled { from },
                    Load::Piece { slot, content } => self.take_in(rank, from, slot, &content),
                }
            }
        };
        let host = &mut self.hosts[rank.0 as usize];
        host.busy_until = host.busy_until.max(self.now + self.network.service(rank, bytes));
        self.hear(rank, event, watch);
    }

    /// What becomes of a piece that comes in: it is checked and stored.
    fn take_in(&mut self, rank: Rank, from: Rank, slot: Slot, content: &[u8]) -> Event {
        let host = &mut self.hosts[rank.0 as usize];
        let Some(Expected { torrent, piece, .. }) = host.forget(from, slot) else {
            return Event::Piece { from, slot, arrival: Arrival::Unexpected };
        };
        let arrival = match host.storage.write(torrent, piece, content) {
            Ok(Written::Verified) => Arrival::Verified,
            Ok(Written::Corrupt) => Arrival::Corrupt,
            Ok(Written::Short) => Arrival::Short,
            Ok(Written::Redundant) => Arrival::Redundant,
            Err(_) => return Event::WriteFailed { torrent },
        };
        if arrival == Arrival::Verified
            && let Some(file) = self.judge.truth.of(rank).file(torrent)
        {
            self.judge.truth.of_mut(rank).receive(file, piece, from);
            let kept = Kept { file, piece, content };
            self.judge.ask(self.now, rank, |checker, moment| checker.written(moment, kept));
        }
        Event::Piece { from, slot, arrival }
    }

    fn hear(&mut self, rank: Rank, event: Event, watch: &mut dyn Watch) {
        self.events += 1;
        watch.heard(self.now, rank, &event);
        self.judge.ask(self.now, rank, |checker, moment| checker.heard(moment, &event));
        debug_assert!(self.outbox.is_empty(), "the last decisions were not carried out");
        let Some(node) = self.hosts[rank.0 as usize].node.as_mut() else { return };
        node.handle(self.now, event, &mut self.outbox);
        let mut outbox = std::mem::take(&mut self.outbox);
        for decision in outbox.drain() {
            watch.decided(self.now, rank, &decision);
            self.judge.ask(self.now, rank, |checker, moment| checker.decided(moment, &decision));
            if self.carry_out(rank, decision) == Alive::No {
                break;
            }
        }
        self.outbox = outbox;
        let host = &self.hosts[rank.0 as usize];
        if host.is_running() {
            self.arrange_wake(rank);
        } else if host.node.is_some() {
            self.leave(rank);
        }
    }

    fn leave(&mut self, rank: Rank) {
        self.running -= 1;
        self.left += 1;
        self.hosts[rank.0 as usize].inbox.clear();
        self.judge.truth.of_mut(rank).up_since = None;
    }

    fn arrange_wake(&mut self, rank: Rank) {
        let host = &mut self.hosts[rank.0 as usize];
        let Some(due) = host.node.as_ref().and_then(Node::next_timeout) else { return };
        let due = if due <= self.now { self.now + TICK } else { due };
        if host.wake.is_none_or(|wake| wake > due) {
            host.wake = Some(due);
            self.own(due, rank, Task::Wake(due));
        }
    }
}
