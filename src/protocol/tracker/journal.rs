//! What changed in the swarm, in order, so that each client can be told just what is new to it.

use std::collections::VecDeque;

use crate::metainfo::TorrentId;
use crate::protocol::{Change, Pieces, Rank, Version};

/// The last changes. A client that missed more than these is told everything anew.
#[derive(Debug, Default)]
pub(super) struct Journal {
    changes: VecDeque<Change>,
    /// The version before the first change that is kept.
    base: Version,
}

impl Journal {
    /// How many changes are kept. In the assignment a change is ten pieces of one client.
    const KEPT: usize = 1 << 18;

    /// Notes a change.
    pub(super) fn push(&mut self, change: Change) {
        self.changes.push_back(change);
        if self.changes.len() > Self::KEPT {
            self.changes.pop_front();
            self.base += 1;
        }
    }

    /// The version after the last change.
    pub(super) fn version(&self) -> Version {
        self.base + self.changes.len() as Version
    }

    /// The changes since a version that concern somebody; nothing where they are not all kept, or the version is from
    /// the future of another tracker.
    pub(super) fn since(
        &self,
        version: Version,
        concerns: impl Fn(Rank, Option<TorrentId>) -> bool,
    ) -> Option<Vec<Change>> {
        let skip = usize::try_from(version.checked_sub(self.base)?).ok().filter(|&skip| skip <= self.changes.len())?;
        let concerning = |change: &&Change| match change {
            Change::Has { rank, pieces: Pieces { torrent, .. } }
            | Change::HasAll { rank, torrent }
            | Change::Holds { rank, torrent, .. } => concerns(*rank, Some(*torrent)),
            Change::Gone { rank } => concerns(*rank, None),
            Change::Anew => false,
        };
        Some(self.changes.iter().skip(skip).filter(concerning).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_what_is_new_to_it_and_concerns_it() {
        let mut journal = Journal::default();
        for rank in 1..=4 {
            journal.push(Change::HasAll { rank: Rank(rank), torrent: TorrentId(rank % 2) });
        }
        let changes = journal.since(1, |rank, torrent| rank != Rank(4) && torrent == Some(TorrentId(0))).unwrap();
        assert_eq!(changes, [Change::HasAll { rank: Rank(2), torrent: TorrentId(0) }]);
        assert_eq!(journal.since(journal.version(), |_, _| true), Some(Vec::new()));
    }

    #[test]
    fn a_version_that_is_too_old_or_not_ours_has_no_changes() {
        let mut journal = Journal { base: 5, ..Journal::default() };
        journal.push(Change::Gone { rank: Rank(1) });
        assert_eq!(journal.since(4, |_, _| true), None);
        assert_eq!(journal.since(7, |_, _| true), None);
        assert_eq!(journal.since(6, |_, _| true), Some(Vec::new()));
    }
}
