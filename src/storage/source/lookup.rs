//! What is found by who looks for a piece in the cache.

use std::ops::Deref;
use std::sync::Arc;

use super::PieceCache;
use crate::metainfo::PieceIndex;

/// What became of a question for a piece.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// It is here.
    Held(Held<'a>),
    /// It is not, and this is the room for it: it is up to who asked to read it. Others that ask for it wait meanwhile.
    Vacant(Vacancy<'a>),
    /// It is not, and there is no room for it.
    Full,
}

/// The content of a piece, which stays in the cache as long as this is held.
#[derive(Debug)]
pub struct Held<'a> {
    cache: &'a PieceCache,
    /// Ended by `drop` alone, under the cache's lock.
    share: Option<Arc<Content>>,
}

/// Room for a piece. Where it is dropped before it is filled, the next who asks for the piece has to read it.
#[derive(Debug)]
pub struct Vacancy<'a> {
    cache: &'a PieceCache,
    piece: PieceIndex,
    /// None once it was filled.
    buffer: Option<Vec<u8>>,
}

/// What a buffer begins with.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) buffer: Vec<u8>,
    pub(super) length: usize,
}

impl<'a> Held<'a> {
    pub(super) fn new(cache: &'a PieceCache, share: Arc<Content>) -> Self {
        Self { cache, share: Some(share) }
    }
}

impl Deref for Held<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.share.as_ref().map_or(&[], |content| &content.buffer[..content.length])
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.cache.release(self.share.take());
    }
}

impl<'a> Vacancy<'a> {
    pub(super) fn new(cache: &'a PieceCache, piece: PieceIndex, buffer: Vec<u8>) -> Self {
        Self { cache, piece, buffer: Some(buffer) }
    }

    /// The room: as long as the longest piece.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.as_deref_mut().unwrap_or_default()
    }

    /// The room now begins with the content of the piece, of this length.
    ///
    /// # Panics
    /// Where the length is more than the room.
    #[must_use]
    pub fn fill(mut self, length: usize) -> Held<'a> {
        let buffer = self.buffer.take().unwrap_or_default();
        assert!(length <= buffer.len(), "{length} bytes in a room of {}", buffer.len());
        self.cache.fill(self.piece, buffer, length)
    }
}

impl Drop for Vacancy<'_> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.cache.take_back(self.piece, buffer);
        }
    }
}
