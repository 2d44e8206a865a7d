//! What becomes of the run when a disk refuses, or what is read is not what it should be.

use super::{Part, Staging};
use crate::metainfo::TorrentId;
use crate::storage::StorageError;
use crate::storage::depot::{Failure, FailureKind, OwnWord};
use crate::storage::source::SourceError;
use crate::storage::target::TargetError;

impl Staging {
    /// What must not be put in place ends the run for all, and so does a disk that refuses before the place is open. One that
    /// refuses later leaves this rank without the tree; the others go on.
    pub(super) fn target_failed(&mut self, error: &TargetError) {
        let kind = if error.is_refusal() { FailureKind::Input } else { FailureKind::Disk };
        let reason = format!("rank {} on {}: {error}", self.order.rank, self.order.host);
        match self.place.as_mut().filter(|place| kind == FailureKind::Disk && place.target().is_some()) {
            None => self.give_up(Failure { kind, reason }),
            Some(place) => {
                if place.breaks() {
                    log::error!("{reason}; what is there is kept, and the same command goes on from it");
                    self.keep_no_more();
                }
            }
        }
    }

    /// Nothing more can be kept of what is open.
    fn keep_no_more(&mut self) {
        let of_tree = |(&torrent, part): (&TorrentId, &Part)| matches!(part, Part::Portion(_)).then_some(torrent);
        let mut torrents: Vec<TorrentId> = self.torrents.iter().filter_map(of_tree).collect();
        torrents.sort_unstable();
        torrents.into_iter().for_each(|torrent| self.refuse_if_it_cannot_be_kept(torrent));
    }

    /// Says of a portion that it cannot be kept, if that is so.
    pub(super) fn refuse_if_it_cannot_be_kept(&mut self, torrent: TorrentId) {
        let Some(Part::Portion(portion)) = self.part(torrent) else { return };
        if self.place.as_ref().is_some_and(|place| place.cannot_keep(portion)) {
            self.say(OwnWord::Unwritable { torrent });
        }
    }

    /// A file of the source cannot be read, or is no longer what was listed.
    pub(super) fn source_failed(&mut self, error: &SourceError) {
        let kind = match error {
            SourceError::Changed { .. } => FailureKind::Integrity,
            _ => FailureKind::Disk,
        };
        let (rank, host) = (self.order.rank, self.order.host.clone());
        self.give_up(Failure { kind, reason: format!("rank {rank} on {host}: {error}") });
    }
}

impl From<TargetError> for StorageError {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Io { path, source, .. } => Self::Io { path: path.display().to_string(), source },
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<SourceError> for StorageError {
    fn from(error: SourceError) -> Self {
        Self::Refused(error.to_string())
    }
}
