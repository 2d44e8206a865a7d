//! Addresses: who speaks, and in which life and term.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An MPI rank, the address of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rank(pub u32);

/// Where the tracker starts.
pub const TRACKER: Rank = Rank(0);

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {}", self.0)
    }
}

/// Counts the lives of a node: one that crashed and came back has a higher one, and what was said to the life before
/// does not count for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Incarnation(pub u32);

/// Counts the trackers of a swarm. A term's tracker is the rank `term mod world`, so a term names its tracker and no
/// election is needed; whoever hears of a higher term follows it (as views do in Viewstamped Replication).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Term(pub u32);

impl Term {
    /// The rank that is tracker in this term, in a world of so many ranks.
    #[must_use]
    pub fn tracker(self, world: u32) -> Rank {
        Rank(self.0 % world.max(1))
    }
}
