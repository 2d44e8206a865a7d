//! What a staging is about, for those who tell of it: who is where, and what the swarm's torrents are parts of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::card::Card;
use super::plan::Plan;
use super::portions::{name_of, number_of};
use crate::metainfo::{Bitfield, Manifest, PieceHashes, PieceIndex, TorrentId, TreePath};
use crate::storage::target::Prospect;

/// A view of a [`Staging`](super::Staging) that fills while it runs, for whoever watches the swarm beside it.
#[derive(Clone, Debug, Default)]
pub struct Legend(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    cards: OnceLock<BTreeMap<u32, Card>>,
    plan: OnceLock<Arc<Plan>>,
    prospects: Mutex<BTreeMap<u32, Prospect>>,
    torrents: Mutex<BTreeMap<TorrentId, String>>,
}

impl Legend {
    pub(super) fn learn_cards(&self, cards: &BTreeMap<u32, Card>) {
        // A tracker of a later term convenes those who are left: the first meeting had all.
        let _ = self.0.cards.set(cards.clone());
    }

    pub(super) fn learn_plan(&self, plan: &Arc<Plan>) {
        let _ = self.0.plan.set(Arc::clone(plan));
    }

    pub(super) fn learn_prospect(&self, rank: u32, prospect: Prospect) {
        self.0.prospects.lock().unwrap_or_else(PoisonError::into_inner).insert(rank, prospect);
    }

    pub(super) fn learn_torrent(&self, torrent: TorrentId, name: &str) {
        self.0.torrents.lock().unwrap_or_else(PoisonError::into_inner).insert(torrent, name.to_owned());
    }

    /// The name that a torrent has in the swarm, of those that this rank wants or offers.
    #[must_use]
    pub fn torrent(&self, torrent: TorrentId) -> Option<String> {
        self.0.torrents.lock().unwrap_or_else(PoisonError::into_inner).get(&torrent).cloned()
    }

    /// What each rank that writes expects of its place, as far as it was asked.
    #[must_use]
    pub fn prospects(&self) -> BTreeMap<u32, Prospect> {
        self.0.prospects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ranks that can read some of the tree.
    #[must_use]
    pub fn readers(&self) -> Vec<u32> {
        self.cards().filter(|(_, card)| card.view.is_some()).map(|(rank, _)| rank).collect()
    }

    /// Who came, by rank.
    pub fn cards(&self) -> impl Iterator<Item = (u32, &Card)> {
        self.0.cards.get().into_iter().flatten().map(|(&rank, card)| (rank, card))
    }

    /// The tree, once it is known.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        Some(&self.0.plan.get()?.manifest)
    }

    /// How much each rank that writes is to have in the end, once the tree is known: pieces, and the bytes that travel of them.
    #[must_use]
    pub fn goals(&self) -> Option<BTreeMap<u32, (u64, u64)>> {
        let plan = self.0.plan.get()?;
        let mut goals = BTreeMap::new();
        for (_, portion) in plan.portions.iter() {
            let bytes: u64 = portion.pieces.iter().map(|&piece| u64::from(plan.map.content_length(piece))).sum();
            for &rank in &portion.wanters {
                let (pieces, all) = goals.entry(rank).or_default();
                *pieces += portion.pieces.len() as u64;
                *all += bytes;
            }
        }
        Some(goals)
    }

    /// The files that have bytes in these pieces of a torrent, or in any of its pieces, and of how many of them; nothing
    /// where the torrent is no part of the tree.
    #[must_use]
    pub fn files_in(&self, name: &str, pieces: Option<&Bitfield>) -> Option<BTreeMap<TreePath, u32>> {
        let (plan, number) = (self.0.plan.get()?, number_of(name)?);
        let portion = plan.portions.get(number)?;
        let mut files = BTreeMap::new();
        for (&piece, place) in portion.pieces.iter().zip(0..) {
            if pieces.is_none_or(|pieces| place < pieces.pieces() && pieces.contains(PieceIndex(place))) {
                for span in plan.map.spans(piece) {
                    *files.entry(plan.manifest.entries[span.entry].path.clone()).or_default() += 1;
                }
            }
        }
        Some(files)
    }

    /// The first file that has bytes in this piece of a torrent, and which of the file's own pieces it is; nothing where the
    /// torrent is no part of the tree.
    #[must_use]
    pub fn first_file_in(&self, name: &str, piece: PieceIndex) -> Option<(TreePath, PieceIndex)> {
        let plan = self.0.plan.get()?;
        let piece = plan.piece(number_of(name)?, piece)?;
        let entry = plan.map.spans(piece).next()?.entry;
        Some((plan.manifest.entries[entry].path.clone(), PieceIndex(piece.0 - plan.map.pieces_of(entry).start)))
    }

