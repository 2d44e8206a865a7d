//! The assignment: one rank's part in a swarm that trades the segments of `in<R>.txt`.

use std::io;

use super::catalog::{catalog, refusal};
use super::ending::Ending;
use super::naming::Naming;
use super::outputs;
use super::{Exit, Launch, complain, slow_lines};
use crate::assignment::{HashList, Input};
use crate::cli::{AssignmentArgs, ProgressWhen};
use crate::net::mpi::{self, Options, World};
use crate::net::record::Recorded;
use crate::net::shaping::Limits;
use crate::protocol::{Catalog, Config, Incarnation, Member, Node, Outcome, Patience, Policy, Rank, TRACKER};
use crate::report::{Events, Explain, Names, Observer, Observers, Progress, StatusFile, SummaryFile, SummaryText};

/// A tracker and two clients: less is no swarm.
const FEWEST_RANKS: u32 = 3;
const USAGE: &str = "usage: mpirun -np N ./tema3, with N >= 3 (./tema3 --help tells more)";

/// Takes part in the swarm. Where MPI was begun this does not return: all ranks leave it, and the process, together.
pub(super) fn run(args: &AssignmentArgs, launch: Launch) -> Exit {
    if launch == Launch::Alone {
        complain(format_args!("not started by mpirun; {USAGE}"));
        return Exit::Usage;
    }
    let world = match mpi::init() {
        Ok(world) => world,
        Err(error) => {
            if launch.speaks_for_all() {
                complain(error);
            }
            return Exit::NoMpi;
        }
    };
    if world.size() < FEWEST_RANKS {
        if world.rank() == TRACKER {
            let ranks = if world.size() == 1 { "1 rank" } else { "2 ranks" };
            complain(format_args!("a swarm is a tracker and at least 2 clients, not {ranks}; {USAGE}"));
        }
        world.finalize(Exit::Usage.code());
    }
    if let Some(wrong) = slow_lines::unknown_rank(args, world.size()) {
        if world.rank() == TRACKER {
            complain(wrong);
        }
        world.finalize(Exit::Usage.code());
    }
    if let Err(unwritable) = outputs::try_all(args, world.rank()) {
        // What was asked for are the outputs: they are worth having without what tells of them.
        log::warn!("{unwritable}");
    }
    if world.rank() == TRACKER {
        warn_of_unread_input(args, world.size());
        if slow_lines::are_too_slow(args) {
            log::warn!("lines under 4 KB/s or over 300 ms are so slow that ranks may take each other for lost");
        }
    }
    take_part(args, world)
}

/// Says once that there are inputs for more clients than were started.
fn warn_of_unread_input(args: &AssignmentArgs, ranks: u32) {
    let name = Input::file_name(ranks);
    if args.input.join(&name).exists() {
        log::warn!("{name} is not read: there are only {ranks} ranks");
    }
}

/// Lets all ranks leave together after a command line that was not understood, so that none is ended in mid-sentence.
pub(super) fn leave_together(exit: Exit) -> Exit {
    match mpi::init() {
        Ok(world) => world.finalize(exit.code()),
        Err(_) => exit,
    }
}

/// Runs this rank's node to its end.
fn take_part(args: &AssignmentArgs, mut world: World) -> ! {
    let rank = world.rank();
    let (catalog, storage) = bring(args, rank);
    let config = Config {
        rank,
        world: world.size(),
        incarnation: Incarnation::default(),
        seed: args.seed,
        policy: Policy::assignment(),
        patience: Patience::job(),
    };
    let names = Names::new();
    let mut observers = observers(args, rank, &names);
    let mut ending = Ending::default();
    let mut observer = |now, observed: &_| {
        ending.observe(observed);
        observers.observe(now, observed);
    };
    let mut storage = Naming { storage, names };
    let options = options(args, rank);
    let mut drive = |node: &mut dyn Node| world.drive(node, &mut storage, &mut observer, &options);
    let driven = match begin_record(args, &config, &catalog) {
        None => drive(&mut Member::new(config, catalog)),
        Some(mut recorded) => {
            let driven = drive(&mut recorded);
            if let Err((path, error)) = recorded.finish() {
                log::warn!("{}: the record is not whole: {error}", path.display());
            }
            driven
        }
    };
    if let Err(error) = driven {
        complain(error);
        world.abort(Outcome::Bug.code());
    }
    drop(observers);
    ending.reasons().for_each(|reason| eprintln!("{reason}"));
    world.finalize(ending.outcome().code())
}

/// The node with its record, where one is wanted and can be begun.
fn begin_record(args: &AssignmentArgs, config: &Config, catalog: &Catalog) -> Option<Recorded<Member>> {
    let folder = args.record.as_ref()?;
    let node = Member::new(config.clone(), catalog.clone());
    let begun = std::fs::create_dir_all(folder).and_then(|()| Recorded::new(folder, config, catalog, node));
    begun.map_err(|error| log::warn!("{}: no record is written: {error}", folder.display())).ok()
}

/// What this rank brings to the swarm, and where it keeps what it gets. The tracker's rank reads no input.
fn bring(args: &AssignmentArgs, rank: Rank) -> (Catalog, HashList) {
    let storage = |owned| HashList::new(rank.0, &args.output, owned);
    if rank == TRACKER {
        return (Catalog::default(), storage(Vec::new()));
    }
    match Input::read(&args.input, rank.0) {
        Ok(input) => (catalog(&input), storage(input.owned)),
        Err(error) => (refusal(error), storage(Vec::new())),
    }
}

fn options(args: &AssignmentArgs, rank: Rank) -> Options {
    let limits = Limits {
        up: args.limit_up.of(rank.0).map(|rate| rate.0),
        down: args.limit_down.of(rank.0).map(|rate| rate.0),
        latency: args.latency.of(rank.0).map(|delay| delay.0).unwrap_or_default(),
    };
    Options { limits, ..Options::default() }
}

/// Those who watch this rank. Most of them write where the run ends: on the tracker's rank, which a rank cannot know of
/// itself beforehand.
fn observers(args: &AssignmentArgs, rank: Rank, names: &Names) -> Observers {
    let mut observers = Observers::new();
    match args.progress {
        ProgressWhen::Auto if !args.quiet => observers.add(Progress::on_terminal()),
        ProgressWhen::Always => observers.add(Progress::in_any_case()),
        ProgressWhen::Auto | ProgressWhen::Never => {}
    }
    if args.explain {
        observers.add(Explain::new(rank, names.clone(), io::stdout()));
    }
    if let Some(folder) = &args.events {
        match Events::create(folder, rank, names.clone()) {
            Ok(events) => observers.add(events),
            Err(error) => log::warn!("{}: no events are written: {error}", folder.display()),
        }
    }
    match args.quiet {
        true => observers.add(SummaryText::of_troubles(io::stderr())),
        false => observers.add(SummaryText::new(io::stdout())),
    }
    if let Some(path) = &args.summary {
        observers.add(SummaryFile::new(path.clone()));
    }
    if let Some(path) = &args.status {
        observers.add(StatusFile::new(path.clone()));
    }
    observers
}
