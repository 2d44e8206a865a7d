//! The kinds of faults, and how often each one really struck.

use std::fmt;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A message vanished.
    Drop,
    /// A message came twice.
    Duplicate,
    /// A message came late.
    Delay,
    /// A message or piece came with a wrong byte.
    Corrupt,
    /// A client sent nothing but wrong pieces.
    Poison,
    /// A client was gone for good.
    Crash,
    /// A client was gone and came back with its storage.
    Storage,
    /// A client was gone and came back with nothing.
    Amnesia,
    /// A node did nothing for a while.
    Stall,
    /// Nobody heard the tracker for a while.
    Silence,
    /// The tracker was gone, for good or for a while.
    Tracker,
    /// A client was slower than the rest.
    Slow,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Drop,
        Self::Duplicate,
        Self::Delay,
        Self::Corrupt,
        Self::Poison,
        Self::Crash,
        Self::Storage,
        Self::Amnesia,
        Self::Stall,
        Self::Silence,
        Self::Tracker,
        Self::Slow,
    ];

    /// Its name, as it is typed and printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Corrupt => "corrupt",
            Self::Poison => "poison",
            Self::Crash => "crash",
            Self::Storage => "return-with-storage",
            Self::Amnesia => "return-with-amnesia",
            Self::Stall => "stall",
            Self::Silence => "silent-tracker",
            Self::Tracker => "tracker-crash",
            Self::Slow => "slow",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each kind of fault struck, in a run or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    counts: [u64; Kind::ALL.len()],
}

impl Fired {
    pub(super) fn count(&mut self, kind: Kind) {
        self.counts[kind as usize] += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
    }

    /// How often a kind struck.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_count_and_a_name_of_its_own() {
        let mut fired = Fired::default();
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            assert_eq!(fired.of(kind), 0);
            fired.count(kind);
            assert_eq!(fired.of(kind), 1);
            assert_eq!(Kind::ALL.iter().filter(|other| other.name() == kind.name()).count(), 1);
        }
    }
}
