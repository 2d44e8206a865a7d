//! Where this rank puts the tree, and what it finds there.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::order::Order;
use super::plan::Plan;
use super::portions::name_of;
use super::recent::Recent;
use super::task::{Done, Opened};
use super::{Staging, Urgency};
use crate::metainfo::{Entry, Node, PieceHashes, PieceIndex, TorrentId};
use crate::storage::depot::OwnWord;
use crate::storage::target::{Found, StockJob, Target, TargetError, TargetOptions};
use crate::storage::{StorageError, Word};

/// This rank's target, from the moment that it is to have one.
#[derive(Debug, Default)]
pub(super) struct Place {
    target: Option<Arc<Target>>,
    /// Made with the target.
    recent: Option<Arc<Recent>>,
    /// When to look again whether the place is free, which another job has; nothing where no job is known to have it.
    held_up: Option<Instant>,
    prospects: BTreeSet<PieceIndex>,
    stock: Stock,
    /// Whether there are any.
    has_stock: bool,
    /// Hashes that were learnt before the place was open.
    early: Vec<Hashes>,
    /// Pieces that are looked for once all old files are known.
    missing: Vec<(TorrentId, PieceIndex)>,
    /// Portions that are wanted and not closed.
    open: BTreeSet<usize>,
    /// Portions that the swarm has closed and this rank's own part of the work has not.
    closing: Vec<(TorrentId, usize)>,
    /// Whether the disk has refused something.
    is_broken: bool,
    /// The portion with whose end all is in place.
    last: Option<TorrentId>,
    found: u64,
}

/// What is known of old files that lie under other names.
#[derive(Debug, Default, PartialEq, Eq)]
enum Stock {
    /// Nothing, and nobody has asked.
    #[default]
    Unasked,
    /// So many parts of them are still to be hashed; none while they are still being listed.
    Taking(Option<usize>),
    /// All.
    Known,
}

/// Hashes of a part of a portion.
#[derive(Clone, Copy, Debug)]
struct Hashes {
    torrent: TorrentId,
    portion: usize,
    first: PieceIndex,
    count: u32,
}

thread_local! {
    /// Room for a piece, used again by each job: fresh memory is slow.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Does something with room for a piece.
pub(super) fn with_scratch<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    SCRATCH.with_borrow_mut(work)
}

impl Place {
    /// How long between two looks whether another job has left the place.
    const SOON_ENOUGH: Duration = Duration::from_millis(100);

    /// Pieces that were here, or were copied within the target.
    pub(super) fn found(&self) -> u64 {
        self.found
    }

    pub(super) fn target(&self) -> Option<&Arc<Target>> {
        self.target.as_ref()
    }

    /// What came last, where this rank has a target.
    pub(super) fn recent(&self) -> Option<&Arc<Recent>> {
        self.recent.as_ref()
    }

    /// The disk has refused something; tells whether this was the first time.
    pub(super) fn breaks(&mut self) -> bool {
        !std::mem::replace(&mut self.is_broken, true)
    }

    /// The target, as long as anything can be kept there.
    pub(super) fn sound_target(&self) -> Option<&Arc<Target>> {
        self.target().filter(|_| !self.is_broken)
    }

    /// Whether a portion is wanted and cannot be kept any more.
    pub(super) fn cannot_keep(&self, portion: usize) -> bool {
        self.is_broken && self.open.contains(&portion)
    }

    /// Whether another job has the place.
    pub(super) fn is_held_up(&self) -> bool {
        self.held_up.is_some()
    }
}

impl Staging {
    /// Says which portions this rank wants, and takes its place on disk.
    pub(super) fn want_portions(&mut self) {
        let me = self.order.rank;
        let Some(plan) = self.plan.clone().filter(|_| self.assembly.writes(me, &self.gone)) else { return };
        // Whoever takes over a place wants what its first writer wanted.
        let Some(first) = self.assembly.writer_for(me, &BTreeSet::new()) else { return };
        let wanted = plan.portions.iter().filter(|(_, portion)| portion.wanters.contains(&first));
        let open: BTreeSet<usize> = wanted.map(|(number, _)| number).collect();
        if open.is_empty() || self.place.is_some() {
            return;
        }
        self.say(OwnWord::Want(open.iter().map(|&number| name_of(number)).collect()));
        self.place = Some(Place { open, ..Place::default() });
        self.open_place();
    }

