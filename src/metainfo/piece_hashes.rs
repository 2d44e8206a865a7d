//! The hashes of a torrent's pieces, in order, in one block of memory.

use serde::{Deserialize, Serialize};

use super::PieceIndex;

/// A run of piece hashes, each an opaque string of 1 to 255 bytes. What a hash means (a SHA-1 digest, or the assignment's
/// token) is known to the storage that checks content against it, and to nobody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct PieceHashes {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    /// Where each hash ends in `bytes`.
    ends: Vec<u32>,
}

/// Why a run of hashes is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceHashesError {
    /// A hash is empty or over [`PieceHashes::LONGEST`].
    #[error("a hash has 1 to 255 bytes")]
    Length,
    /// The ends and the bytes do not fit each other (only from the wire).
    #[error("the table of hashes does not fit its bytes")]
    Table,
    /// Over 4 GiB of hashes.
    #[error("too many hashes")]
    TooMany,
}

#[derive(Deserialize)]
struct Unchecked {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl TryFrom<Unchecked> for PieceHashes {
    type Error = PieceHashesError;

    fn try_from(Unchecked { bytes, ends }: Unchecked) -> Result<Self, PieceHashesError> {
        let mut start = 0;
        for &end in &ends {
            let length = end.checked_sub(start).ok_or(PieceHashesError::Table)?;
            if !(1..=Self::LONGEST).contains(&(length as usize)) {
                return Err(PieceHashesError::Length);
            }
            start = end;
        }
        if start as usize != bytes.len() {
            return Err(PieceHashesError::Table);
        }
        Ok(Self { bytes, ends })
    }
}

impl PieceHashes {
    /// The longest hash, in bytes.
    pub const LONGEST: usize = 255;

    /// An empty run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of hashes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes that the hashes take together.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a hash at the end.
    ///
    /// # Errors
    /// Where the hash is empty or too long, or the run would pass 4 GiB; the run is then as it was.
    pub fn push(&mut self, hash: &[u8]) -> Result<(), PieceHashesError> {
        if !(1..=Self::LONGEST).contains(&hash.len()) {
            return Err(PieceHashesError::Length);
        }
        let end = u32::try_from(self.bytes.len() + hash.len()).map_err(|_| PieceHashesError::TooMany)?;
        self.bytes.extend_from_slice(hash);
        self.ends.push(end);
        Ok(())
    }

    /// The hash of a piece, where the run reaches that far.
    #[must_use]
    pub fn get(&self, piece: PieceIndex) -> Option<&[u8]> {
        let index = piece.as_usize();
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        Some(&self.bytes[start..end])
    }

    /// All hashes in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let hash = &self.bytes[start..end as usize];
            start = end as usize;
            hash
        })
    }

    /// Appends another run, for lists that arrive in chunks.
    ///
    /// # Errors
    /// Where the two together pass 4 GiB.
    pub fn append(&mut self, more: &Self) -> Result<(), PieceHashesError> {
        let base = u32::try_from(self.bytes.len()).map_err(|_| PieceHashesError::TooMany)?;
        let last = more.ends.last().copied().unwrap_or(0);
        base.checked_add(last).ok_or(PieceHashesError::TooMany)?;
        self.bytes.extend_from_slice(&more.bytes);
        self.ends.extend(more.ends.iter().map(|end| base + end));
        Ok(())
    }

    /// The hashes from `first` on, as many as fit into `budget` bytes, at least one where there is one.
    #[must_use]
    pub fn chunk(&self, first: u32, budget: usize) -> Self {
        let mut chunk = Self::new();
        let mut index = first;
        while let Some(hash) = self.get(PieceIndex(index)) {
            if !chunk.is_empty() && chunk.bytes.len() + hash.len() + 4 * (chunk.len() + 1) > budget {
                break;
            }
            chunk.push(hash).expect("a part of a legal run is legal");
            index += 1;
        }
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(of: &[&str]) -> PieceHashes {
        let mut hashes = PieceHashes::new();
        for hash in of {
            hashes.push(hash.as_bytes()).unwrap();
        }
        hashes
    }

    #[test]
    fn hashes_of_different_lengths_come_back_as_they_were() {
        let hashes = hashes(&["a", "bcd", "ef"]);
        assert_eq!(hashes.get(PieceIndex(1)), Some(&b"bcd"[..]));
        assert_eq!(hashes.get(PieceIndex(3)), None);
        assert_eq!(hashes.iter().collect::<Vec<_>>(), [&b"a"[..], b"bcd", b"ef"]);
    }

    #[test]
    fn an_empty_and_an_overlong_hash_are_refused() {
        let mut hashes = PieceHashes::new();
        assert_eq!(hashes.push(b""), Err(PieceHashesError::Length));
        assert_eq!(hashes.push(&[b'x'; 256]), Err(PieceHashesError::Length));
        assert!(hashes.push(&[b'x'; 255]).is_ok());
    }

    #[test]
    fn chunks_put_together_are_the_whole() {
        let whole = hashes(&["one", "two", "three", "four", "five"]);
        let mut together = PieceHashes::new();
        while together.len() < whole.len() {
            together.append(&whole.chunk(together.len() as u32, 12)).unwrap();
        }
        assert_eq!(together, whole);
        assert_eq!(whole.chunk(2, 1).len(), 1);
        assert!(whole.chunk(5, 100).is_empty());
    }

    #[test]
    fn a_table_that_does_not_fit_its_bytes_is_refused() {
        let refused = |bytes: &[u8], ends: &[u32]| {
            PieceHashes::try_from(Unchecked { bytes: bytes.to_vec(), ends: ends.to_vec() }).unwrap_err()
        };
        assert_eq!(refused(b"abc", &[2]), PieceHashesError::Table);
        assert_eq!(refused(b"abc", &[2, 1, 3]), PieceHashesError::Table);
        assert_eq!(refused(b"abc", &[0, 3]), PieceHashesError::Length);
        assert_eq!(refused(b"abc", &[4]), PieceHashesError::Table);
    }
}
