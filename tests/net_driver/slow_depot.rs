//! A depot with worker threads that take their time, of made-up content that each rank knows.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use tema3::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};
use tema3::storage::{Block, Depot, LONGEST_BLOCK, Passage, StorageError, Word, Written};

/// Blocks of one passage go to one worker, so their order is kept; those of two may be done in any order.
const WORKERS: u64 = 2;

/// A piece of which the third block cannot be read.
pub(crate) const UNREADABLE: PieceIndex = PieceIndex(1013);

/// Every rank's content: what of a piece begins where depends on its index.
struct Content {
    repeated: Vec<u8>,
}

impl Content {
    const PERIOD: usize = 65_521;

    fn new() -> Self {
        let bytes = (0..Self::PERIOD as u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
        Self { repeated: bytes.cycle().take(Self::PERIOD + LONGEST_BLOCK).collect() }
    }

    fn of(&self, block: &Block) -> &[u8] {
        let start = (block.offset as usize + 1009 * block.piece.as_usize()) % Self::PERIOD;
        &self.repeated[start..][..block.length as usize]
    }
}

/// Holds back what a depot is given to write.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<(bool, u32)>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = true;
        self.opened.notify_all();
    }

    /// How many blocks were given to the depot so far.
    pub(crate) fn given(&self) -> u32 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn pass(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(state, |state| !state.0));
    }
}

enum Job {
    Read(Block, Vec<u8>),
    Write(Block, Vec<u8>),
    Forget(Passage),
    Close(TorrentId),
}

/// Has every piece, and knows what each must be.
pub(crate) struct SlowDepot {
    piece_length: u32,
    workers: Vec<Sender<Job>>,
    words: Receiver<Word>,
    /// What was heard while waiting.
    first: Option<Word>,
    /// Words that are owed.
    owed: usize,
    gate: Arc<Gate>,
    pub(crate) waits: u32,
}

impl SlowDepot {
    /// Pieces of this length, of which each block takes so long to read and to write.
    pub(crate) fn new(piece_length: u32, takes: Duration, gate: &Arc<Gate>) -> Self {
        let (speaker, words) = channel();
        let workers = (0..WORKERS).map(|_| {
            let (sender, jobs) = channel();
            let (speaker, gate) = (speaker.clone(), Arc::clone(gate));
            std::thread::spawn(move || work(&jobs, &speaker, piece_length, takes, &gate));
            sender
        });
        let workers = workers.collect();
        Self { piece_length, workers, words, first: None, owed: 0, gate: Arc::clone(gate), waits: 0 }
    }

    /// A depot that holds nothing back.
    pub(crate) fn open(piece_length: u32, takes: Duration) -> Self {
        let gate = Arc::<Gate>::default();
        gate.open();
        Self::new(piece_length, takes, &gate)
    }

    fn give(&mut self, number: u64, job: Job, words: usize) {
        self.owed += words;
        self.workers[(number % WORKERS) as usize].send(job).expect("the worker has not panicked");
    }
}

fn work(jobs: &Receiver<Job>, speaker: &Sender<Word>, piece_length: u32, takes: Duration, gate: &Gate) {
    let content = Content::new();
    // How much of a passage came, and what is to be said of it.
    let mut begun: HashMap<Passage, (u32, Written)> = HashMap::new();
    for job in jobs {
        // The disk that it plays is slow.
        sleep(takes);
        let mut words = Vec::new();
        match job {
            Job::Read(block, buffer) if block.piece == UNREADABLE && block.offset as usize == 2 * LONGEST_BLOCK => {
                let error = StorageError::NotHeld { torrent: block.torrent, piece: block.piece };
                words.push(Word::Read { block, buffer, result: Err(error) });
            }
            Job::Read(block, mut buffer) => {
                buffer[..block.length as usize].copy_from_slice(content.of(&block));
                words.push(Word::Read { block, buffer, result: Ok(()) });
            }
            Job::Write(block, buffer) => {
                gate.pass();
                let passage = begun.entry(block.passage).or_insert((0, Written::Verified));
                assert_eq!(passage.0, block.offset, "a gap in {block:?}");
                passage.0 += block.length;
                if buffer[..block.length as usize] != *content.of(&block) {
                    passage.1 = Written::Corrupt;
                }
                words.push(Word::Taken { buffer });
                if passage.0 == piece_length {
                    let (_, written) = begun.remove(&block.passage).expect("it is there");
                    words.push(Word::Arrived { passage: block.passage, result: Ok(written) });
                }
            }
            // Nobody is to listen to this any more.
            Job::Forget(passage) => words.push(Word::Arrived { passage, result: Ok(Written::Corrupt) }),
            Job::Close(torrent) => words.push(Word::Closed { torrent, result: Ok(()) }),
        }
        if words.into_iter().any(|word| speaker.send(word).is_err()) {
            return;
        }
    }
}

impl Depot for SlowDepot {
    fn open(&mut self, _: TorrentId, _: &str, _: &Layout) {}

    fn learn(&mut self, _: TorrentId, _: PieceIndex, _: &PieceHashes) {}

    fn travels(&self, _: TorrentId, _: PieceIndex) -> Option<u32> {
        Some(self.piece_length)
    }

    fn read(&mut self, block: Block, buffer: Vec<u8>) {
        self.give(block.passage.0, Job::Read(block, buffer), 1);
    }

    fn write(&mut self, block: Block, buffer: Vec<u8>) {
        self.gate.state.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
        let is_last = block.offset + block.length == self.piece_length;
        self.give(block.passage.0, Job::Write(block, buffer), 1 + usize::from(is_last));
    }

    fn forget(&mut self, passage: Passage) {
        self.give(passage.0, Job::Forget(passage), 1);
    }

    fn copy(&mut self, from: (TorrentId, PieceIndex), to: (TorrentId, PieceIndex)) {
        panic!("no story copies {from:?} to {to:?}");
    }

    fn close(&mut self, torrent: TorrentId) {
        self.give(0, Job::Close(torrent), 1);
    }

    fn next(&mut self) -> Option<Word> {
        let word = self.first.take().or_else(|| self.words.try_recv().ok())?;
        self.owed -= 1;
        Some(word)
    }

    fn is_busy(&self) -> bool {
        self.owed > 0
    }

    fn wait(&mut self, at_most: Duration) {
        assert!(self.is_busy(), "nothing is to be waited for");
        self.waits += 1;
        if self.first.is_none() {
            self.first = self.words.recv_timeout(at_most).ok();
        }
    }
}
