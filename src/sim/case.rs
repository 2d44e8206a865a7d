//! A swarm with faults, drawn from a seed: what the soak runs, and what one command replays.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::dice::Dice;
use super::{Hardware, Kind, Published, Scenario};
use crate::fault::{Calamity, Faults, Mishap, Return, When};
use crate::protocol::{
    Announcing, Office, Patience, Picking, Policy, Preference, Rank, Sameness, Seeding, TRACKER, Time,
};

/// A seed, and what has been taken out of what follows from it. Written `SEED`, or `SEED/clients=3/pieces=5/without=drop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Everything follows from it.
    pub seed: u64,
    /// At most so many clients.
    pub clients: u32,
    /// At most so many pieces in all files together.
    pub pieces: u32,
    /// Kinds of faults that do not happen.
    pub without: Vec<Kind>,
}

/// Why a text is not a case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{part}' is not part of a case: it is written SEED/clients=N/pieces=N/without=KIND, all but SEED as needed")]
pub struct CaseError {
    part: String,
}

/// Names for the rows of dice.
mod row {
    pub(super) const SIZE: u64 = 1;
    pub(super) const FILES: u64 = 2;
    pub(super) const POLICY: u64 = 3;
    pub(super) const HARDWARE: u64 = 4;
    pub(super) const CALM: u64 = 5;
    pub(super) const RATES: u64 = 6;
    pub(super) const OFFERS: u64 = 7;
    pub(super) const OWNERS: u64 = 100;
    pub(super) const SUCCESSORS: u64 = 200;
    pub(super) const TAKERS: u64 = 300;
    pub(super) const KIND: u64 = 1_000;
}

impl Case {
    /// The most clients of any case.
    pub const CLIENTS: u32 = 16;
    /// The most pieces of any case.
    pub const PIECES: u32 = 150;
    const FILES: u64 = 5;
    /// In bytes a second, slow hosts included: a tracker can tell sixteen clients of 150 pieces, 3 kB each, within the
    /// 5 s that a tracker may be silent. On a slower line it cannot be told from a dead one, whatever the program does.
    const SLOWEST_LINE: u64 = 10_000;
    /// From a slow host to another, at most. The patience of a job is made for a round trip within half of the second
    /// after which a silent peer is suspected; over a longer way, with half of all round trips failing and two pieces in
    /// flight, a swarm takes minutes whatever the program does.
    const LONGEST_WAY: Duration = Duration::from_millis(500);

