//! Pieces that were read, kept in memory until they are no longer asked for.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::lookup::Content;
use super::{Held, Lookup, Vacancy};
use crate::metainfo::PieceIndex;

/// Keeps the content of pieces within a budget, for several threads, and sees to it that no two read the same piece at once.
///
/// A piece that was read ahead and was not sent yet is never given up for another, for then it would have to be read again:
/// whoever reads ahead reserves room, in the order in which the pieces are wanted. What was sent goes when there is need,
/// the piece that was not asked for the longest first. That order is kept by `lru`: `quick_cache`, which is cleverer about
/// what will be asked again, decides by itself when something goes, and a piece that is pinned or is being copied must not;
/// `schnellru` has had no release for almost two years.
///
/// Content lies in buffers that are all as long as the longest piece and are used again, for memory that is fresh from the
/// system is slow. Who reads a piece has a share in it while copying, without the lock, and its buffer is not taken meanwhile.
#[derive(Debug)]
pub struct PieceCache {
    state: Mutex<State>,
    /// Something was let go, or a piece came or will not come after all.
    changed: Condvar,
    /// The bytes of a buffer.
    length: usize,
    /// How many buffers there may be.
    most: usize,
}

#[derive(Debug)]
struct State {
    /// The oldest last.
    unsent: LruCache<PieceIndex, Arc<Content>>,
    /// Those that may go; the one that was not asked for the longest last.
    sent: LruCache<PieceIndex, Arc<Content>>,
    /// Those that are to be kept until they are sent, and are not here yet.
    reserved: HashSet<PieceIndex>,
    /// Those that are being read.
    on_the_way: HashSet<PieceIndex>,
    /// Buffers without content.
    free: Vec<Vec<u8>>,
    /// How many buffers there are, wherever they are.
    buffers: usize,
}

/// What to do where there is no room at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// Tell so.
    Tell,
    /// Wait for it. Who holds other pieces meanwhile may wait for ever.
    Wait,
}

