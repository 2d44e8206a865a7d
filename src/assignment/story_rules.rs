//! What a generated story is to be like.

use serde::{Deserialize, Serialize};

use super::Twist;

/// The rules by which a story is made. The same rules make the same story, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryRules {
    /// Decides all that the other rules leave open.
    pub seed: u64,
    /// How many clients; the run needs one rank more.
    pub clients: u32,
    /// How many files.
    pub files: u32,
    /// A file has at least so many segments.
    pub fewest_segments: u32,
    /// A file has at most so many segments.
    pub most_segments: u32,
    /// How many clients own each file.
    pub owners: u32,
    /// How many clients want each file; none for all that do not own it.
    pub wanters: Option<u32>,
    /// What makes it hostile.
    pub twists: Vec<Twist>,
}

/// Rules that no story can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A run has a tracker and two clients at least.
    #[error("a swarm has at least 2 clients; give --clients 2 or more")]
    TooFewClients,
    /// More owners and wanters of a file than clients.
    #[error("{owners} owners{} of a file are more than the {clients} clients that take part; lower --owners or --wanters, or raise --clients", and_wanters(*.wanters))]
    TooFewForAll {
        /// Owners of each file.
        owners: u32,
        /// Wanters of each file.
        wanters: u32,
        /// Clients that can be either.
        clients: u32,
    },
    /// A range of segments whose ends are in the wrong order.
    #[error("{fewest} to {most} segments is an empty range; write the smaller number first")]
    NoSegments {
        /// The lower end.
        fewest: u32,
        /// The upper end.
        most: u32,
    },
    /// A conflict takes two owners, and a segment to differ in.
    #[error(
        "the twist 'conflict' takes at least 1 file of at least 1 segment with 2 owners; raise --files, --segments or --owners"
    )]
    NothingToConflictIn,
    /// A twist of the files, and no file.
    #[error("this twist takes at least 1 file; raise --files")]
    NoFile,
}

/// The wanters beside the owners, where their number was given.
fn and_wanters(wanters: u32) -> String {
    if wanters > 0 { format!(" and {wanters} wanters") } else { String::new() }
}

impl StoryRules {
    /// Whether the story has this twist.
    #[must_use]
    pub fn has(&self, twist: Twist) -> bool {
        self.twists.contains(&twist)
    }

    /// How many clients own or want something.
    pub(super) fn active(&self) -> u32 {
        self.clients - u32::from(self.has(Twist::Idle))
    }

    /// Refuses rules that contradict each other.
    pub(super) fn check(&self) -> Result<(), RulesError> {
        if self.clients < 2 {
            return Err(RulesError::TooFewClients);
        }
        let (owners, clients) = (self.owners, self.active());
        let wanters = self.wanters.unwrap_or(0);
        if owners.checked_add(wanters).is_none_or(|both| both > clients) {
            return Err(RulesError::TooFewForAll { owners, wanters, clients });
        }
        let (fewest, most) = (self.fewest_segments, self.most_segments);
        if fewest > most {
            return Err(RulesError::NoSegments { fewest, most });
        }
        if self.has(Twist::Conflict) && (self.files == 0 || self.owners < 2 || fewest == 0) {
            return Err(RulesError::NothingToConflictIn);
        }
        let of_the_first = [Twist::LongName, Twist::EmptyFile, Twist::Repeated];
        if self.files == 0 && of_the_first.iter().any(|twist| self.has(*twist)) {
            return Err(RulesError::NoFile);
        }
        Ok(())
    }
}
