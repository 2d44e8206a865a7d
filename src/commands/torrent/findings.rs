//! What a comparison of files with their `.torrent` comes to: judged from what was found on disk, and told in lines.

use std::fmt;

use comfy_table::CellAlignment::Left;

use super::{counted, entries_of, table};
use crate::metainfo::{Legible, Manifest, Node, PieceIndex, PieceMap, TreePath};

/// More files than these are not told one by one.
const MOST_ROWS: usize = 40;
/// More files of a piece than these are not told one by one.
const MOST_NAMES: usize = 8;
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
    /// Pieces in which nothing else lies do not match.
    Pieces {
        /// How many.
        wrong: u32,
        /// Of how many, shared ones too.
        of: u32,
    },
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
        }
    }
}

/// A piece that is not what it should be, and the files in it of which nothing else is known to be wrong.
#[derive(Debug, PartialEq, Eq)]
struct Doubt {
    piece: PieceIndex,
    /// By their place in the manifest.
    files: Vec<usize>,
    cause: Cause,
}

/// Why the files of a piece are in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// At least one of them differs.
    OneOfThem,
    /// Another file of the piece is at fault.
    Another,
}

/// All that is wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// The entries at fault for certain, by their place in the manifest.
    faults: Vec<(usize, Fault)>,
    doubts: Vec<Doubt>,
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
            let fault = fault.or_else(|| is_file.then(|| fault_of_pieces(manifest, &map, entry, pieces)).flatten());
            Some((entry, fault?))
        });
        let faults: Vec<(usize, Fault)> = faults.collect();
        let is_bad = |piece: &PieceIndex| matches!(pieces[piece.as_usize()], PieceState::Wrong | PieceState::Unread);
        let bad = (0..map.pieces()).map(PieceIndex).filter(is_bad);
        let doubts = bad.filter_map(|piece| doubt(files_in(manifest, &map, piece), piece, &faults)).collect();
        Self { faults, doubts, wrong: with(PieceState::Wrong), unread: with(PieceState::Unread) }
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
        lines.extend(self.doubts.iter().take(MOST_ROWS).map(|doubt| doubt.tell(manifest)));
        if let Some(more @ 1..) = self.doubts.len().checked_sub(MOST_ROWS) {
            lines.push(format!("and {more} more such pieces"));
        }
        for (found, what) in [(&self.wrong, "wrong"), (&self.unread, "not there to be checked")] {
            if !found.is_empty() {
                lines.push(format!("{} of {} {what}: {}", found.len(), counted(pieces, "piece"), runs(found)));
            }
        }
        lines.join("\n")
    }
}

impl Doubt {
    fn tell(&self, manifest: &Manifest) -> String {
        let Self { piece, files, cause } = self;
        let named = files.iter().take(MOST_NAMES).map(|file| manifest.entries[*file].path.to_string());
        let mut named = named.collect::<Vec<_>>().join(", ");
        if let Some(more @ 1..) = files.len().checked_sub(MOST_NAMES) {
            named = format!("{named} and {more} more");
        }
        let piece = piece.ordinal();
        match cause {
            Cause::OneOfThem => {
                format!("at least one of {} differs, which share piece {piece}: {named}", counted(files.len(), "file"))
            }
            Cause::Another => format!("not proved, for a file at fault has bytes in piece {piece} too: {named}"),
        }
    }
}

/// The files with bytes in a piece, each once.
fn files_in(manifest: &Manifest, map: &PieceMap, piece: PieceIndex) -> Vec<usize> {
    let is_file = |entry: &usize| matches!(manifest.entries[*entry].node, Node::File { .. });
    map.spans(piece).map(|span| span.entry).filter(is_file).collect()
}

/// What a piece that is not right says of the files in it that are not at fault for certain, where there are any.
fn doubt(files: Vec<usize>, piece: PieceIndex, faults: &[(usize, Fault)]) -> Option<Doubt> {
    let is_at_fault = |file: &usize| faults.binary_search_by_key(file, |(entry, _)| *entry).is_ok();
    let (at_fault, files): (Vec<usize>, Vec<usize>) = files.into_iter().partition(is_at_fault);
    let cause = if at_fault.is_empty() { Cause::OneOfThem } else { Cause::Another };
    match (&files[..], cause) {
        // One alone went away while it was read: that nothing of it could be checked is told of its pieces.
        ([], _) | ([_], Cause::OneOfThem) => None,
        _ => Some(Doubt { piece, files, cause }),
    }
}

/// What is wrong for certain with a file that looks as it should.
fn fault_of_pieces(manifest: &Manifest, map: &PieceMap, entry: usize, pieces: &[PieceState]) -> Option<Fault> {
    let all = map.pieces_of(entry);
    let is_own_and_wrong = |piece: &u32| {
        pieces[*piece as usize] == PieceState::Wrong && files_in(manifest, map, PieceIndex(*piece)) == [entry]
    };
    let wrong = all.clone().filter(is_own_and_wrong).count();
    (wrong > 0).then(|| Fault::Pieces { wrong: wrong as u32, of: all.len() as u32 })
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
    fn of_a_wrong_piece_that_files_share_no_single_one_is_said_to_be_wrong() {
        assert_eq!(
            told([None, None, None, None], [Right, Right, Wrong, Right, Wrong]),
            "\
1 fault in 3 files:
  t/c  1 of 2 pieces wrong
at least one of 2 files differs, which share piece 3: t/a, t/b
2 of 5 pieces wrong: 3, 5"
        );
        assert_eq!(
            told([None, None, None, None], [Right, Right, Wrong, Right, Right]),
            "\
at least one of 2 files differs, which share piece 3: t/a, t/b
1 of 5 pieces wrong: 3"
        );
    }

    #[test]
    fn a_file_that_is_wrong_in_a_piece_of_its_own_leaves_those_that_share_another_unproven() {
        assert_eq!(
            told([None, None, None, None], [Right, Wrong, Wrong, Right, Right]),
            "\
1 fault in 3 files:
  t/a  1 of 3 pieces wrong
not proved, for a file at fault has bytes in piece 3 too: t/b
2 of 5 pieces wrong: 2-3"
        );
    }

    #[test]
    fn of_many_files_in_a_piece_the_first_are_named() {
        let file = |n: usize| {
            let path = TreePath::new(["t", &format!("{n:02}")]).unwrap();
            Entry { path, node: Node::File { length: 1 }, mode: None, modified: None }
        };
        let many = Manifest { piece_length: 50, entries: (0..12).map(file).collect() };
        let told = Findings::judge(&many, vec![None; 12], &[Wrong]).tell(&many, &many, 1);
        assert!(told.contains("of 12 files differs") && told.contains("t/07 and 4 more\n"), "{told}");
    }

    #[test]
    fn what_is_missing_leaves_its_neighbours_unproven() {
        assert_eq!(
            told([Some(Fault::Missing), None, None, None], [Unread, Unread, Unread, Right, Right]),
            "\
1 fault in 3 files:
  t/a  missing
not proved, for a file at fault has bytes in piece 3 too: t/b
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
