//! A fingerprint of all that happened, to compare two runs.

use std::hash::{Hash, Hasher};

use sha1::{Digest as _, Sha1};

/// A SHA-1 over values that can be hashed, in their order. Numbers go in as eight bytes at most and in one byte order, so
/// that it is the same on every machine.
#[derive(Clone, Default)]
pub struct Digest {
    sha1: Sha1,
}

impl Digest {
    /// Adds a value.
    pub fn add(&mut self, value: &impl Hash) {
        value.hash(self);
    }

    /// The first eight bytes of the fingerprint so far.
    #[must_use]
    pub fn short(&self) -> u64 {
        self.finish()
    }

    /// The fingerprint so far, in hex.
    #[must_use]
    pub fn hex(&self) -> String {
        self.sha1.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.sha1.update(bytes);
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        let digest = self.sha1.clone().finalize();
        u64::from_le_bytes(digest[..8].try_into().expect("a SHA-1 has twenty bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Event, Rank, Time};

    #[test]
    fn equal_histories_have_equal_digests_and_others_do_not() {
        let digest = |events: &[(Time, Event)]| {
            let mut digest = Digest::default();
            events.iter().for_each(|event| digest.add(event));
            digest.hex()
        };
        let history = [(Time(1), Event::Start), (Time(2), Event::Sent { to: Rank(3) })];
        let later = [(Time(1), Event::Start), (Time(3), Event::Sent { to: Rank(3) })];
        assert_eq!(digest(&history), digest(&history));
        assert_ne!(digest(&history), digest(&later));
    }
}
