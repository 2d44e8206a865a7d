//! The buffers in which blocks travel: few, reused, and shared out between the two directions.

use crate::storage::LONGEST_BLOCK;

/// Which way a block goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the wire to the depot.
    In,
    /// From the depot to the wire.
    Out,
}

/// Bounds the memory that blocks take. A buffer counts as a longest block whatever it carries. Neither direction may take
/// all of them: a rank that only sent would never take what the others must get rid of before they can take from it.
#[derive(Debug)]
pub(super) struct Pool {
    /// How many buffers there may be, and how many of them one direction may have.
    most: usize,
    most_of_one: usize,
    /// How many are in use, by direction.
    used: [usize; 2],
    /// Those that are not in use; the last is the warmest in the caches, and is taken first.
    spares: Vec<Vec<u8>>,
}

impl Pool {
    /// A pool of so many bytes; two blocks at least, without which nothing moves.
    pub(super) fn new(memory: usize) -> Self {
        let most = (memory / LONGEST_BLOCK).max(2);
        Self { most, most_of_one: most - (most / 4).max(1), used: [0; 2], spares: Vec::new() }
    }

    /// How many buffers one direction may have.
    pub(super) fn most_of_one(&self) -> usize {
        self.most_of_one
    }

    /// Whether there is a buffer for a block that goes this way.
    pub(super) fn has(&self, direction: Direction) -> bool {
        self.used[direction as usize] < self.most_of_one && self.used.iter().sum::<usize>() < self.most
    }

    /// A buffer of at least this length; what it holds is left from before.
    ///
    /// # Panics
    /// Where there is none: [`Pool::has`] is to be asked first.
    pub(super) fn take(&mut self, direction: Direction, length: usize) -> Vec<u8> {
        assert!(self.has(direction), "no buffer is left");
        self.used[direction as usize] += 1;
        let buffer = self.spares.pop().unwrap_or_default();
        match buffer.len() {
            enough if enough >= length => buffer,
            // Fresh zeros cost nothing before they are touched.
            _ if buffer.capacity() < length => vec![0; length],
            _ => resized(buffer, length),
        }
    }

    /// Takes a buffer back.
    pub(super) fn give(&mut self, direction: Direction, buffer: Vec<u8>) {
        let used = &mut self.used[direction as usize];
        debug_assert!(*used > 0, "a buffer came back twice");
        *used = used.saturating_sub(1);
        self.spares.push(buffer);
    }
}

fn resized(mut buffer: Vec<u8>, length: usize) -> Vec<u8> {
    buffer.resize(length, 0);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pool: &mut Pool, direction: Direction) -> usize {
        (0..).take_while(|_| pool.has(direction).then(|| pool.take(direction, 1)).is_some()).count()
    }

    #[test]
    fn each_direction_leaves_buffers_to_the_other() {
        for (blocks, first, second) in [(0, 1, 1), (2, 1, 1), (3, 2, 1), (4, 3, 1), (64, 48, 16)] {
            for (one, other) in [(Direction::In, Direction::Out), (Direction::Out, Direction::In)] {
                let mut pool = Pool::new(blocks * LONGEST_BLOCK + 1);
                assert_eq!((taken(&mut pool, one), taken(&mut pool, other)), (first, second), "{blocks} blocks");
            }
        }
    }

    #[test]
    fn a_buffer_that_came_back_can_be_taken_either_way_and_the_last_is_the_first() {
        let mut pool = Pool::new(2 * LONGEST_BLOCK);
        let (mut first, mut second) = (pool.take(Direction::In, 4), pool.take(Direction::Out, 4));
        (first[0], second[0]) = (1, 2);
        assert!(!pool.has(Direction::In) && !pool.has(Direction::Out));
        pool.give(Direction::In, first);
        pool.give(Direction::Out, second);
        assert_eq!(pool.take(Direction::In, 3), [2, 0, 0, 0]);
        assert_eq!(pool.take(Direction::Out, 3), [1, 0, 0, 0]);
    }

    #[test]
    fn a_buffer_is_as_long_as_it_is_to_be() {
        let mut pool = Pool::new(2 * LONGEST_BLOCK);
        let mut buffer = Vec::with_capacity(10);
        buffer.push(9);
        assert_eq!(pool.take(Direction::In, 0).len(), 0);
        pool.give(Direction::In, buffer);
        assert_eq!(pool.take(Direction::In, 10)[..2], [9, 0]);
        pool.give(Direction::In, vec![1]);
        assert_eq!(pool.take(Direction::In, LONGEST_BLOCK).len(), LONGEST_BLOCK);
    }
}
