//! What several ranks can read, put together.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Conflict, Difference};
use crate::metainfo::{Entry, Manifest, ManifestError, Node, TreePath};

/// The union of what some ranks listed, and who can read what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// All that somebody listed, in the order of the paths, each once.
    pub entries: Vec<Entry>,
    /// For each entry, its place in `sets`.
    groups: Vec<usize>,
    /// The sets of ranks that occur, each once, each in order.
    sets: Vec<Vec<u32>>,
}

/// An entry as a rank listed it.
struct Listed<'a> {
    rank: u32,
    entry: &'a Entry,
    /// The whole listing.
    among: &'a [Entry],
}

impl Merged {
    /// Puts listings together, one a rank, each in the order of its paths as [`Roots::list`](super::Roots::list) makes it.
    /// A folder has the mode and time that it has on the lowest rank.
    ///
    /// # Errors
    /// At the first path that is not the same on two ranks.
    pub fn of(listings: &[(u32, &[Entry])]) -> Result<Self, Conflict> {
        let listed = |&(rank, among): &(u32, _)| {
            let among: &[Entry] = among;
            among.iter().map(move |entry| Listed { rank, entry, among })
        };
        let mut all: Vec<Listed<'_>> = listings.iter().flat_map(listed).collect();
        all.sort_by(|one, other| (&one.entry.path, one.rank).cmp(&(&other.entry.path, other.rank)));
        let (mut merged, mut places) = (Self::default(), HashMap::new());
        for same in all.chunk_by(|one, other| one.entry.path == other.entry.path) {
            merged.entries.push(agreed(same)?);
            let mut ranks: Vec<_> = same.iter().map(|listed| listed.rank).collect();
            ranks.dedup();
            let group = *places.entry(ranks).or_insert_with_key(|ranks| {
                merged.sets.push(ranks.clone());
                merged.sets.len() - 1
            });
            merged.groups.push(group);
        }
        Ok(merged)
    }

    /// The manifest of all, pieces as long as asked for, else as their size wants; the files of a piece are such that the
    /// same ranks can read them all.
    ///
    /// # Errors
    /// Where the whole is too large to be shared.
    pub fn arrange(&self, piece_length: Option<u32>) -> Result<Manifest, ManifestError> {
        let group = |at: usize| match &self.entries[at].node {
            // It goes with its file, which has to come before it.
            Node::HardLink { to } => self.group(to).unwrap_or_default(),
            _ => self.groups[at],
        };
        let entries = self.entries.iter().cloned().enumerate();
        Manifest::arrange_apart(entries.map(|(at, entry)| (group(at), entry)).collect(), piece_length)
    }

    /// Which ranks can read an entry, lowest first; none where there is no such entry.
    #[must_use]
    pub fn readers(&self, path: &TreePath) -> &[u32] {
        self.group(path).map_or(&[], |group| &self.sets[group])
    }

    /// The same number for entries that the same ranks can read.
    fn group(&self, path: &TreePath) -> Option<usize> {
        let at = self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok()?;
        Some(self.groups[at])
    }
}

/// What all of them take the entry for.
fn agreed(same: &[Listed<'_>]) -> Result<Entry, Conflict> {
    let (first, others) = same.split_first().expect("a chunk is not empty");
    if same.iter().all(|listed| matches!(listed.entry.node, Node::HardLink { .. }) && listed.entry == first.entry) {
        return Ok(first.entry.clone());
    }
    // Which name of a file is its first depends on what else a rank sees. Where they see it differently, it is a file.
    let resolved = first.resolved();
    for other in others {
        if let Some(difference) = Difference::between(&resolved, &other.resolved()) {
            return Err(Conflict { path: first.entry.path.clone(), ranks: (first.rank, other.rank), difference });
        }
    }
    Ok(resolved.into_owned())
}

impl<'a> Listed<'a> {
    fn resolved(&self) -> Cow<'a, Entry> {
        resolved(self.entry, self.among)
    }
}

/// An entry of a listing that is in the order of its paths; for another name of a file, that file under this name.
pub(super) fn resolved<'a>(entry: &'a Entry, listing: &[Entry]) -> Cow<'a, Entry> {
    let Node::HardLink { to } = &entry.node else { return Cow::Borrowed(entry) };
    match find(listing, to) {
        Some(file) => Cow::Owned(Entry { path: entry.path.clone(), ..file.clone() }),
        None => Cow::Borrowed(entry),
    }
}

