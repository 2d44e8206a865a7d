//! What a rank can read of what is to be staged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::StageArgs;
use crate::metainfo::Metainfo;
use crate::protocol::{Outcome, Rank, TRACKER};
use crate::storage::source::{Look, Roots, View};
use crate::storage::staging::Known;

/// What a rank sees before anything is done.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// What it can read, where it can read any.
    pub(super) view: Option<View>,
    /// What is staged, where a `.torrent` that it can read says so.
    pub(super) known: Option<Known>,
}

impl Sight {
    /// Looks what this rank can read and may.
    pub(super) fn of(args: &StageArgs, rank: Rank) -> Result<Self, (Outcome, String)> {
        let may_read = args.from_ranks.as_ref().is_none_or(|ranks| ranks.contain(rank.0));
        match (may_read, &args.from) {
            (false, _) => Ok(Self::default()),
            (true, None) => Ok(Self { view: look(&args.sources, rank)?, known: None }),
            (true, Some(from)) => look_by_torrent(&args.sources[0], from, rank),
        }
    }

    /// Where the trees lie that are staged, as far as is known here.
    pub(super) fn trees(&self, args: &StageArgs) -> Vec<PathBuf> {
        match (&args.from, &self.view) {
            (None, _) => args.sources.clone(),
            (Some(_), Some(view)) => view.roots.paths().map(Path::to_owned).collect(),
            (Some(_), None) => Vec::new(),
        }
    }
}

/// Which of the sources this rank can read. That it cannot read some of them is told only where nobody can.
fn look(sources: &[PathBuf], rank: Rank) -> Result<Option<View>, (Outcome, String)> {
    let Look { view, unseen } = View::look(sources).map_err(|error| (Outcome::BadInput, error.to_string()))?;
    for reason in unseen {
        if view.is_none() && rank == TRACKER {
            log::warn!("{rank} cannot read it: {reason}");
        } else {
            log::info!("{rank} cannot read it: {reason}");
        }
    }
    Ok(view)
}

/// The same by a `.torrent`: what it lists, in the folder that holds it.
fn look_by_torrent(file: &Path, from: &Path, rank: Rank) -> Result<Sight, (Outcome, String)> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        // Others may have it.
        Err(error) => {
            let level = if rank == TRACKER { log::Level::Warn } else { log::Level::Info };
            log::log!(level, "{rank} cannot read {}: {error}", file.display());
            return Ok(Sight::default());
        }
    };
    let metainfo =
        Metainfo::decode(&bytes).map_err(|error| (Outcome::BadInput, format!("{}: {error}", file.display())))?;
    let info = metainfo.info();
    let roots = Roots::in_folder(from, &info.manifest);
    let paths: Vec<PathBuf> = roots.paths().map(Path::to_owned).collect();
    let view = look(&paths, rank)?.map(|view| View { roots, identity: view.identity });
    let (manifest, hashes) = (Arc::new(info.manifest.clone()), info.piece_hashes.clone());
    let known = Known { manifest, hashes, info_hash: metainfo.info_hash() };
    Ok(Sight { view, known: Some(known) })
}
