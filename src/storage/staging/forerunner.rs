//! The tree that lies at the place already, most likely an earlier state of the one that is staged: its pieces are to stay as
//! long as they were, lest what did not change be cut in another way.

use std::path::{Path, PathBuf};

use super::card::Assembly;
use crate::metainfo::Manifest;
use crate::storage::source::View;

/// How much longer or shorter pieces may be than the size of the tree wants: further apart, it is another tree.
const FURTHEST: u32 = 4;

/// How long the pieces are of what lies in a folder under the names of these sources, as its size wants it; nothing where
/// nothing lies there, or what can be no tree.
#[must_use]
pub fn piece_length_at(folder: &Path, sources: &[PathBuf]) -> Option<u32> {
    let there: Vec<PathBuf> = sources.iter().filter_map(|source| Some(folder.join(source.file_name()?))).collect();
    let view = View::look(&there).ok()?.view?;
    Some(Manifest::arrange(view.roots.list().ok()?, None).ok()?.piece_length)
}

impl Assembly {
    /// How long the pieces of a tree are to be whose size wants them as long as this: as they were at the place of the
    /// lowest rank that has something there.
    pub(super) fn piece_length(&self, wanted: u32) -> u32 {
        let earlier = self.cards().values().find_map(|card| card.piece_length);
        let is_near = |&earlier: &u32| earlier.max(wanted) / earlier.min(wanted).max(1) <= FURTHEST;
        earlier.filter(is_near).unwrap_or(wanted)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::staging::Card;

    #[test]
    fn what_lies_there_says_how_long_pieces_were() {
        let folder = tempfile::tempdir().unwrap();
        let sources = [PathBuf::from("/from/data"), PathBuf::from("/from/more")];
        assert_eq!(piece_length_at(folder.path(), &sources), None);
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("beside"), vec![1; 100]).unwrap();
        let file = fs::File::create(folder.path().join("data/file")).unwrap();
        for (length, pieces) in [(0, 1 << 14), (40 << 20, 1 << 15)] {
            file.set_len(length).unwrap();
            assert_eq!(piece_length_at(folder.path(), &sources), Some(pieces));
        }
    }

    #[test]
    fn pieces_stay_as_long_as_they_were_where_that_is_near_enough() {
        let at_ranks = |lengths: &[Option<u32>]| {
            let card = |&piece_length: &_| Card { piece_length, ..Card::default() };
            Assembly::new((0..).zip(lengths.iter().map(card)))
        };
        assert_eq!(at_ranks(&[None, None]).piece_length(1 << 16), 1 << 16);
        assert_eq!(at_ranks(&[None, Some(1 << 14), Some(1 << 20)]).piece_length(1 << 16), 1 << 14);
        for far in [0, 1 << 13, 1 << 19] {
            assert_eq!(at_ranks(&[Some(far)]).piece_length(1 << 16), 1 << 16);
        }
    }
}
