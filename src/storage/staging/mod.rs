//! What a rank's storage does when real files are staged: finds out who can read what, hashes its share of the source while
//! the first of it is traded, and puts what comes in place.
//!
//! [`Staging`] is a [`Depot`]: it answers the driver, and speaks of its own accord. All that takes time is done by
//! `workers`; this side only keeps the threads of thought together. The steps, in order: [`Depot::convene`] tells who is
//! there (their [`Card`]s); one rank of each view lists what it can read; all get the listings, as torrents of their own, and
//! make the same `plan::Plan` of them; then origins offer portions of the tree and everybody takes what they want.

mod ahead;
mod arrivals;
mod arriving;
mod card;
mod failing;
mod folio;
mod forecast;
mod forerunner;
mod legend;
mod listings;
mod marker;
mod order;
mod origin;
mod place;
mod plan;
mod portions;
mod recent;
#[cfg(test)]
mod stories;
mod taking;
mod task;
mod unread;
mod workers;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use card::Card;
pub use forerunner::piece_length_at;
pub use legend::Legend;
pub use marker::Marker;
pub use order::{Known, Order, Purpose, Wishes};
pub use unread::Unread;

use self::arrivals::Arrivals;
use self::card::Assembly;
use self::listings::{Listings, Sheet};
use self::origin::Origin;
use self::place::Place;
use self::plan::Plan;
use self::task::Done;
use self::workers::{Urgency, Workers};
use super::depot::{Failure, OwnWord};
use super::{Block, Depot, Passage, StorageError, Usage, Word};
use crate::metainfo::{Layout, PieceHashes, PieceIndex, TorrentId};

/// One rank's part in a staging.
#[derive(Debug)]
pub struct Staging {
    order: Arc<Order>,
    words: VecDeque<Word>,
    workers: Workers<Done>,
    assembly: Assembly,
    /// The ranks that were given up.
    gone: BTreeSet<u32>,
    torrents: HashMap<TorrentId, Part>,
    listings: Listings,
    plan: Option<Arc<Plan>>,
    legend: Legend,
    origin: Option<Origin>,
    place: Option<Place>,
    arrivals: Arrivals,
    /// Whether it has said that it will offer nothing more.
    all_offered: bool,
    failed: bool,
    /// Whether the run ends, so that nothing more is begun.
    settled: bool,
}

/// What a torrent of the swarm is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// What a rank tells others.
    Sheet(Sheet),
    /// A portion of the tree.
    Portion(usize),
}

impl Staging {
    /// What this rank is asked to do, by so many threads.
    #[must_use]
    pub fn new(order: Order, threads: usize) -> Self {
        Self {
            order: Arc::new(order),
            words: VecDeque::new(),
            workers: Workers::new(threads),
            assembly: Assembly::default(),
            gone: BTreeSet::new(),
            torrents: HashMap::new(),
            listings: Listings::default(),
            plan: None,
            legend: Legend::default(),
            origin: None,
            place: None,
            arrivals: Arrivals::default(),
            all_offered: false,
            failed: false,
            settled: false,
        }
    }

    /// What is to be known of it for telling others how it goes. It fills while the run does.
    #[must_use]
    pub fn legend(&self) -> Legend {
        self.legend.clone()
    }

    fn say(&mut self, word: OwnWord) {
        self.words.push_back(Word::Own(word));
    }

    /// This rank cannot go on. Said once: what fails after it fails because of it.
    fn give_up(&mut self, failure: Failure) {
        if !std::mem::replace(&mut self.failed, true) {
            self.say(OwnWord::GiveUp(failure));
        }
    }

    fn part(&self, torrent: TorrentId) -> Option<Part> {
        self.torrents.get(&torrent).copied()
    }

    /// The piece of the tree that a piece of a torrent is.
    fn tree_piece(&self, torrent: TorrentId, piece: PieceIndex) -> Option<PieceIndex> {
        match self.part(torrent)? {
            Part::Portion(portion) => self.plan.as_ref()?.piece(portion, piece),
            Part::Sheet(_) => None,
        }
    }

    /// Takes up what the workers have done.
    fn hear(&mut self, done: Done) {
        match done {
            Done::Read { block, buffer, result, of_source } => {
                if of_source && let Some(piece) = self.tree_piece(block.torrent, block.piece) {
                    self.asked_of_source(piece);
                }
                self.words.push_back(Word::Read { block, buffer, result });
            }
            Done::Written(taken) => self.written(taken),
            Done::Listed(listed) => self.listed(listed),
            Done::Planned(planned) => self.planned(planned),
            Done::Hashed { results, took } => self.hashed(results, took),
            Done::Opened(opened) => self.opened(opened),
            Done::Examined { torrent, piece, result } => self.examined(torrent, piece, result),
            Done::StockListed(jobs) => self.stock_listed(jobs),
            Done::StockTaken => self.stock_taken(),
            Done::Copied { torrent, piece, result } => self.copied(torrent, piece, result),
            Done::Foreseen(result) => self.foreseen(result),
            Done::Committed(result) => self.committed(result),
            Done::Suspended(result) => self.suspended(result),
        }
    }
}

