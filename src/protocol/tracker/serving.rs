//! How the tracker answers its clients' calls.

use std::collections::{BTreeMap, BTreeSet};

use super::register::Published;
use super::roster::{Presence, Starving};
use super::{Phase, Progress, Repeat, Tracker};
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{
    Answer, Change, Described, Ending, More, Need, Observed, Outbox, Outcome, Pieces, Publication, Rank, Received,
    Report, Swarm, Time, Version, seeded,
};

/// About how many bytes of hashes an answer carries.
pub(super) const CHUNK: usize = 900 * 1024;
/// More downloaders than this are not told of each other.
const TAKERS: usize = 1024;
/// Of a torrent's holders, so many are among a client's neighbours before the rest is chosen.
const HOLDERS: usize = 4;

impl Tracker {
    pub(super) fn publish(
        &mut self,
        now: Time,
        from: Rank,
        sequence: u32,
        repeat: Repeat,
        (part, files, more): (u32, Vec<Publication>, More),
        out: &mut Outbox,
    ) {
        if repeat == Repeat::No {
            let client = self.roster.entry(from);
            if part == 0 {
                client.presence = Presence::Arrived;
                client.published.clear();
                client.publishing = None;
            } else if client.presence != Presence::Arrived {
                return self.answer(from, sequence, Answer::Unknown, out);
            }
            for file in &files {
                self.publish_one(from, file, out);
            }
        }
        if more == More::Follows {
            return self.answer(from, sequence, Answer::Noted, out);
        }
        let client = self.roster.entry(from);
        if client.presence != Presence::Registered {
            client.presence = Presence::Registered;
            let files = client.published.len() as u32;
            self.roster.hope_again();
            out.tell(Observed::Published { rank: from, files });
        }
        match self.phase {
            Phase::Gathering { .. } => {
                let waited = self.roster.entry(from).awaits_start.replace(sequence);
                if waited == Some(sequence) {
                    self.answer(from, sequence, Answer::Wait, out);
                }
                self.start_if_all_spoke(now, out);
            }
            _ => self.start_one(from, sequence, out),
        }
    }

    pub(super) fn publish_one(&mut self, from: Rank, file: &Publication, out: &mut Outbox) {
        let had = self.register.find(&file.name).and_then(|(_, torrent)| Some(torrent.holders.get(&from)?.count()));
        let published = self.register.publish(from, file);
        let id = self.register.find(&file.name).map(|(id, _)| id);
        let mut accepted = id;
        match published {
            Published::Agrees => {}
            Published::Seeds(torrent) => {
                self.journal.push(Change::HasAll { rank: from, torrent });
                self.roster.entry(from).counts.had += u64::from(file.layout.pieces - had.unwrap_or(0));
            }
            Published::Differs { publisher, piece, hashes } => {
                self.outcome = self.outcome.max(Outcome::Integrity);
                let known = id.and_then(|id| self.register.get(id)).is_some_and(|torrent| torrent.refused);
                if !known {
                    let (name, hashes) = (file.name.clone(), Box::new(hashes));
                    out.tell(Observed::Conflict { name, first: publisher, second: from, piece, hashes });
                }
                // What is traded already goes on; then only the newcomer is refused.
                if matches!(self.phase, Phase::Gathering { .. }) {
                    self.register.refuse(&file.name);
                }
                accepted = None;
            }
            Published::Senseless => {
                out.tell(Observed::Misbehaved {
                    from,
                    how: format!("published {:?} in pieces that do not join", file.name),
                });
                accepted = None;
            }
        }
        let client = self.roster.entry(from);
        if client.publishing.as_deref() == Some(&file.name) && file.first != PieceIndex(0) {
            if accepted.is_none() {
                *client.published.last_mut().expect("a file that goes on was begun") = None;
            }
        } else {
            client.published.push(accepted);
            client.publishing = Some(file.name.clone());
        }
    }

    /// Lets all start at once, when all have spoken.
    pub(super) fn start_if_all_spoke(&mut self, now: Time, out: &mut Outbox) {
        let gathering = matches!(self.phase, Phase::Gathering { .. });
        if !gathering || self.roster.live().any(|(_, client)| client.presence != Presence::Registered) {
            return;
        }
        if self.given_up {
            return self.stop(now, Ending::GivenUp, out);
        }
        self.phase = Phase::Running;
        self.name_takers();
        let waiting: Vec<(Rank, u32)> =
            self.roster.iter_mut().filter_map(|(rank, client)| Some((rank, client.awaits_start.take()?))).collect();
        out.tell(Observed::SwarmStarted { clients: waiting.len() as u32 });
        for (rank, sequence) in waiting {
            self.start_one(rank, sequence, out);
        }
    }

