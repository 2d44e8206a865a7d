//! A manifest as bytes, for ranks of one job and for runs that go on with what an earlier one left: all that a tree has,
//! where a `.torrent` has no place for much of it.
//!
//! It is canonical bencode: `entries`, `piece length`, and the `version` of the form. An entry is a dictionary of
//!
//! | key | what |
//! |---|---|
//! | `f` | a file's length |
//! | `h` | a hard link's first name, as a list of names |
//! | `k` | how many names of the path are those of the entry before |
//! | `l` | what a symbolic link says |
//! | `m` | the mode, where it is known |
//! | `n`, `s` | when it was changed, where that is known: nanoseconds after a second since 1970 |
//! | `p` | the other names of the path |
//! | `z` | a pad's length |
//!
//! with one of `f`, `h`, `l`, `z`, or none of them for a folder.

use bendy::decoding::{Decoder, Object};

use super::bencode::{Fields, Limits, Value, bytes, check, fields, items, number};
use super::{BencodeError, Entry, Manifest, ManifestError, Modified, Node, TreePath, TreePathError};

const VERSION: i64 = 1;
/// A tree of ten million files has room.
const LIMITS: Limits = Limits { bytes: 2_000_000_000, depth: 4, tokens: 250_000_000 };

/// Why bytes are no listing of a sound tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// They are no canonical bencode within the limits, or a value is of the wrong kind.
    #[error("not a listing: {0}")]
    Bencode(#[from] BencodeError),
    /// A key is missing, unknown, or does not go with another.
    #[error("not a listing: entry {entry} has no place for, or lacks, '{key}'")]
    Key {
        /// Which entry, from 1; 0 is the whole.
        entry: usize,
        /// Which key.
        key: String,
    },
    /// Another form than this program's.
    #[error("the listing is of version {0}; this program knows version 1")]
    Version(i64),
    /// A number that is negative, or larger than what it counts.
    #[error("entry {entry} of the listing has a '{key}' of {number}")]
    Number {
        /// Which entry, from 1; 0 is the whole.
        entry: usize,
        /// Which key.
        key: &'static str,
        /// What it says.
        number: i64,
    },
    /// A name that could lead outside, or is none.
    #[error("entry {entry} of the listing: {fault}")]
    Path {
        /// Which entry, from 1.
        entry: usize,
        /// What is wrong with its path.
        fault: TreePathError,
    },
    /// What it lists could not be on a disk.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Manifest {
    /// The manifest as bytes: all of it. The same manifest gives the same bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let before = std::iter::once(None).chain(self.entries.iter().map(Some));
        Value::at_end_of(&mut out).dict(|dict| {
            dict.key("entries").list(before.zip(&self.entries), |value, (before, entry)| write(value, before, entry));
            dict.key("piece length").number(self.piece_length);
            dict.key("version").number(VERSION);
        });
        out
    }

    /// Reads what [`Manifest::encode`] wrote, and nothing else. What comes out is sound.
    ///
    /// # Errors
    /// Where the bytes are no listing, or list no sound tree.
    pub fn decode(source: &[u8]) -> Result<Self, ListingError> {
        check(source, LIMITS)?;
        let mut decoder = Decoder::new(source);
        let Some(whole) = decoder.next_object().map_err(BencodeError::from)? else {
            return Err(BencodeError::Empty.into());
        };
        let mut whole = fields(whole, "listing")?;
        let (mut entries, mut piece_length, mut version) = (None, None, None);
        while let Some((key, value)) = whole.next_pair().map_err(BencodeError::from)? {
            match key {
                b"entries" => entries = Some(read_entries(value)?),
                b"piece length" => piece_length = Some(limited(number(value, "piece length")?, 0, "piece length")?),
                b"version" => version = Some(number(value, "version")?),
                other => return Err(odd(0, other)),
            }
        }
        match version.ok_or_else(|| odd(0, b"version"))? {
            VERSION => {}
            other => return Err(ListingError::Version(other)),
        }
        let piece_length = piece_length.ok_or_else(|| odd(0, b"piece length"))?;
        let manifest = Self { piece_length, entries: entries.ok_or_else(|| odd(0, b"entries"))? };
        manifest.check()?;
        Ok(manifest)
    }
}

