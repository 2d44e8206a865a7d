//! Who really holds what: kept beside the nodes, from what their storages did, never from what they say.

use std::collections::BTreeMap;

use crate::metainfo::{Bitfield, PieceIndex, TorrentId};
use crate::protocol::{Catalog, Outcome, Owned, Rank, Time};

use super::Scenario;

/// The oracle. Files are numbered as in the scenario.
#[derive(Debug)]
pub struct Truth {
    names: BTreeMap<String, usize>,
    nodes: Vec<Knowledge>,
}

/// What is true of one node.
#[derive(Debug)]
pub struct Knowledge {
    /// The pieces in its storage, by file.
    pub held: Vec<Bitfield>,
    /// The hashes that its storage has learnt, by file; empty until the file is opened.
    learnt: Vec<Bitfield>,
    /// Which file a torrent's number means to it, by number.
    torrents: Vec<(TorrentId, usize)>,
    /// The files that it wants.
    pub wanted: Vec<usize>,
    /// The files that it brought whole, or finished.
    pub complete: Vec<bool>,
    /// Since when it runs, hears and can be heard; none while it does not.
    pub up_since: Option<Time>,
    /// Whether it is in its first life.
    pub first_life: bool,
    /// How it left, once it has.
    pub left: Option<Outcome>,
    /// Pieces that it received and did not hold, by whom they came from.
    pub received_from: Vec<u64>,
    /// Pieces that it came to hold without anybody: owned, copied, or found in its storage.
    pub found: u64,
    /// Pieces that it received though it held them.
    pub received_again: u64,
    /// Messages that it has sent.
    pub messages: u64,
}

impl Truth {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let names: BTreeMap<String, usize> =
            scenario.files.iter().enumerate().map(|(index, file)| (file.name.clone(), index)).collect();
        let node = |catalog: &Catalog| {
            let mut held: Vec<Bitfield> =
                scenario.files.iter().map(|file| Bitfield::none(file.layout.pieces)).collect();
            let mut learnt = vec![Bitfield::default(); scenario.files.len()];
            let mut complete = vec![false; scenario.files.len()];
            for owned in &catalog.owned {
                if let Some(&file) = names.get(&owned.name) {
                    held[file] = owned.held.clone();
                    complete[file] = owned.held.is_full();
                    learnt[file] = Bitfield::all(owned.layout.pieces);
                }
            }
            Knowledge {
                held,
                learnt,
                torrents: Vec::new(),
                complete,
                wanted: catalog.wanted.iter().filter_map(|name| names.get(name).copied()).collect(),
                up_since: Some(Time::ZERO),
                first_life: true,
                left: None,
                received_from: vec![0; scenario.catalogs.len()],
                found: 0,
                received_again: 0,
                messages: 0,
            }
        };
        let nodes = scenario.catalogs.iter().map(node).collect();
        Self { names, nodes }
    }

    /// What is true of a node.
    #[must_use]
    pub fn of(&self, rank: Rank) -> &Knowledge {
        &self.nodes[rank.0 as usize]
    }

    pub(super) fn of_mut(&mut self, rank: Rank) -> &mut Knowledge {
        &mut self.nodes[rank.0 as usize]
    }

    /// All nodes, by rank.
    pub fn nodes(&self) -> impl Iterator<Item = (Rank, &Knowledge)> {
        self.nodes.iter().enumerate().map(|(rank, node)| (Rank(rank as u32), node))
    }

    /// The file of a name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// What a torrent's number means to a node.
    #[must_use]
    pub fn name(&self, rank: Rank, torrent: TorrentId) -> Option<&str> {
        let file = self.of(rank).file(torrent)?;
        self.names.iter().find(|(_, index)| **index == file).map(|(name, _)| name.as_str())
    }

    /// A node that holds the piece and has been up since `since`, other than these.
    #[must_use]
    pub fn held_by_one_up_since(&self, file: usize, piece: PieceIndex, since: Time, except: &[Rank]) -> Option<Rank> {
        let up = |node: &Knowledge| node.up_since.is_some_and(|up| up <= since);
        self.nodes()
            .find(|(rank, node)| node.held[file].contains(piece) && up(node) && !except.contains(rank))
            .map(|(rank, _)| rank)
    }

    pub(super) fn open(&mut self, rank: Rank, torrent: TorrentId, name: &str, pieces: u32) {
        let Some(&file) = self.names.get(name) else { return };
        let node = self.of_mut(rank);
        if let Err(at) = node.torrents.binary_search_by_key(&torrent, |&(number, _)| number) {
            node.torrents.insert(at, (torrent, file));
        }
        if node.learnt[file].pieces() != pieces {
            node.learnt[file] = Bitfield::none(pieces);
        }
    }
}

impl Knowledge {
    /// The file that a torrent's number means to this node.
    #[must_use]
    pub fn file(&self, torrent: TorrentId) -> Option<usize> {
        let at = self.torrents.binary_search_by_key(&torrent, |&(number, _)| number).ok()?;
        Some(self.torrents[at].1)
    }

    /// How many pieces of a file it lacks.
    #[must_use]
    pub fn missing(&self, file: usize) -> u32 {
        self.held[file].pieces() - self.held[file].count()
    }

    pub(super) fn learn(&mut self, torrent: TorrentId, first: PieceIndex, count: usize) {
        if let Some(file) = self.file(torrent) {
            (first.0..).take(count).for_each(|piece| {
                self.learnt[file].insert(PieceIndex(piece));
            });
        }
    }

    /// Notes a piece that came and was verified.
    pub(super) fn receive(&mut self, file: usize, piece: PieceIndex, from: Rank) {
        if self.held[file].insert(piece) {
            self.received_from[from.0 as usize] += 1;
        } else {
            self.received_again += 1;
        }
    }

    /// Notes a piece that its storage found or copied.
    pub(super) fn find(&mut self, file: usize, piece: PieceIndex) {
        self.found += u64::from(self.held[file].insert(piece));
    }

    /// Notes a file that it has come to own.
    pub(super) fn own(&mut self, file: usize) {
        let pieces = self.held[file].pieces();
        self.found += u64::from(self.missing(file));
        (self.held[file], self.learnt[file]) = (Bitfield::all(pieces), Bitfield::all(pieces));
        self.complete[file] = true;
    }

    /// Notes a file that its storage has finished.
    pub(super) fn finish(&mut self, torrent: TorrentId) {
        if let Some(file) = self.file(torrent) {
            self.complete[file] = true;
        }
    }

    /// What a new life finds in the storage. A file of which not all hashes are known cannot be told to others, so
    /// what is there of it is lost.
    pub(super) fn survivors(&mut self, scenario: &Scenario) -> Vec<Owned> {
        let mut survivors = Vec::new();
        for (file, published) in scenario.files.iter().enumerate() {
            if self.learnt[file].pieces() != published.layout.pieces || !self.learnt[file].is_full() {
                self.forget(file);
            } else if self.held[file].count() > 0 || published.layout.pieces == 0 {
                self.complete[file] = self.held[file].is_full();
                survivors.push(published.held(self.held[file].clone()));
            }
        }
        self.torrents.clear();
        survivors
    }

    pub(super) fn forget_all(&mut self) {
        (0..self.held.len()).for_each(|file| self.forget(file));
        self.torrents.clear();
    }

    fn forget(&mut self, file: usize) {
        self.held[file] = Bitfield::none(self.held[file].pieces());
        self.complete[file] = false;
        self.learnt[file] = Bitfield::default();
    }
}
