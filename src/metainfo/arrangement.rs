//! The order in which the files of a tree follow each other, and where pieces begin: so that what changes in a tree changes
//! few of its pieces.

use sha1::{Digest, Sha1};

use super::{Entry, Extent, Manifest, ManifestError, Node, TreePath};

/// The piece lengths that are chosen from, as powers of two: 16 KiB to 16 MiB.
const CHOICES: std::ops::RangeInclusive<u32> = 14..=24;
/// As few pieces as this, where the longest choice allows it: their hashes stay small, and there are enough to share out.
const FEW_PIECES: u64 = 2048;
/// Of small files in a row, one begins a piece about every so many pieces.
const RUN: u64 = 6;

impl Manifest {
    /// Puts a tree in order: by path, pieces as long as asked for, else as its size wants; pads before each file of a piece
    /// or more that would not begin with a piece, and before some of the smaller ones, which share pieces otherwise. Which
    /// of these hangs on their paths and lengths alone, so where one comes or goes, those behind the next such one keep
    /// their pieces. Pads that were there before are left out.
    ///
    /// # Errors
    /// Where the result would not be sound.
    pub fn arrange(entries: Vec<Entry>, piece_length: Option<u32>) -> Result<Self, ManifestError> {
        Self::arrange_apart(entries.into_iter().map(|entry| (0, entry)).collect(), piece_length)
    }

    /// The same for files of which not everybody can read all: each is in a numbered group, the groups follow each other,
    /// each in the order of its paths, and no piece is made of files of two groups.
    ///
    /// # Errors
    /// Where the result would not be sound.
    pub fn arrange_apart(mut entries: Vec<(usize, Entry)>, piece_length: Option<u32>) -> Result<Self, ManifestError> {
        entries.retain(|(_, entry)| !matches!(entry.node, Node::Pad { .. }));
        entries.sort_by(|(group, one), (other_group, other)| (group, &one.path).cmp(&(other_group, &other.path)));
        let groups: Vec<_> = entries.iter().map(|(group, _)| *group).collect();
        // From here on lengths can be added.
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        let mut manifest = Self { piece_length: piece_length.unwrap_or(1 << CHOICES.start()), entries };
        manifest.check_length()?;
        let files = Place::of_all(&manifest.entries, &groups);
        if piece_length.is_none() {
            manifest.piece_length = choose(&files);
        }
        manifest.insert_pads(&files);
        manifest.check()?;
        Ok(manifest)
    }

    fn insert_pads(&mut self, files: &[Place]) {
        let mut at = 0;
        let mut padded = Vec::with_capacity(self.entries.len());
        for (entry, file) in std::mem::take(&mut self.entries).into_iter().zip(files) {
            let pad = file.pad(at, self.piece_length);
            if pad > 0 {
                padded.push(Entry::pad(entry.path.first_name(), pad));
            }
            at += pad + file.length;
            padded.push(entry);
        }
        self.entries = padded;
    }
}

/// The shortest piece length with which there are few pieces.
fn choose(files: &[Place]) -> u32 {
    let is_enough = |length: &u32| {
        let total = files.iter().fold(0, |at, file| at + file.pad(at, *length) + file.length);
        total.div_ceil(u64::from(*length)) <= FEW_PIECES
    };
    CHOICES.map(|power| 1 << power).find(is_enough).unwrap_or(1 << CHOICES.end())
}

/// What of a file decides where it begins.
struct Place {
    length: u64,
    /// A number that is always the same for its path, and as good as any other.
    lot: u64,
    /// Whether what is before it belongs to another group.
    opens_group: bool,
}

impl Place {
    /// Those of all entries, which are in these groups.
    fn of_all(entries: &[Entry], groups: &[usize]) -> Vec<Self> {
        let mut before = None;
        let place = |(entry, &group): (&Entry, _)| match entry.extent() {
            Extent::Content(length) if length > 0 => {
                let opens_group = before.replace(group).is_some_and(|before| before != group);
                Self { length, lot: lot(&entry.path), opens_group }
            }
            _ => Self { length: 0, lot: 0, opens_group: false },
        };
        entries.iter().zip(groups).map(place).collect()
    }