impl Depot for Staging {
    fn open(&mut self, torrent: TorrentId, name: &str, layout: &Layout) {
        let part = match (Sheet::named(name), portions::number_of(name)) {
            (Some(sheet), _) => {
                self.listings.open(sheet, layout);
                Part::Sheet(sheet)
            }
            (None, Some(number)) => Part::Portion(number),
            (None, None) => return,
        };
        self.torrents.insert(torrent, part);
        self.legend.learn_torrent(torrent, name);
        self.refuse_if_it_cannot_be_kept(torrent);
    }

    fn learn(&mut self, torrent: TorrentId, first: PieceIndex, hashes: &PieceHashes) {
        match self.part(torrent) {
            Some(Part::Sheet(sheet)) => {
                self.listings.learn(sheet, first, hashes);
                self.say(OwnWord::Learnt { torrent, first, count: hashes.len() as u32, here: Vec::new() });
            }
            Some(Part::Portion(portion)) => self.learn_portion(torrent, portion, first, hashes),
            None => {}
        }
    }

    fn travels(&self, torrent: TorrentId, piece: PieceIndex) -> Option<u32> {
        let piece = self.tree_piece(torrent, piece)?;
        Some(self.plan.as_ref()?.map.content_length(piece))
    }

    fn read(&mut self, block: Block, buffer: Vec<u8>) {
        match self.part(block.torrent) {
            Some(Part::Sheet(sheet)) => {
                let word = self.listings.read(sheet, block, buffer);
                self.words.push_back(word);
            }
            _ => self.read_tree(block, buffer),
        }
    }

    fn sends(&mut self, any: bool) {
        if let Some(origin) = &mut self.origin {
            origin.note_sending(any);
        }
    }

    fn write(&mut self, block: Block, buffer: Vec<u8>) {
        match self.part(block.torrent) {
            Some(Part::Sheet(sheet)) => {
                let written = self.listings.write(sheet, block.piece, &buffer[..block.length as usize]);
                self.words.push_back(Word::Taken { buffer });
                self.words.push_back(Word::Arrived { passage: block.passage, result: Ok(written) });
            }
            _ => self.write_tree(block, buffer),
        }
    }

    fn forget(&mut self, passage: Passage) {
        self.forget_arrival(passage);
    }

    fn copy(&mut self, from: (TorrentId, PieceIndex), to: (TorrentId, PieceIndex)) {
        self.copy_tree(from, to);
    }

    fn convene(&mut self, cards: &[(u32, &[u8])]) {
        let cards = cards.iter().filter_map(|&(rank, card)| Some((rank, Card::decode(card)?)));
        self.assembly = Assembly::new(cards);
        self.legend.learn_cards(self.assembly.cards());
        self.begin();
    }

    fn succeed(&mut self, rank: u32) {
        // That all was offered was true before this.
        self.words.retain(|word| !matches!(word, Word::Own(OwnWord::AllOffered)));
        if self.gone.insert(rank) {
            self.take_over_from(rank);
        } else {
            // Asked again, it answers again.
            self.all_offered = false;
            self.offer_no_more_if_done();
        }
    }

    fn contradict(&mut self, name: &str, rank: u32, piece: PieceIndex) {
        self.differ(name, rank, piece);
    }

    fn settle(&mut self) {
        self.settled = true;
        self.arrivals.hurry(Instant::now());
        self.take_arrivals();
        self.suspend();
    }

    fn close(&mut self, torrent: TorrentId) {
        match self.part(torrent) {
            Some(Part::Sheet(sheet)) => {
                self.words.push_back(Word::Closed { torrent, result: Ok(()) });
                self.sheet_came(sheet);
            }
            Some(Part::Portion(portion)) => self.close_portion(torrent, portion),
            None => {
                let result = Err(StorageError::NotHeld { torrent, piece: PieceIndex(0) });
                self.words.push_back(Word::Closed { torrent, result });
            }
        }
    }

    fn next(&mut self) -> Option<Word> {
        self.take_arrivals();
        loop {
            if let Some(word) = self.words.pop_front() {
                return Some(word);
            }
            match self.workers.next() {
                Some(done) => self.hear(done),
                None if !self.hash_on() && !self.open_place_again() => return None,
                None => {}
            }
        }
    }

    fn is_busy(&self) -> bool {
        !self.words.is_empty() || self.workers.is_busy() || !self.arrivals.is_idle()
    }

    fn called(&self, torrent: TorrentId, piece: PieceIndex) -> Option<String> {
        let piece = self.tree_piece(torrent, piece)?;
        Some(self.plan.as_ref()?.paths(piece))
    }

    fn usage(&self) -> Usage {
        let supply = self.origin.as_ref().map(Origin::supply);
        Usage {
            source_read: supply.map_or(0, |supply| supply.source().bytes_read()),
            cache_hits: supply.map_or(0, |supply| supply.counts().hits),
            found: self.place.as_ref().map_or(0, Place::found),
        }
    }

    fn wait(&mut self, at_most: Duration) {
        if self.words.is_empty() {
            let due = self.arrivals.due_in(Instant::now());
            self.workers.wait(due.map_or(at_most, |due| due.min(at_most)));
        }
    }
}
