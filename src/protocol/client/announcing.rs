//! What the download half says to the tracker: what it publishes, asks and reports.

use std::ops::Range;

use super::download::{Download, Stage};
use super::shared::Shared;
use super::torrent::State;
use crate::metainfo::{PieceHashes, PieceIndex, TorrentId};
use crate::protocol::{
    About, Announcing, Call, Claim, Decision, Finish, More, Need, Observed, Outbox, Outcome, Owned, Prospects,
    Publication, Refusal, Report, Time, Traffic,
};

/// Something to be said to the tracker.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Publish(Portion),
    /// A file by its place in the catalog, which was not among those that were published.
    Offer {
        index: usize,
    },
    AllOffered,
    Join {
        names: Vec<String>,
    },
    Await {
        names: Vec<String>,
    },
    Hashes {
        torrent: TorrentId,
    },
    Announce {
        stretch: Range<usize>,
        need: Need,
    },
    Completed {
        stretch: Range<usize>,
        torrents: Vec<TorrentId>,
        finished: Option<Outcome>,
    },
    Abort {
        outcome: Outcome,
        reason: String,
    },
    Drained {
        stretch: Range<usize>,
        finish: Finish,
        traffic: Traffic,
    },
}

impl Pending {
    /// A report and what follows it, in one call. Not with a cry for help, which may be withdrawn.
    fn joined(&self, next: &Self) -> Option<Self> {
        let Self::Announce { stretch: first, need: Need::Fresh } = self else { return None };
        let join = |second: &Range<usize>| {
            let fits = first.end == second.start && second.end - first.start <= REPORTED;
            fits.then_some(first.start..second.end)
        };
        match next {
            Self::Announce { stretch, need: Need::Fresh } => {
                Some(Self::Announce { stretch: join(stretch)?, need: Need::Fresh })
            }
            Self::Completed { stretch, torrents, finished } => {
                let (torrents, finished) = (torrents.clone(), *finished);
                Some(Self::Completed { stretch: join(stretch)?, torrents, finished })
            }
            _ => None,
        }
    }
}

/// A part of what is published: which one it is, where it begins, and about how many bytes it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portion {
    part: u32,
    item: usize,
    first: u32,
    budget: usize,
}

/// A file to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// One that the client came with, by its place in the catalog.
    Owned(usize),
    /// One that it downloads, for a new tracker.
    Downloaded(TorrentId),
}

/// About how many bytes a call or an answer may take.
pub(super) const CHUNK: usize = 900 * 1024;
/// The same for what is said to a tracker that has not spoken yet.
const FIRST_WORDS: usize = 200;
/// Pieces in one report, at most.
const REPORTED: usize = 50_000;
/// What part of all pieces is worth a report of its own, where reports are rare.
const HUNDREDTH: u64 = 100;

impl Download {
    /// Begins to talk with a tracker that does not know this client.
    pub(super) fn register(&mut self, now: Time) {
        self.calls.clear(now);
        self.stage = Stage::Publishing;
        self.version = 0;
        self.starving = None;
        self.coming.clear();
        self.offered = self.catalog.owned.len();
        let owned = (0..self.catalog.owned.len()).map(Item::Owned);
        let known = self.torrents.iter().filter(|(_, torrent)| torrent.knows_all_hashes());
        let downloaded = known.map(|(&id, _)| Item::Downloaded(id));
        self.items = owned.chain(downloaded).collect();
        match &self.catalog.refusal {
            Some(Refusal { outcome, reason }) => {
                self.calls.want(Pending::Abort { outcome: *outcome, reason: reason.clone() });
            }
            None => {
                // It may be dead, or this line slow: what is said first should cost little.
                let budget = if self.calls.strangers() > 0 { FIRST_WORDS } else { CHUNK };
                self.calls.want(Pending::Publish(Portion { part: 0, item: 0, first: 0, budget }));
            }
        }
    }

    /// Gives the whole run up.
    pub(super) fn abort(&mut self, now: Time, outcome: Outcome, reason: String) {
        self.calls.clear(now);
        self.calls.want(Pending::Abort { outcome, reason });
    }

    /// Reports the pieces that make up whole rounds of the policy.
    pub(super) fn announce_if_due(&mut self, shared: &Shared) {
        let Announcing::Every(pieces) = shared.config.policy.announcing else { return };
        let every = pieces.max(1) as usize;
        while shared.holdings.journal_len() - self.announced >= every {
            let stretch = self.announced..self.announced + every;
            self.announced = stretch.end;
            self.calls.want(Pending::Announce { stretch, need: Need::Fresh });
        }
    }

    /// Where that is done sparingly: reports what has come, if it is worth a report and the last one is long ago.
    pub(super) fn announce_sparingly(&mut self, now: Time, shared: &Shared) {
        let Announcing::Sparingly(rest) = shared.config.policy.announcing else { return };
        self.announce_due = None;
        let new = (shared.holdings.journal_len() - self.announced) as u64;
        if self.stage != Stage::Trading || new < self.pieces.div_ceil(HUNDREDTH).max(1) {
            return;
        }
        let due = self.announced_at.map_or(now, |at| at + rest);
        if due > now {
            self.announce_due = Some(due);
        } else {
            self.announced_at = Some(now);
            self.announce_all(shared);
        }
    }