    /// Takes the place on disk, if it is time to look again whether another job has left it; tells whether it tried.
    pub(super) fn open_place_again(&mut self) -> bool {
        let due = |place: &&mut Place| place.held_up.is_some_and(|at| at <= Instant::now());
        let Some(place) = self.place.as_mut().filter(due).filter(|_| !self.settled) else { return false };
        place.held_up = Some(Instant::now() + Place::SOON_ENOUGH);
        self.open_place();
        true
    }

    /// Takes the place on disk, where nobody else holds it.
    fn open_place(&mut self) {
        let (Some(plan), order) = (self.plan.clone(), Arc::clone(&self.order)) else { return };
        let Some(folder) = order.target.clone() else { return };
        let sharers = self.assembly.sharers(order.rank);
        self.workers.submit(Urgency::Now, move || {
            let wanted = wanted_by(&plan, &order, &sharers);
            let options = TargetOptions {
                existing: order.existing,
                durable: order.durable,
                note: format!("rank {} on {}, process {}", order.rank, order.host, std::process::id()),
            };
            let opened = Target::open(&folder, Arc::clone(&plan.manifest), &wanted, &options).and_then(|target| {
                let prospects = target.prospects();
                // Where nothing lies in its place, all may lie elsewhere.
                let stock = if prospects.is_empty() { target.inventory_jobs()? } else { Vec::new() };
                Ok(Opened { target: Arc::new(target), prospects, stock })
            });
            Done::Opened(opened)
        });
    }

    pub(super) fn opened(&mut self, opened: Result<Opened, TargetError>) {
        let Opened { target, prospects, stock } = match opened {
            Ok(opened) => opened,
            Err(TargetError::Held { place, by }) => return self.wait_for_place(&place, &by),
            Err(error) => return self.target_failed(&error),
        };
        let (Some(plan), Some(place)) = (&self.plan, &mut self.place) else { return };
        place.recent = Some(Arc::new(Recent::new(&plan.map, self.order.memory / 4)));
        (place.target, place.held_up) = (Some(target), None);
        place.prospects = prospects.into_iter().collect();
        if place.prospects.is_empty() && stock.is_empty() {
            place.stock = Stock::Known;
        } else if !stock.is_empty() {
            self.take_stock(stock);
        }
        let early = self.place.as_mut().map(|place| std::mem::take(&mut place.early)).unwrap_or_default();
        early.into_iter().for_each(|hashes| self.look_for(hashes));
        self.fill_late_place();
        self.close_what_is_done();
    }

    /// Another job writes there, or a rank of one that was killed has not quite ended: once it has, what it left is used. Those
    /// who need what this rank reads do not wait for that.
    fn wait_for_place(&mut self, path: &Path, by: &str) {
        let Some(place) = &mut self.place else { return };
        if place.held_up.replace(Instant::now() + Place::SOON_ENOUGH).is_none() {
            log::warn!("{}: {by} is writing there; waiting until it has finished", path.display());
        }
        self.hash_on();
    }

    /// Hashes of a portion became known: which of the pieces may be here?
    pub(super) fn learn_portion(
        &mut self,
        torrent: TorrentId,
        portion: usize,
        first: PieceIndex,
        hashes: &PieceHashes,
    ) {
        let Some(plan) = self.plan.clone() else { return };
        for (piece, hash) in (first.0..).map(PieceIndex).zip(hashes.iter()) {
            if let (Some(piece), Ok(digest)) = (plan.piece(portion, piece), hash.try_into())
                && let Err(own) = plan.know(piece, digest)
            {
                self.note_other_content(portion, piece, own);
            }
        }
        self.look_for(Hashes { torrent, portion, first, count: hashes.len() as u32 });
    }

