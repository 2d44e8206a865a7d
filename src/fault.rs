//! What goes wrong: the fate of each message and piece, and the mishaps of whole nodes.
//!
//! Both drivers ask at their wire. A fate is a pure function of the seed and of who sends what to whom for the how-many-th
//! time, never of a counter over all traffic: so the same victims fall under MPI and in the simulator, and a fault can be
//! taken out of a failing case without moving all others.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Body, Message, Rank, Time};

/// What a link does to what it carries. The default is a perfect link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Decides who falls.
    pub seed: u64,
    /// Of a thousand messages, how many vanish.
    pub drop: u16,
    /// Of a thousand messages, how many arrive twice.
    pub duplicate: u16,
    /// Of a thousand messages, how many come late, so that later ones overtake them.
    pub delay: u16,
    /// The latest that a delayed message comes.
    pub longest_delay: Duration,
    /// Of a thousand messages, how many arrive with a wrong byte.
    pub corrupt: u16,
    /// Ranks of which every piece arrives with a wrong byte.
    pub poisoners: Vec<Rank>,
}

/// What is sent, as far as its fate depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A control message: which kind, and which one of its kind.
    Control {
        /// A number for its kind.
        kind: u8,
        /// What tells it from others of its kind: a call's sequence number, a request's piece, a slot.
        identity: u64,
    },
    /// A piece's content.
    Piece {
        /// Whose.
        torrent: TorrentId,
        /// Which.
        piece: PieceIndex,
    },
}

/// What becomes of something that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Deliver,
    /// It vanishes.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives this much later, and does not hold up what follows.
    Delay(Duration),
    /// It arrives with the byte at `at`, modulo its length, inverted.
    Corrupt {
        /// Which byte.
        at: u32,
    },
}

impl Subject {
    /// The subject of a control message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let (kind, identity) = match &message.body {
            Body::Call { sequence, .. } => (0, u64::from(*sequence)),
            Body::Pong => (1, 0),
            Body::Answer { sequence, .. } => (2, u64::from(*sequence)),
            Body::Ping => (3, 0),
            Body::Stop { .. } => (4, 0),
            Body::Exit { .. } => (5, 0),
            Body::Request { torrent, piece, .. } => (6, u64::from(torrent.0) << 32 | u64::from(piece.0)),
            Body::Reject { slot, .. } => (7, u64::from(slot.tag())),
            Body::Cancel { slot } => (8, u64::from(slot.tag())),
        };
        Self::Control { kind, identity }
    }

    fn words(self) -> [u64; 2] {
        match self {
            Self::Control { kind, identity } => [u64::from(kind), identity],
            Self::Piece { torrent, piece } => [u64::from(u8::MAX), u64::from(torrent.0) << 32 | u64::from(piece.0)],
        }
    }
}

impl Faults {
    /// Whether every message arrives as it was sent.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.drop == 0 && self.duplicate == 0 && self.delay == 0 && self.corrupt == 0 && self.poisoners.is_empty()
    }

    /// What becomes of `subject` on its way, when it is sent for the `attempt`-th time. A rank's words to itself always
    /// arrive.
    #[must_use]
    pub fn fate(&self, from: Rank, to: Rank, subject: &Subject, attempt: u32) -> Fate {
        if from == to {
            return Fate::Deliver;
        }
        let dice = self.dice(from, to, subject, attempt);
        if matches!(subject, Subject::Piece { .. }) && self.poisoners.contains(&from) {
            return Fate::Corrupt { at: dice as u32 };
        }
        let (mut roll, detail) = ((dice % 1000) as u16, mix(dice, 1));
        for (rate, fate) in [
            (self.drop, Fate::Drop),
            (self.duplicate, Fate::Duplicate),
            (self.delay, Fate::Delay(self.lateness(from, to, subject, attempt))),
            (self.corrupt, Fate::Corrupt { at: detail as u32 }),
        ] {
            if roll < rate {
                return fate;
            }
            roll -= rate;
        }
        Fate::Deliver
    }

    /// How late it comes where its fate is to be late, and how long after the first its second copy comes where it is to
    /// arrive twice and the driver can hold it back.
    #[must_use]
    pub fn lateness(&self, from: Rank, to: Rank, subject: &Subject, attempt: u32) -> Duration {
        part_of(self.longest_delay, mix(self.dice(from, to, subject, attempt), 2))
    }

    fn dice(&self, from: Rank, to: Rank, subject: &Subject, attempt: u32) -> u64 {
        let [kind, identity] = subject.words();
        let link = u64::from(from.0) << 32 | u64::from(to.0);
        [link, kind, identity, u64::from(attempt)].into_iter().fold(self.seed, mix)
    }
}

/// Between nothing and the whole, by the dice.
fn part_of(whole: Duration, dice: u64) -> Duration {
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(if nanos == u64::MAX { dice } else { dice % (nanos + 1) })
}

/// Stirs a word into a running value: the finalizer of SplitMix64 (Steele, Lea, Flood 2014). The same everywhere and
/// always, as the standard library's hashers do not promise.
#[must_use]
pub fn mix(state: u64, word: u64) -> u64 {
    let mut z = (state ^ word.wrapping_mul(0xff51_afd7_ed55_8ccd)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How often one sender has sent what to whom, so that a repeat has a fate of its own.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    sent: HashMap<(Rank, Subject), u32>,
}

impl Attempts {
    /// Counts one more; the first is 0.
    pub fn next(&mut self, to: Rank, subject: Subject) -> u32 {
        let count = self.sent.entry((to, subject)).or_default();
        let attempt = *count;
        *count = count.wrapping_add(1);
        attempt
    }
}

/// Something that happens to a whole node, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mishap {
    /// To whom.
    pub rank: Rank,
    /// When.
    pub when: When,
    /// What.
    pub what: Calamity,
}

