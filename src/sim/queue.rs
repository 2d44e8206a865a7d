//! What is yet to happen, in order of time; what happens at the same time, in the order in which it was arranged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::protocol::Time;

/// An event queue in virtual time. Ties are broken by age, so nothing depends on addresses or hashing.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// When, how old, and where in `items`: small keys, so that sifting moves little.
    order: BinaryHeap<Reverse<(Time, u64, u32)>>,
    items: Vec<Option<T>>,
    vacant: Vec<u32>,
    pushed: u64,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { order: BinaryHeap::new(), items: Vec::new(), vacant: Vec::new(), pushed: 0 }
    }

    pub(super) fn push(&mut self, at: Time, item: T) {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.items.push(None);
            u32::try_from(self.items.len() - 1).expect("fewer than 2^32 events are under way")
        });
        self.items[place as usize] = Some(item);
        self.order.push(Reverse((at, self.pushed, place)));
        self.pushed += 1;
    }

    pub(super) fn pop(&mut self) -> Option<(Time, T)> {
        let Reverse((at, _, place)) = self.order.pop()?;
        self.vacant.push(place);
        let item = self.items[place as usize].take().expect("each place is in the order once");
        Some((at, item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_is_popped_first_and_ties_go_by_age() {
        let mut queue = Queue::new();
        for (at, item) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b')] {
            queue.push(Time(at), item);
        }
        assert_eq!(queue.pop(), Some((Time(1), 'a')));
        queue.push(Time(5), 'e');
        let rest: String = std::iter::from_fn(|| queue.pop()).map(|(_, item)| item).collect();
        assert_eq!(rest, "bcde");
    }

    #[test]
    fn places_are_used_again() {
        let mut queue = Queue::new();
        for round in 0..100 {
            queue.push(Time(round), round);
            queue.pop();
        }
        assert_eq!(queue.items.len(), 1);
    }
}
