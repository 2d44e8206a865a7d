//! `.torrent` files: metainfo as BEP 3 says it, with BEP 12 (several trackers) and BEP 47 (pads, symbolic links, programs).

mod error;
mod fitted;
mod reading;
mod reading_files;
mod symlinks;
mod writing;

pub use error::{MetainfoError, SymlinkFault};
pub use fitted::Fitted;
pub use symlinks::symlink_target;

use super::bencode::Limits;
use super::{InfoHash, Manifest, PieceHashes, TreePath};

/// What is in a `.torrent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metainfo {
    info: Info,
    about: About,
    info_hash: InfoHash,
    /// The `info` dictionary as it stands, unknown keys included: what the info hash is made over.
    raw_info: Vec<u8>,
}

/// What the info hash covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The tree. It is sound, all paths begin with one name, and it has no folders and no hard links; links lead to
    /// something within it; modes and times are known as far as BEP 47 knows them.
    pub manifest: Manifest,
    /// The SHA-1 of each piece.
    pub piece_hashes: PieceHashes,
    /// Whether peers come from the trackers alone (BEP 27).
    pub private: bool,
    /// Where it was made, for trackers that want that in the info hash.
    pub source: Option<String>,
}

/// What is said beside that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The trackers' URLs, tier by tier (BEP 12). Ranks of a job need none of them.
    pub trackers: Vec<Vec<String>>,
    /// A word from whoever made it.
    pub comment: Option<String>,
    /// The program that made it.
    pub created_by: Option<String>,
    /// When it was made, in seconds since 1970.
    pub creation_date: Option<i64>,
}

impl Metainfo {
    /// The longest `.torrent` that is read or written, in bytes. This and the next two are libtorrent's limits.
    pub const LONGEST: usize = 10_000_000;
    /// The most pieces in a `.torrent`.
    pub const MOST_PIECES: usize = 2_097_152;
    const LIMITS: Limits = Limits { bytes: Self::LONGEST, depth: 100, tokens: 3_000_000 };
    /// The length of a hash.
    pub(super) const HASH_LENGTH: usize = 20;

    /// The metainfo of a tree.
    ///
    /// # Errors
    /// Where a `.torrent` cannot say what the tree has, or others could not read it.
    pub fn new(info: &Info, about: &About) -> Result<Self, MetainfoError> {
        // What is written is held to all that holds for what is read.
        Self::decode(&writing::whole(about, &writing::raw_info(info)?))
    }

    /// Reads a `.torrent`. Keys that are not known are passed over.
    ///
    /// # Errors
    /// Where it is not canonical bencode within the limits, or does not mean a tree.
    pub fn decode(source: &[u8]) -> Result<Self, MetainfoError> {
        let (about, raw_info) = reading::outer(source)?;
        let info = reading::info(raw_info)?;
        Ok(Self { info, about, info_hash: InfoHash::of(raw_info), raw_info: raw_info.to_vec() })
    }

