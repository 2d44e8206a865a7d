//! What a comparison of files with their `.torrent` comes to: judged from what was found on disk, and told in lines.

use std::fmt;

use comfy_table::CellAlignment::Left;

use super::{counted, entries_of, table};
use crate::metainfo::{Legible, Manifest, Node, PieceIndex, PieceMap, TreePath};

/// More files than these are not told one by one.
const MOST_ROWS: usize = 40;
/// More runs of pieces than these are not told one by one.
const MOST_RUNS: usize = 20;

/// What hashing a piece showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceState {
    /// It is what it should be.
    Right,
    /// It is something else.
    Wrong,
    /// A file of it is not there, or too short.
    Unread,
    /// It was not looked at: it has bytes of files that do not belong there.
    Apart,
}

/// What is wrong with an entry of a `.torrent` on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is nothing.
    Missing,
    /// There is something else.
    Kind {
        /// What there is.
        found: &'static str,
        /// What should be.
        expected: &'static str,
    },
    /// Nobody knows, for a folder on the way is a symbolic link.
    Barred(TreePath),
    /// The file has another length.
    Length {
        /// What it has.
        found: u64,
        /// What it should have.
        expected: u64,
    },
    /// The symbolic link says something else.
    Link {
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// Pieces of it do not match.
    Pieces {
        /// How many.
        wrong: u32,
        /// Of how many.
        of: u32,
    },
    /// It has its length, but a piece of it cannot be checked, for another file of that is wrong.
    Unproven(PieceIndex),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Kind { found, expected } => write!(f, "{found} instead of {expected}"),
            Self::Barred(link) => write!(f, "not looked at: {link} is a symbolic link instead of a folder"),
            Self::Length { found, expected } => write!(f, "{} instead of {expected}", counted(*found, "byte")),
            Self::Link { found, expected } => {
                write!(f, "leads to '{}' instead of '{}'", Legible(found), Legible(expected))
            }
            Self::Pieces { wrong, of } => write!(f, "{wrong} of {} wrong", counted(*of, "piece")),
            Self::Unproven(piece) => {
                write!(f, "not proved: piece {} has bytes of a wrong file too", piece.ordinal())
            }
        }
    }
}

/// All that is wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// The entries at fault, by their place in the manifest.
    faults: Vec<(usize, Fault)>,
    wrong: Vec<PieceIndex>,
    unread: Vec<PieceIndex>,
}

impl Findings {
    /// Judges from what the pieces are, and from what each entry is by its looks alone.
    pub(super) fn judge(manifest: &Manifest, looks: Vec<Option<Fault>>, pieces: &[PieceState]) -> Self {
        let map = manifest.piece_map();
        let with = |state| {
            let indices = (0..).map(PieceIndex).zip(pieces);
            indices.filter(|(_, found)| **found == state).map(|(piece, _)| piece).collect()
        };
        let faults = looks.into_iter().enumerate().filter_map(|(entry, fault)| {
            let is_file = matches!(manifest.entries[entry].node, Node::File { .. });
            let fault = fault.or_else(|| is_file.then(|| fault_of_pieces(&map, entry, pieces)).flatten());
            Some((entry, fault?))
        });
        Self { faults: faults.collect(), wrong: with(PieceState::Wrong), unread: with(PieceState::Unread) }
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.wrong.is_empty() && self.unread.is_empty()
    }

    /// What is wrong, in lines, of what of a manifest is wanted.
    pub(super) fn tell(&self, wanted: &Manifest, manifest: &Manifest, pieces: usize) -> String {
        let mut lines = Vec::new();
        if !self.faults.is_empty() {
            lines.push(format!("{} in {}:", counted(self.faults.len(), "fault"), entries_of(wanted)));
            let mut table = table([("path", Left), ("what", Left)]);
            for (entry, fault) in self.faults.iter().take(MOST_ROWS) {
                table.add_row([format!("  {}", manifest.entries[*entry].path), fault.to_string()]);
            }
            lines.extend(table.lines().skip(1).map(|line| line.trim_end().to_owned()));
            if let Some(more @ 1..) = self.faults.len().checked_sub(MOST_ROWS) {
                lines.push(format!("  and {more} more"));
            }
        }
        for (found, what) in [(&self.wrong, "wrong"), (&self.unread, "not there to be checked")] {
            if !found.is_empty() {
                lines.push(format!("{} of {} {what}: {}", found.len(), counted(pieces, "piece"), runs(found)));
            }
        }
        lines.join("\n")
    }
}

