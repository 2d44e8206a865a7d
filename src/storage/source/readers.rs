//! Which ranks can read which pieces.

use std::collections::HashMap;

use super::merged::{find, resolved};
use crate::metainfo::{Bitfield, Entry, Manifest, Node, PieceIndex, PieceMap};

/// For each file of a manifest, who has listed it as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// For each entry, its place in `sets`.
    of_entry: Vec<usize>,
    /// The sets of ranks that occur, each once, each in order.
    sets: Vec<Vec<u32>>,
}

impl Readers {
    /// Compares listings, one a rank, each in the order of its paths, with the manifest. A rank's own listing alone tells it
    /// what it can read itself.
    #[must_use]
    pub fn of(manifest: &Manifest, listings: &[(u32, &[Entry])]) -> Self {
        let (mut readers, mut places) = (Self::default(), HashMap::new());
        for entry in &manifest.entries {
            let has_it =
                |(_, listing): &&(u32, &[Entry])| matches!(entry.node, Node::File { .. }) && lists(listing, entry);
            let mut ranks: Vec<_> = listings.iter().filter(has_it).map(|(rank, _)| *rank).collect();
            ranks.sort_unstable();
            let place = *places.entry(ranks).or_insert_with_key(|ranks| {
                readers.sets.push(ranks.clone());
                readers.sets.len() - 1
            });
            readers.of_entry.push(place);
        }
        readers
    }

    /// The ranks that can read all files of a piece.
    #[must_use]
    pub fn of_piece(&self, map: &PieceMap, piece: PieceIndex) -> Vec<u32> {
        let mut sets = map.spans(piece).map(|span| &self.sets[self.of_entry[span.entry]]);
        let mut ranks = sets.next().cloned().unwrap_or_default();
        sets.for_each(|set| ranks.retain(|rank| set.binary_search(rank).is_ok()));
        ranks
    }

    /// The pieces of which a rank can read all files.
    #[must_use]
    pub fn pieces_of(&self, map: &PieceMap, rank: u32) -> Bitfield {
        let is_in: Vec<_> = self.sets.iter().map(|set| set.binary_search(&rank).is_ok()).collect();
        let mut pieces = Bitfield::none(map.pieces());
        for piece in (0..map.pieces()).map(PieceIndex) {
            if map.spans(piece).all(|span| is_in[self.of_entry[span.entry]]) {
                pieces.insert(piece);
            }
        }
        pieces
    }
}

/// Whether the file is listed, with its length and, where it is known, its time.
fn lists(listing: &[Entry], file: &Entry) -> bool {
    let Some(found) = find(listing, &file.path) else { return false };
    let found = resolved(found, listing);
    found.node == file.node && (file.modified.is_none() || found.modified == file.modified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{Modified, TreePath};
    use crate::storage::source::Merged;

    fn file(path: &str, length: u64) -> Entry {
        let path = TreePath::new(path.split('/')).unwrap();
        let modified = Some(Modified { seconds: 1, nanos: 0 });
        Entry { path, node: Node::File { length }, mode: Some(0o644), modified }
    }

    fn folder() -> Entry {
        Entry { path: TreePath::new(["t"]).unwrap(), node: Node::Folder, ..file("t", 0) }
    }

    #[test]
    fn every_piece_of_merged_views_has_a_reader() {
        let one = [folder(), file("t/a", 4), file("t/b", 4), file("t/d", 25), file("t/g", 1)];
        let two = [folder(), file("t/b", 4), file("t/c", 4), file("t/d", 25), file("t/f", 3)];
        let listings = [(3, &one[..]), (1, &two[..])];
        let manifest = Merged::of(&listings).unwrap().arrange(Some(10)).unwrap();
        let (readers, map) = (Readers::of(&manifest, &listings), manifest.piece_map());

        let of_pieces: Vec<_> = (0..map.pieces()).map(|piece| readers.of_piece(&map, PieceIndex(piece))).collect();

        assert_eq!(manifest.content_length(), 41);
        assert!(of_pieces.iter().all(|ranks| [&[1, 3][..], &[1], &[3]].contains(&ranks.as_slice())), "{of_pieces:?}");
        for rank in [1, 2, 3] {
            let can = |piece: &PieceIndex| of_pieces[piece.as_usize()].contains(&rank);
            let pieces: Vec<_> = (0..map.pieces()).map(PieceIndex).filter(can).collect();
            assert_eq!(readers.pieces_of(&map, rank).iter().collect::<Vec<_>>(), pieces);
        }
    }

    #[test]
    fn a_piece_of_a_torrent_is_read_by_those_who_have_all_its_files() {
        let timeless = |path, length| Entry { modified: None, ..file(path, length) };
        let manifest = Manifest { piece_length: 10, entries: vec![timeless("t/a", 14), timeless("t/b", 14)] };
        let all = [file("t/a", 14), file("t/b", 14)];
        let (first, shorter) = ([file("t/a", 14)], [file("t/a", 14), file("t/b", 13)]);
        let readers = Readers::of(&manifest, &[(5, &all), (6, &first), (7, &shorter)]);
        let map = manifest.piece_map();
        assert_eq!(readers.of_piece(&map, PieceIndex(0)), [5, 6, 7]);
        assert_eq!(readers.of_piece(&map, PieceIndex(1)), [5]);
        assert_eq!([5, 6, 9].map(|rank| readers.pieces_of(&map, rank).count()), [3, 1, 0]);
    }

    #[test]
    fn another_time_is_another_file_and_another_name_is_the_same() {
        let manifest = Manifest { piece_length: 10, entries: vec![file("t/b", 5)] };
        let later = Entry { modified: Some(Modified { seconds: 2, nanos: 0 }), ..file("t/b", 5) };
        let to = TreePath::new(["t", "a"]).unwrap();
        let linked =
            [file("t/a", 5), Entry { node: Node::HardLink { to }, mode: None, modified: None, ..file("t/b", 5) }];
        let readers = Readers::of(&manifest, &[(0, &[later]), (1, &linked)]);
        assert_eq!(readers.of_piece(&manifest.piece_map(), PieceIndex(0)), [1]);
    }
}