    fn look_for(&mut self, hashes: Hashes) {
        let Hashes { torrent, portion, first, count } = hashes;
        let (Some(plan), Some(place)) = (&self.plan, &mut self.place) else {
            return self.say(OwnWord::Learnt { torrent, first, count, here: Vec::new() });
        };
        let Some(target) = &place.target else { return place.early.push(hashes) };
        // Once all old files are known, what is not among the prospects is found by its hash alone.
        let nothing_old = place.prospects.is_empty() && place.stock == Stock::Known && !place.has_stock;
        let pieces = (first.0..first.0 + count).map(PieceIndex);
        let here: Vec<PieceIndex> = match nothing_old {
            true => Vec::new(),
            false => pieces.filter(|&piece| plan.piece(portion, piece).is_some()).collect(),
        };
        let target = Arc::clone(target);
        self.say(OwnWord::Learnt { torrent, first, count, here: here.clone() });
        here.into_iter().for_each(|piece| self.examine(&target, torrent, piece));
    }

    fn examine(&mut self, target: &Arc<Target>, torrent: TorrentId, piece: PieceIndex) {
        let (Some(plan), Some(of_tree)) = (self.plan.clone(), self.tree_piece(torrent, piece)) else { return };
        let target = Arc::clone(target);
        self.workers.submit(Urgency::Now, move || {
            let expected = plan.digests[of_tree.as_usize()].get();
            let result = expected.map_or(Ok(Found::Nothing), |expected| {
                with_scratch(|scratch| target.examine(of_tree, expected, scratch))
            });
            Done::Examined { torrent, piece, result }
        });
    }

    pub(super) fn examined(&mut self, torrent: TorrentId, piece: PieceIndex, result: Result<Found, TargetError>) {
        let Some(place) = &mut self.place else { return };
        match result {
            Ok(Found::InPlace | Found::InTree | Found::Copied) => {
                place.found += 1;
                self.say(OwnWord::Held { torrent, piece });
            }
            Ok(Found::Nothing) if place.stock == Stock::Known => self.say(OwnWord::Lacking { torrent, piece }),
            Ok(Found::Nothing) => {
                place.missing.push((torrent, piece));
                self.ask_for_stock();
            }
            Err(error) => {
                self.say(OwnWord::Lacking { torrent, piece });
                self.target_failed(&error);
            }
        }
    }

    /// Something does not lie where it should: does it lie elsewhere?
    fn ask_for_stock(&mut self) {
        let Some(place) = self.place.as_mut().filter(|place| place.stock == Stock::Unasked) else { return };
        place.stock = Stock::Taking(None);
        let Some(target) = place.target.clone() else { return };
        self.workers.submit(Urgency::Now, move || Done::StockListed(target.inventory_jobs()));
    }

    pub(super) fn stock_listed(&mut self, jobs: Result<Vec<StockJob>, TargetError>) {
        match jobs {
            Ok(jobs) => self.take_stock(jobs),
            Err(error) => self.target_failed(&error),
        }
    }

    fn take_stock(&mut self, jobs: Vec<StockJob>) {
        let Some(place) = &mut self.place else { return };
        place.has_stock = !jobs.is_empty();
        place.stock = Stock::Taking(Some(jobs.len()));
        let Some(target) = place.target.clone() else { return };
        for job in jobs {
            let target = Arc::clone(&target);
            self.workers.submit(Urgency::Now, move || {
                let read = with_scratch(|scratch| target.take_stock(&job, scratch));
                log::debug!("{read} bytes of old files were hashed");
                Done::StockTaken
            });
        }
        self.end_stock_if_taken();
    }

    pub(super) fn stock_taken(&mut self) {
        if let Some(Place { stock: Stock::Taking(Some(left)), .. }) = &mut self.place {
            *left -= 1;
        }
        self.end_stock_if_taken();
    }

    /// All old files are known: what was missing is looked for once more.
    fn end_stock_if_taken(&mut self) {
        let Some(place) = self.place.as_mut().filter(|place| place.stock == Stock::Taking(Some(0))) else { return };
        place.stock = Stock::Known;
        let missing = std::mem::take(&mut place.missing);
        let Some(target) = place.target.clone().filter(|_| place.has_stock) else {
            for (torrent, piece) in missing {
                self.say(OwnWord::Lacking { torrent, piece });
            }
            return;
        };
        missing.into_iter().for_each(|(torrent, piece)| self.examine(&target, torrent, piece));
    }