/// What is wrong with an entry that looks as it should.
fn fault_of_pieces(map: &PieceMap, entry: usize, pieces: &[PieceState]) -> Option<Fault> {
    let own = map.pieces_of(entry);
    let state = |piece: &u32| pieces[*piece as usize];
    match own.clone().filter(|piece| state(piece) == PieceState::Wrong).count() {
        0 => {
            own.clone().find(|piece| state(piece) == PieceState::Unread).map(|piece| Fault::Unproven(PieceIndex(piece)))
        }
        wrong => Some(Fault::Pieces { wrong: wrong as u32, of: own.len() as u32 }),
    }
}

/// `1, 3-5, 9`, as people count.
fn runs(pieces: &[PieceIndex]) -> String {
    let runs: Vec<_> = pieces.chunk_by(|one, next| one.0 + 1 == next.0).collect();
    let said = runs.iter().take(MOST_RUNS).map(|run| match run {
        [only] => only.ordinal().to_string(),
        [first, .., last] => format!("{}-{}", first.ordinal(), last.ordinal()),
        [] => String::new(),
    });
    let more = if runs.len() > MOST_RUNS { ", .." } else { "" };
    format!("{}{more}", said.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::PieceState::{Right, Unread, Wrong};
    use super::*;
    use crate::metainfo::Entry;

    /// Pieces of 10 bytes: a file of 25, two of 3, one of 20 that begins a piece.
    fn manifest() -> Manifest {
        let file = |name: &str, length| {
            let path = TreePath::new(["t", name]).unwrap();
            Entry { path, node: Node::File { length }, mode: None, modified: None }
        };
        let entries = vec![file("a", 25), file("b", 3), Entry::pad(b"t", 2), file("c", 20)];
        Manifest { piece_length: 10, entries }
    }

    fn told(looks: [Option<Fault>; 4], pieces: [PieceState; 5]) -> String {
        Findings::judge(&manifest(), looks.into(), &pieces).tell(&manifest(), &manifest(), pieces.len())
    }

    #[test]
    fn where_all_is_right_nothing_is_found() {
        assert!(Findings::judge(&manifest(), vec![None; 4], &[Right; 5]).is_empty());
    }

    #[test]
    fn a_wrong_piece_is_told_for_every_file_that_has_bytes_in_it() {
        assert_eq!(
            told([None, None, None, None], [Right, Wrong, Wrong, Right, Wrong]),
            "\
3 faults in 3 files:
  t/a  2 of 3 pieces wrong
  t/b  1 of 1 piece wrong
  t/c  1 of 2 pieces wrong
3 of 5 pieces wrong: 2-3, 5"
        );
    }

    #[test]
    fn what_is_missing_leaves_its_neighbours_unproven() {
        assert_eq!(
            told([Some(Fault::Missing), None, None, None], [Unread, Unread, Unread, Right, Right]),
            "\
2 faults in 3 files:
  t/a  missing
  t/b  not proved: piece 3 has bytes of a wrong file too
3 of 5 pieces not there to be checked: 1-3"
        );
    }

    #[test]
    fn a_file_that_is_too_long_is_wrong_though_its_pieces_are_right() {
        let fault = Fault::Length { found: 1, expected: 20 };
        assert_eq!(
            told([None, None, None, Some(fault)], [Right; 5]),
            "1 fault in 3 files:\n  t/c  1 byte instead of 20"
        );
    }

    #[test]
    fn very_many_are_not_told_one_by_one() {
        let every_other: Vec<_> = (0..100).step_by(2).map(PieceIndex).collect();
        assert!(runs(&every_other).starts_with("1, 3, 5") && runs(&every_other).ends_with("39, .."));
        let entries: Vec<_> = (0..50)
            .map(|n| {
                let path = TreePath::new(["t", &n.to_string()]).unwrap();
                Entry { path, node: Node::File { length: 1 }, mode: None, modified: None }
            })
            .collect();
        let many = Manifest { piece_length: 50, entries };
        let told = Findings::judge(&many, vec![Some(Fault::Missing); 50], &[Unread]).tell(&many, &many, 1);
        assert_eq!(told.lines().count(), 1 + MOST_ROWS + 2);
        assert!(told.contains("\n  and 10 more\n"), "{told}");
    }
}
