//! A storage for simulations: a few bytes a piece, really hashed, in memory.

use sha1::{Digest, Sha1};

use super::{Storage, StorageError, Written};
use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex, TorrentId};

/// Keeps small pieces in memory and checks each against its SHA-1. All pieces of a torrent have the same length.
#[derive(Clone, Debug, Default)]
pub struct Model {
    kept: Vec<Kept>,
    /// Which of `kept` a torrent's number means, by number.
    numbers: Vec<(TorrentId, usize)>,
}

#[derive(Clone, Debug)]
struct Kept {
    name: String,
    layout: Layout,
    digests: Vec<Option<[u8; 20]>>,
    held: Bitfield,
    content: Vec<u8>,
}

impl Model {
    /// The hash of a piece's content, as it is published.
    #[must_use]
    pub fn hash(content: &[u8]) -> [u8; 20] {
        Sha1::digest(content).into()
    }

    /// Puts pieces in place as if they had been there before: those in `held`, out of `content`, which is all pieces of
    /// the torrent one after the other.
    ///
    /// # Panics
    /// Where the content is not as long as the layout says: our own mistake.
    pub fn place(&mut self, name: &str, layout: Layout, held: &Bitfield, content: &[u8]) {
        assert_eq!(content.len(), layout.pieces as usize * layout.piece_length as usize, "content of {name}");
        let index = self.index_of(name, layout);
        let kept = &mut self.kept[index];
        kept.content.clear();
        kept.content.extend_from_slice(content);
        kept.held = held.clone();
    }

    fn index_of(&mut self, name: &str, layout: Layout) -> usize {
        if let Some(index) = self.kept.iter().position(|kept| kept.name == name) {
            return index;
        }
        self.kept.push(Kept {
            name: name.to_owned(),
            layout,
            digests: vec![None; layout.pieces as usize],
            held: Bitfield::none(layout.pieces),
            content: vec![0; layout.pieces as usize * layout.piece_length as usize],
        });
        self.kept.len() - 1
    }

    fn index(&self, torrent: TorrentId) -> Option<usize> {
        let at = self.numbers.binary_search_by_key(&torrent, |&(number, _)| number).ok()?;
        Some(self.numbers[at].1)
    }

    fn kept(&mut self, torrent: TorrentId) -> Option<&mut Kept> {
        self.index(torrent).map(|index| &mut self.kept[index])
    }
}

impl Kept {
    fn range(&self, piece: PieceIndex) -> std::ops::Range<usize> {
        let length = self.layout.piece_length as usize;
        piece.as_usize() * length..(piece.as_usize() + 1) * length
    }
}

impl Storage for Model {
    fn open(&mut self, torrent: TorrentId, name: &str, layout: &Layout) {
        if let Err(at) = self.numbers.binary_search_by_key(&torrent, |&(number, _)| number) {
            let index = self.index_of(name, *layout);
            self.numbers.insert(at, (torrent, index));
        }
    }

    fn learn(&mut self, torrent: TorrentId, first: PieceIndex, hashes: &PieceHashes) {
        let Some(kept) = self.kept(torrent) else { return };
        for (digest, hash) in kept.digests.iter_mut().skip(first.as_usize()).zip(hashes.iter()) {
            *digest = hash.try_into().ok();
        }
    }

    fn length(&self, torrent: TorrentId, piece: PieceIndex) -> Option<u32> {
        let layout = self.kept[self.index(torrent)?].layout;
        layout.contains(piece).then_some(layout.piece_length)
    }

    fn read(&mut self, torrent: TorrentId, piece: PieceIndex, into: &mut Vec<u8>) -> Result<(), StorageError> {
        let kept = self.kept(torrent).filter(|kept| kept.held.contains(piece));
        let kept = kept.ok_or(StorageError::NotHeld { torrent, piece })?;
        into.extend_from_slice(&kept.content[kept.range(piece)]);
        Ok(())
    }

    fn write(&mut self, torrent: TorrentId, piece: PieceIndex, content: &[u8]) -> Result<Written, StorageError> {
        let kept = self.kept(torrent).filter(|kept| kept.layout.contains(piece));
        let kept = kept.ok_or(StorageError::NotHeld { torrent, piece })?;
        if content.len() != kept.layout.piece_length as usize {
            return Ok(Written::Short);
        }
        if kept.digests[piece.as_usize()] != Some(Self::hash(content)) {
            return Ok(Written::Corrupt);
        }
        let range = kept.range(piece);
        kept.content[range].copy_from_slice(content);
        kept.held.insert(piece);
        Ok(Written::Verified)
    }

    fn close(&mut self, torrent: TorrentId) -> Result<(), StorageError> {
        let missing = self
            .kept(torrent)
            .map(|kept| (0..kept.layout.pieces).map(PieceIndex).find(|&piece| !kept.held.contains(piece)));
        match missing {
            Some(None) => Ok(()),
            Some(Some(piece)) => Err(StorageError::NotHeld { torrent, piece }),
            None => Err(StorageError::NotHeld { torrent, piece: PieceIndex(0) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORRENT: TorrentId = TorrentId(3);
    const LAYOUT: Layout = Layout { pieces: 2, piece_length: 4 };

    fn knowing() -> Model {
        let mut hashes = PieceHashes::new();
        hashes.push(&Model::hash(b"abcd")).unwrap();
        hashes.push(&Model::hash(b"efgh")).unwrap();
        let mut model = Model::default();
        model.open(TORRENT, "file", &LAYOUT);
        model.learn(TORRENT, PieceIndex(0), &hashes);
        model
    }

    #[test]
    fn a_piece_counts_once_its_hash_matches() {
        let mut model = knowing();
        let mut read = Vec::new();
        assert_eq!(model.write(TORRENT, PieceIndex(0), b"abcx").unwrap(), Written::Corrupt);
        assert_eq!(model.write(TORRENT, PieceIndex(0), b"abc").unwrap(), Written::Short);
        assert!(model.read(TORRENT, PieceIndex(0), &mut read).is_err());
        assert_eq!(model.write(TORRENT, PieceIndex(0), b"abcd").unwrap(), Written::Verified);
        model.read(TORRENT, PieceIndex(0), &mut read).unwrap();
        assert_eq!(read, b"abcd");
    }

    #[test]
    fn only_a_whole_torrent_closes() {
        let mut model = knowing();
        model.write(TORRENT, PieceIndex(0), b"abcd").unwrap();
        assert!(model.close(TORRENT).is_err());
        model.write(TORRENT, PieceIndex(1), b"efgh").unwrap();
        assert!(model.close(TORRENT).is_ok());
    }

    #[test]
    fn what_is_placed_is_found_under_the_number_that_comes_later() {
        let mut model = Model::default();
        let mut held = Bitfield::none(2);
        held.insert(PieceIndex(1));
        model.place("file", LAYOUT, &held, b"abcdefgh");
        model.open(TORRENT, "file", &LAYOUT);
        let mut read = Vec::new();
        model.read(TORRENT, PieceIndex(1), &mut read).unwrap();
        assert_eq!(read, b"efgh");
        assert!(model.read(TORRENT, PieceIndex(0), &mut read).is_err());
    }

    #[test]
    fn an_unknown_torrent_and_a_piece_out_of_range_are_errors() {
        let mut model = knowing();
        assert!(model.write(TorrentId(9), PieceIndex(0), b"abcd").is_err());
        assert!(model.write(TORRENT, PieceIndex(2), b"abcd").is_err());
        assert!(model.close(TorrentId(9)).is_err());
    }
}