    /// The hashes of all pieces of the tree, put together from those of the torrents in which it was traded; nothing as
    /// long as one is missing.
    pub fn piece_hashes<'h>(&self, of: impl Fn(&str) -> Option<&'h PieceHashes>) -> Option<PieceHashes> {
        let plan = self.0.plan.get()?;
        let mut by_piece = vec![None; plan.digests.len()];
        for (number, portion) in plan.portions.iter().filter(|(_, portion)| !portion.pieces.is_empty()) {
            let hashes = of(&name_of(number))?;
            for (piece, place) in portion.pieces.iter().zip(0..) {
                by_piece[piece.as_usize()] = hashes.get(PieceIndex(place));
            }
        }
        let mut whole = PieceHashes::new();
        by_piece.into_iter().try_for_each(|hash| whole.push(hash?).ok())?;
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{Entry, Node};
    use crate::storage::staging::portions::Portions;

    /// A tree of three files, in pieces of 10 bytes, of which all go to rank 1 and the last two to rank 2 as well.
    fn legend() -> Legend {
        let file = |(name, length)| {
            let path = TreePath::new(["t", name]).unwrap();
            Entry { path, node: Node::File { length }, mode: None, modified: None }
        };
        let entries = [("a", 25), ("b", 3), ("c", 14)].map(file).into();
        let manifest = Arc::new(Manifest { piece_length: 10, entries });
        let map = manifest.piece_map();
        let wanters = |entry| if entry == 0 { vec![1] } else { vec![1, 2] };
        let portions = Portions::of(&manifest, &map, 1 << 20, wanters, |_| vec![0]);
        let digests = (0..map.pieces()).map(|_| OnceLock::new()).collect();
        let legend = Legend::default();
        legend.learn_plan(&Arc::new(Plan { manifest, map, portions, digests, unreadable: Vec::new() }));
        legend
    }

    fn hashes(bytes: &[u8]) -> PieceHashes {
        let mut hashes = PieceHashes::new();
        bytes.iter().for_each(|&byte| hashes.push(&[byte; 20]).unwrap());
        hashes
    }

    #[test]
    fn the_files_of_a_torrent_are_those_with_bytes_in_its_pieces_or_in_those_that_are_asked_for() {
        let legend = legend();
        let files = |number, pieces: Option<&Bitfield>| {
            let files = legend.files_in(&name_of(number), pieces)?;
            Some(files.into_iter().map(|(path, pieces)| format!("{path} {pieces}")).collect::<Vec<_>>())
        };
        assert_eq!(files(0, None).unwrap(), ["t/a 2"]);
        assert_eq!(files(1, None).unwrap(), ["t/a 1", "t/b 1", "t/c 3"]);
        let mut last = Bitfield::none(3);
        last.insert(PieceIndex(2));
        assert_eq!(files(1, Some(&last)).unwrap(), ["t/c 1"]);
        assert_eq!((files(2, None), legend.files_in("listing/00000000", None)), (None, None));
    }

    #[test]
    fn a_piece_of_a_torrent_is_told_as_a_piece_of_its_first_file() {
        let legend = legend();
        let told = |number, piece| {
            let (path, piece) = legend.first_file_in(&name_of(number), PieceIndex(piece))?;
            Some(format!("{path} {piece}"))
        };
        let all = [(0, 1), (1, 0), (1, 1), (1, 2)].map(|(number, piece)| told(number, piece).unwrap());
        assert_eq!(all, ["t/a 1", "t/a 2", "t/c 1", "t/c 2"]);
        assert_eq!((told(1, 3), told(2, 0)), (None, None));
    }

    #[test]
    fn the_hashes_of_the_tree_are_put_together_from_all_its_torrents_or_not_at_all() {
        let (legend, parts) = (legend(), [hashes(&[1, 2]), hashes(&[3, 4, 5])]);
        let known = |least| move |name: &str| number_of(name).filter(|number| *number >= least);
        let of = |least| legend.piece_hashes(|name| known(least)(name).map(|number| &parts[number]));
        assert_eq!(of(0), Some(hashes(&[1, 2, 3, 4, 5])));
        assert_eq!(of(1), None);
    }

    #[test]
    fn each_rank_that_writes_has_its_own_goal() {
        assert_eq!(legend().goals().unwrap(), [(1, (5, 42)), (2, (3, 22))].into());
    }
}
