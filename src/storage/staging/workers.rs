//! Threads that do what takes time: reading, hashing, writing.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Something to be done by any worker, with what it has to say when it is done.
type Job<T> = Box<dyn FnOnce() -> T + Send>;

/// A few threads, and their results in the order in which they come.
pub(super) struct Workers<T> {
    jobs: Arc<Jobs<T>>,
    results: Receiver<T>,
    /// A result that came while somebody waited for one.
    awaited: Option<T>,
    /// Jobs without a result so far.
    open: usize,
    threads: Vec<JoinHandle<()>>,
}

/// Which jobs go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Somebody waits for it: another rank, or a buffer.
    Now,
    /// It is done when there is nothing else.
    Idle,
}

struct Jobs<T> {
    queues: Mutex<Queues<T>>,
    changed: Condvar,
}

struct Queues<T> {
    now: VecDeque<Job<T>>,
    idle: VecDeque<Job<T>>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
}

impl<T: Send + 'static> Workers<T> {
    /// So many threads, at least one.
    ///
    /// # Panics
    /// Where the system gives no thread: then nothing can be done.
    pub(super) fn new(threads: usize) -> Self {
        let queues = Queues { now: VecDeque::new(), idle: VecDeque::new(), phase: Phase::Open };
        let jobs = Arc::new(Jobs { queues: Mutex::new(queues), changed: Condvar::new() });
        let (sender, results) = mpsc::channel();
        let start = |index| {
            let (jobs, sender) = (Arc::clone(&jobs), sender.clone());
            let builder = thread::Builder::new().name(format!("worker {index}"));
            builder.spawn(move || work(&jobs, &sender)).expect("the system gives a thread")
        };
        let threads = (0..threads.max(1)).map(start).collect();
        Self { jobs, results, awaited: None, open: 0, threads }
    }

    /// How many threads there are.
    pub(super) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Has something done.
    pub(super) fn submit(&mut self, urgency: Urgency, job: impl FnOnce() -> T + Send + 'static) {
        self.open += 1;
        let mut queues = self.jobs.lock();
        match urgency {
            Urgency::Now => queues.now.push_back(Box::new(job)),
            Urgency::Idle => queues.idle.push_back(Box::new(job)),
        }
        drop(queues);
        self.jobs.changed.notify_one();
    }

    /// The next result that is there.
    pub(super) fn next(&mut self) -> Option<T> {
        let result = self.awaited.take().or_else(|| self.results.try_recv().ok())?;
        self.open -= 1;
        Some(result)
    }

    /// Whether there will be another result.
    pub(super) fn is_busy(&self) -> bool {
        self.open > 0
    }

    /// Waits for a result, at most so long.
    pub(super) fn wait(&mut self, at_most: Duration) {
        if self.awaited.is_none() {
            self.awaited = self.results.recv_timeout(at_most).ok();
        }
    }
}

impl<T> Drop for Workers<T> {
    /// What was begun is finished, what was not is dropped.
    fn drop(&mut self) {
        let mut queues = self.jobs.lock();
        queues.phase = Phase::Closed;
        queues.now.clear();
        queues.idle.clear();
        drop(queues);
        self.jobs.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A panic there has ended the job already, or is told by the panic itself.
            let _ = thread.join();
        }
    }
}

impl<T> fmt::Debug for Workers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} workers with {} jobs", self.threads.len(), self.open)
    }
}

impl<T> Jobs<T> {
    fn lock(&self) -> MutexGuard<'_, Queues<T>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, when there is one; nothing once no more will come.
    fn take(&self) -> Option<Job<T>> {
        let mut queues = self.lock();
        loop {
            if let Some(job) = queues.now.pop_front().or_else(|| queues.idle.pop_front()) {
                return Some(job);
            }
            if queues.phase == Phase::Closed {
                return None;
            }
            queues = self.changed.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work<T>(jobs: &Jobs<T>, results: &Sender<T>) {
    while let Some(job) = jobs.take() {
        if results.send(job()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(workers: &mut Workers<u32>) -> Vec<u32> {
        let mut results = Vec::new();
        while workers.is_busy() {
            workers.wait(Duration::from_secs(10));
            results.extend(workers.next());
        }
        results
    }

    #[test]
    fn every_job_has_one_result() {
        let mut workers = Workers::new(3);
        (0..50).for_each(|number| workers.submit(Urgency::Now, move || number));
        let mut results = all_of(&mut workers);
        results.sort_unstable();
        assert_eq!(results, (0..50).collect::<Vec<_>>());
        assert_eq!(workers.next(), None);
    }

    #[test]
    fn what_somebody_waits_for_goes_first() {
        let mut workers = Workers::new(1);
        let (begin, begun) = mpsc::channel::<()>();
        // Until all are in the queues, the only thread is held up.
        workers.submit(Urgency::Now, move || begun.recv().map_or(99, |()| 0));
        workers.submit(Urgency::Idle, || 2);
        workers.submit(Urgency::Now, || 1);
        begin.send(()).unwrap();
        assert_eq!(all_of(&mut workers), [0, 1, 2]);
    }

    #[test]
    fn what_was_not_begun_is_dropped_with_the_workers() {
        let mut workers = Workers::new(1);
        let (told, tell) = mpsc::channel::<u32>();
        let (begin, begun) = mpsc::channel::<()>();
        let (taken, take) = mpsc::channel::<()>();
        let told_too = told.clone();
        workers.submit(Urgency::Now, move || {
            let _ = taken.send(());
            let _ = begun.recv();
            let _ = told.send(1);
            1
        });
        take.recv().unwrap();
        workers.submit(Urgency::Idle, move || {
            let _ = told_too.send(2);
            2
        });
        let jobs = Arc::clone(&workers.jobs);
        let dropping = thread::spawn(move || drop(workers));
        while jobs.lock().phase == Phase::Open {
            thread::yield_now();
        }
        begin.send(()).unwrap();
        dropping.join().unwrap();
        assert_eq!(tell.iter().collect::<Vec<_>>(), [1]);
    }
}
