//! How the download half chooses what to ask of whom, and what it does when no answer comes.

use std::time::Duration;

use super::download::{Download, Stage};
use super::flight::{Flight, Source};
use super::shared::Shared;
use super::torrent::{State, Torrent};
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Body, Decision, Manner, Observed, Outbox, Preference, Rank, Slot, Time, seeded};

/// The rarest pieces that are looked at before a peer's own list is.
const RAREST: usize = 64;
/// What a peer is told of our journal in one request, at most; it has the rest from the tracker.
const NEWS: usize = 512;
/// A request lags after so many times what is usual.
const LAGGING: u32 = 4;
/// Younger than this no request lags.
const NEVER_LAGGING: Duration = Duration::from_millis(20);
/// So many bytes a second come over a slow line, and so long a piece is waited for at most because of that.
const SLOW_LINE: u32 = 128 << 10;
const LONGEST_ON_SLOW_LINE: Duration = Duration::from_secs(8);
/// One who takes a piece has to get it first: it is tardy after so many times what would be lagging, at the least.
const TARDY: u32 = 4;

/// Who may be asked at a moment.
#[derive(Clone, Copy, Debug)]
struct Market {
    now: Time,
    window: u16,
    /// How long a piece usually takes, where those who take much longer are to be spared.
    usual: Option<Duration>,
    /// Who is not asked, because it has been.
    except: Option<Rank>,
    seeds: Seeds,
}

/// What seeds are asked for where they are to be spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seeds {
    /// Only for what nobody else takes: there may be enough of that.
    Spared,
    /// Also for what another takes who is not to be relied on.
    Asked,
}

impl Market {
    fn new(now: Time, window: u16, shared: &Shared) -> Self {
        Self { now, window, usual: shared.peers.usual_service(), except: None, seeds: Seeds::Asked }
    }

    /// How good it is to ask a peer, the less the better; nothing where it may not be asked.
    fn score(&self, rank: Rank, downloaders: u32, shared: &Shared) -> Option<(u8, u64)> {
        match shared.peers.find(rank) {
            _ if self.except == Some(rank) => None,
            Some(peer) if !peer.may_be_asked(self.now, self.window, self.usual) => None,
            Some(peer) => Some(peer.score(self.now, downloaders)),
            None => Some((0, 0)),
        }
    }
}

impl Download {
    /// Asks for as many pieces as the window allows.
    pub(super) fn fill(&mut self, now: Time, shared: &mut Shared, out: &mut Outbox) {
        if self.stage != Stage::Trading {
            return;
        }
        let window = self.window(shared);
        self.turn_from_laggards(now, window, shared, out);
        let market = Market::new(now, window, shared);
        let sparing = shared.config.policy.preference == Preference::Takers;
        let spared = sparing.then_some(Market { seeds: Seeds::Spared, ..market });
        // A slow peer is asked for one piece at a time, unless nobody else has anything to give.
        for market in spared.into_iter().chain([market, Market { usual: None, ..market }]) {
            while self.has_room(now, window, shared) {
                let Some((torrent, piece, to)) = self.pick(market, shared) else { break };
                self.request(now, torrent, piece, to, shared, out);
            }
        }
        if self.has_room(now, window, shared) {
            self.ask_twice(now, window, shared, out);
        }
        if self.is_idle(shared) {
            self.starving.get_or_insert(now);
        }
    }

    /// Whether one more piece may be in flight. Requests that lag do not count, so that a slow peer does not hold up what
    /// the others could send; there are never more of them than of the rest.
    fn has_room(&self, now: Time, window: u16, shared: &Shared) -> bool {
        let lagging = self.lagging_after(shared);
        let brisk = self.flights.iter().filter(|flight| now.since(flight.sent) < lagging).count();
        brisk < usize::from(window) && self.flights.len() < 2 * usize::from(window)
    }

    /// After how long a request lags: several times what is usual.
    fn lagging_after(&self, shared: &Shared) -> Duration {
        (shared.peers.usual_service().unwrap_or_default() * LAGGING).max(NEVER_LAGGING)
    }

    /// The same where a peer is asked for what it has to get first, as far as seeds are to be spared.
    fn tardy_after(&self, shared: &Shared) -> Duration {
        let lagging = self.lagging_after(shared);
        match shared.config.policy.preference {
            Preference::LeastLoaded => lagging,
            Preference::Takers => (shared.peers.usual_taking().unwrap_or_default() * LAGGING).max(lagging * TARDY),
        }
    }

    /// How long a request is waited for at the least: also as long as one piece takes on a slow line.
    pub(super) fn least_patience(&self, shared: &Shared) -> Duration {
        let on_slow_line = Duration::from_secs(1) * self.longest_piece / SLOW_LINE;
        shared.config.patience.request + on_slow_line.min(LONGEST_ON_SLOW_LINE)
    }