fn write(value: Value<'_>, before: Option<&Entry>, entry: &Entry) {
    // At least its own name is always said.
    let most = entry.path.depth() - 1;
    let kept = before.map_or(0, |before| {
        before.path.names().zip(entry.path.names()).take(most).take_while(|(one, other)| one == other).count()
    });
    value.dict(|dict| {
        match &entry.node {
            Node::File { length } => dict.key("f").number(*length),
            Node::HardLink { to } => dict.key("h").list(to.names(), |value, name| value.bytes(name)),
            _ => {}
        }
        dict.key("k").number(kept as u64);
        if let Node::Symlink { target } = &entry.node {
            dict.key("l").bytes(target);
        }
        if let Some(mode) = entry.mode {
            dict.key("m").number(mode);
        }
        if let Some(Modified { nanos, .. }) = entry.modified {
            dict.key("n").number(nanos);
        }
        dict.key("p").list(entry.path.names().skip(kept), |value, name| value.bytes(name));
        if let Some(Modified { seconds, .. }) = entry.modified {
            dict.key("s").number(seconds);
        }
        if let Node::Pad { length } = &entry.node {
            dict.key("z").number(*length);
        }
    });
}

fn read_entries(value: Object<'_, '_>) -> Result<Vec<Entry>, ListingError> {
    let mut list = items(value, "entries")?;
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(entry) = list.next_object().map_err(BencodeError::from)? {
        let place = entries.len() + 1;
        let entry = Listed::read(fields(entry, "entries")?, place)?.entry(entries.last(), place)?;
        entries.push(entry);
    }
    Ok(entries)
}

/// An entry as it stands in the list.
#[derive(Default)]
struct Listed<'s> {
    node: Option<Node>,
    kept: Option<usize>,
    names: Option<Vec<&'s [u8]>>,
    mode: Option<u32>,
    nanos: Option<u32>,
    seconds: Option<i64>,
}

impl<'s> Listed<'s> {
    fn read(mut fields: Fields<'_, 's>, place: usize) -> Result<Self, ListingError> {
        let mut listed = Self::default();
        while let Some((key, value)) = fields.next_pair().map_err(BencodeError::from)? {
            let node = match key {
                b"f" => Node::File { length: limited(number(value, "f")?, place, "f")? },
                b"h" => Node::HardLink { to: path(names(value, "h")?, place)? },
                b"l" => Node::Symlink { target: bytes(value, "l")?.to_vec() },
                b"z" => Node::Pad { length: limited(number(value, "z")?, place, "z")? },
                other => {
                    listed.take(other, value, place)?;
                    continue;
                }
            };
            if listed.node.replace(node).is_some() {
                return Err(odd(place, key));
            }
        }
        Ok(listed)
    }

    fn take(&mut self, key: &[u8], value: Object<'_, 's>, place: usize) -> Result<(), ListingError> {
        match key {
            b"k" => self.kept = Some(limited(number(value, "k")?, place, "k")?),
            b"m" => self.mode = Some(limited(number(value, "m")?, place, "m")?),
            b"n" => self.nanos = Some(limited(number(value, "n")?, place, "n")?),
            b"p" => self.names = Some(names(value, "p")?),
            b"s" => self.seconds = Some(number(value, "s")?),
            other => return Err(odd(place, other)),
        }
        Ok(())
    }

    fn entry(self, before: Option<&Entry>, place: usize) -> Result<Entry, ListingError> {
        let kept = self.kept.ok_or_else(|| odd(place, b"k"))?;
        let own = self.names.filter(|names| !names.is_empty()).ok_or_else(|| odd(place, b"p"))?;
        if kept > before.map_or(0, |before| before.path.depth()) {
            return Err(ListingError::Number { entry: place, key: "k", number: kept as i64 });
        }
        let shared = before.into_iter().flat_map(|before| before.path.names()).take(kept);
        let path = path(shared.chain(own), place)?;
        let modified = match (self.seconds, self.nanos) {
            (Some(seconds), Some(nanos)) => Some(Modified { seconds, nanos }),
            (None, None) => None,
            (Some(_), None) => return Err(odd(place, b"n")),
            (None, Some(_)) => return Err(odd(place, b"s")),
        };
        Ok(Entry { path, node: self.node.unwrap_or(Node::Folder), mode: self.mode, modified })
    }
}

