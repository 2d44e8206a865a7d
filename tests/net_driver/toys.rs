//! A rank of a story: what it does, and how all ranks end together.

use std::sync::Arc;
use std::time::Duration;

use tema3::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};
use tema3::net::mpi::{Options, World, init};
use tema3::net::shaping::Limits;
use tema3::protocol::{
    Body, Decision, Ending, Event, Incarnation, Message, Node, Outbox, Outcome, Rank, StopCause, TRACKER, Term, Time,
};
use tema3::storage::{Depot, Immediate, Storage, StorageError, Written};

use super::long_pieces::{Closing, Everyone, Forgetful, LENGTH, LONGER, Stubborn, Tight, Unreadable};
use super::slow_depot::{Gate, SlowDepot};
use super::stories::{Faulty, Flood, Foreign, Order, Parked, Ring, Story, ToSelf, Until};

/// The torrent of which all pieces are.
pub(crate) const TORRENT: TorrentId = TorrentId(1);

/// Plays one rank of the story, to the end of the process.
pub(crate) fn play(story: &str) -> ! {
    let world = init().expect("mpirun is there");
    let (me, size) = (world.rank(), world.size());
    let plain = Options::default();
    let limit = Options { time_limit: Some(Duration::from_millis(300)), ..Options::default() };
    let slow = Options { limits: Limits { up: Some(400_000), ..Limits::default() }, ..Options::default() };
    let far =
        Options { limits: Limits { latency: Duration::from_millis(300), ..Limits::default() }, ..Options::default() };
    match story {
        "ring" => run(world, Ring::new(me, size, 16), 1 << 20, &plain),
        "slow" => run(world, Ring::new(me, size, 4), 100_000, &slow),
        "far" => run(world, Ring::new(me, size, 4), 100_000, &far),
        "flood" => run(world, Flood::new(me), 0, &plain),
        "order" => run(world, Order::new(me, size), 0, &plain),
        "self" => run(world, ToSelf::new(me), 0, &plain),
        "foreign" => run(world, Foreign::new(me), 0, &plain),
        "signal" => run(world, Until::new(StopCause::Signal), 0, &plain),
        "limit" => run(world, Until::new(StopCause::TimeLimit), 0, &limit),
        "faults" => {
            let faults = Faulty::faults();
            run(world, Faulty::new(me, 500, faults.clone()), 100, &Options { faults, ..Options::default() })
        }
        "parked" => run(world, Parked::default(), 0, &plain),
        "code" => world.finalize(4),
        "panic" if me == Rank(1) => panic!("a planted panic"),
        "panic" => run(world, Until::new(StopCause::Signal), 0, &plain),
        "hang" if me == TRACKER => world.finalize(4),
        "hang" => loop {
            std::thread::park();
        },
        _ => play_long(story, world),
    }
}

/// The stories of pieces that travel in several blocks.
fn play_long(story: &str, world: World) -> ! {
    let (me, size, gate) = (world.rank(), world.size(), Arc::<Gate>::default());
    let plain = Options::default();
    let tight = Options { memory: Tight::MEMORY, ..Options::default() };
    let tightest = Options { memory: 0, ..Options::default() };
    let at_once = |length| SlowDepot::open(length, Duration::ZERO);
    let sluggish = || SlowDepot::open(LENGTH, Duration::from_millis(3));
    let gated = |length| SlowDepot::new(length, Duration::ZERO, &gate);
    match story {
        "long ring" => run_slowly(world, Ring::new(me, size, 6), at_once(LENGTH), &plain),
        "sluggish" => run_slowly(world, Everyone::new(me, size), sluggish(), &tightest),
        "whole blocks" => run_slowly(world, Ring::new(me, size, 6), at_once(2 << 20), &plain),
        "tight" => run_slowly(world, Tight::new(me, size, Arc::clone(&gate)), gated(LENGTH), &tight),
        "stubborn" => run_slowly(world, Stubborn::new(me, Arc::clone(&gate)), gated(LENGTH), &tight),
        "forgetful" => run_slowly(world, Forgetful::new(me, Arc::clone(&gate)), gated(LONGER), &tight),
        "unreadable" => run_slowly(world, Unreadable::new(me), at_once(LENGTH), &plain),
        "long faults" => {
            let faults = Faulty::faults();
            let story = Faulty::new(me, 60, faults.clone());
            run_slowly(world, story, sluggish(), &Options { faults, ..Options::default() })
        }
        "closing" => run_slowly(world, Closing::default(), SlowDepot::open(LENGTH, Duration::from_millis(500)), &plain),
        _ => panic!("no story is called {story}"),
    }
}

