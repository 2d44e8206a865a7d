//! What is missing or contradicts itself, by the files of the tree: the swarm knows only of the torrents in which they were
//! traded.

use std::borrow::Cow;

use super::wanted::Wanted;
use crate::metainfo::{Bitfield, TreePath};
use crate::protocol::Observed;
use crate::storage::staging::Legend;

/// The same step, told of files: of each that lacks something and is wanted where it lacks it; of that which differs first.
pub(super) fn in_files<'o>(observed: &'o Observed, legend: &Legend, wanted: &Wanted) -> Vec<Cow<'o, Observed>> {
    let (rank, name, missing, why) = match observed {
        Observed::Short { rank, name, missing, why } => (rank, name, missing, why),
        Observed::Conflict { name, first, second, piece, hashes } => {
            let Some((path, piece)) = legend.first_file_in(name, *piece) else { return vec![Cow::Borrowed(observed)] };
            let (name, hashes) = (path.to_string(), hashes.clone());
            return vec![Cow::Owned(Observed::Conflict { name, first: *first, second: *second, piece, hashes })];
        }
        _ => return vec![Cow::Borrowed(observed)],
    };
    let Some(files) = legend.files_in(name, missing.as_ref()) else { return vec![Cow::Borrowed(observed)] };
    let place = legend.cards().find(|(other, _)| *other == rank.0).and_then(|(_, card)| card.place.clone());
    let sharers =
        legend.cards().filter(|(other, card)| *other == rank.0 || card.place.is_some() && card.place == place);
    let sharers: Vec<u32> = sharers.map(|(rank, _)| rank).collect();
    let wishes = wanted.wishes();
    let is_wanted = |path: &TreePath| sharers.iter().any(|&rank| wishes.of(rank, path));
    let short = |(path, pieces): (TreePath, u32)| Observed::Short {
        rank: *rank,
        name: path.to_string(),
        // Which pieces of the file they are nobody asks.
        missing: missing.as_ref().map(|_| Bitfield::all(pieces)),
        why: *why,
    };
    files.into_iter().filter(|(path, _)| is_wanted(path)).map(|file| Cow::Owned(short(file))).collect()
}
