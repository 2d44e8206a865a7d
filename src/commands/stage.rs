//! `stage`: one rank's part in putting real files on every node of a job.

mod apart;
mod forecast;
mod receipt;
mod shortfall;
mod sight;
mod target_folder;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use self::apart::{check_apart, misplaced};
use self::forecast::Forecast;
use self::receipt::{Told, Witness};
use self::shortfall::in_files;
use self::sight::Sight;
use self::target_folder::TargetFolder;
use self::wanted::{Wanted, wishes};
use super::catalog::refusal;
use super::ending::Ending;
use super::exit::say_why;
use super::outputs::{Asked, Outputs};
use super::slow_lines::SLOWEST_FOR_FILES;
use super::wording::say;
use super::{Exit, Launch, complain, job};
use crate::cli::{PickingOrder, ProgressWhen, StageArgs, SyncWhen};
use crate::metainfo::Manifest;
use crate::net::mpi::{Options, World};
use crate::protocol::{
    Catalog, Config, Incarnation, Member, Observed, Outcome, Patience, Picking, Policy, Prospects, Rank,
};
use crate::report::{
    Goal, Line, Names, Observer, Observers, Staged, StagingProgress, StagingText, Status, SummaryText,
};
use crate::storage::staging::{Card, Legend, Order, Purpose, Staging, piece_length_at};
use crate::storage::target::{Durable, Existing};

const USAGE: &str = "usage: mpirun -np N ./tema3 stage SRC... --to DIR (./tema3 stage --help tells more)";

/// Takes part in the staging. Where MPI was begun this does not return: all ranks leave it, and the process, together.
pub(super) fn run(args: &StageArgs, launch: Launch) -> Exit {
    let world = match job::enter(launch, USAGE, args.status.as_deref()) {
        Ok(world) => world,
        Err(exit) => return exit,
    };
    let wishes = match wishes(args, world.size()) {
        Ok(wishes) => wishes,
        Err(wrong) => job::refuse(world, &format!("{wrong}; ./tema3 stage --help tells more")),
    };
    job::warn_of_slow(&args.lines, SLOWEST_FOR_FILES, &world);
    take_part(args, wishes, world)
}

/// Runs this rank's node to its end.
fn take_part(args: &StageArgs, wishes: Wanted, mut world: World) -> ! {
    let rank = world.rank();
    let mut names = Names::new();
    let asked = Asked {
        events: args.events.as_deref(),
        summary: args.summary.as_deref(),
        status: args.status.as_deref(),
        receipt: args.receipt.as_deref(),
        record: None,
    };
    let sight = Sight::of(args, rank);
    let trees = sight.as_ref().map(|sight| sight.trees(args)).unwrap_or_default();
    let (writers, refused) = match misplaced(asked, rank, &trees, &targets(args, world.size())) {
        Some(misplaced) => (Observers::new(), Some((Outcome::Usage, misplaced))),
        None => open(asked, &world, &names),
    };
    let prepared = refused.map_or(sight, Err).and_then(|sight| prepare(args, &wishes, rank, sight));
    let (catalog, order, folder) = match prepared {
        Ok(Prepared { order, card, folder }) => {
            (Catalog { card: fit(card).encode(), prospects: Prospects::Open, ..Catalog::default() }, order, folder)
        }
        Err((outcome, reason)) => (refusal(outcome, reason), idle(rank, &wishes), None),
    };
    let config = config(args, &world);
    let info_hash = order.known.as_ref().map(|known| known.info_hash);
    let mut depot = Staging::new(order, threads(world.local_ranks()));
    let legend = depot.legend();
    let mut observers = observers(args, &legend, world.size());
    observers.add(writers);
    let mut ending = Ending::default();
    let mut witness = Witness::default();
    let mut observer = |now, observed: &_| {
        ending.observe(observed);
        folder.iter().for_each(|folder| folder.observe(observed));
        witness.observe(now, observed);
        learn_name(&mut names, observed, &legend);
        in_files(observed, &legend, &wishes).iter().for_each(|told| observers.observe(now, told));
    };
    let mut member = Member::new(config, catalog);
    if let Err(error) = world.drive(&mut member, &mut depot, &mut observer, &options(args, rank)) {
        complain(error);
        world.abort(Outcome::Bug.code());
    }
    drop(depot);
    folder.iter().for_each(|folder| folder.leave(purpose(args)));
    let mut failures = observers.failures();
    drop(observers);
    if let Some(path) = &args.receipt {
        let told = Told { member: &member, legend: &legend, wanted: &wishes, info_hash };
        failures.extend(witness.write_receipt(path, told).err());
    }
    let mut own = Outcome::Complete;
    if args.plan && ending.outcome() == Outcome::Complete && member.is_tracker() {
        own = foretell(&member, &legend, args.status.as_deref(), &mut failures);
    }
    if !failures.is_empty() {
        own = own.max(Outcome::Disk);
    }
    let code = ending.outcome().max(own).code();
    failures.iter().for_each(|failure| complain(format_args!("{failure}; hence exit code {code}")));
    ending.reasons().for_each(say_why);
    world.finalize(code)
}