    /// The bytes of the `.torrent`. The info hash is that of what was read, whatever unknown keys it had.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        writing::whole(&self.about, &self.raw_info)
    }

    /// What the info hash covers.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The name under which all of it is shared.
    ///
    /// # Panics
    /// Never: a torrent without a file is not read.
    #[must_use]
    pub fn name(&self) -> TreePath {
        let first = &self.info.manifest.entries[0].path;
        TreePath::new([first.first_name()]).expect("a part of a path is one")
    }

    /// What is said beside that.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The torrent's name among all programs.
    #[must_use]
    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{Entry, Modified, Node};

    fn path(text: &str) -> TreePath {
        TreePath::new(text.split('/')).unwrap()
    }

    fn file(at: &str, length: u64, mode: u32) -> Entry {
        Entry { path: path(at), node: Node::File { length }, mode: Some(mode), modified: None }
    }

    fn info(entries: impl Into<Vec<Entry>>) -> Info {
        let manifest = Manifest { piece_length: 1 << 14, entries: entries.into() };
        let mut piece_hashes = PieceHashes::new();
        (0..manifest.piece_map().pieces()).for_each(|piece| piece_hashes.push(&[piece as u8; 20]).unwrap());
        Info { manifest, piece_hashes, private: false, source: None }
    }

    fn everything() -> Info {
        let symlink = |at, target: &str| {
            let node = Node::Symlink { target: target.into() };
            Entry { path: path(at), node, mode: None, modified: None }
        };
        let dated = Entry { modified: Some(Modified { seconds: -3, nanos: 0 }), ..file("тест/ü", 16_384, 0o644) };
        let entries = [
            file("тест/a b", 1, 0o755),
            Entry::pad("тест".as_bytes(), 16_383),
            dated,
            file("тест/d/empty", 0, 0o644),
            symlink("тест/d/l", "../a b"),
            symlink("тест/d/m", "."),
        ];
        Info { private: true, source: Some("here".into()), ..info(entries) }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let about = About {
            trackers: vec![vec!["http://a/x".into()], vec!["udp://b:1".into(), "http://c".into()]],
            comment: Some("ein Wort".into()),
            created_by: Some("tema3".into()),
            creation_date: Some(1_700_000_000),
        };
        for info in [everything(), info([file("одно", 40_000, 0o755)])] {
            let made = Metainfo::new(&info, &about).unwrap();
            assert_eq!((made.info(), made.about()), (&info, &about));
            assert_eq!(Metainfo::decode(&made.encode()), Ok(made));
        }
    }

    #[test]
    fn the_bytes_are_those_of_bep_3() {
        let trackers = vec![vec![String::from("http://t/a")]];
        let made = Metainfo::new(&info([file("f", 3, 0o644)]), &About { trackers, ..About::default() }).unwrap();
        let expected = b"d8:announce10:http://t/a4:infod6:lengthi3e4:name1:f12:piece lengthi16384e6:pieces20:\
            \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0ee";
        assert_eq!(made.encode().escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn what_stands_around_does_not_change_the_info_hash_and_what_stands_within_does() {
        let hash = |info: &Info, about: &About| Metainfo::new(info, about).unwrap().info_hash();
        let (plain, bare) = (everything(), About::default());
        let about = About { comment: Some("c".into()), ..About::default() };
        assert_eq!(hash(&plain, &bare), hash(&plain, &about));
        assert_ne!(hash(&plain, &bare), hash(&Info { private: false, ..plain.clone() }, &bare));
    }

    #[test]
    fn keys_that_are_not_known_stay_and_count() {
        let raw = "d6:lengthi3e4:name1:f12:piece lengthi16384e6:pieces20:....................8:x-secreti7ee";
        let read = Metainfo::decode(format!("d4:info{raw}4:spam4:eggse").as_bytes()).unwrap();
        assert_eq!(read.info_hash(), InfoHash::of(raw.as_bytes()));
        assert_eq!(read.encode(), format!("d4:info{raw}e").as_bytes());
    }

    #[test]
    fn what_a_torrent_has_no_place_for_is_refused_by_name() {
        let refused = |entries: &[Entry]| Metainfo::new(&info(entries), &About::default()).unwrap_err();
        let folder = Entry { node: Node::Folder, ..file("t/d", 0, 0o755) };
        assert_eq!(refused(&[file("t/a", 1, 0), folder]), MetainfoError::NoPlace(path("t/d")));
        assert_eq!(refused(&[file("t/a", 1, 0), file("u/a", 1, 0)]), MetainfoError::NoPlace(path("u/a")));
        assert_eq!(refused(&[file("t", 1, 0), file("u", 1, 0)]), MetainfoError::NoPlace(path("t")));
        assert_eq!(refused(&[file("t/a", 0, 0)]), MetainfoError::NoContent);
        let odd = Entry { path: TreePath::new([b"\xff"]).unwrap(), ..file("t", 1, 0) };
        assert_eq!(refused(std::slice::from_ref(&odd)), MetainfoError::NotText(odd.path));
        let link = Entry { node: Node::Symlink { target: b"../../x".to_vec() }, ..file("t/l", 0, 0) };
        assert!(matches!(refused(&[file("t/a", 1, 0), link]), MetainfoError::Symlink { .. }));
    }

    #[test]
    fn what_others_could_not_read_is_not_written() {
        let many = info([file("f", (Metainfo::MOST_PIECES as u64 + 1) << 14, 0)]);
        assert!(matches!(Metainfo::new(&many, &About::default()), Err(MetainfoError::Bencode(_))));
        let long = About { comment: Some("x".repeat(Metainfo::LONGEST)), ..About::default() };
        assert!(matches!(Metainfo::new(&info([file("f", 1, 0)]), &long), Err(MetainfoError::Bencode(_))));
    }
}