    /// Fixes who downloads what: all are told the same, whenever they ask.
    fn name_takers(&mut self) {
        let downloaders: Vec<(Rank, Vec<String>)> =
            self.roster.iter_mut().map(|(rank, client)| (rank, std::mem::take(&mut client.intends))).collect();
        for (rank, names) in downloaders {
            names.iter().for_each(|name| self.register.add_taker(name, rank));
        }
    }

    fn start_one(&self, rank: Rank, sequence: u32, out: &mut Outbox) {
        let accepted = |id: &Option<TorrentId>| id.filter(|&id| self.register.get(id).is_some_and(|t| !t.refused));
        let published = self.roster.get(rank).map_or(&[][..], |client| &client.published);
        let torrents = published.iter().map(accepted).collect();
        self.answer(rank, sequence, Answer::Start { torrents, cards: self.cards() }, out);
    }

    pub(super) fn join(&mut self, from: Rank, sequence: u32, (since, wanted): (Version, &[String]), out: &mut Outbox) {
        let mut budget = CHUNK;
        let files = wanted.iter().map(|name| self.describe(from, name, &mut budget)).collect();
        let neighbours = self.choose_neighbours(from);
        self.roster.entry(from).neighbours = neighbours;
        let swarm = self.everything(from, since);
        self.answer(from, sequence, Answer::Joined { files, swarm }, out);
    }

    pub(super) fn describe(&mut self, from: Rank, name: &str, budget: &mut usize) -> Described {
        match self.register.find(name) {
            Some((_, torrent)) if torrent.refused => Described::Conflict,
            Some((id, torrent)) if torrent.is_whole() => {
                let hashes = if *budget > 0 { torrent.hashes.chunk(0, *budget) } else { Default::default() };
                *budget = budget.saturating_sub(hashes.total_bytes() + 4 * hashes.len());
                let held = torrent.holders.get(&from);
                let client = self.roster.entry(from);
                if !held.is_some_and(|held| held.is_full()) && client.wanted.insert(id) {
                    let missing = torrent.layout.pieces - held.map_or(0, |held| held.count());
                    client.counts.wanted += u64::from(missing);
                    self.progress.wanted += u64::from(missing);
                }
                let takers = if torrent.takers.len() <= TAKERS { torrent.takers.clone() } else { Vec::new() };
                Described::Known { torrent: id, layout: torrent.layout, hashes, takers }
            }
            _ if self.roster.live().any(|(_, client)| client.may_offer()) => Described::Coming,
            _ if self.roster.is_complete() => Described::Unowned,
            _ => Described::Awaited,
        }
    }

    pub(super) fn hashes(&mut self, from: Rank, sequence: u32, id: TorrentId, first: PieceIndex, out: &mut Outbox) {
        match self.register.get(id) {
            Some(torrent) if first.0 <= torrent.layout.pieces => {
                let hashes = torrent.hashes.chunk(first.0, CHUNK);
                self.answer(from, sequence, Answer::Hashes { torrent: id, first, hashes }, out);
            }
            _ => out.tell(Observed::Misbehaved { from, how: format!("asked for hashes of no {id}") }),
        }
    }

    /// Takes up what a client says of itself and of others.
    pub(super) fn report(&mut self, now: Time, from: Rank, repeat: Repeat, report: &Report, out: &mut Outbox) {
        let news = self.take_up(from, repeat, &report.received);
        let held = self.roster.get(from).map_or(0, |client| client.counts.had + client.counts.got);
        let Progress { done, wanted } = self.progress;
        out.tell(Observed::Progress { done, wanted, client: from, held });
        for &suspect in &report.suspects {
            self.ping_if_silent(now, suspect, out);
        }
        self.note_need(now, from, report, news);
    }