    /// Tells the tracker who does not answer, unless it hears it anyway.
    pub(super) fn report_suspects(&mut self) {
        if self.calls.is_idle() {
            let stretch = self.announced..self.announced;
            self.calls.want(Pending::Announce { stretch, need: Need::Fresh });
        }
    }

    /// A piece came to one that had told the tracker that none would.
    pub(super) fn take_heart(&mut self, shared: &Shared) {
        self.calls.withdraw(|pending| matches!(pending, Pending::Announce { need: Need::Starving, .. }));
        self.announce_all(shared);
    }

    /// Reports all that was not reported yet, in bounded messages.
    pub(super) fn announce_all(&mut self, shared: &Shared) {
        while self.announced < shared.holdings.journal_len() {
            let stretch = self.announced..shared.holdings.journal_len().min(self.announced + REPORTED);
            self.announced = stretch.end;
            self.calls.want(Pending::Announce { stretch, need: Need::Fresh });
        }
    }

    /// Whether everything that can be had is here and in place.
    pub(super) fn is_done(&self) -> bool {
        let closing = self.torrents.values().any(|torrent| torrent.state == State::Closing);
        let expects = !self.coming.is_empty() || self.catalog.prospects == Prospects::Open;
        self.open.is_empty() && self.unresolved.is_empty() && !closing && !expects
    }

    /// Tells of closed files, and of the end of the download where it has come.
    pub(super) fn complete_if_done(&mut self, shared: &Shared, out: &mut Outbox) {
        if self.stage != Stage::Trading {
            return;
        }
        let done = self.is_done();
        if self.closed.is_empty() && !done {
            return;
        }
        let end = shared.holdings.journal_len().min(self.announced + REPORTED);
        let stretch = self.announced..end;
        self.announced = end;
        let finished = done.then(|| self.finish(super::download::Shortage::Real, shared).outcome);
        if let Some(outcome) = finished {
            self.stage = Stage::Finished;
            out.tell(Observed::AllFinished { outcome });
        }
        let torrents = std::mem::take(&mut self.closed);
        self.calls.want(Pending::Completed { stretch, torrents, finished });
    }

    /// Tells how it ended, and what the tracker may not have heard of before.
    pub(super) fn drained(&mut self, finish: Finish, traffic: Traffic, shared: &Shared) {
        let stretch = self.confirmed..shared.holdings.journal_len().min(self.confirmed + REPORTED);
        self.calls.want(Pending::Drained { stretch, finish, traffic });
    }

    /// Makes the next call, if its turn has come.
    pub(super) fn speak(&mut self, now: Time, shared: &Shared, out: &mut Outbox) {
        let next = self.calls.next(Pending::joined);
        let Some(pending) = next.or_else(|| self.wait_attentively()) else { return };
        let call = self.call(&pending, shared, out);
        let message = self.calls.make(now, &shared.config, shared.term, pending, call);
        out.push(Decision::Send { to: shared.tracker(), message });
    }

    fn call(&self, pending: &Pending, shared: &Shared, out: &mut Outbox) -> Call {
        match pending {
            Pending::Publish(portion) => {
                if portion.part == 0 {
                    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
                    let (owned, wanted) = (count(self.catalog.owned.len()), count(self.catalog.wanted.len()));
                    out.tell(Observed::Init { owned, wanted });
                }
                let (files, next) = self.publications(*portion);
                let (wanted, more, about) = match next {
                    Some(_) => (Vec::new(), More::Follows, About::default()),
                    None => (self.intended(), More::Done, self.about()),
                };
                Call::Publish { part: portion.part, files, wanted, more, about }
            }
            Pending::Offer { index } => Call::Offer { file: self.offer(*index) },
            Pending::AllOffered => Call::AllOffered { since: self.version },
            Pending::Join { names } => Call::Join { since: self.version, wanted: names.clone() },
            Pending::Await { names } => Call::Await { since: self.version, wanted: names.clone() },
            Pending::Hashes { torrent } => {
                let known = self.torrents.get(torrent).map_or(0, |torrent| torrent.hashes.len());
                Call::Hashes { torrent: *torrent, first: PieceIndex(known as u32) }
            }
            Pending::Announce { stretch, need } => Call::Announce(self.report(stretch, *need, shared, out)),
            Pending::Completed { stretch, torrents, finished } => Call::Completed {
                report: self.report(stretch, Need::Fresh, shared, out),
                torrents: torrents.clone(),
                finished: finished.filter(|_| self.says_last_that_it_has_finished()),
            },
            Pending::Abort { outcome, reason } => Call::Abort { outcome: *outcome, reason: reason.clone() },
            Pending::Drained { stretch, finish, traffic } => {
                let received = shared.holdings.received(stretch.clone());
                Call::Drained { received, finish: finish.clone(), traffic: *traffic }
            }
        }
    }

