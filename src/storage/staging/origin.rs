//! What this rank reads of the source: its share, hashed while the first of it is traded, and kept until it was sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ahead::Ahead;
use super::place::with_scratch;
use super::portions::{name_of, number_of};
use super::task::{Done, HashError, HashedPiece, Placed};
use super::{Purpose, Staging, Urgency};
use crate::metainfo::{Layout, PieceHashes, PieceIndex};
use crate::storage::PieceDigest;
use crate::storage::depot::{Failure, FailureKind, Offer, OwnWord};
use crate::storage::source::{Sharing, Source, Supply};
use crate::storage::target::{Found, Target, TargetError};

/// The share of one origin.
#[derive(Debug)]
pub(super) struct Origin {
    supply: Arc<Supply>,
    /// Portions that are still to be begun, in order.
    queue: VecDeque<usize>,
    /// Pieces of the portions that were begun, still to be hashed.
    ahead: Ahead,
    /// By portion that was begun: how many of its pieces are not hashed, or not in this rank's own target.
    left: BTreeMap<usize, usize>,
    offered: BTreeSet<usize>,
    /// Portions that were begun while another job had this rank's place: they are still to be put there.
    unplaced: BTreeSet<usize>,
    /// What this rank reads that is something else for others, by portion: none of these is put in place.
    others_differ: BTreeMap<usize, BTreeMap<PieceIndex, PieceDigest>>,
}

impl Origin {
    /// Jobs that are given to a worker at once, so that it has the next when it is done.
    const AHEAD: usize = 2;

    pub(super) fn supply(&self) -> &Arc<Supply> {
        &self.supply
    }

    /// Whether any piece is on its way out.
    pub(super) fn note_sending(&mut self, any: bool) {
        self.ahead.note_sending(any);
    }

    /// Whether it offers a portion, or is going to.
    fn has_taken(&self, portion: usize) -> bool {
        self.offered.contains(&portion) || self.left.contains_key(&portion) || self.queue.contains(&portion)
    }

    /// The portions of which this rank's own target does not have all yet.
    pub(super) fn unfilled(&self) -> BTreeSet<usize> {
        let begun = self.left.keys().chain(&self.queue).chain(&self.unplaced);
        begun.chain(self.others_differ.keys()).copied().collect()
    }
}

impl Staging {
    /// Begins with this rank's share, where it can read the source.
    pub(super) fn become_origin(&mut self) {
        let (Some(plan), order) = (self.plan.clone(), Arc::clone(&self.order)) else { return };
        let Some(view) = &order.view else { return };
        let me = order.rank;
        let Some((&first, ranks)) = self.assembly.views.iter().find(|(_, ranks)| ranks.contains(&me)) else { return };
        let sharing = if ranks.len() > 1 { Sharing::Shared } else { Sharing::Alone };
        let source = Source::new(view.roots.clone(), Arc::clone(&plan.manifest), sharing, order.read_limit);
        let queue: VecDeque<usize> = plan.origins(me, first, ranks).into();
        let room = order.room_for_source(plan.map.piece_length());
        self.origin = Some(Origin {
            supply: Arc::new(Supply::new(source, room)),
            queue: VecDeque::new(),
            ahead: Ahead::new(),
            left: BTreeMap::new(),
            offered: BTreeSet::new(),
            unplaced: BTreeSet::new(),
            others_differ: BTreeMap::new(),
        });
        self.take_on(queue);
    }

    /// Takes portions on. What is known already is offered at once; if this rank wants it too, it still has to read it.
    fn take_on(&mut self, portions: VecDeque<usize>) {
        let me = self.order.rank;
        let (Some(plan), order) = (self.plan.clone(), Arc::clone(&self.order)) else { return };
        if let Some(known) = &order.known {
            for (piece, hash) in (0..).map(PieceIndex).zip(known.hashes.iter()) {
                if let (Some(place), Ok(digest)) = (plan.digests.get(piece.as_usize()), hash.try_into()) {
                    let _ = place.set(digest);
                }
            }
        }
        for portion in portions {
            let wants = plan.portions.get(portion).is_some_and(|portion| portion.wanters.contains(&me));
            let Some(origin) = &mut self.origin else { return };
            if wants || order.known.is_none() {
                origin.queue.push_back(portion);
            }
            if order.known.is_some() {
                self.offer(portion);
            }
        }
        self.hash_on();
    }