    /// Takes up what a client received; tells whether any of it is new. A repeat counts once.
    pub(super) fn take_up(&mut self, from: Rank, repeat: Repeat, received: &[Received]) -> bool {
        // By torrent, whoever they came from: each change is told to many.
        let mut news: BTreeMap<TorrentId, Vec<PieceIndex>> = BTreeMap::new();
        for received in received.iter().filter(|_| repeat == Repeat::No) {
            let Pieces { torrent, pieces } = &received.pieces;
            let new = |piece: &PieceIndex| self.register.hold(from, *torrent, *piece) == Some(true);
            let pieces: Vec<PieceIndex> = pieces.iter().copied().filter(new).collect();
            if pieces.is_empty() || received.from.0 >= self.config.world {
                continue;
            }
            let count = pieces.len() as u32;
            let client = self.roster.entry(from);
            if received.from == from {
                client.counts.had += u64::from(count);
            } else {
                client.counts.got += u64::from(count);
                client.counts.sources.insert(received.from);
                self.roster.entry(received.from).counts.served += count;
            }
            self.progress.done += u64::from(count);
            news.entry(*torrent).or_default().extend(pieces);
        }
        let any = !news.is_empty();
        for (torrent, pieces) in news {
            self.journal.push(Change::Has { rank: from, pieces: Pieces { torrent, pieces } });
        }
        if any {
            self.hope_where_fed();
        }
        any
    }

    /// Notes whether a client starves. It did not if it received something; that it has other things to say is no sign.
    fn note_need(&mut self, now: Time, from: Rank, report: &Report, received: bool) {
        let hungry = report.need == Need::Starving;
        let starves = hungry && !self.could_be_fed(from, &report.useless);
        let client = self.roster.entry(from);
        if starves {
            let since = client.starving.as_ref().map_or(now, |starving| starving.since);
            client.starving = Some(Starving { since, last: now, useless: report.useless.clone() });
        } else if hungry || received {
            client.starving = None;
        }
    }

    /// Somebody came back, or came to hold something: whoever starves and could get it does not starve.
    pub(super) fn hope_where_fed(&mut self) {
        let fed: Vec<Rank> = self
            .roster
            .iter()
            .filter_map(|(rank, client)| Some((rank, client.starving.as_ref()?)))
            .filter(|(rank, starving)| self.could_be_fed(*rank, &starving.useless))
            .map(|(rank, _)| rank)
            .collect();
        for rank in fed {
            self.roster.entry(rank).starving = None;
        }
    }

    /// Whether a live client holds a piece that this one wants and lacks, apart from those that it has asked in vain.
    pub(super) fn could_be_fed(&self, rank: Rank, useless: &[Rank]) -> bool {
        let Some(client) = self.roster.get(rank) else { return false };
        let others = self.roster.live().map(|(other, _)| other);
        let others: Vec<Rank> = others.filter(|other| *other != rank && !useless.contains(other)).collect();
        client.wanted.iter().filter_map(|&id| self.register.get(id)).any(|torrent| {
            let held = torrent.holders.get(&rank);
            let lacks = |piece: &PieceIndex| !held.is_some_and(|held| held.contains(*piece));
            let holders = others.iter().filter_map(|other| torrent.holders.get(other));
            holders.into_iter().any(|bits| bits.iter().any(|piece| lacks(&piece)))
        })
    }

    pub(super) fn completed(
        &mut self,
        now: Time,
        from: Rank,
        (torrents, finished): (&[TorrentId], Option<Outcome>),
        out: &mut Outbox,
    ) {
        for &torrent in torrents {
            let full = |id| {
                self.register
                    .get(id)
                    .is_some_and(|torrent| torrent.holders.get(&from).is_some_and(|held| held.is_full()))
            };
            if !full(torrent) && self.register.hold_all(from, torrent) {
                self.journal.push(Change::HasAll { rank: from, torrent });
            }
            self.roster.entry(from).wanted.remove(&torrent);
        }
        let client = self.roster.entry(from);
        if let Some(outcome) = finished.filter(|_| client.finished.is_none()) {
            (client.finished, client.finished_at) = (Some(outcome), Some(now));
            out.tell(Observed::ClientFinished { rank: from, outcome });
        }
    }