    /// Makes a piece out of another one of the tree.
    pub(super) fn copy_tree(&mut self, from: (TorrentId, PieceIndex), to: (TorrentId, PieceIndex)) {
        let (torrent, piece) = to;
        let target = self.place.as_ref().and_then(|place| place.target.clone());
        let pieces = (self.tree_piece(from.0, from.1), self.tree_piece(torrent, piece));
        let (Some(plan), Some(target), (Some(from), Some(to))) = (self.plan.clone(), target, pieces) else {
            return self.say(OwnWord::Lacking { torrent, piece });
        };
        self.workers.submit(Urgency::Now, move || {
            let expected = plan.digests[to.as_usize()].get();
            let result =
                expected.map_or(Ok(false), |expected| with_scratch(|scratch| target.copy(from, to, expected, scratch)));
            Done::Copied { torrent, piece, result }
        });
    }

    pub(super) fn copied(&mut self, torrent: TorrentId, piece: PieceIndex, result: Result<bool, TargetError>) {
        match result {
            Ok(true) => {
                if let Some(place) = &mut self.place {
                    place.found += 1;
                }
                self.say(OwnWord::Held { torrent, piece });
            }
            Ok(false) => self.say(OwnWord::Lacking { torrent, piece }),
            // The twin may be in no target: it was read from the source.
            Err(TargetError::NotHeld(_)) => self.say(OwnWord::Lacking { torrent, piece }),
            Err(error) => {
                self.say(OwnWord::Lacking { torrent, piece });
                self.target_failed(&error);
            }
        }
    }

    /// The swarm has all of a portion that is wanted here.
    pub(super) fn close_portion(&mut self, torrent: TorrentId, portion: usize) {
        if let Some(place) = &mut self.place {
            place.closing.push((torrent, portion));
        }
        self.close_what_is_done();
    }

    /// Closes portions of which this rank's own part is done as well; with the last of all, puts the tree in place.
    pub(super) fn close_what_is_done(&mut self) {
        let busy = self.origin.as_ref().map(|origin| origin.unfilled()).unwrap_or_default();
        let Some(place) = self.place.as_mut().filter(|place| place.target.is_some()) else { return };
        let closing = std::mem::take(&mut place.closing);
        let (done, later) = closing.into_iter().partition(|(_, portion)| !busy.contains(portion));
        place.closing = later;
        let done: Vec<(TorrentId, usize)> = done;
        for (torrent, portion) in done {
            let Some(place) = &mut self.place else { return };
            place.open.remove(&portion);
            match (place.open.is_empty(), place.target.clone()) {
                (true, Some(target)) => {
                    place.last = Some(torrent);
                    self.workers.submit(Urgency::Now, move || Done::Committed(target.commit()));
                }
                _ => self.words.push_back(Word::Closed { torrent, result: Ok(()) }),
            }
        }
    }

    pub(super) fn committed(&mut self, result: Result<(), TargetError>) {
        if let Err(error) = &result {
            self.target_failed(error);
        }
        if let Some(torrent) = self.place.as_ref().and_then(|place| place.last) {
            let result = result.map_err(StorageError::from);
            self.words.push_back(Word::Closed { torrent, result });
        }
    }

    /// The run ends: what is here and not in place is kept for another, once all that came is written.
    pub(super) fn suspend(&mut self) {
        if !self.arrivals.is_idle() {
            return;
        }
        let unfinished = self.place.as_ref().filter(|place| place.last.is_none() && !place.open.is_empty());
        if let Some(target) = unfinished.and_then(|place| place.target.clone()) {
            self.workers.submit(Urgency::Now, move || Done::Suspended(target.suspend()));
        }
    }

    pub(super) fn suspended(&mut self, result: Result<(), TargetError>) {
        if let Err(error) = result {
            // The next run looks at everything instead.
            log::warn!("what was received is kept, but not noted: {error}");
        }
    }
}

/// What some ranks want to have at their place, as places in the manifest.
pub(super) fn wanted_by(plan: &Plan, order: &Order, ranks: &BTreeSet<u32>) -> BTreeSet<usize> {
    let wants = |entry: &Entry| {
        // A pad has no place on a disk, nor has the folder that its name seems to lie in.
        !matches!(entry.node, Node::Pad { .. }) && ranks.iter().any(|&rank| order.wishes.of(rank, &entry.path))
    };
    let entries = plan.manifest.entries.iter().enumerate();
    entries.filter(|(_, entry)| wants(entry)).map(|(at, _)| at).collect()
}