    /// Whether something is lacked and nothing is to be expected from what is in flight.
    pub(super) fn is_idle(&self, shared: &Shared) -> bool {
        let hopeless = |rank| shared.peers.find(rank).is_some_and(|peer| peer.is_hopeless());
        let lacks = !self.open.is_empty() || !self.unresolved.is_empty();
        self.stage == Stage::Trading
            && lacks
            && !self.twins.are_busy()
            && self.flights.iter().all(|flight| hopeless(flight.to))
    }

    /// How many pieces may be in flight: by bytes, in the bounds that the policy gives.
    fn window(&self, shared: &Shared) -> u16 {
        let policy = &shared.config.policy;
        let by_bytes = policy.window_bytes / u64::from(self.longest_piece);
        by_bytes.clamp(2, u64::from(policy.window_pieces.clamp(2, u32::from(Slot::PER_PEER)))) as u16
    }

    /// The next piece, and whom to ask: in the first wanted torrent that has any, the rarest that a peer with room holds.
    fn pick(&self, market: Market, shared: &Shared) -> Option<(TorrentId, PieceIndex, Rank)> {
        let open = self.open.iter().filter_map(|&id| Some((id, self.torrents.get(&id)?)));
        for (id, torrent) in open.filter(|(_, torrent)| torrent.picker.pickable().count() > 0) {
            let none_held = shared.holdings.of(id).is_some_and(|held| held.count() == 0);
            let choose = |piece| Some((piece, self.choose(torrent, piece, market, shared)?));
            let promising = |piece: &PieceIndex| self.is_promising(torrent, *piece, shared);
            let rarest = if none_held {
                torrent.picker.first_candidates().filter(promising).take(RAREST).find_map(choose)
            } else {
                torrent.picker.candidates().filter(promising).take(RAREST).find_map(choose)
            };
            let any_hopeless = || !shared.peers.hopeless().is_empty();
            let last_resort = || torrent.picker.candidates().take(RAREST).find_map(choose);
            let rarest = rarest.or_else(|| any_hopeless().then(last_resort).flatten());
            if let Some((piece, to)) = rarest.or_else(|| self.pick_of_idle(torrent, market, shared)) {
                return Some((id, piece, to));
            }
        }
        None
    }

    /// Whether there is somebody to be asked for a piece, now or later, who may give it. Those who were to take it and did
    /// not still count in the picker.
    fn is_promising(&self, torrent: &Torrent, piece: PieceIndex, shared: &Shared) -> bool {
        let hopeless = |rank: Rank| shared.peers.find(rank).is_some_and(|peer| peer.is_hopeless());
        torrent.holders(piece).chain(self.taker(torrent, piece, shared)).any(|rank| !hopeless(rank))
    }

    /// The best peer to ask for a piece: see `Peer::score`; ties fall by the seed.
    fn choose(&self, torrent: &Torrent, piece: PieceIndex, market: Market, shared: &Shared) -> Option<Rank> {
        let rated = |rank: Rank| {
            let score = market.score(rank, self.askers(torrent, rank), shared)?;
            let tie = [u64::from(shared.config.rank.0), u64::from(rank.0), u64::from(piece.0)];
            Some((score, seeded::mix(shared.config.seed, &tie), rank))
        };
        let tardy = |rank| shared.peers.find(rank).is_some_and(|peer| peer.is_tardy(market.now));
        let taker = self.taker(torrent, piece, shared).filter(|&taker| market.usual.is_none() || !tardy(taker));
        let spares_seeds = self.relies_on_taker(torrent, piece, market, shared);
        let holders = torrent.holders(piece).filter(|&rank| !spares_seeds || torrent.takers.include(rank));
        holders.chain(taker).filter_map(rated).min().map(|(_, _, rank)| rank)
    }

    /// Whether a piece is to come from the one who takes it, so that the seeds need not give it twice.
    fn relies_on_taker(&self, torrent: &Torrent, piece: PieceIndex, market: Market, shared: &Shared) -> bool {
        let others = |rank: &Rank| *rank != shared.config.rank && market.except != Some(*rank);
        let (service, taking) = (shared.peers.usual_service(), shared.peers.usual_taking());
        let reliable =
            |taker| shared.peers.find(taker).is_none_or(|peer| peer.is_reliable(market.now, service, taking));
        let sparing = shared.config.policy.preference == Preference::Takers;
        let taker = torrent.taker(piece).filter(|taker| sparing && others(taker));
        taker.is_some_and(|taker| market.seeds == Seeds::Spared || reliable(taker))
    }

    /// How many clients ask a peer for pieces: no downloader asks itself.
    fn askers(&self, torrent: &Torrent, peer: Rank) -> u32 {
        self.downloaders.saturating_sub(u32::from(torrent.takers.include(peer)))
    }

