//! What a manifest must be like before anybody acts on it.

use super::{Entry, Extent, Manifest, Modified, Node, TreePath};

/// Why a manifest describes nothing that could be on a disk, or more than can be handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A piece length of 0, or beyond [`Manifest::LONGEST_PIECE`].
    #[error("a piece length of {0} bytes is not possible (1 to 2^30 are)")]
    PieceLength(u32),
    /// All together are longer than [`Manifest::LONGEST`].
    #[error("the files together are too long (2^62 bytes are the most)")]
    TooLong,
    /// More than 2^32 - 1 pieces, whose indices have no room.
    #[error("{0} pieces are too many (2^32 - 1 are the most)")]
    TooManyPieces(u64),
    /// Two of one path.
    #[error("{0} is named twice")]
    Duplicate(TreePath),
    /// Something lies in what is no folder.
    #[error("{within} lies in {path}, which is no folder")]
    NotAFolder {
        /// What is no folder.
        path: TreePath,
        /// What lies in it.
        within: TreePath,
    },
    /// A hard link to nothing, to what is no file, or to what comes only later.
    #[error("{path} is another name of {to}, which is no file before it")]
    HardLink {
        /// The link.
        path: TreePath,
        /// Where it leads.
        to: TreePath,
    },
    /// A symbolic link that says nothing, or what no file system takes.
    #[error("{0} is a symbolic link that could not be made: it says nothing, has a zero byte, or is too long")]
    Symlink(TreePath),
    /// More than permission bits in a mode, or a second with more than a second's nanoseconds.
    #[error("{0} has a mode or time that does not exist")]
    ModeOrTime(TreePath),
}

impl Manifest {
    /// The longest pieces.
    pub const LONGEST_PIECE: u32 = 1 << 30;
    /// The most bytes of all files and pads.
    pub const LONGEST: u64 = 1 << 62;
    /// What a symbolic link says is shorter than this (`PATH_MAX`).
    const LONGEST_TARGET: usize = 4096;

    /// Whether this could be a tree on a disk: lengths that can be counted, each path once, folders where something lies in
    /// them, links that lead to what they must.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub fn check(&self) -> Result<(), ManifestError> {
        let pieces = self.check_length()?.div_ceil(u64::from(self.piece_length));
        if u32::try_from(pieces).is_err() {
            return Err(ManifestError::TooManyPieces(pieces));
        }
        self.entries.iter().try_for_each(check_entry)?;
        let by_path = self.by_path();
        self.check_paths(&by_path)?;
        self.check_hard_links(&by_path)
    }

    /// The bytes of all files and pads, where there is a piece length and they are not too many.
    pub(super) fn check_length(&self) -> Result<u64, ManifestError> {
        if !(1..=Self::LONGEST_PIECE).contains(&self.piece_length) {
            return Err(ManifestError::PieceLength(self.piece_length));
        }
        let total = self.entries.iter().try_fold(0_u64, |total, entry| match entry.extent() {
            Extent::Content(length) | Extent::Zeros(length) => total.checked_add(length),
            Extent::Nothing => Some(total),
        });
        total.filter(|&total| total <= Self::LONGEST).ok_or(ManifestError::TooLong)
    }

    /// The places of all entries, in the order of their paths. Without pads: they lie nowhere, and those of one length share
    /// a path.
    fn by_path(&self) -> Vec<usize> {
        let lies_somewhere = |&at: &usize| !matches!(self.entries[at].node, Node::Pad { .. });
        let mut places: Vec<_> = (0..self.entries.len()).filter(lies_somewhere).collect();
        places.sort_by(|&one, &other| self.entries[one].path.cmp(&self.entries[other].path));
        places
    }

    fn check_paths(&self, by_path: &[usize]) -> Result<(), ManifestError> {
        // What lies in something comes directly after it in this order, so neighbours are all that must be looked at.
        for pair in by_path.windows(2) {
            let (one, next) = (&self.entries[pair[0]], &self.entries[pair[1]]);
            if one.path == next.path {
                return Err(ManifestError::Duplicate(one.path.clone()));
            }
            if one.node != Node::Folder && next.path.is_within(&one.path) {
                return Err(ManifestError::NotAFolder { path: one.path.clone(), within: next.path.clone() });
            }
        }
        Ok(())
    }

    fn check_hard_links(&self, by_path: &[usize]) -> Result<(), ManifestError> {
        for (place, Entry { path, node, .. }) in self.entries.iter().enumerate() {
            let Node::HardLink { to } = node else { continue };
            let found = by_path.binary_search_by(|&other| self.entries[other].path.cmp(to)).map(|at| by_path[at]);
            let leads_to_a_file =
                found.is_ok_and(|found| found < place && matches!(self.entries[found].node, Node::File { .. }));
            if !leads_to_a_file {
                return Err(ManifestError::HardLink { path: path.clone(), to: to.clone() });
            }
        }
        Ok(())
    }
}