    /// Whether it is so that it has finished, and will not be said by a later call: it may have heard meanwhile that
    /// somebody is gone whose work it may have to do.
    fn says_last_that_it_has_finished(&self) -> bool {
        let later = |pending: &Pending| matches!(pending, Pending::Completed { finished: Some(_), .. });
        self.stage == Stage::Finished && !self.calls.wants(later)
    }

    fn report(&self, stretch: &Range<usize>, need: Need, shared: &Shared, out: &mut Outbox) -> Report {
        out.tell(Observed::Announced { pieces: stretch.len() as u32 });
        let received = shared.holdings.received(stretch.clone());
        let useless = if need == Need::Starving { shared.peers.hopeless() } else { Vec::new() };
        Report { since: self.version, received, suspects: shared.peers.suspects(), useless, need }
    }

    /// The names that will be wanted, as many as fit: the rest does without takers.
    fn intended(&self) -> Vec<String> {
        let mut budget = CHUNK / 2;
        let fits = |name: &&String| {
            budget = budget.saturating_sub(name.len() + 16);
            budget > 0
        };
        self.catalog.wanted.iter().take_while(fits).cloned().collect()
    }

    /// A portion of what is published, and which one comes after it.
    pub(super) fn publications(&self, portion: Portion) -> (Vec<Publication>, Option<Portion>) {
        let Portion { part, item, mut first, mut budget } = portion;
        let mut files = Vec::new();
        let next = |item, first| Some(Portion { part: part + 1, item, first, budget: CHUNK });
        for index in item..self.items.len() {
            let (name, layout, claim, hashes) = self.published(self.items[index]);
            let chunk = hashes.chunk(first, budget);
            let end = first + chunk.len() as u32;
            budget = budget.saturating_sub(chunk.total_bytes() + 4 * chunk.len() + name.len() + 32);
            let takers = self.takers_of(self.items[index]);
            let name = name.to_owned();
            files.push(Publication { name, layout, claim, first: PieceIndex(first), hashes: chunk, takers });
            if end < layout.pieces {
                return (files, next(index, end));
            }
            first = 0;
            if budget == 0 && index + 1 < self.items.len() {
                return (files, next(index + 1, 0));
            }
        }
        (files, None)
    }

    fn published(&self, item: Item) -> (&str, crate::metainfo::Layout, Claim, &PieceHashes) {
        match item {
            Item::Owned(index) => {
                let Owned { name, layout, hashes, held, .. } = &self.catalog.owned[index];
                (name, *layout, if held.is_full() { Claim::Seed } else { Claim::Hashes }, hashes)
            }
            Item::Downloaded(id) => {
                let torrent = &self.torrents[&id];
                (&torrent.name, torrent.layout, Claim::Hashes, &torrent.hashes)
            }
        }
    }

    /// With nothing to ask for: tells the tracker that it starves, now and then, so that all hear what there is.
    pub(super) fn starve(&mut self, now: Time, shared: &Shared) {
        if self.starving.is_none_or(|at| at > now) {
            return;
        }
        self.starving = None;
        if !self.is_idle(shared) || self.turn_to_other_twins(shared) {
            return;
        }
        self.starving = Some(now + shared.config.patience.call / 2);
        if !self.calls.is_idle() {
            return;
        }
        self.announce_all(shared);
        if !self.somebody_will_do(shared) {
            let stretch = self.announced..self.announced;
            self.calls.want(Pending::Announce { stretch, need: Need::Starving });
            self.cried = true;
        }
        // What is awaited too: on a slow line the answer would come when it has given way to the next cry.
        let names: Vec<String> = self.unresolved.iter().chain(&self.coming).cloned().collect();
        if !names.is_empty() {
            self.join(names);
        }
    }

    /// Whether somebody has a missing piece and only rests, or hashes are still to come.
    fn somebody_will_do(&self, shared: &Shared) -> bool {
        let hopeless = |rank| shared.peers.find(rank).is_some_and(|peer| peer.is_hopeless());
        self.open.iter().map(|id| &self.torrents[id]).any(|torrent| {
            let holders = torrent.picker.pickable().iter().flat_map(|piece| torrent.holders(piece));
            !torrent.knows_all_hashes() || holders.into_iter().any(|rank| !hopeless(rank))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announce(stretch: Range<usize>, need: Need) -> Pending {
        Pending::Announce { stretch, need }
    }

    #[test]
    fn reports_that_follow_each_other_are_joined_but_not_with_a_cry_for_help() {
        let first = announce(0..10, Need::Fresh);
        let joined = first.joined(&announce(10..20, Need::Fresh));
        assert!(matches!(joined, Some(Pending::Announce { stretch: Range { start: 0, end: 20 }, need: Need::Fresh })));
        assert!(
            first.joined(&announce(10..10, Need::Starving)).is_none(),
            "taken back, it would take the report along"
        );
        assert!(first.joined(&announce(20..30, Need::Fresh)).is_none());
    }
}
