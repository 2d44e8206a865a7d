//! Chance that follows from a seed.

use crate::fault::mix;

/// A row of numbers that looks random and follows from its name alone, so that one row can be left out without changing
/// another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice {
    state: u64,
    thrown: u64,
}

impl Dice {
    /// The row of this name.
    pub(super) fn new(seed: u64, name: u64) -> Self {
        Self { state: mix(seed, name), thrown: 0 }
    }

    fn throw(&mut self) -> u64 {
        self.thrown += 1;
        mix(self.state, self.thrown)
    }

    /// A number from `low` to `high`, both possible.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.throw() % (high - low + 1)
    }

    /// A number from `low` to `high` of which small ones are as likely as large ones: it is even in its logarithm.
    pub(super) fn of_any_size(&mut self, low: u64, high: u64) -> u64 {
        let bits = self.between(u64::from(low.max(1).ilog2()), u64::from(high.max(1).ilog2()));
        self.between((1 << bits).max(low), ((2 << bits) - 1).clamp(low, high))
    }

    /// Whether something happens that happens so many times in a hundred.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.throw() % 100 < percent
    }

    /// One of several.
    pub(super) fn one_of<T: Copy>(&mut self, several: &[T]) -> T {
        several[(self.throw() % several.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_stay_within_their_bounds_and_reach_them() {
        let mut dice = Dice::new(1, 2);
        let throws: Vec<u64> = (0..1000).map(|_| dice.between(3, 9)).collect();
        assert_eq!((throws.iter().min(), throws.iter().max()), (Some(&3), Some(&9)));
        let sizes: Vec<u64> = (0..1000).map(|_| dice.of_any_size(5, 1000)).collect();
        assert!(sizes.iter().all(|size| (5..=1000).contains(size)));
        assert!(sizes.iter().filter(|&&size| size < 64).count() > 300);
    }

    #[test]
    fn a_row_follows_from_its_name() {
        let row = |name| {
            let mut dice = Dice::new(1, name);
            [(); 8].map(|()| dice.between(0, 1000))
        };
        assert_eq!(row(4), row(4));
        assert_ne!(row(4), row(5));
    }
}