impl PieceCache {
    /// An empty cache for pieces of at most `length` bytes, which takes at most `budget` bytes; but two pieces always have
    /// room, lest one that nobody asks for stop all others.
    ///
    /// # Panics
    /// Where the length is 0.
    #[must_use]
    pub fn new(budget: usize, length: usize) -> Self {
        let state = State {
            unsent: LruCache::unbounded(),
            sent: LruCache::unbounded(),
            reserved: HashSet::new(),
            on_the_way: HashSet::new(),
            free: Vec::new(),
            buffers: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), length, most: (budget / length).max(2) }
    }

    /// How many pieces have room at once.
    #[must_use]
    pub fn buffers(&self) -> usize {
        self.most
    }

    /// A piece, if it is here.
    pub fn held(&self, piece: PieceIndex) -> Option<Held<'_>> {
        self.lock().get(piece).map(|content| Held::new(self, content))
    }

    /// Takes room for a piece that is to be read ahead, and kept until it was sent once, whoever else needs room. Half
    /// of the budget is for such pieces: false where it is taken. The other half keeps what was sent, for whoever asks next. To
    /// take it twice is the same as once.
    pub fn reserve(&self, piece: PieceIndex) -> bool {
        let mut state = self.lock();
        if state.get(piece).is_some() || state.reserved.contains(&piece) {
            return true;
        }
        let has_room = state.unsent.len() + state.reserved.len() < self.most / 2;
        if has_room {
            state.reserved.insert(piece);
        }
        has_room
    }

    /// Looks for a piece. Where another thread is just reading it, this waits for that.
    pub fn find(&self, piece: PieceIndex, no_room: NoRoom) -> Lookup<'_> {
        let mut state = self.lock();
        loop {
            if let Some(content) = state.get(piece) {
                return Lookup::Held(Held::new(self, content));
            }
            if !state.on_the_way.contains(&piece) {
                if let Some(buffer) = self.room(&mut state) {
                    state.on_the_way.insert(piece);
                    return Lookup::Vacant(Vacancy::new(self, piece, buffer));
                }
                if no_room == NoRoom::Tell {
                    return Lookup::Full;
                }
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A piece was sent, whole: it may go when there is need.
    pub fn sent(&self, piece: PieceIndex) {
        let mut state = self.lock();
        state.reserved.remove(&piece);
        if let Some(content) = state.unsent.pop(&piece) {
            state.sent.put(piece, content);
            self.changed.notify_all();
        }
    }

    /// Keeps the oldest of the pieces that were not sent yet no longer, for nobody asks for it; tells which. It is the first
    /// to go.
    pub fn let_go_oldest(&self) -> Option<PieceIndex> {
        let mut state = self.lock();
        let (piece, content) = state.unsent.pop_lru()?;
        state.sent.put(piece, content);
        state.sent.demote(&piece);
        self.changed.notify_all();
        Some(piece)
    }

    /// The memory that all its buffers take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().buffers * self.length
    }

    /// The buffer that was given for a piece now begins with its content, of this length.
    pub(super) fn fill(&self, piece: PieceIndex, buffer: Vec<u8>, length: usize) -> Held<'_> {
        let content = Arc::new(Content { buffer, length });
        let mut state = self.lock();
        state.on_the_way.remove(&piece);
        let kept = if state.reserved.remove(&piece) { &mut state.unsent } else { &mut state.sent };
        kept.put(piece, content.clone());
        self.changed.notify_all();
        Held::new(self, content)
    }

    /// The buffer that was given for a piece was not filled.
    pub(super) fn take_back(&self, piece: PieceIndex, buffer: Vec<u8>) {
        let mut state = self.lock();
        state.on_the_way.remove(&piece);
        state.reserved.remove(&piece);
        state.free.push(buffer);
        self.changed.notify_all();
    }

    /// Ends a share in a piece.
    pub(super) fn release(&self, content: Option<Arc<Content>>) {
        let _counted_under = self.lock();
        drop(content);
        self.changed.notify_all();
    }

    /// A buffer for a piece, if it may have one: a free one, a new one, or that of a piece that may go.
    fn room(&self, state: &mut State) -> Option<Vec<u8>> {
        if let Some(buffer) = state.free.pop() {
            return Some(buffer);
        }
        if state.buffers < self.most {
            state.buffers += 1;
            return Some(vec![0; self.length]);
        }
        // All shares are taken and given back under the lock, so a count of one is nobody's but the cache's.
        let (&piece, _) = state.sent.iter().rev().find(|(_, content)| Arc::strong_count(content) == 1)?;
        Some(Arc::into_inner(state.sent.pop(&piece)?)?.buffer)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&mut self, piece: PieceIndex) -> Option<Arc<Content>> {
        // Being asked for makes a piece that was not sent yet no younger.
        self.unsent.peek(&piece).or_else(|| self.sent.get(&piece)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// Room for four pieces of eight bytes, of which two may wait to be sent.
    fn cache() -> PieceCache {
        PieceCache::new(39, 8)
    }

    fn vacancy(cache: &PieceCache, piece: u32) -> Vacancy<'_> {
        match cache.find(PieceIndex(piece), NoRoom::Tell) {
            Lookup::Vacant(vacancy) => vacancy,
            other => panic!("piece {piece}: {other:?}"),
        }
    }

    fn put(cache: &PieceCache, piece: u32) {
        let mut vacancy = vacancy(cache, piece);
        vacancy.room()[0] = piece as u8;
        drop(vacancy.fill(1));
    }

    fn reserve(cache: &PieceCache, piece: u32) -> bool {
        cache.reserve(PieceIndex(piece))
    }

    fn put_ahead(cache: &PieceCache, piece: u32) {
        assert!(reserve(cache, piece));
        put(cache, piece);
    }

    fn holds(cache: &PieceCache, piece: u32) -> bool {
        match cache.find(PieceIndex(piece), NoRoom::Tell) {
            Lookup::Held(held) => {
                assert_eq!(*held, [piece as u8]);
                true
            }
            Lookup::Vacant(_) | Lookup::Full => false,
        }
    }

    #[test]
    fn what_was_asked_for_last_stays_within_the_budget() {
        let cache = cache();
        (0..4).for_each(|piece| put(&cache, piece));
        assert!(holds(&cache, 0));
        put(&cache, 4);
        assert_eq!([0, 2, 3, 4].map(|piece| holds(&cache, piece)), [true; 4]);
        assert_eq!(cache.bytes(), 32);
        assert!(!holds(&cache, 1));
    }

    #[test]
    fn what_was_not_sent_yet_is_never_given_up_and_takes_half_at_most() {
        let cache = cache();
        (0..2).for_each(|piece| put_ahead(&cache, piece));
        assert!(!reserve(&cache, 3));
        assert!(reserve(&cache, 1), "it is here");
        (10..20).for_each(|piece| put(&cache, piece));
        assert_eq!([0, 1].map(|piece| holds(&cache, piece)), [true; 2]);

        cache.sent(PieceIndex(1));
        put_ahead(&cache, 3);
        assert!(!reserve(&cache, 4));
        cache.sent(PieceIndex(99));
    }

    #[test]
    fn room_that_is_yet_to_be_filled_counts() {
        let cache = cache();
        assert_eq!([0, 1, 2].map(|piece| reserve(&cache, piece)), [true, true, false]);
        let reading = vacancy(&cache, 0);
        assert_eq!([0, 1, 2].map(|piece| reserve(&cache, piece)), [true, true, false], "no more than once");
        drop(reading);
        cache.sent(PieceIndex(1));
        [3, 4].iter().for_each(|&piece| put_ahead(&cache, piece));
        assert_eq!(cache.bytes(), 16, "buffers that were given back are used first");
    }

    #[test]
    fn the_oldest_that_nobody_asks_for_is_let_go_and_goes_first() {
        let cache = cache();
        put(&cache, 7);
        [5, 6].iter().for_each(|&piece| put_ahead(&cache, piece));
        assert!(holds(&cache, 5), "which makes it no younger");
        assert_eq!(cache.let_go_oldest(), Some(PieceIndex(5)));
        assert!(holds(&cache, 5), "while there is room");
        assert_eq!(cache.let_go_oldest(), Some(PieceIndex(6)));
        assert_eq!(cache.let_go_oldest(), None);
        put(&cache, 8);
        put(&cache, 9);
        assert_eq!([5, 7, 8, 9].map(|piece| holds(&cache, piece)), [true; 4], "6 was the first to go");
    }

    #[test]
    fn a_piece_that_is_being_copied_stays() {
        let cache = cache();
        (0..4).for_each(|piece| put(&cache, piece));
        let copying = [0, 1, 2, 3].map(|piece| cache.find(PieceIndex(piece), NoRoom::Tell));
        assert!(matches!(cache.find(PieceIndex(4), NoRoom::Tell), Lookup::Full));
        assert_eq!([0, 1, 2, 3].map(|piece| holds(&cache, piece)), [true; 4]);
        drop(copying);
        put(&cache, 4);
    }

    #[test]
    fn memory_is_used_again() {
        let cache = PieceCache::new(0, 8);
        let address = |piece| vacancy(&cache, piece).room().as_ptr();
        let first = address(0);
        assert_eq!(address(1), first);
        (0..10).for_each(|piece| put(&cache, piece));
        assert_eq!(cache.bytes(), 16, "two pieces always have room");
    }

    /// What another thread finds that asks for piece 9 while this happens: its content, or that it has to read it.
    fn asked_while(cache: &PieceCache, this: impl FnOnce()) -> Option<Vec<u8>> {
        let start = Barrier::new(2);
        thread::scope(|scope| {
            let asking = scope.spawn(|| {
                start.wait();
                match cache.find(PieceIndex(9), NoRoom::Wait) {
                    Lookup::Held(held) => Some(held.to_vec()),
                    Lookup::Vacant(_) => None,
                    Lookup::Full => panic!("it did not wait"),
                }
            });
            start.wait();
            this();
            asking.join().unwrap()
        })
    }

    // Who asks comes first in some of so many cases, and so has to wait.
    const CASES: usize = 200;

    #[test]
    fn who_asks_for_a_piece_that_is_being_read_waits_for_it() {
        for _ in 0..CASES {
            let cache = cache();
            let mut reading = vacancy(&cache, 9);
            reading.room()[0] = 9;
            let mut held = None;
            assert_eq!(asked_while(&cache, || held = Some(reading.fill(1))), Some(vec![9]));
            assert_eq!(held.as_deref(), Some(&[9][..]), "though the first still has it");
        }
    }

    #[test]
    fn who_waits_for_a_piece_that_could_not_be_read_may_try() {
        for _ in 0..CASES {
            let cache = cache();
            let reading = vacancy(&cache, 9);
            assert_eq!(asked_while(&cache, || drop(reading)), None);
        }
    }

    #[test]
    fn who_waits_for_room_is_woken_when_there_is_some() {
        for _ in 0..CASES {
            let cache = cache();
            (0..4).for_each(|piece| put(&cache, piece));
            let copying = [0, 1, 2, 3].map(|piece| cache.find(PieceIndex(piece), NoRoom::Tell));
            assert_eq!(asked_while(&cache, || drop(copying)), None);
        }
    }

    #[test]
    fn what_was_sent_before_it_was_here_is_not_kept_until_it_is_sent_again() {
        let cache = cache();
        [0, 1].iter().for_each(|&piece| assert!(reserve(&cache, piece)));
        cache.sent(PieceIndex(1));
        put_ahead(&cache, 3);
        assert!(!reserve(&cache, 4));
    }
}