    /// All that follows from a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { seed, clients: Self::CLIENTS, pieces: Self::PIECES, without: Vec::new() }
    }

    /// The numbers of clients and pieces that it comes to.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        let (clients, pieces) = self.drawn_size();
        (clients.min(self.clients.max(2)), pieces.min(self.pieces.max(1)))
    }

    /// The numbers before anything is taken out. All is drawn for these and then cut, so that a smaller case is a part of
    /// the larger one.
    fn drawn_size(&self) -> (u32, u32) {
        let mut dice = Dice::new(self.seed, row::SIZE);
        let clients = dice.between(2, u64::from(Self::CLIENTS)) as u32;
        (clients, dice.between(1, u64::from(Self::PIECES)) as u32)
    }

    /// Whether a kind of fault is to happen.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        /// Every tenth swarm or so is left in peace.
        const CALM: u64 = 8;
        const EACH: u64 = 40;
        !self.without.contains(&kind)
            && !Dice::new(self.seed, row::CALM).percent(CALM)
            && self.dice_of(kind).percent(EACH)
    }

    /// The swarm.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        let (clients, _) = self.size();
        let mut scenario = Scenario::new(self.seed, clients, self.files());
        self.share_out(&mut scenario, clients);
        self.add_to_offers(&mut scenario, clients);
        scenario.policy = self.policy();
        scenario.patience = Patience::job();
        scenario.hardware = self.hardware(clients);
        scenario.faults = self.faults(clients);
        scenario.mishaps = self.mishaps(clients);
        scenario
    }

    fn dice_of(&self, kind: Kind) -> Dice {
        Dice::new(self.seed, row::KIND + kind as u64)
    }

    fn files(&self) -> Vec<Published> {
        let mut dice = Dice::new(self.seed, row::FILES);
        let mut files = Vec::new();
        let (mut left, mut kept) = (self.drawn_size().1, self.size().1);
        while left > 0 && kept > 0 {
            let last = files.len() as u64 + 1 == Self::FILES || dice.percent(40);
            let drawn = if last { left } else { dice.between(1, u64::from(left)) as u32 };
            let pieces = drawn.min(kept);
            let name = format!("file{}", files.len());
            files.push(match self.policy().sameness {
                Sameness::Copied => Published::repetitive(&name, pieces, self.seed),
                Sameness::Traded | Sameness::Found => Published::model(&name, pieces, self.seed),
            });
            left -= drawn;
            kept -= pieces;
        }
        if dice.percent(5) {
            files.push(Published::model("empty", 0, self.seed));
        }
        files
    }

    /// Says who owns and who wants what. A few files have no owner, and a few owners want what they own.
    fn share_out(&self, scenario: &mut Scenario, clients: u32) {
        let first = if self.policy().office == Office::Beside { TRACKER.0 } else { TRACKER.0 + 1 };
        let mut times = Dice::new(self.seed, row::OFFERS);
        let progressive = times.percent(25);
        for file in 0..scenario.files.len() {
            let mut dice = Dice::new(self.seed, row::OWNERS + file as u64);
            let (orphan, owners) = (dice.percent(3), dice.between(1, 3));
            let all = u64::from(self.drawn_size().0);
            let owners: Vec<u32> = (0..owners).map(|_| dice.between(1, all) as u32).collect();
            let owners: Vec<u32> = owners.into_iter().map(|owner| if owner == 1 { first } else { owner }).collect();
            for client in first..=clients {
                let owns = owners.contains(&client) && !orphan;
                let at = Time(times.of_any_size(1_000, 8_000_000_000));
                if owns && progressive && times.percent(70) {
                    scenario.comes_to_own(client, file, at);
                } else if owns {
                    scenario.owns(client, file);
                }
                if dice.percent(if owns { 5 } else { 80 }) {
                    scenario.wants(client, file);
                }
            }
        }
    }

    /// Some who offer files late have a successor, and of some of these files it is known who downloads them.
    fn add_to_offers(&self, scenario: &mut Scenario, clients: u32) {
        let origins: BTreeSet<Rank> = scenario.offers.iter().map(|offer| offer.rank).collect();
        for origin in origins {
            let mut dice = Dice::new(self.seed, row::SUCCESSORS + u64::from(origin.0));
            let successor = dice.between(1, u64::from(self.drawn_size().0)) as u32;
            if dice.percent(40) && successor <= clients && Rank(successor) != origin {
                scenario.succeeds(successor, origin.0);
            }
        }
        for file in 0..scenario.files.len() {
            if Dice::new(self.seed, row::TAKERS + file as u64).percent(50) {
                scenario.names_takers(file);
            }
        }
    }

    fn policy(&self) -> Policy {
        let mut dice = Dice::new(self.seed, row::POLICY);
        let announce_every = dice.between(1, 20) as u32;
        let window_pieces = dice.between(2, 20) as u32;
        let picking = dice.one_of(&[Picking::RarestFirst, Picking::RarestFirst, Picking::Sequential, Picking::Random]);
        let seeding = dice.one_of(&[Seeding::Freely, Seeding::OnceEach]);
        let neighbours = dice.one_of(&[50, 50, 3]);
        let office = if dice.percent(30) { Office::Beside } else { Office::Apart };
        let sameness = match (dice.percent(30), dice.percent(15)) {
            (true, _) => Sameness::Copied,
            (false, true) => Sameness::Found,
            (false, false) => Sameness::Traded,
        };
        let preference = if dice.percent(30) { Preference::Takers } else { Preference::LeastLoaded };
        let window_bytes = Policy::assignment().window_bytes;
        let announcing = match dice.percent(20) {
            true => Announcing::Sparingly(Duration::from_millis(dice.between(1, 300))),
            false => Announcing::Every(announce_every),
        };
        Policy { announcing, window_pieces, window_bytes, picking, seeding, preference, neighbours, office, sameness }
    }

    fn hardware(&self, clients: u32) -> Hardware {
        let mut dice = Dice::new(self.seed, row::HARDWARE);
        let latency = Duration::from_micros(dice.of_any_size(5, 10_000));
        let spread = dice.percent(50);
        let service = Duration::from_micros(dice.between(1, 5));
        let rate = dice.of_any_size(20_000, 10_000_000);
        let (up, down) = (dice.percent(30), dice.percent(30));
        let slow = if self.has(Kind::Slow) { self.victims(Kind::Slow, clients) } else { Vec::new() };
        let slow: Vec<(Rank, u32)> = slow.into_iter().map(|rank| (rank, dice.one_of(&[3, 10, 100]))).collect();
        let most = slow.iter().map(|&(_, times)| times).max().unwrap_or(1);
        let rate = rate.max(Self::SLOWEST_LINE * u64::from(most));
        let latency = latency.min(Self::LONGEST_WAY / 2 / most);
        let spread = if spread { latency } else { Duration::ZERO };
        let (up, down) = (up.then_some(rate), down.then_some(rate));
        Hardware { latency, spread, up, down, service, slow }
    }

    fn faults(&self, clients: u32) -> Faults {
        /// The most of a thousand messages that links harm in one way or another.
        const MOST: u64 = 300;
        let mut dice = Dice::new(self.seed, row::RATES);
        let kinds = [Kind::Drop, Kind::Duplicate, Kind::Delay, Kind::Corrupt];
        let wanted = kinds.map(|kind| (kind, dice.of_any_size(5, MOST)));
        let drawn = Self::of(self.seed);
        let sum: u64 = wanted.iter().filter(|(kind, _)| drawn.has(*kind)).map(|(_, rate)| rate).sum();
        let [drop, duplicate, delay, corrupt] =
            wanted.map(|(kind, rate)| if self.has(kind) { (rate * MOST / sum.max(MOST)) as u16 } else { 0 });
        let longest_delay = Duration::from_micros(dice.of_any_size(100, 3_000_000));
        let poisoners = if self.has(Kind::Poison) { self.victims(Kind::Poison, clients) } else { Vec::new() };
        Faults { seed: self.seed, drop, duplicate, delay, longest_delay, corrupt, poisoners }
    }

    /// One client, or a few of many, as far as they are not taken out.
    fn victims(&self, kind: Kind, clients: u32) -> Vec<Rank> {
        let mut dice = self.dice_of(kind);
        let all = self.drawn_size().0;
        let count = dice.between(1, u64::from(all / 5).max(1));
        let drawn = (0..count).map(|_| Rank(dice.between(1, u64::from(all)) as u32));
        let mut victims: Vec<Rank> = drawn.filter(|rank| rank.0 <= clients).collect();
        victims.sort_unstable();
        victims.dedup();
        victims
    }

    fn mishaps(&self, clients: u32) -> Vec<Mishap> {
        let mut mishaps = Vec::new();
        for kind in Kind::ALL {
            let victims = match kind {
                Kind::Crash | Kind::Storage | Kind::Amnesia | Kind::Stall => self.victims(kind, clients),
                Kind::Silence | Kind::Tracker => vec![TRACKER],
                _ => continue,
            };
            if !self.has(kind) {
                continue;
            }
            let mut dice = Dice::new(self.seed, row::KIND + 100 + kind as u64);
            for rank in victims {
                let rank = if kind == Kind::Stall && dice.percent(20) { TRACKER } else { rank };
                let when = if dice.percent(70) {
                    When::Message(dice.of_any_size(1, 200) - 1)
                } else {
                    When::At(Time(dice.of_any_size(1_000, 5_000_000_000)))
                };
                mishaps.push(Mishap { rank, when, what: calamity(kind, &mut dice) });
            }
        }
        mishaps
    }
}

