//! What a rank can read of what is to be staged.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use crate::cli::StageArgs;
use crate::metainfo::Metainfo;
use crate::protocol::{Outcome, Rank};
use crate::storage::WalkError;
use crate::storage::source::{Look, Roots, View};
use crate::storage::staging::{Known, Unread};

/// What a rank sees before anything is done.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// What it can read, where it can read any.
    pub(super) view: Option<View>,
    /// What is staged, where a `.torrent` that it can read says so.
    pub(super) known: Option<Known>,
    /// What it cannot read. That is told only where nobody can.
    pub(super) unread: Vec<Unread>,
}

impl Sight {
    /// Looks what this rank can read and may.
    pub(super) fn of(args: &StageArgs, rank: Rank) -> Result<Self, (Outcome, String)> {
        let may_read = args.from_ranks.as_ref().is_none_or(|ranks| ranks.contain(rank.0));
        match (may_read, &args.from) {
            (false, _) => Ok(Self::default()),
            (true, None) => look(&args.sources, rank),
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

/// Which of the sources this rank can read.
fn look(sources: &[PathBuf], rank: Rank) -> Result<Sight, (Outcome, String)> {
    let Look { view, unseen } = View::look(sources).map_err(|error| (Outcome::BadInput, error.to_string()))?;
    unseen.iter().for_each(|reason| log::info!("{rank} cannot read it: {reason}"));
    Ok(Sight { view, known: None, unread: unseen.iter().map(Unread::from).collect() })
}

/// The same by a `.torrent`: what it lists, in the folder that holds it.
fn look_by_torrent(file: &Path, from: &Path, rank: Rank) -> Result<Sight, (Outcome, String)> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            let file = file.display();
            let reason = format!(
                "{file} is a folder: with --from a .torrent is expected here; without it {file} is staged itself"
            );
            return Err((Outcome::Usage, reason));
        }
        // Others may have it.
        Err(error) => {
            let reason = WalkError::Io { path: file.to_owned(), error };
            log::info!("{rank} cannot read it: {reason}");
            return Ok(Sight { unread: vec![Unread::from(&reason)], ..Sight::default() });
        }
    };
    let metainfo =
        Metainfo::decode(&bytes).map_err(|error| (Outcome::BadInput, format!("{}: {error}", file.display())))?;
    let info = metainfo.info();
    let roots = Roots::in_folder(from, &info.manifest);
    let paths: Vec<PathBuf> = roots.paths().map(Path::to_owned).collect();
    let seen = look(&paths, rank)?;
    let view = seen.view.map(|view| View { roots, identity: view.identity });
    let (manifest, hashes) = (Arc::new(info.manifest.clone()), info.piece_hashes.clone());
    let known = Known { manifest, hashes, info_hash: metainfo.info_hash() };
    Ok(Sight { view, known: Some(known), unread: seen.unread })
}