    /// The one who takes a piece first, where it is not known to hold it yet.
    fn taker(&self, torrent: &Torrent, piece: PieceIndex, shared: &Shared) -> Option<Rank> {
        let taker = torrent.taker(piece)?;
        (taker != shared.config.rank && !torrent.is_held_by(taker, piece)).then_some(taker)
    }

    /// Where the rarest pieces' holders have no room: any piece of the best peer that has. Seeds that are to be spared are
    /// not asked because they are idle.
    fn pick_of_idle(&self, torrent: &Torrent, market: Market, shared: &Shared) -> Option<(PieceIndex, Rank)> {
        let from = PieceIndex(seeded::spread(shared.config.rank.0, torrent.layout.pieces));
        let pickable = torrent.picker.pickable();
        let spares_seeds = shared.config.policy.preference == Preference::Takers && !torrent.takers.are_nobody();
        let eligible = |rank| !spares_seeds || torrent.takers.include(rank);
        let idle = torrent.all_holders().filter(|&(rank, _)| eligible(rank)).filter_map(|(rank, bits)| {
            let score = market.score(rank, self.askers(torrent, rank), shared)?;
            let piece = bits.next_common(pickable, from).or_else(|| bits.next_common(pickable, PieceIndex(0)))?;
            Some((score, rank, piece))
        });
        idle.min().map(|(_, rank, piece)| (piece, rank))
    }

    fn request(
        &mut self,
        now: Time,
        id: TorrentId,
        piece: PieceIndex,
        to: Rank,
        shared: &mut Shared,
        out: &mut Outbox,
    ) {
        let patience = self.least_patience(shared);
        let torrent = self.torrents.get_mut(&id).expect("only torrents that are downloaded are picked from");
        torrent.picker.take(piece);
        let other = torrent.holders(piece).any(|rank| rank != to);
        let manner = if other && !torrent.insists_on(piece) { Manner::Willing } else { Manner::Insistent };
        let journal = shared.holdings.journal_len();
        let peer = shared.peers.get(to);
        let slot = peer.slot(|index| self.flights.uses(to, index)).expect("the window is within a peer's slots");
        let deadline = now + peer.pace.patience(patience);
        let told = std::mem::replace(&mut peer.told, journal);
        peer.asked();
        let news = shared.holdings.news(told.max(journal.saturating_sub(NEWS))..journal, to);
        let source = if torrent.is_held_by(to, piece) { Source::Holder } else { Source::Taker };
        self.flights.add(Flight {
            to,
            slot,
            torrent: id,
            piece,
            source,
            sent: now,
            since: now,
            deadline,
            substitute: false,
        });
        out.push(Decision::Expect { from: to, slot, torrent: id, piece });
        shared.send(to, Body::Request { slot, torrent: id, piece, manner, news }, out);
        out.tell(Observed::Requested { torrent: id, piece, to });
    }

    /// Notes which peers lag behind what is usual, and asks others for what this client is to take first: those that wait
    /// for it here must not wait for a slow seed.
    fn turn_from_laggards(&mut self, now: Time, window: u16, shared: &mut Shared, out: &mut Outbox) {
        self.note_tardy(now, shared);
        if shared.peers.usual_service().is_none() {
            return;
        }
        let lagging = self.lagging_after(shared);
        let lags = |flight: &&Flight| {
            flight.source == Source::Holder && !flight.substitute && now.since(flight.sent) >= lagging
        };
        let late: Vec<Flight> = self.flights.iter().filter(lags).copied().collect();
        for flight in late {
            let Flight { to, torrent: id, piece, sent, .. } = flight;
            shared.peers.get(to).pace.lags(now.since(sent));
            let own = |torrent: &&Torrent| torrent.taker(piece) == Some(shared.config.rank);
            let Some(torrent) = self.torrents.get(&id).filter(own) else { continue };
            let market = Market { except: Some(to), ..Market::new(now, window, shared) };
            let sound = |rank: &Rank| shared.peers.find(*rank).is_none_or(|peer| !peer.is_doubtful(now));
            if let Some(other) = self.choose(torrent, piece, market, shared).filter(sound) {
                self.flights.take(to, flight.slot);
                shared.peers.get(to).uncount(1);
                self.abandon(&flight, shared, out);
                shared.send(to, Body::Cancel { slot: flight.slot }, out);
                self.request(now, id, piece, other, shared, out);
                self.flights.mark_substitute();
            }
        }
    }