fn calamity(kind: Kind, dice: &mut Dice) -> Calamity {
    let time = Duration::from_micros(dice.of_any_size(1_000, 30_000_000));
    match kind {
        Kind::Stall => Calamity::Stall(time),
        Kind::Silence => Calamity::Silence(time),
        Kind::Storage => Calamity::Crash(Return::WithStorage(time)),
        Kind::Amnesia => Calamity::Crash(Return::WithAmnesia(time)),
        Kind::Tracker if dice.percent(50) => Calamity::Crash(Return::WithAmnesia(time)),
        _ => Calamity::Crash(Return::Never),
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        if self.clients < Self::CLIENTS {
            write!(f, "/clients={}", self.clients)?;
        }
        if self.pieces < Self::PIECES {
            write!(f, "/pieces={}", self.pieces)?;
        }
        self.without.iter().try_for_each(|kind| write!(f, "/without={kind}"))
    }
}

impl FromStr for Case {
    type Err = CaseError;

    fn from_str(text: &str) -> Result<Self, CaseError> {
        let mut parts = text.split('/');
        let bad = |part: &str| CaseError { part: part.to_owned() };
        let seed = parts.next().unwrap_or_default();
        let mut case = Self::of(seed.parse().map_err(|_| bad(seed))?);
        for part in parts {
            match part.split_once('=') {
                Some(("clients", number)) => case.clients = number.parse().map_err(|_| bad(part))?,
                Some(("pieces", number)) => case.pieces = number.parse().map_err(|_| bad(part))?,
                Some(("without", name)) => {
                    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
                    case.without.push(kind.ok_or_else(|| bad(part))?);
                }
                _ => return Err(bad(part)),
            }
        }
        Ok(case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::{Occasion, Offer};

    #[test]
    fn a_case_is_read_as_it_is_written() {
        for text in ["17", "17/clients=3", "5/clients=2/pieces=9/without=drop/without=silent-tracker"] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
        }
        for text in ["", "x", "1/clients", "1/clients=x", "1/without=rain", "1/else=3"] {
            assert!(text.parse::<Case>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_kind_of_fault_is_drawn_for_more_than_a_fifth_of_the_seeds() {
        for kind in Kind::ALL {
            let drawn = (0..1000).filter(|&seed| Case::of(seed).has(kind)).count();
            assert!(drawn > 300, "{kind} {drawn}");
        }
    }

    #[test]
    fn of_what_is_offered_late_some_is_a_successors_and_of_some_the_takers_are_known() {
        let offers: Vec<Offer> = (0..500).flat_map(|seed| Case::of(seed).scenario().offers).collect();
        let share = |which: fn(&&Offer) -> bool| offers.iter().filter(which).count() * 100 / offers.len();
        assert!((10..60).contains(&share(|offer| matches!(offer.on, Occasion::LossOf(_)))));
        assert!((30..70).contains(&share(|offer| offer.takers.is_some())));
    }

    #[test]
    fn sizes_cover_their_range_and_can_be_capped() {
        let sizes: Vec<(u32, u32)> = (0..3000).map(|seed| Case::of(seed).size()).collect();
        assert!(sizes.iter().all(|(clients, pieces)| (2..=16).contains(clients) && (1..=150).contains(pieces)));
        assert!(sizes.iter().any(|&(clients, _)| clients == 16) && sizes.iter().any(|&(_, pieces)| pieces == 150));
        let capped = Case { clients: 3, pieces: 4, ..Case::of(1) };
        let scenario = capped.scenario();
        assert!(scenario.world() <= 4);
        assert!(scenario.files.iter().map(|file| file.layout.pieces).sum::<u32>() <= 4);
    }

    #[test]
    fn links_harm_at_most_three_messages_in_ten_and_taking_one_kind_out_leaves_the_others() {
        for seed in 0..500 {
            let faults = Case::of(seed).scenario().faults;
            assert!(faults.drop + faults.duplicate + faults.delay + faults.corrupt <= 300);
            let less = Case { without: vec![Kind::Drop], ..Case::of(seed) }.scenario().faults;
            assert_eq!(less, Faults { drop: 0, ..faults });
        }
    }
}