    /// Gives the workers more to hash, as far as there is any and room for it; tells whether it did.
    pub(super) fn hash_on(&mut self) -> bool {
        let (Some(plan), Some(origin)) = (self.plan.clone(), &mut self.origin) else { return false };
        let target = self.place.as_ref().and_then(|place| place.sound_target().cloned());
        let awaited = self.place.as_ref().filter(|place| place.target().is_none());
        // What a .torrent lists is offered without being read.
        if awaited.is_some_and(|place| !place.is_held_up() || self.order.known.is_some()) || self.failed || self.settled
        {
            return false;
        }
        let is_held_up = awaited.is_some();
        if !origin.ahead.may_go_on(&origin.supply) {
            return false;
        }
        let is_own = |piece| target.as_ref().is_some_and(|target| target.wanted_pieces().contains(piece));
        let most = self.workers.threads() * Origin::AHEAD;
        let mut any = false;
        while origin.ahead.at_work() < most {
            if origin.ahead.is_empty() {
                let Some(portion) = origin.queue.pop_front() else { break };
                let pieces = plan.portions.get(portion).map(|portion| portion.pieces.clone()).unwrap_or_default();
                origin.left.insert(portion, pieces.len());
                if is_held_up {
                    origin.unplaced.insert(portion);
                }
                origin.ahead.extend(&pieces);
                if pieces.is_empty() {
                    self.portion_hashed(portion);
                    return true;
                }
            }
            let pieces = origin.ahead.next_job(&origin.supply, is_own);
            if pieces.is_empty() {
                break;
            }
            any = true;
            let job =
                Hash { plan: Arc::clone(&plan), supply: Arc::clone(&origin.supply), target: target.clone(), pieces };
            let known = self.order.known.is_some();
            self.workers.submit(Urgency::Idle, move || {
                let begun = Instant::now();
                let results = job.run(known);
                Done::Hashed { results, took: begun.elapsed() }
            });
        }
        any
    }

    pub(super) fn hashed(&mut self, results: Vec<HashedPiece>, took: Duration) {
        if let Some(origin) = &mut self.origin {
            origin.ahead.hashed(results.len(), took, &origin.supply);
        }
        results.into_iter().for_each(|hashed| self.piece_hashed(hashed));
    }

    fn piece_hashed(&mut self, (piece, result): HashedPiece) {
        let Some(plan) = self.plan.clone() else { return };
        let (portion, _) = plan.portions.place_of(piece);
        match result {
            Ok((digest, placed)) => {
                // Whatever becomes of it here, others are to have it.
                if let Err(error) = &placed {
                    self.target_failed(error);
                }
                let Some(origin) = &mut self.origin else { return };
                if matches!(placed, Ok(Placed::Coming)) {
                    origin.unplaced.insert(portion);
                }
                if plan.know(piece, digest).is_err() {
                    origin.others_differ.entry(portion).or_default().insert(piece, digest);
                }
                let left = origin.left.entry(portion).or_insert(1);
                *left -= 1;
                if *left == 0 {
                    self.portion_hashed(portion);
                }
            }
            Err(HashError::Source(error)) => self.source_failed(&error),
            Err(HashError::Differs) => {
                let (rank, host) = (self.order.rank, &self.order.host);
                let (paths, piece) = (plan.paths(piece), piece.ordinal());
                let reason = format!("rank {rank} on {host}: {paths} is not what the .torrent says (piece {piece})");
                self.give_up(Failure { kind: FailureKind::Integrity, reason });
            }
        }
    }