/// Opens what is written beside the tree; and why it cannot be, where it cannot.
fn open(asked: Asked<'_>, world: &World, names: &Names) -> (Observers, Option<(Outcome, String)>) {
    let Outputs { writers, unwritable, .. } = Outputs::open(asked, world.rank(), world.size(), names);
    (writers, unwritable.map(|unwritable| (Outcome::Disk, unwritable.to_string())))
}

/// Tells people what the ranks expect of their places, and how a staging would end. The ranks have agreed on a good end by
/// now, so the status of that is written once more.
fn foretell(member: &Member, legend: &Legend, status: Option<&Path>, failures: &mut Vec<String>) -> Outcome {
    let forecast = Forecast::of(legend);
    let (outcome, reasons) = (forecast.outcome(), forecast.reasons());
    failures.extend(say(&forecast).err().map(|unsaid| unsaid.to_string()));
    reasons.iter().for_each(say_why);
    if let (Some(path), Some(reason)) = (status, reasons.into_iter().next()) {
        let status = Status { outcome, term: member.term(), reason: Some(reason) };
        failures.extend(status.write(path).err().map(|error| format!("{}: {error}", path.display())));
    }
    outcome
}

/// What a rank goes into the swarm with.
struct Prepared {
    order: Order,
    card: Card,
    /// Where it writes.
    folder: Option<TargetFolder>,
}

/// Looks where a rank that can read this writes.
fn prepare(
    args: &StageArgs,
    wishes: &Wanted,
    rank: Rank,
    Sight { view, known, unread }: Sight,
) -> Result<Prepared, (Outcome, String)> {
    let host = host();
    let target = wishes.anything(rank.0).then(|| args.to.of(rank.0, &host));
    let folder = match &target {
        Some(target) => {
            check_apart(target, args.to.typed(), view.as_ref())?;
            Some(TargetFolder::look(target).map_err(|refusal| refusal.of(rank, &host))?)
        }
        None => None,
    };
    // Else the user or the .torrent has decided how long pieces are.
    let is_open = args.piece_length.is_none() && args.from.is_none();
    let earlier = target.as_deref().filter(|_| is_open).and_then(|folder| piece_length_at(folder, &args.sources));
    let card = Card {
        host: host.clone(),
        view: view.as_ref().map(|view| view.identity.to_string()),
        unread,
        place: folder.as_ref().map(TargetFolder::word),
        folder: folder.as_ref().map(TargetFolder::whole),
        piece_length: earlier,
    };
    let memory = usize::try_from(args.mem.0 / 2).unwrap_or(usize::MAX);
    let order = Order {
        purpose: purpose(args),
        rank: rank.0,
        host,
        sources: if args.from.is_none() { args.sources.clone() } else { Vec::new() },
        view,
        known,
        target,
        wishes: wishes.wishes(),
        existing: if args.force { Existing::Replace } else { Existing::Keep },
        durable: if args.sync == SyncWhen::End { Durable::AtEnd } else { Durable::Whenever },
        memory,
        read_limit: args.limit_read.of(rank.0).and_then(|rate| rate.0.try_into().ok()),
        piece_length: args.piece_length.map(|length| length.0),
    };
    Ok(Prepared { order, card, folder })
}

/// The card as it may be: of what is for people, as much is left out as makes it too long.
fn fit(mut card: Card) -> Card {
    while card.encode().len() > Catalog::LONGEST_CARD && (card.folder.take().is_some() || card.unread.pop().is_some()) {
    }
    card
}

