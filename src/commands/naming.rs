//! A storage that tells observers the names of the torrents it is given.

use crate::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};
use crate::report::Names;
use crate::storage::{Storage, StorageError, Written};

/// Passes all on to a storage. Of a file that is only owned no step says the name, but its storage hears it.
pub(super) struct Naming<S> {
    pub(super) storage: S,
    pub(super) names: Names,
}

impl<S: Storage> Storage for Naming<S> {
    fn open(&mut self, torrent: TorrentId, name: &str, layout: &Layout) {
        self.names.learn(torrent, name);
        self.storage.open(torrent, name, layout);
    }

    fn learn(&mut self, torrent: TorrentId, first: PieceIndex, hashes: &PieceHashes) {
        self.storage.learn(torrent, first, hashes);
    }

    fn read(&mut self, torrent: TorrentId, piece: PieceIndex, into: &mut Vec<u8>) -> Result<(), StorageError> {
        self.storage.read(torrent, piece, into)
    }

    fn write(&mut self, torrent: TorrentId, piece: PieceIndex, content: &[u8]) -> Result<Written, StorageError> {
        self.storage.write(torrent, piece, content)
    }

    fn close(&mut self, torrent: TorrentId) -> Result<(), StorageError> {
        self.storage.close(torrent)
    }
}
