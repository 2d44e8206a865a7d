//! How a tree is shared out: which pieces are offered together, by whom, and who wants them.

use std::collections::{BTreeMap, BTreeSet};

use crate::metainfo::{Manifest, PieceIndex, PieceMap};

/// Pieces that are offered, asked for and traded together, as one torrent of the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    /// Which pieces of the tree they are, in order.
    pub(super) pieces: Vec<PieceIndex>,
    /// Who wants any file that has a part in them, in order.
    pub(super) wanters: Vec<u32>,
    /// The views that can read all of them, each by its lowest rank.
    pub(super) views: Vec<u32>,
}

/// All portions of a tree. Every rank comes to the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Portions {
    portions: Vec<Portion>,
    /// By piece: its portion, and its place in it.
    places: Vec<(u32, u32)>,
}

/// What is the same for all pieces of a portion: who wants them, and which views can read them.
type Kind = (Vec<u32>, Vec<u32>);

impl Portions {
    /// So many portions at least has a tree that has enough pieces: what is hashed first is traded while the rest is hashed.
    const FEWEST: u32 = 32;
    /// A portion costs a few messages of its own: it has so many pieces, if memory allows.
    const SMALLEST: u32 = 8;
    const LARGEST: u32 = 4096;
    /// An origin keeps a portion in memory until it is offered, and others until they are sent: so many fit.
    const IN_MEMORY: usize = 4;

    /// Shares a tree out, into portions of which several fit into so many bytes of memory. `wanters` and `views` tell, for
    /// an entry by its place in the manifest, who wants it and which views can read it. There is a portion for every set of
    /// ranks, also for those who want nothing but empty files: its end is when they have all they want.
    pub(super) fn of(
        manifest: &Manifest,
        map: &PieceMap,
        memory: usize,
        wanters: impl Fn(usize) -> Vec<u32>,
        views: impl Fn(usize) -> Vec<u32>,
    ) -> Self {
        let mut kinds: BTreeMap<Kind, Vec<PieceIndex>> = BTreeMap::new();
        for piece in (0..map.pieces()).map(PieceIndex) {
            kinds.entry(kind(map, piece, &wanters, &views)).or_default().push(piece);
        }
        let mut provided: BTreeSet<u32> = kinds.keys().flat_map(|(wanters, _)| wanters.iter().copied()).collect();
        for entry in 0..manifest.entries.len() {
            // Whoever wants only what has no bytes.
            let wanters: Vec<u32> = wanters(entry).into_iter().filter(|rank| provided.insert(*rank)).collect();
            if !wanters.is_empty() {
                kinds.entry((wanters, views(entry))).or_default();
            }
        }
        let fit = (memory / Self::IN_MEMORY / map.piece_length() as usize).max(1);
        let size = ((map.pieces() / Self::FEWEST).clamp(Self::SMALLEST, Self::LARGEST) as usize).min(fit);
        let mut portions = Vec::new();
        for ((wanters, views), pieces) in kinds {
            if pieces.is_empty() {
                portions.push(Portion { pieces, wanters, views });
                continue;
            }
            let parts = pieces.chunks(size);
            portions.extend(parts.map(|part| Portion {
                pieces: part.to_vec(),
                wanters: wanters.clone(),
                views: views.clone(),
            }));
        }
        let mut places = vec![(0, 0); map.pieces() as usize];
        for (number, portion) in (0..).zip(&portions) {
            for (place, piece) in (0..).zip(&portion.pieces) {
                places[piece.as_usize()] = (number, place);
            }
        }
        Self { portions, places }
    }