    /// Notes which peers are long in taking what they are to take first: it is not waited for.
    fn note_tardy(&self, now: Time, shared: &mut Shared) {
        if shared.config.policy.preference == Preference::Takers {
            let tardy = self.tardy_after(shared);
            let late = |flight: &&Flight| flight.source == Source::Taker && now.since(flight.sent) >= tardy;
            for flight in self.flights.iter().filter(late) {
                shared.peers.get(flight.to).is_late_to_take(now, flight.sent);
            }
        }
    }

    /// Endgame: nothing is left to ask for, so what lags is asked of a second peer too.
    fn ask_twice(&mut self, now: Time, window: u16, shared: &mut Shared, out: &mut Outbox) {
        let (lagging, tardy) = (self.lagging_after(shared), self.tardy_after(shared));
        let allowed = |flight: &Flight| match flight.source {
            Source::Taker => tardy,
            Source::Holder => lagging,
        };
        let late = self.flights.iter().filter(|flight| now.since(flight.sent) >= allowed(flight));
        let late: Vec<Flight> = late.copied().collect();
        for flight in late {
            let Flight { torrent: id, piece, .. } = flight;
            let carriers = self.flights.iter().filter(|other| other.torrent == id && other.piece == piece).count();
            let Some(torrent) = self.torrents.get(&id).filter(|_| carriers == 1) else { continue };
            let market = Market { except: Some(flight.to), ..Market::new(now, window, shared) };
            let second = self.choose(torrent, piece, market, shared);
            if let Some(to) = second.filter(|_| self.has_room(now, window, shared)) {
                self.request(now, id, piece, to, shared, out);
            }
        }
    }

    /// When the next request begins to lag: then its slot is free, or it is made a second time.
    fn next_lagging(&self, now: Time, shared: &Shared) -> Option<Time> {
        let (lagging, tardy) = (self.lagging_after(shared), self.tardy_after(shared));
        // Once it is past, only an event can change anything.
        let ends = self.flights.iter().flat_map(|flight| [flight.sent + lagging, flight.sent + tardy]);
        ends.filter(|&time| time > now).min()
    }

    /// Gives up the requests whose deadline has come. A peer that said something while it was waited for lost a message; one
    /// that did not is suspected, and loses all its requests.
    pub(super) fn expire(&mut self, now: Time, shared: &mut Shared, out: &mut Outbox) {
        let due = self.flights.expire(now);
        for flight in due {
            let Flight { to: from, torrent, piece, sent, since, .. } = flight;
            out.tell(Observed::TimedOut { torrent, piece, from });
            let patience = flight.deadline.since(since);
            let peer = shared.peers.get(from);
            peer.uncount(1);
            peer.pace.missed();
            if flight.source == Source::Taker {
                self.distrust(from, torrent);
                shared.send(from, Body::Cancel { slot: flight.slot }, out);
            } else if peer.heard().is_some_and(|heard| heard > since) {
                peer.failed(now, sent);
            } else {
                if peer.suspect(now, sent, patience) {
                    out.tell(Observed::Suspected { rank: from });
                }
                // The tracker finds out whether it is gone, and says so in its answer.
                self.report_suspects();
                for other in self.flights.take_all(|other| other.to == from) {
                    shared.peers.get(from).uncount(1);
                    self.abandon(&other, shared, out);
                }
            }
            self.abandon(&flight, shared, out);
            self.turn_to_another_twin((torrent, piece), shared);
        }
    }

    /// A downloader did not take what it was to take.
    pub(super) fn distrust(&mut self, taker: Rank, id: TorrentId) {
        if let Some(torrent) = self.torrents.get_mut(&id) {
            torrent.takers.distrust(taker);
        }
    }

    /// Whether a piece that is not held here will come without fail, as far as can be told: it is this client's to take
    /// first, or the client does not know yet what it has.
    pub(super) fn promises(&self, id: TorrentId, piece: PieceIndex, shared: &Shared) -> bool {
        match self.stage {
            Stage::Publishing | Stage::Joining => shared.holdings.of(id).is_none(),
            Stage::Trading => match self.torrents.get(&id) {
                Some(torrent) => {
                    let sane = torrent.state == State::Open && torrent.layout.contains(piece);
                    sane && torrent.taker(piece) == Some(shared.config.rank)
                }
                // The asker may have heard earlier of what has just been offered.
                None => !self.coming.is_empty() && shared.holdings.of(id).is_none(),
            },
            Stage::Finished | Stage::Stopped => false,
        }
    }

    /// When requests, or what is told of their fruits, need attention.
    pub(super) fn next_request_due(&self, now: Time, shared: &Shared) -> Option<Time> {
        if self.stage != Stage::Trading {
            return None;
        }
        let rest = shared.peers.next_rest_end(now);
        let lagging = self.next_lagging(now, shared);
        let times = [self.flights.next_deadline(), lagging, rest, self.starving, self.announce_due];
        times.into_iter().flatten().min()
    }
}