/// When a mishap happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Just before the rank's message of this number leaves, counted from 0 over its first life: what the node decided
    /// before it has been done, that message and the rest have not.
    Message(u64),
    /// At this time.
    At(Time),
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Calamity {
    /// It is gone at once; what is on its way to it is lost.
    Crash(Return),
    /// It does nothing for so long; what is on its way to it waits.
    Stall(Duration),
    /// Nothing that it sends arrives for so long; it hears all.
    Silence(Duration),
}

/// Whether and how a crashed node comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Return {
    /// It does not.
    Never,
    /// In a new life, with all that its storage kept.
    WithStorage(Duration),
    /// In a new life, with nothing but its name: what it owned is lost too.
    WithAmnesia(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Incarnation, Slot, Term};

    const A: Rank = Rank(1);
    const B: Rank = Rank(2);

    fn piece(index: u32) -> Subject {
        Subject::Piece { torrent: TorrentId(7), piece: PieceIndex(index) }
    }

    fn lossy() -> Faults {
        Faults {
            seed: 42,
            drop: 100,
            duplicate: 100,
            delay: 50,
            longest_delay: Duration::from_millis(3),
            corrupt: 50,
            poisoners: Vec::new(),
        }
    }

    #[test]
    fn a_perfect_link_delivers_everything() {
        let faults = Faults { seed: 9, ..Faults::default() };
        assert!(faults.are_none());
        assert!((0..1000).all(|index| faults.fate(A, B, &piece(index), 0) == Fate::Deliver));
    }

    #[test]
    fn each_kind_of_fault_falls_as_often_as_its_rate_says() {
        let faults = lossy();
        let fates: Vec<Fate> = (0..20_000).map(|index| faults.fate(A, B, &piece(index), 0)).collect();
        let per_mille = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count() / 20;
        assert!((90..=110).contains(&per_mille(|fate| *fate == Fate::Drop)));
        assert!((90..=110).contains(&per_mille(|fate| *fate == Fate::Duplicate)));
        assert!((43..=57).contains(&per_mille(|fate| matches!(fate, Fate::Delay(_)))));
        assert!((43..=57).contains(&per_mille(|fate| matches!(fate, Fate::Corrupt { .. }))));
        assert!(fates.iter().all(|fate| !matches!(fate, Fate::Delay(by) if *by > faults.longest_delay)));
    }

    #[test]
    fn a_repeat_and_another_link_have_fates_of_their_own() {
        let faults = lossy();
        let differing = |other: fn(&Faults, u32) -> Fate| {
            (0..1000).filter(|&index| other(&faults, index) != faults.fate(A, B, &piece(index), 0)).count()
        };
        assert_eq!(differing(|faults, index| faults.fate(A, B, &piece(index), 0)), 0);
        assert!(differing(|faults, index| faults.fate(A, B, &piece(index), 1)) > 300);
        assert!(differing(|faults, index| faults.fate(B, A, &piece(index), 0)) > 300);
    }

    #[test]
    fn raising_one_rate_spares_nobody_who_fell_before() {
        let (few, more) = (Faults { drop: 50, ..Faults::default() }, Faults { drop: 200, ..Faults::default() });
        let dropped = |faults: &Faults, index| faults.fate(A, B, &piece(index), 0) == Fate::Drop;
        assert!((0..1000).all(|index| !dropped(&few, index) || dropped(&more, index)));
    }

    #[test]
    fn every_piece_of_a_poisoner_is_corrupt_and_its_words_are_not() {
        let faults = Faults { poisoners: vec![A], ..Faults::default() };
        let ping = Message { term: Term(0), incarnation: Incarnation(0), body: Body::Ping };
        assert!((0..100).all(|index| matches!(faults.fate(A, B, &piece(index), 0), Fate::Corrupt { .. })));
        assert_eq!(faults.fate(A, B, &Subject::of(&ping), 0), Fate::Deliver);
        assert_eq!(faults.fate(B, A, &piece(0), 0), Fate::Deliver);
    }

    #[test]
    fn what_a_rank_says_to_itself_always_arrives() {
        let faults = Faults { drop: 1000, ..Faults::default() };
        assert_eq!(faults.fate(A, A, &piece(0), 0), Fate::Deliver);
        assert_eq!(faults.fate(A, B, &piece(0), 0), Fate::Drop);
    }

    #[test]
    fn attempts_count_each_subject_to_each_receiver_alone() {
        let mut attempts = Attempts::default();
        let cancel =
            Message { term: Term(0), incarnation: Incarnation(0), body: Body::Cancel { slot: Slot::new(1, 1) } };
        assert_eq!(attempts.next(A, Subject::of(&cancel)), 0);
        assert_eq!(attempts.next(A, Subject::of(&cancel)), 1);
        assert_eq!(attempts.next(B, Subject::of(&cancel)), 0);
        assert_eq!(attempts.next(A, piece(1)), 0);
    }
}