    /// How long a pad it needs, where it would begin at this byte.
    fn pad(&self, at: u64, piece_length: u32) -> u64 {
        if self.begins_a_piece(piece_length) { at.next_multiple_of(u64::from(piece_length)) - at } else { 0 }
    }

    /// Files of a piece and more do, and those that open a group. Of smaller ones each with a probability that is in
    /// proportion to its length, so that it is about every [`RUN`] pieces, however long they are.
    fn begins_a_piece(&self, piece_length: u32) -> bool {
        let piece_length = u64::from(piece_length);
        let draws = || u128::from(self.lot) * u128::from(RUN * piece_length) < u128::from(self.length) << u64::BITS;
        self.length >= piece_length || self.opens_group || draws()
    }
}

/// By the path within what is shared, so that another name of the whole leaves its pieces as they are.
fn lot(path: &TreePath) -> u64 {
    let own = path.below_first_name().unwrap_or(path.as_path());
    let digest = Sha1::digest(own.as_os_str().as_encoded_bytes());
    u64::from_be_bytes(*digest.first_chunk().expect("a digest has more than 8 bytes"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::metainfo::PieceIndex;

    const KIB: u64 = 1 << 10;

    fn entry(at: &str, node: Node) -> Entry {
        Entry { path: TreePath::new(at.split('/')).unwrap(), node, mode: None, modified: None }
    }

    fn file(at: &str, length: u64) -> Entry {
        entry(at, Node::File { length })
    }

    fn arranged(entries: &[Entry], piece_length: u32) -> Manifest {
        Manifest::arrange(entries.to_vec(), Some(piece_length)).unwrap()
    }

    fn paths(manifest: &Manifest) -> Vec<String> {
        manifest.entries.iter().map(|entry| entry.path.to_string()).collect()
    }

    /// What each piece is made of, whatever its index.
    fn pieces(manifest: &Manifest) -> HashSet<Vec<(String, u64, u32)>> {
        let map = manifest.piece_map();
        let content = |piece| {
            let spans = map.spans(PieceIndex(piece));
            spans.map(|span| (manifest.entries[span.entry].path.to_string(), span.offset, span.length)).collect()
        };
        (0..map.pieces()).map(content).collect()
    }

    /// Many small files of 0 to 8 KiB.
    fn many() -> Vec<Entry> {
        (0..3000_u64).map(|n| file(&format!("t/{}/{n:04}", n % 7), n * 7919 % (8 * KIB))).collect()
    }

    #[test]
    fn files_of_a_piece_or_more_begin_a_piece_and_there_is_no_pad_at_the_end() {
        let manifest = arranged(&[file("t/c", 25), file("t/a", 10), file("t/b", 13)], 10);
        assert_eq!(paths(&manifest), ["t/a", "t/b", "t/.pad/7", "t/c"]);
        assert_eq!(manifest.piece_map().total(), 10 + 20 + 25);
    }

    #[test]
    fn what_has_no_bytes_stands_in_its_order_and_needs_no_pad() {
        let folder = entry("t", Node::Folder);
        let link = entry("t/b", Node::Symlink { target: b"a".to_vec() });
        let manifest = arranged(&[file("t/a", 12), folder, link, file("t/e", 0)], 10);
        assert_eq!(paths(&manifest), ["t", "t/a", "t/b", "t/e"]);
    }

    #[test]
    fn no_piece_is_made_of_files_of_two_groups() {
        let all = [file("t/a", 4), file("t/b", 4), file("t/c", 0), file("t/d", 4), file("t/e", 4), file("t/f", 7)];
        let grouped = all.into_iter().zip([2, 1, 0, 1, 2, 2]).map(|(entry, group)| (group, entry));
        let manifest = Manifest::arrange_apart(grouped.collect(), Some(10)).unwrap();
        assert_eq!(paths(&manifest), ["t/c", "t/b", "t/d", "t/.pad/2", "t/a", "t/e", "t/f"]);
        assert_eq!(manifest.piece_map().total(), 25);
    }

    #[test]
    fn one_group_is_arranged_as_if_there_were_none() {
        let grouped = many().into_iter().rev().map(|entry| (7, entry)).collect();
        assert_eq!(Manifest::arrange_apart(grouped, None), Manifest::arrange(many(), None));
    }

    #[test]
    fn arranging_twice_changes_nothing() {
        let once = arranged(&many(), 16 * KIB as u32);
        assert_eq!(arranged(&once.entries, once.piece_length), once);
    }

    #[test]
    fn about_every_sixth_piece_of_small_files_begins_with_one() {
        let manifest = arranged(&many(), 16 * KIB as u32);
        let pads = manifest.entries.iter().filter(|entry| matches!(entry.node, Node::Pad { .. })).count() as u64;
        let pieces_of_content = manifest.content_length() / (16 * KIB);
        assert!((4..=8).contains(&(pieces_of_content / pads)), "{pads} pads in {pieces_of_content} pieces");
    }

    #[test]
    fn a_small_file_that_comes_or_goes_changes_few_pieces() {
        let all = many();
        let before = pieces(&arranged(&all, 16 * KIB as u32));
        let changed: Vec<_> = (0..60)
            .map(|n| {
                let mut rest = all.clone();
                rest.remove(n * 50 + 1);
                pieces(&arranged(&rest, 16 * KIB as u32)).difference(&before).count()
            })
            .collect();
        let (most, sum) = (changed.iter().max().unwrap(), changed.iter().sum::<usize>());
        assert!(before.len() > 700 && sum / changed.len() <= 10 && *most <= 50, "of {}: {changed:?}", before.len());
    }

    #[test]
    fn another_name_of_the_whole_leaves_the_pieces_as_they_are() {
        let renamed = |name: &str| {
            let path = |entry: &Entry| TreePath::new([name.as_bytes()].into_iter().chain(entry.path.names().skip(1)));
            many().iter().map(|entry| Entry { path: path(entry).unwrap(), ..entry.clone() }).collect::<Vec<_>>()
        };
        let lengths = |manifest: Manifest| manifest.entries.into_iter().map(|entry| entry.node).collect::<Vec<_>>();
        assert_eq!(lengths(arranged(&renamed("a"), 1 << 15)), lengths(arranged(&renamed("b"), 1 << 15)));
    }

    #[test]
    fn the_piece_length_is_the_shortest_with_few_pieces() {
        let chosen = |entries: &[Entry]| {
            let manifest = Manifest::arrange(entries.to_vec(), None).unwrap();
            (u64::from(manifest.piece_length) / KIB, manifest.piece_map().pieces())
        };
        assert_eq!(chosen(&[]), (16, 0));
        assert_eq!(chosen(&[file("f", 2048 * 16 * KIB)]), (16, 2048));
        assert_eq!(chosen(&[file("f", 2048 * 16 * KIB + 1)]), (32, 1025));
        assert_eq!(chosen(&[file("f", 1 << 30)]), (512, 2048));
        assert_eq!(chosen(&[file("f", 1 << 45)]), (16 * 1024, 1 << 21));
        // 1500 files of a piece and a byte each take two pieces.
        let files: Vec<_> = (0..1500).map(|n| file(&format!("t/{n}"), 16 * KIB + 1)).collect();
        assert_eq!(chosen(&files).0, 32);
    }

    #[test]
    fn what_cannot_be_a_tree_is_refused() {
        let arrange = |entries: &[Entry], piece_length| Manifest::arrange(entries.to_vec(), piece_length);
        assert_eq!(arrange(&[file("a", u64::MAX), file("b", 9)], None), Err(ManifestError::TooLong));
        assert_eq!(arrange(&[file("a", 1)], Some(0)), Err(ManifestError::PieceLength(0)));
        assert!(matches!(arrange(&[file("a", 1), file("a", 2)], None), Err(ManifestError::Duplicate(_))));
    }
}
