//! The place that a requested piece comes back to: its MPI tag.

use serde::{Deserialize, Serialize};

/// Where the answer to a request lands. It is the MPI tag of the piece's message, so a piece needs no header. It is
/// unique per peer and carries a generation: the answer to a request that was given up finds no live slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(u16);

impl Slot {
    /// How many requests to one peer can be in flight.
    pub const PER_PEER: u16 = 64;
    const GENERATIONS: u16 = 511;

    /// The slot of a request: `index` below [`Slot::PER_PEER`], `generation` a count of that index's uses.
    ///
    /// # Panics
    /// Where the index is out of range: our own mistake.
    #[must_use]
    pub fn new(index: u16, generation: u16) -> Self {
        assert!(index < Self::PER_PEER, "slot index {index} out of range");
        Self(1 + index + Self::PER_PEER * (generation % Self::GENERATIONS))
    }

    /// The MPI tag, 1 to 32,704: MPI guarantees tags up to 32,767 (MPI 4.0, 9.1.2). Tag 0 is for control messages.
    #[must_use]
    pub fn tag(self) -> u16 {
        self.0
    }

    /// The slot that a tag stands for, where it stands for one.
    #[must_use]
    pub fn from_tag(tag: u16) -> Option<Self> {
        (1..=Self::PER_PEER * Self::GENERATIONS).contains(&tag).then_some(Self(tag))
    }

    /// Which of the peer's slots this is.
    #[must_use]
    pub fn index(self) -> u16 {
        (self.0 - 1) % Self::PER_PEER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_a_tag_that_mpi_guarantees_and_back() {
        for index in 0..Slot::PER_PEER {
            for generation in [0, 1, 510, 511, u16::MAX] {
                let slot = Slot::new(index, generation);
                assert!((1..=32_767).contains(&slot.tag()));
                assert_eq!(Slot::from_tag(slot.tag()), Some(slot));
                assert_eq!(slot.index(), index);
            }
        }
        assert_eq!(Slot::from_tag(0), None);
        assert_eq!(Slot::from_tag(32_705), None);
    }

    #[test]
    fn the_next_use_of_an_index_is_another_slot() {
        assert_ne!(Slot::new(5, 7), Slot::new(5, 8));
    }
}