    /// Another job has left this rank's place: what was read meanwhile is read once more to be put there.
    pub(super) fn fill_late_place(&mut self) {
        if let Some(origin) = &mut self.origin {
            let unplaced = std::mem::take(&mut origin.unplaced);
            // One that is just being read comes to its end first.
            let (later, now) = unplaced.into_iter().partition(|portion| origin.left.contains_key(portion));
            origin.unplaced = later;
            let now: BTreeSet<usize> = now;
            origin.queue.extend(now);
        }
        self.hash_on();
    }

    fn portion_hashed(&mut self, portion: usize) {
        if let Some(origin) = &mut self.origin {
            origin.left.remove(&portion);
        }
        self.offer(portion);
        if self.place.as_ref().is_some_and(|place| place.sound_target().is_some()) {
            self.fill_late_place();
        }
        self.close_what_is_done();
        self.offer_no_more_if_done();
    }

    fn offer(&mut self, number: usize) {
        let (Some(plan), Some(origin)) = (self.plan.clone(), &mut self.origin) else { return };
        let Some(portion) = plan.portions.get(number).filter(|_| origin.offered.insert(number)) else { return };
        let mut hashes = PieceHashes::new();
        for piece in &portion.pieces {
            // Where others have something else, the tracker is to hear of it.
            let own = origin.others_differ.get(&number).and_then(|pieces| pieces.get(piece));
            let Some(digest) = own.or_else(|| plan.digests[piece.as_usize()].get()) else { return };
            hashes.push(digest).expect("a SHA-1 is a legal hash");
        }
        let layout = Layout { pieces: portion.pieces.len() as u32, piece_length: plan.map.piece_length() };
        let takers = self.assembly.takers(&portion.wanters, &portion.views);
        self.say(OwnWord::Offer(Offer { name: name_of(number), layout, hashes, takers }));
    }

    /// Others have another hash for a piece that this rank has read. What it offers of that portion, or has offered, is
    /// refused.
    pub(super) fn note_other_content(&mut self, portion: usize, piece: PieceIndex, own: PieceDigest) {
        if let Some(origin) = &mut self.origin {
            origin.others_differ.entry(portion).or_default().insert(piece, own);
        }
    }

    /// What this rank reads under a name is not what another one does, first at this piece of what was offered.
    pub(super) fn differ(&mut self, name: &str, rank: u32, piece: PieceIndex) {
        let Some(plan) = self.plan.clone() else { return };
        let of_tree = number_of(name).and_then(|portion| plan.piece(portion, piece));
        let paths = of_tree.map_or_else(|| "what is to be staged".to_owned(), |piece| plan.paths(piece));
        let me = self.order.rank;
        let reason = format!(
            "{paths} is not the same on rank {rank} and on rank {me}, though size and time agree; make them the same, or let \
             only one of them be read (--from-ranks)"
        );
        self.give_up(Failure { kind: FailureKind::Integrity, reason });
    }

    /// A piece of the source is being sent: there may be room for what is hashed ahead.
    pub(super) fn asked_of_source(&mut self, piece: PieceIndex) {
        if let Some(origin) = &mut self.origin {
            origin.ahead.asked(piece);
        }
    }

    /// Says that nothing more will be offered, once that is so.
    pub(super) fn offer_no_more_if_done(&mut self) {
        let done = self.origin.as_ref().is_none_or(|origin| {
            origin.queue.is_empty() && origin.ahead.is_empty() && origin.left.is_empty() && origin.ahead.at_work() == 0
        });
        if self.plan.is_some() && done {
            self.offer_no_more();
        }
    }

    pub(super) fn offer_no_more(&mut self) {
        if !std::mem::replace(&mut self.all_offered, true) {
            self.say(OwnWord::AllOffered);
        }
    }

