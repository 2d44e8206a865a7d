//! Files and folders that are kept open, because they will be asked for again.

use std::hash::Hash;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// A limited number of open descriptors: the one that was not asked for longest gives way. One that gives way is closed once
/// nobody uses it any more.
#[derive(Debug)]
pub(super) struct OpenFiles<K: Eq + Hash> {
    kept: Mutex<LruCache<K, Arc<OwnedFd>>>,
}

impl<K: Eq + Hash> OpenFiles<K> {
    /// Keeps at most so many.
    pub(super) fn new(most: NonZero<usize>) -> Self {
        Self { kept: Mutex::new(LruCache::new(most)) }
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<K, Arc<OwnedFd>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that is kept under this key.
    pub(super) fn get(&self, key: K) -> Option<Arc<OwnedFd>> {
        self.kept().get(&key).cloned()
    }

    /// Keeps this one, and gives it back to be used.
    pub(super) fn keep(&self, key: K, file: OwnedFd) -> Arc<OwnedFd> {
        let file = Arc::new(file);
        self.kept().put(key, Arc::clone(&file));
        file
    }

    /// Keeps this one no longer.
    pub(super) fn forget(&self, key: K) {
        self.kept().pop(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_not_asked_for_longest_gives_way() {
        let open = || std::fs::File::open("/dev/null").unwrap().into();
        let files = OpenFiles::new(NonZero::new(2).unwrap());
        files.keep(1, open());
        files.keep(2, open());
        assert!(files.get(1).is_some());
        files.keep(3, open());
        assert_eq!([1, 2, 3].map(|key| files.get(key).is_some()), [true, false, true]);
        files.forget(3);
        assert!(files.get(3).is_none());
    }
}