/// The order of a rank that takes no part.
fn idle(rank: Rank, wishes: &Wanted) -> Order {
    Order {
        purpose: Purpose::Stage,
        rank: rank.0,
        host: String::new(),
        sources: Vec::new(),
        view: None,
        known: None,
        target: None,
        wishes: wishes.wishes(),
        existing: Existing::Keep,
        durable: Durable::Whenever,
        memory: 1,
        read_limit: None,
        piece_length: None,
    }
}

/// The targets of all ranks, as far as this machine tells.
fn targets(args: &StageArgs, ranks: u32) -> BTreeSet<PathBuf> {
    let host = host();
    (0..ranks).map(|rank| args.to.of(rank, &host)).collect()
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// One worker a core that is ours, up to what a fast network can bring.
fn threads(local_ranks: u32) -> usize {
    const MOST: usize = 16;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / local_ranks.max(1) as usize).clamp(1, MOST)
}

fn purpose(args: &StageArgs) -> Purpose {
    if args.plan { Purpose::Forecast } else { Purpose::Stage }
}

fn config(args: &StageArgs, world: &World) -> Config {
    Config {
        rank: world.rank(),
        world: world.size(),
        incarnation: Incarnation::default(),
        seed: args.seed,
        policy: policy(args),
        patience: Patience::job(),
    }
}

fn policy(args: &StageArgs) -> Policy {
    let picking = match args.picking {
        PickingOrder::RarestFirst => Picking::RarestFirst,
        PickingOrder::Random => Picking::Random,
        PickingOrder::Sequential => Picking::Sequential,
    };
    Policy { picking, ..Policy::stage() }
}

fn options(args: &StageArgs, rank: Rank) -> Options {
    let memory = usize::try_from(args.mem.0 / 2).unwrap_or(usize::MAX);
    Options { memory, ..job::options(&args.lines, args.time_limit, rank) }
}

/// Those who tell on the terminal what they see.
fn observers(args: &StageArgs, legend: &Legend, size: u32) -> Observers {
    let mut observers = Observers::new();
    if args.plan {
        observers.add(SummaryText::of_troubles(io::stderr()));
        return observers;
    }
    match args.progress {
        ProgressWhen::Auto if !args.quiet => observers.add(StagingProgress::on_terminal(goals(legend))),
        ProgressWhen::Always => observers.add(StagingProgress::in_any_case(goals(legend))),
        ProgressWhen::Auto | ProgressWhen::Never => {}
    }
    match args.quiet {
        true => observers.add(SummaryText::of_troubles(io::stderr())),
        false => observers.add(StagingText::new(io::stdout(), staged(args, legend, size))),
    }
    observers
}

/// Learns what is served by its name: what is offered and not wanted says it in no step.
fn learn_name(names: &mut Names, observed: &Observed, legend: &Legend) {
    if let Observed::Served { torrent, .. } | Observed::Refused { torrent, .. } = observed
        && let Some(name) = legend.torrent(*torrent)
    {
        names.learn(*torrent, &name);
    }
}

/// What each rank that writes is to have in the end.
fn goals(legend: &Legend) -> impl Fn() -> Option<Vec<Goal>> + 'static {
    let legend = legend.clone();
    move || {
        let goals = legend.goals()?;
        let host = |rank| legend.cards().find(|(other, _)| *other == rank).map(|(_, card)| card.host.clone());
        let goal = |(rank, (pieces, bytes))| Goal { rank, host: host(rank).unwrap_or_default(), pieces, bytes };
        Some(goals.into_iter().map(goal).collect())
    }
}

/// What was staged, for the totals.
fn staged(args: &StageArgs, legend: &Legend, size: u32) -> impl Fn() -> Staged + 'static {
    let line = |rank: u32| Line {
        up: args.lines.limit_up.of(rank).map(|rate| rate.0),
        down: args.lines.limit_down.of(rank).map(|rate| rate.0),
        read: args.limit_read.of(rank).map(|rate| rate.0),
    };
    let lines: BTreeMap<Rank, Line> = (0..size).map(|rank| (Rank(rank), line(rank))).collect();
    let legend = legend.clone();
    move || Staged {
        bytes: legend.manifest().map_or(0, Manifest::content_length),
        origins: legend.readers().into_iter().map(Rank).collect(),
        lines: lines.clone(),
    }
}