    /// A rank is gone: whoever comes after it in its view reads its share, and whoever comes after it in its place writes.
    pub(super) fn take_over_from(&mut self, lost: u32) {
        self.all_offered = false;
        if self.plan.is_none() {
            return self.list_instead_of(lost);
        }
        if self.order.purpose == Purpose::Forecast {
            return self.offer_no_more();
        }
        self.want_portions();
        self.take_over_shares();
        self.offer_no_more_if_done();
    }

    /// Reads the shares of those ranks of its view that are gone, where it is the next after them: also of one whose next is
    /// gone as well.
    pub(super) fn take_over_shares(&mut self) {
        let (Some(plan), Some(origin)) = (&self.plan, &self.origin) else { return };
        let me = self.order.rank;
        let Some((&view, ranks)) = self.assembly.views.iter().find(|(_, ranks)| ranks.contains(&me)) else { return };
        let lost = ranks.iter().filter(|&&rank| self.gone.contains(&rank) && self.is_next_after(rank, ranks));
        let shares = lost.flat_map(|&rank| plan.origins(rank, view, ranks));
        let shares = shares.filter(|portion| !origin.has_taken(*portion)).collect();
        self.take_on(shares);
    }

    /// Whether this rank is the next after another one of those that are left.
    pub(super) fn is_next_after(&self, lost: u32, ranks: &[u32]) -> bool {
        let at = ranks.iter().position(|&rank| rank == lost).unwrap_or(0);
        let mut after = ranks[at..].iter().chain(&ranks[..at]);
        after.find(|rank| !self.gone.contains(rank)) == Some(&self.order.rank)
    }
}

/// Pieces that are to be hashed, and put into this rank's own target where it has one.
struct Hash {
    plan: Arc<super::Plan>,
    supply: Arc<Supply>,
    target: Option<Arc<Target>>,
    pieces: Vec<PieceIndex>,
}

impl Hash {
    fn run(self, known: bool) -> Vec<HashedPiece> {
        match self.supply.hash(&self.pieces) {
            Ok(digests) => {
                let settle = |(&piece, digest)| (piece, self.settle(piece, digest, known));
                self.pieces.iter().zip(digests).map(settle).collect()
            }
            // It ends the run, whichever of them it was.
            Err(error) => {
                self.pieces.first().map(|&piece| (piece, Err(HashError::Source(error)))).into_iter().collect()
            }
        }
    }

    /// Holds a hash against the one that is known, and puts the piece where it is wanted.
    fn settle(
        &self,
        piece: PieceIndex,
        digest: PieceDigest,
        known: bool,
    ) -> Result<(PieceDigest, Result<Placed, TargetError>), HashError> {
        let told = self.plan.digests[piece.as_usize()].get();
        if known && told != Some(&digest) {
            return Err(HashError::Differs);
        }
        // What others have otherwise is not put in place: the run is about to end.
        let is_agreed = told.is_none_or(|told| *told == digest);
        let wanted = |target: &&Arc<Target>| target.wanted_pieces().contains(piece);
        let placed = match self.target.as_ref().filter(wanted).filter(|_| is_agreed) {
            Some(target) => put(&self.supply, target, piece, &digest, self.plan.map.content_length(piece))?,
            None => Ok(Placed::Settled),
        };
        Ok((digest, placed))
    }
}

/// Puts a piece of the source into the own target, where it is not there already.
fn put(
    supply: &Supply,
    target: &Target,
    piece: PieceIndex,
    digest: &PieceDigest,
    length: u32,
) -> Result<Result<Placed, TargetError>, HashError> {
    with_scratch(|scratch| {
        match target.examine(piece, digest, scratch) {
            Ok(Found::Nothing) => {}
            found => return Ok(found.map(|_| Placed::Settled)),
        }
        scratch.resize(scratch.len().max(length as usize), 0);
        let content = &mut scratch[..length as usize];
        supply.read_block(piece, 0, content).map_err(HashError::Source)?;
        Ok(match target.write_piece(piece, content) {
            Err(TargetError::BeingWritten(_)) => Ok(Placed::Coming),
            written => written.map(|()| Placed::Settled),
        })
    })
}