fn check_entry(entry: &Entry) -> Result<(), ManifestError> {
    if let Node::Symlink { target } = &entry.node
        && (target.is_empty() || target.contains(&0) || target.len() >= Manifest::LONGEST_TARGET)
    {
        return Err(ManifestError::Symlink(entry.path.clone()));
    }
    let sound_mode = entry.mode.is_none_or(|mode| mode <= 0o7777);
    let sound_time = entry.modified.is_none_or(|Modified { nanos, .. }| nanos < 1_000_000_000);
    if sound_mode && sound_time { Ok(()) } else { Err(ManifestError::ModeOrTime(entry.path.clone())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.split('/')).unwrap()
    }

    fn entry(at: &str, node: Node) -> Entry {
        Entry { path: path(at), node, mode: None, modified: None }
    }

    fn file(at: &str, length: u64) -> Entry {
        entry(at, Node::File { length })
    }

    fn symlink(at: &str, target: &[u8]) -> Entry {
        entry(at, Node::Symlink { target: target.into() })
    }

    fn hard_link(at: &str, to: &str) -> Entry {
        entry(at, Node::HardLink { to: path(to) })
    }

    fn check(entries: impl Into<Vec<Entry>>) -> Result<(), ManifestError> {
        Manifest { piece_length: 1 << 14, entries: entries.into() }.check()
    }

    #[test]
    fn a_tree_with_everything_in_it_is_sound() {
        let pad = || entry("t/.pad/7", Node::Pad { length: 7 });
        let links = [symlink("t/l", b"../../anywhere"), hard_link("t/h", "t/d/a")];
        let rest =
            [file("t/d/a", 5), pad(), file("t/b", 0), pad(), entry("t", Node::Folder), entry("t/e", Node::Folder)];
        assert_eq!(check([&rest[..], &links].concat()), Ok(()));
        assert_eq!(check([]), Ok(()));
    }

    #[test]
    fn lengths_are_counted_without_going_round() {
        let most = Manifest { piece_length: Manifest::LONGEST_PIECE, entries: vec![file("f", Manifest::LONGEST)] };
        assert_eq!(most.check(), Err(ManifestError::TooManyPieces(1 << 32)));
        assert_eq!(check([file("a", 1 << 62), file("b", 1)]), Err(ManifestError::TooLong));
        assert_eq!(check([file("a", u64::MAX), file("b", 2)]), Err(ManifestError::TooLong));
        assert_eq!(check([file("a", u64::from(u32::MAX) << 14)]), Ok(()));
        for piece_length in [0, Manifest::LONGEST_PIECE + 1] {
            let manifest = Manifest { piece_length, entries: Vec::new() };
            assert_eq!(manifest.check(), Err(ManifestError::PieceLength(piece_length)));
        }
    }

    #[test]
    fn a_path_named_twice_is_found_wherever_it_stands() {
        let twice = [file("t/a", 1), file("t/b", 1), symlink("t/a", b"b")];
        assert_eq!(check(twice), Err(ManifestError::Duplicate(path("t/a"))));
    }

    #[test]
    fn nothing_lies_in_what_is_no_folder() {
        let refused = ManifestError::NotAFolder { path: path("t/x"), within: path("t/x/y/z") };
        for thing in [file("t/x", 1), symlink("t/x", b"."), hard_link("t/x", "t/a")] {
            let entries = [file("t/a", 1), file("t/x/y/z", 1), thing, file("t/x-y", 1), file("t/x.y", 1)];
            assert_eq!(check(entries), Err(refused.clone()));
        }
        assert_eq!(check([file("t/x/y", 1), entry("t/x", Node::Folder)]), Ok(()));
    }

    #[test]
    fn a_hard_link_leads_to_a_file_before_it() {
        let refused = |to| Err(ManifestError::HardLink { path: path("t/h"), to: path(to) });
        assert_eq!(check([hard_link("t/h", "t/a"), file("t/a", 1)]), refused("t/a"));
        assert_eq!(check([hard_link("t/h", "t/h")]), refused("t/h"));
        assert_eq!(check([symlink("t/s", b"a"), hard_link("t/h", "t/s")]), refused("t/s"));
        assert_eq!(check([file("t/a", 1), hard_link("t/b", "t/a"), hard_link("t/h", "t/b")]), refused("t/b"));
        assert_eq!(
            check([entry("t/.pad/1", Node::Pad { length: 1 }), hard_link("t/h", "t/.pad/1")]),
            refused("t/.pad/1")
        );
    }

    #[test]
    fn a_link_a_mode_and_a_time_must_be_possible() {
        for target in [&b""[..], b"a\0b", &[b'x'; 4096]] {
            assert_eq!(check([symlink("t/l", target)]), Err(ManifestError::Symlink(path("t/l"))));
        }
        let odd_mode = Entry { mode: Some(0o10000), ..file("t/f", 1) };
        let odd_time = Entry { modified: Some(Modified { seconds: 0, nanos: 1_000_000_000 }), ..file("t/f", 1) };
        for odd in [odd_mode, odd_time] {
            assert_eq!(check([odd]), Err(ManifestError::ModeOrTime(path("t/f"))));
        }
    }
}