/// What is listed under a path.
pub(super) fn find<'a>(listing: &'a [Entry], path: &TreePath) -> Option<&'a Entry> {
    listing.binary_search_by(|entry| entry.path.cmp(path)).ok().map(|at| &listing[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{Modified, PieceIndex};

    fn path(text: &str) -> TreePath {
        TreePath::new(text.split('/')).unwrap()
    }

    fn entry(text: &str, node: Node) -> Entry {
        let modified = Some(Modified { seconds: 1, nanos: 0 });
        Entry { path: path(text), node, mode: Some(0o644), modified }
    }

    fn file(text: &str, length: u64) -> Entry {
        entry(text, Node::File { length })
    }

    fn link(text: &str, to: &str) -> Entry {
        Entry { mode: None, modified: None, ..entry(text, Node::HardLink { to: path(to) }) }
    }

    fn folder(text: &str, mode: u32) -> Entry {
        Entry { mode: Some(mode), ..entry(text, Node::Folder) }
    }

    #[test]
    fn the_union_is_in_order_and_tells_who_reads_what() {
        let one = [folder("t", 0o700), file("t/a", 1), file("t/c", 3)];
        let two =
            [folder("t", 0o755), file("t/b", 2), file("t/c", 3), entry("t/d", Node::Symlink { target: vec![b'x'] })];

        let merged = Merged::of(&[(7, &two), (2, &one)]).unwrap();

        let paths: Vec<_> = merged.entries.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(paths, ["t", "t/a", "t/b", "t/c", "t/d"]);
        assert_eq!(merged.entries[0].mode, Some(0o700), "the lowest rank's");
        let readers = |text| merged.readers(&path(text)).to_vec();
        assert_eq!([readers("t"), readers("t/a"), readers("t/b")], [vec![2, 7], vec![2], vec![7]]);
        assert_eq!([readers("t/c"), readers("t/d"), readers("t/none")], [vec![2, 7], vec![7], vec![]]);
        let group = |text| merged.group(&path(text));
        assert!(group("t/b") == group("t/d") && group("t/a") != group("t/b") && group("t/none").is_none());
    }

    #[test]
    fn what_is_in_a_piece_can_be_read_by_the_same_ranks() {
        let one = [folder("t", 0o755), file("t/a", 4), file("t/b", 4), file("t/d", 25), file("t/g", 1)];
        let linked = [link("t/e", "t/c"), file("t/f", 3)];
        let two = [&[folder("t", 0o755), file("t/b", 4), file("t/c", 4), file("t/d", 25)], &linked[..]].concat();
        let merged = Merged::of(&[(3, &one), (1, &two)]).unwrap();
        let manifest = merged.arrange(Some(10)).unwrap();
        let map = manifest.piece_map();
        assert_eq!((manifest.content_length(), map.pieces()), (41, 6));
        for piece in (0..map.pieces()).map(PieceIndex) {
            let mut readers: Vec<_> =
                map.spans(piece).map(|span| merged.readers(&manifest.entries[span.entry].path)).collect();
            readers.dedup();
            assert!(matches!(readers[..], [[1, 3] | [1] | [3]]), "{piece}: {readers:?}");
        }
    }

    #[test]
    fn another_length_time_or_kind_is_a_conflict_that_names_both_ranks() {
        let later = Entry { modified: Some(Modified { seconds: 2, nanos: 0 }), ..file("a", 1) };
        for other in [file("a", 2), later, folder("a", 0o755), entry("a", Node::Symlink { target: vec![] })] {
            let conflict = Merged::of(&[(1, &[file("a", 1)]), (4, &[file("a", 1)]), (9, &[other])]).unwrap_err();
            assert_eq!((conflict.path, conflict.ranks), (path("a"), (1, 9)), "{:?}", conflict.difference);
        }
    }

    #[test]
    fn hard_links_stay_where_all_see_them_alike() {
        let linked = [file("t/a", 1), link("t/b", "t/a")];
        let merged = Merged::of(&[(0, &linked), (1, &linked)]).unwrap();
        assert_eq!(merged.entries, linked);
    }

    #[test]
    fn a_name_that_is_the_first_for_one_rank_and_another_for_the_next_is_a_file() {
        let linked = [file("t/a", 5), link("t/b", "t/a"), link("t/c", "t/a")];
        let alone = [file("t/b", 5), link("t/c", "t/b")];

        let merged = Merged::of(&[(0, &linked), (1, &alone)]).unwrap();

        assert_eq!(merged.entries, [file("t/a", 5), file("t/b", 5), file("t/c", 5)]);
        assert_eq!(merged.readers(&path("t/b")), [0, 1]);
        let conflict = Merged::of(&[(0, &linked), (1, &[file("t/b", 6)])]).unwrap_err();
        assert_eq!(conflict.difference, Difference::Length(5, 6));
    }

    #[test]
    fn a_hard_link_to_nothing_is_a_conflict_and_no_panic() {
        let conflict = Merged::of(&[(0, &[link("b", "a")]), (1, &[file("b", 1)])]).unwrap_err();
        assert_eq!(conflict.difference, Difference::Kind("a hard link", "a file"));
        assert!(Merged::of(&[(0, &[link("b", "a")]), (1, &[link("b", "c")])]).is_err());
    }

    #[test]
    fn nothing_to_merge_is_nothing() {
        assert_eq!(Merged::of(&[]).unwrap(), Merged::default());
    }
}