fn names<'s>(value: Object<'_, 's>, key: &'static str) -> Result<Vec<&'s [u8]>, ListingError> {
    let (mut names, mut list) = (Vec::new(), items(value, key)?);
    while let Some(name) = list.next_object().map_err(BencodeError::from)? {
        names.push(bytes(name, key)?);
    }
    Ok(names)
}

fn path<'n>(names: impl IntoIterator<Item = &'n [u8]>, place: usize) -> Result<TreePath, ListingError> {
    TreePath::new(names).map_err(|fault| ListingError::Path { entry: place, fault })
}

/// A number that has room where it is to go.
fn limited<N: TryFrom<i64>>(number: i64, place: usize, key: &'static str) -> Result<N, ListingError> {
    N::try_from(number).map_err(|_| ListingError::Number { entry: place, key, number })
}

fn odd(place: usize, key: &[u8]) -> ListingError {
    ListingError::Key { entry: place, key: key.escape_ascii().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree_path(text: &str) -> TreePath {
        TreePath::new(text.split('/')).unwrap()
    }

    fn entry(at: &str, node: Node) -> Entry {
        Entry { path: tree_path(at), node, mode: None, modified: None }
    }

    fn decoded(entries: &str) -> Result<Manifest, ListingError> {
        let listing = format!("d7:entriesl{entries}e12:piece lengthi16384e7:versioni1ee");
        Manifest::decode(listing.as_bytes())
    }

    #[test]
    fn a_tree_with_everything_in_it_comes_back_as_it_was() {
        let modified = Some(Modified { seconds: -2, nanos: 999_999_999 });
        let odd_name = TreePath::new([&b"t"[..], b"d", b"\xff\n"]).unwrap();
        let entries = vec![
            Entry { mode: Some(0o2775), modified, ..entry("t", Node::Folder) },
            entry("t/d", Node::Folder),
            entry("t/d/a", Node::File { length: 1 << 40 }),
            entry("t/.pad/9", Node::Pad { length: 9 }),
            Entry { path: odd_name.clone(), mode: Some(0), modified, node: Node::File { length: 0 } },
            entry("t/d/h", Node::HardLink { to: odd_name }),
            entry("t/d/l", Node::Symlink { target: b"/anywhere/../\xfe".to_vec() }),
            Entry { modified, ..entry("t/d-e", Node::Folder) },
        ];
        let manifest = Manifest { piece_length: 1 << 20, entries };
        assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
        let empty = Manifest { piece_length: 1, entries: Vec::new() };
        assert_eq!(Manifest::decode(&empty.encode()), Ok(empty));
    }

    #[test]
    fn names_that_are_shared_are_written_once() {
        let entries = ["t/a", "t/a/b/c", "t/a/b/c-d", "t/a"].map(|at| entry(at, Node::File { length: 5 }));
        let text = String::from_utf8(Manifest { piece_length: 1, entries: entries.into() }.encode()).unwrap();
        let said = ["1:ki0e1:pl1:t1:ae", "1:ki2e1:pl1:b1:ce", "1:ki3e1:pl3:c-de", "1:ki1e1:pl1:ae"];
        let listed = said.map(|path| format!("d1:fi5e{path}e")).concat();
        assert_eq!(text, format!("d7:entriesl{listed}e12:piece lengthi1e7:versioni1ee"));
    }

    #[test]
    fn a_tenth_of_a_tree_of_a_million_files_takes_little_of_what_may_be_read() {
        let file = |n: u32| Entry {
            mode: Some(0o644),
            modified: Some(Modified { seconds: 1_700_000_000, nanos: n }),
            ..entry(&format!("tree/{:03}/{:03}", n / 1000, n % 1000), Node::File { length: u64::from(n) })
        };
        let manifest = Manifest { piece_length: 1 << 24, entries: (0..100_000).map(file).collect() };
        let listing = manifest.encode();
        assert!(listing.len() < LIMITS.bytes / 250, "{} bytes", listing.len());
        assert!(Manifest::decode(&listing).unwrap() == manifest, "something came back otherwise");
    }

    #[test]
    fn what_is_missing_unknown_or_twofold_is_refused() {
        let key = |entry, key: &str| Err(ListingError::Key { entry, key: key.into() });
        assert_eq!(decoded("d1:fi1e1:ki0ee"), key(1, "p"));
        assert_eq!(decoded("d1:fi1e1:ki0e1:plee"), key(1, "p"));
        assert_eq!(decoded("d1:fi1e1:pl1:aee"), key(1, "k"));
        assert_eq!(decoded("d1:ki0e1:pl1:ae1:xi0ee"), key(1, "x"));
        assert_eq!(decoded("d1:fi1e1:ki0e1:l1:b1:pl1:aee"), key(1, "l"));
        assert_eq!(decoded("d1:ki0e1:ni1e1:pl1:aee"), key(1, "s"));
        assert_eq!(decoded("d1:ki0e1:pl1:ae1:si1ee"), key(1, "n"));
        assert_eq!(Manifest::decode(b"d7:entrieslee"), key(0, "version"));
        assert_eq!(Manifest::decode(b"d7:entriesle12:piece lengthi1e7:versioni2ee"), Err(ListingError::Version(2)));
        assert_eq!(Manifest::decode(b"d7:entriesle7:versioni1ee"), key(0, "piece length"));
        assert_eq!(Manifest::decode(b"d5:extrai0ee"), key(0, "extra"));
        assert!(matches!(Manifest::decode(b"le"), Err(ListingError::Bencode(BencodeError::Kind { .. }))));
        assert!(matches!(Manifest::decode(b""), Err(ListingError::Bencode(BencodeError::Empty))));
    }

    #[test]
    fn numbers_and_paths_out_of_range_are_refused() {
        let number = |key, number| Err(ListingError::Number { entry: 1, key, number });
        assert_eq!(decoded("d1:fi-1e1:ki0e1:pl1:aee"), number("f", -1));
        assert_eq!(decoded("d1:ki1e1:pl1:aee"), number("k", 1));
        assert_eq!(decoded("d1:ki0e1:mi4294967296e1:pl1:aee"), number("m", 1 << 32));
        assert_eq!(decoded("d1:ki0e1:pl1:ae1:zi-5ee"), number("z", -5));
        assert!(matches!(decoded("d1:ki0e1:pl2:..ee"), Err(ListingError::Path { entry: 1, .. })));
        assert!(matches!(decoded("d1:hl1:a0:e1:ki0e1:pl1:aee"), Err(ListingError::Path { entry: 1, .. })));
        let deep = format!("d1:ki0e1:pl{}ee", "1:a".repeat(101));
        let fault = TreePathError::TooDeep(101);
        assert_eq!(decoded(&deep), Err(ListingError::Path { entry: 1, fault }));
    }

    #[test]
    fn what_lists_no_sound_tree_is_refused() {
        let manifest = |listed: &str| match decoded(listed) {
            Err(ListingError::Manifest(error)) => error,
            other => panic!("{other:?}"),
        };
        let file = |name: &str| format!("d1:fi1e1:ki0e1:pl1:t1:{name}ee");
        assert!(matches!(manifest(&[file("a"), file("a")].concat()), ManifestError::Duplicate(_)));
        let within = [file("a"), "d1:fi1e1:ki2e1:pl1:bee".into()].concat();
        assert!(matches!(manifest(&within), ManifestError::NotAFolder { .. }));
        assert!(matches!(manifest("d1:hl1:t1:ae1:ki0e1:pl1:t1:bee"), ManifestError::HardLink { .. }));
        assert!(matches!(manifest("d1:fi4611686018427387905e1:ki0e1:pl1:aee"), ManifestError::TooLong));
        assert!(matches!(manifest("d1:ki0e1:mi4096e1:pl1:aee"), ManifestError::ModeOrTime(_)));
        assert!(matches!(manifest("d1:ki0e1:ni1000000000e1:pl1:ae1:si0ee"), ManifestError::ModeOrTime(_)));
        assert!(matches!(manifest("d1:ki0e1:l0:1:pl1:aee"), ManifestError::Symlink(_)));
    }
}