    /// What a client is told: what changed, or everything, where it asks for that or has missed too much; and which of its
    /// suspects are gone indeed.
    pub(super) fn swarm(&mut self, rank: Rank, report: &Report) -> Swarm {
        let mut swarm = self.changes(rank, report.since, report.need);
        let gone = |suspect: &Rank| self.roster.get(*suspect).is_some_and(|client| client.lost);
        swarm.changes.extend(report.suspects.iter().copied().filter(gone).map(|rank| Change::Gone { rank }));
        swarm
    }

    pub(super) fn changes(&mut self, rank: Rank, since: Version, need: Need) -> Swarm {
        if need != Need::Fresh {
            // Its neighbours do not have what it lacks; somebody else may.
            self.roster.entry(rank).neighbours = None;
            return self.everything(rank, since);
        }
        let Some(client) = self.roster.get(rank) else { return Swarm::default() };
        let neighbour =
            |other: Rank| other != rank && client.neighbours.as_ref().is_none_or(|set| set.contains(&other));
        // Who is gone is news to all: somebody has to do its work.
        let concerns = |other: Rank, torrent: Option<TorrentId>| {
            torrent.is_none_or(|torrent| neighbour(other) && client.wanted.contains(&torrent))
        };
        match self.journal.since(since, concerns) {
            Some(changes) => self.frame(rank, changes),
            None => self.everything(rank, since),
        }
    }

    /// All that is known, to a client that has applied this version.
    fn everything(&self, rank: Rank, since: Version) -> Swarm {
        let Some(client) = self.roster.get(rank) else { return Swarm::default() };
        let mut changes = vec![Change::Anew];
        changes.extend(self.roster.gone_since(since).map(|rank| Change::Gone { rank }));
        for &torrent in &client.wanted {
            for (&other, bits) in self.register.get(torrent).iter().flat_map(|torrent| &torrent.holders) {
                let live = self.roster.get(other).is_some_and(|other| !other.lost);
                if other == rank || !live || client.neighbours.as_ref().is_some_and(|set| !set.contains(&other)) {
                    continue;
                }
                changes.push(match bits.is_full() {
                    true => Change::HasAll { rank: other, torrent },
                    false => Change::Holds { rank: other, torrent, bits: bits.clone() },
                });
            }
        }
        self.frame(rank, changes)
    }

    fn frame(&self, rank: Rank, changes: Vec<Change>) -> Swarm {
        let client = self.roster.get(rank);
        let neighbour = |other: Rank| {
            other != rank
                && client.is_none_or(|client| client.neighbours.as_ref().is_none_or(|set| set.contains(&other)))
        };
        let live = self.roster.live().filter(|(other, _)| neighbour(*other));
        let loads = live.map(|(other, client)| (other, client.counts.served)).collect();
        Swarm { version: self.journal.version(), changes, loads, downloaders: self.roster.downloaders() }
    }

    /// Whom a client is told of, where not of all: some holders of each torrent that it wants, then others that trade
    /// the same torrents, then any; in an order that the seed gives.
    fn choose_neighbours(&self, rank: Rank) -> Option<BTreeSet<Rank>> {
        let limit = self.config.policy.neighbours as usize;
        let mut others: Vec<Rank> = self.roster.live().map(|(other, _)| other).filter(|&other| other != rank).collect();
        if others.len() <= limit {
            return None;
        }
        others.sort_by_key(|other| seeded::mix(self.config.seed, &[u64::from(rank.0), u64::from(other.0)]));
        let wanted = &self.roster.get(rank)?.wanted;
        let mut chosen = BTreeSet::new();
        for torrent in wanted.iter().filter_map(|&id| self.register.get(id)) {
            let holders = others.iter().filter(|&other| torrent.holders.get(other).is_some_and(|held| held.is_full()));
            chosen.extend(holders.take(HOLDERS).copied());
        }
        let torrents = wanted.iter().filter_map(|&id| self.register.get(id));
        let takers: BTreeSet<Rank> = torrents.flat_map(|torrent| torrent.takers.iter().copied()).collect();
        let shares = |other: &Rank| {
            let client = self.roster.get(*other);
            takers.contains(other) || client.is_some_and(|client| client.wanted.intersection(wanted).next().is_some())
        };
        let sharing = others.iter().copied().filter(shares);
        let all: Vec<Rank> = sharing.chain(others.iter().copied()).collect();
        for other in all {
            if chosen.len() >= limit {
                break;
            }
            chosen.insert(other);
        }
        Some(chosen)
    }
}
