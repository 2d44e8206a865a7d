//! What names a torrent among all programs that trade torrents.

use std::fmt;

use sha1::{Digest, Sha1};

/// SHA-1 over the `info` dictionary of a `.torrent`, byte by byte as it stands there (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InfoHash(pub [u8; 20]);

impl InfoHash {
    /// The hash of an `info` dictionary.
    #[must_use]
    pub fn of(info: &[u8]) -> Self {
        Self(Sha1::digest(info).into())
    }
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_as_forty_digits() {
        assert_eq!(InfoHash::of(b"").to_string(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }
}