    pub(super) fn get(&self, number: usize) -> Option<&Portion> {
        self.portions.get(number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Portion)> {
        self.portions.iter().enumerate()
    }

    /// The portion of a piece, and its place in it.
    pub(super) fn place_of(&self, piece: PieceIndex) -> (usize, PieceIndex) {
        let (portion, place) = self.places[piece.as_usize()];
        (portion as usize, PieceIndex(place))
    }
}

fn kind(
    map: &PieceMap,
    piece: PieceIndex,
    wanters: impl Fn(usize) -> Vec<u32>,
    views: impl Fn(usize) -> Vec<u32>,
) -> Kind {
    let (mut wanted, mut readable) = (BTreeSet::new(), None::<BTreeSet<u32>>);
    for span in map.spans(piece) {
        wanted.extend(wanters(span.entry));
        let readers: BTreeSet<u32> = views(span.entry).into_iter().collect();
        readable = Some(match readable {
            Some(known) => known.intersection(&readers).copied().collect(),
            None => readers,
        });
    }
    (wanted.into_iter().collect(), readable.unwrap_or_default().into_iter().collect())
}

/// The name that a portion has in the swarm: in the order of the numbers.
pub(super) fn name_of(number: usize) -> String {
    format!("tree/{number:08}")
}

/// The number of a portion by its name.
pub(super) fn number_of(name: &str) -> Option<usize> {
    name.strip_prefix("tree/")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{Entry, Node, TreePath};

    fn manifest(lengths: &[u64]) -> Manifest {
        let entry = |(number, &length): (usize, &u64)| Entry {
            path: TreePath::new([format!("f{number:02}")]).unwrap(),
            node: Node::File { length },
            mode: None,
            modified: None,
        };
        Manifest { piece_length: 10, entries: lengths.iter().enumerate().map(entry).collect() }
    }

    fn portions(lengths: &[u64], wanters: impl Fn(usize) -> Vec<u32>) -> Portions {
        let manifest = manifest(lengths);
        Portions::of(&manifest, &manifest.piece_map(), 1 << 20, wanters, |_| vec![0])
    }

    #[test]
    fn every_piece_is_in_one_portion_and_a_large_tree_has_many() {
        let portions = portions(&[10_000], |_| vec![1, 2]);
        assert_eq!(portions.iter().count(), 33);
        let mut pieces: Vec<PieceIndex> = portions.iter().flat_map(|(_, portion)| portion.pieces.clone()).collect();
        for (number, portion) in portions.iter() {
            for (place, &piece) in (0..).map(PieceIndex).zip(&portion.pieces) {
                assert_eq!(portions.place_of(piece), (number, place));
            }
        }
        pieces.sort_unstable();
        assert_eq!(pieces, (0..1000).map(PieceIndex).collect::<Vec<_>>());
    }

    #[test]
    fn several_portions_fit_into_memory_however_long_the_pieces_are() {
        let manifest = manifest(&[10_000]);
        let sizes = |memory| {
            let portions = Portions::of(&manifest, &manifest.piece_map(), memory, |_| vec![1], |_| vec![0]);
            portions.iter().map(|(_, portion)| portion.pieces.len()).max()
        };
        assert_eq!((sizes(10_000), sizes(200), sizes(1)), (Some(31), Some(5), Some(1)));
    }

    #[test]
    fn a_piece_goes_to_all_who_want_a_part_of_it() {
        let portions = portions(&[15, 15], |entry| vec![entry as u32 + 1]);
        let wanters = |piece| portions.get(portions.place_of(PieceIndex(piece)).0).unwrap().wanters.clone();
        assert_eq!((wanters(0), wanters(1), wanters(2)), (vec![1], vec![1, 2], vec![2]));
    }

    #[test]
    fn who_wants_only_what_is_empty_has_a_portion_too() {
        let portions = portions(&[0, 20], |entry| if entry == 0 { vec![1, 2] } else { vec![2] });
        let empty = portions.iter().find(|(_, portion)| portion.pieces.is_empty()).unwrap().1;
        assert_eq!(empty.wanters, [1]);
    }

    #[test]
    fn portions_are_known_by_their_names() {
        assert_eq!(number_of(&name_of(17)), Some(17));
        assert!(name_of(9) < name_of(10));
        assert_eq!((number_of("listing/00000003"), number_of("tree/x")), (None, None));
    }
}