fn run_slowly(world: World, story: impl Story, mut depot: SlowDepot, options: &Options) -> ! {
    let (world, code) = drive(world, story, &mut depot, options);
    println!("waited {} times", depot.waits);
    world.finalize(code)
}

fn run(world: World, story: impl Story, length: usize, options: &Options) -> ! {
    let (world, code) = drive(world, story, &mut Immediate::new(MadeUp { length }), options);
    world.finalize(code)
}

fn drive(mut world: World, story: impl Story, depot: &mut dyn Depot, options: &Options) -> (World, u8) {
    let mut toy = Toy { me: world.rank(), size: world.size(), story, stage: Stage::Playing, arrived: 0 };
    match world.drive(&mut toy, depot, &mut |_, _| {}, options) {
        Ok(_) => (world, toy.story.code()),
        Err(error) => {
            eprintln!("{error}");
            world.abort(1)
        }
    }
}

/// A control message.
pub(crate) fn said(body: Body) -> Message {
    Message { term: Term(0), incarnation: Incarnation(0), body }
}

/// Lets all ranks leave together once each has seen its story to the end: rank 0 hears `Stop` from all, itself included,
/// and answers with `Exit`.
struct Toy<S> {
    me: Rank,
    size: u32,
    story: S,
    stage: Stage,
    arrived: u32,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Playing,
    Leaving,
    Left,
}

impl<S: Story> Node for Toy<S> {
    fn handle(&mut self, now: Time, event: Event, out: &mut Outbox) {
        match event {
            Event::Message { message: Message { body: Body::Stop { .. }, .. }, .. } => self.arrived += 1,
            Event::Message { message: Message { body: Body::Exit { .. }, .. }, .. } => self.stage = Stage::Left,
            Event::Drained { traffic } => {
                println!("{}: {}, sent {}", self.me, self.story.verdict().expect("it has ended"), traffic.messages);
                let message = said(Body::Stop { outcome: Outcome::Complete, ending: Ending::Done });
                out.push(Decision::Send { to: TRACKER, message });
            }
            event => self.story.hear(now, event, out),
        }
        if self.stage == Stage::Playing && self.story.verdict().is_some() {
            self.stage = Stage::Leaving;
            out.push(Decision::Drain);
        }
        if self.arrived == self.size {
            self.arrived = 0;
            let message = said(Body::Exit { outcome: Outcome::Complete });
            (0..self.size).for_each(|to| out.push(Decision::Send { to: Rank(to), message: message.clone() }));
        }
    }

    fn next_timeout(&self) -> Option<Time> {
        self.story.next_timeout()
    }

    fn is_finished(&self) -> bool {
        self.stage == Stage::Left
    }
}

/// Has every piece, and knows what each must be.
struct MadeUp {
    length: usize,
}

impl MadeUp {
    fn content(&self, piece: PieceIndex) -> impl Iterator<Item = u8> {
        (0..self.length).map(move |at| (at as u32).wrapping_mul(piece.0 + 1) as u8)
    }
}

impl Storage for MadeUp {
    fn open(&mut self, _: TorrentId, _: &str, _: &Layout) {}

    fn learn(&mut self, _: TorrentId, _: PieceIndex, _: &PieceHashes) {}

    fn read(&mut self, _: TorrentId, piece: PieceIndex, into: &mut Vec<u8>) -> Result<(), StorageError> {
        into.extend(self.content(piece));
        Ok(())
    }

    fn write(&mut self, _: TorrentId, piece: PieceIndex, content: &[u8]) -> Result<Written, StorageError> {
        Ok(match content.len() == self.length {
            false => Written::Short,
            true if self.content(piece).eq(content.iter().copied()) => Written::Verified,
            true => Written::Corrupt,
        })
    }

    fn close(&mut self, _: TorrentId) -> Result<(), StorageError> {
        Ok(())
    }
}
