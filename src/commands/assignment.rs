//! The assignment: one rank's part in a swarm that trades the segments of `in<R>.txt`.

use std::io;

use super::catalog::{catalog, refusal};
use super::ending::Ending;
use super::exit::say_why;
use super::naming::Naming;
use super::outputs::{Asked, Outputs};
use super::{Exit, Launch, complain, job, slow_lines};
use crate::assignment::{HashList, Input, Note, NoteError};
use crate::cli::{AssignmentArgs, ProgressWhen};
use crate::net::mpi::World;
use crate::net::record::Recorded;
use crate::protocol::{Catalog, Config, Incarnation, Member, Node, Outcome, Patience, Policy, Rank, Sameness, TRACKER};
use crate::report::{Explain, Names, Observer, Observers, Progress, SummaryText};
use crate::storage::Immediate;

/// A tracker and two clients: less is no swarm.
const FEWEST_RANKS: u32 = 3;
const USAGE: &str = "usage: mpirun -np N ./tema3, with N >= 3 (./tema3 --help tells more)";

/// Takes part in the swarm. Where MPI was begun this does not return: all ranks leave it, and the process, together.
pub(super) fn run(args: &AssignmentArgs, launch: Launch) -> Exit {
    let world = match job::enter(launch, USAGE, args.status.as_deref()) {
        Ok(world) => world,
        Err(exit) => return exit,
    };
    if world.size() < FEWEST_RANKS {
        let ranks = if world.size() == 1 { "1 rank" } else { "2 ranks" };
        job::refuse(world, &format!("a swarm is a tracker and at least 2 clients, not {ranks}; {USAGE}"));
    }
    if let Some(wrong) = slow_lines::unknown_rank(args.lines.highest(), world.size()) {
        job::refuse(world, &wrong);
    }
    if world.rank() == TRACKER {
        warn_of_unread_input(args, world.size());
    }
    job::warn_of_slow(&args.lines, slow_lines::SLOWEST_FOR_SEGMENTS, &world);
    take_part(args, world)
}

/// Says once that there are inputs for more clients than were started.
fn warn_of_unread_input(args: &AssignmentArgs, ranks: u32) {
    let name = Input::file_name(ranks);
    if args.input.join(&name).exists() {
        log::warn!("{name} is not read: there are only {ranks} ranks");
    }
}

/// Runs this rank's node to its end.
fn take_part(args: &AssignmentArgs, mut world: World) -> ! {
    let rank = world.rank();
    let names = Names::new();
    let Outputs { writers, record, unwritable } = Outputs::open(asked(args), rank, world.size(), &names);
    let (catalog, storage) = match unwritable {
        Some(unwritable) => (refusal(Outcome::Disk, unwritable), HashList::new(rank.0, &args.output, Vec::new())),
        None => bring(args, rank),
    };
    let config = config(args, &world);
    let mut observers = observers(args, rank, &names);
    observers.add(writers);
    let mut ending = Ending::default();
    let mut observer = |now, observed: &_| {
        ending.observe(observed);
        observers.observe(now, observed);
    };
    let storage = Naming { storage, names };
    let mut depot = if args.resume.is_some() { Immediate::looking(storage) } else { Immediate::new(storage) };
    let options = job::options(&args.lines, args.time_limit, rank);
    let mut drive = |node: &mut dyn Node| world.drive(node, &mut depot, &mut observer, &options);
    let (driven, record_failure) = match record {
        None => (drive(&mut Member::new(config, catalog)), None),
        Some(record) => {
            let node = Member::new(config.clone(), catalog.clone());
            let mut recorded = Recorded::new(record, &config, &catalog, node);
            (drive(&mut recorded), recorded.finish().err())
        }
    };
    if let Err(error) = driven {
        complain(error);
        world.abort(Outcome::Bug.code());
    }
    let not_kept = depot.into_storage().storage.into_note().and_then(|note| put_away(note, ending.outcome()));
    let failures: Vec<String> = observers.failures().into_iter().chain(record_failure).chain(not_kept).collect();
    drop(observers);
    // What all agreed on cannot be changed any more. But when MPI_Finalize returns every rank has closed its files: then a
    // code of its own harms nobody, and mpirun returns the one that is not 0.
    let own = if failures.is_empty() { Outcome::Complete } else { Outcome::Disk };
    let code = ending.outcome().max(own).code();
    failures.iter().for_each(|failure| complain(format_args!("{failure}; hence exit code {code}")));
    ending.reasons().for_each(say_why);
    world.finalize(code)
}

/// Who this rank is, and how all behave.
fn config(args: &AssignmentArgs, world: &World) -> Config {
    let sameness = if args.resume.is_some() { Sameness::Found } else { Sameness::Traded };
    Config {
        rank: world.rank(),
        world: world.size(),
        incarnation: Incarnation::default(),
        seed: args.seed,
        policy: Policy { sameness, ..Policy::assignment() },
        patience: Patience::job(),
    }
}

/// Leaves the note of what was received for another run, unless there is nothing left for that one; tells what is wrong with
/// it.
fn put_away(note: Note, outcome: Outcome) -> Option<String> {
    let failure = note.failure();
    if outcome != Outcome::Complete {
        return failure;
    }
    let path = note.path().to_owned();
    note.remove().err().map(|error| format!("{}: {error}; remove it yourself", path.display()))
}

/// What this rank brings to the swarm, and where it keeps what it gets. The tracker's rank reads no input.
fn bring(args: &AssignmentArgs, rank: Rank) -> (Catalog, HashList) {
    let storage = |owned| HashList::new(rank.0, &args.output, owned);
    if rank == TRACKER {
        return (Catalog::default(), storage(Vec::new()));
    }
    let input = match Input::read(&args.input, rank.0) {
        Ok(input) => input,
        Err(error) => return (refusal(Outcome::BadInput, error), storage(Vec::new())),
    };
    let catalog = catalog(&input);
    let storage = storage(input.owned);
    match args.resume.as_deref().map(|folder| Note::open(folder, rank.0)) {
        None => (catalog, storage),
        Some(Ok(note)) => (catalog, storage.going_on_from(note)),
        Some(Err(error @ NoteError::Foreign(_))) => (refusal(Outcome::BadInput, error), storage),
        Some(Err(error)) => (refusal(Outcome::Disk, error), storage),
    }
}

fn asked(args: &AssignmentArgs) -> Asked<'_> {
    Asked {
        events: args.events.as_deref(),
        record: args.record.as_deref(),
        summary: args.summary.as_deref(),
        status: args.status.as_deref(),
        receipt: None,
    }
}

/// Those who tell on the terminal what they see. Most of them do so where the run ends: on the tracker's rank, which a rank
/// cannot know of itself beforehand.
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
    match args.quiet {
        true => observers.add(SummaryText::of_troubles(io::stderr())),
        false => observers.add(SummaryText::new(io::stdout())),
    }
    observers
}
