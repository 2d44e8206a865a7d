//! What all ranks agree on before a byte moves: the tree that they put together from what each can read, and how it is
//! shared out. Every rank makes it for itself, out of the same listings, and comes to the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::card::Assembly;
use super::order::{Known, Order};
use super::portions::{Portion, Portions};
use super::unread;
use crate::metainfo::{Entry, Manifest, Node, PieceIndex, PieceMap, Span, TreePath};
use crate::storage::depot::{Failure, FailureKind};
use crate::storage::source::Merged;
use crate::storage::{PieceDigest, WalkError};

/// The tree and its portions.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) manifest: Arc<Manifest>,
    pub(super) map: PieceMap,
    pub(super) portions: Portions,
    /// The SHA-1 of each piece, as it becomes known.
    pub(super) digests: Vec<OnceLock<PieceDigest>>,
    /// Files that somebody wants and nobody can read: who does not have them already cannot get them.
    pub(super) unreadable: Vec<TreePath>,
}

/// What one view can read, as it goes to all ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// The whole tree, where the view knows it from a `.torrent`, else what it can read.
    pub(super) manifest: Manifest,
    pub(super) kind: Kind,
}

/// What a listing says of its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is all that the view can read, and says nothing of how it is to be cut.
    Found,
    /// It is the tree, cut as its `.torrent` says; the view cannot read these entries of it.
    Given { missing: BTreeSet<usize> },
}

impl Listing {
    const FOUND: u8 = b'f';
    const GIVEN: u8 = b'g';

    /// What this rank's view can read.
    pub(super) fn make(order: &Order) -> Result<Self, Failure> {
        let view = order.view.as_ref().expect("only who has a view lists it");
        let input = |reason: String| Failure { kind: FailureKind::Input, reason };
        match &order.known {
            None => {
                let advice = "let it be read there, or say which ranks are to read (--from-ranks)";
                let listed = view.roots.list().map_err(|error| match error {
                    WalkError::Io { .. } => format!("rank {} on {}: {error}; {advice}", order.rank, order.host),
                    _ => format!("rank {} on {}: {error}", order.rank, order.host),
                });
                let entries = listed.map_err(input)?;
                let manifest =
                    Manifest::arrange(entries, order.piece_length).map_err(|error| input(error.to_string()))?;
                Ok(Self { manifest, kind: Kind::Found })
            }
            Some(Known { manifest, .. }) => {
                let is_there = |entry: &Entry| match entry.node {
                    Node::File { length } => {
                        let place = view.roots.place_of(&entry.path);
                        let found = place.and_then(|place| place.symlink_metadata().ok());
                        found.is_some_and(|found| found.is_file() && found.len() == length)
                    }
                    _ => true,
                };
                let entries = manifest.entries.iter().enumerate();
                let missing = entries.filter(|(_, entry)| !is_there(entry)).map(|(at, _)| at).collect();
                Ok(Self { manifest: Manifest::clone(manifest), kind: Kind::Given { missing } })
            }
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = match &self.kind {
            Kind::Found => vec![Self::FOUND],
            Kind::Given { missing } => {
                let mut bytes = vec![Self::GIVEN];
                bytes.extend((missing.len() as u64).to_le_bytes());
                bytes.extend(missing.iter().flat_map(|&at| (at as u64).to_le_bytes()));
                bytes
            }
        };
        bytes.extend(self.manifest.encode());
        bytes
    }

    /// A listing that came from another rank; nothing where it makes no sense.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&kind, mut rest) = bytes.split_first()?;
        let mut number = || {
            let (first, later) = rest.split_first_chunk()?;
            rest = later;
            usize::try_from(u64::from_le_bytes(*first)).ok()
        };
        let kind = match kind {
            Self::FOUND => Kind::Found,
            Self::GIVEN => {
                let count = number()?;
                Kind::Given { missing: (0..count).map(|_| number()).collect::<Option<_>>()? }
            }
            _ => return None,
        };
        Some(Self { manifest: Manifest::decode(rest).ok()?, kind })
    }
}

impl Plan {
    /// Puts the listings together, each by the lowest rank of its view.
    pub(super) fn make(listings: &BTreeMap<u32, Listing>, assembly: &Assembly, order: &Order) -> Result<Self, Failure> {
        let (manifest, readers) = match listings.values().next() {
            Some(Listing { manifest, kind: Kind::Given { .. } }) => {
                if let Some((other, _)) = listings.iter().find(|(_, listing)| listing.manifest != *manifest) {
                    let reason = format!("rank {other} was given another .torrent than the ranks below it");
                    return Err(Failure { kind: FailureKind::Input, reason });
                }
                (manifest.clone(), readers_of_given(manifest, listings))
            }
            _ => found_by_all(listings, assembly, order.piece_length)?,
        };
        let map = manifest.piece_map();
        nobody_lacks(&order.sources, &manifest, assembly)?;
        if let Some(reason) = order.wishes.idle(&manifest) {
            return Err(Failure { kind: FailureKind::Input, reason });
        }
        // All ranks come to the same plan, whatever each has heard by now of who is gone: who takes over a place wants what
        // its first writer wanted.
        let writers = assembly.ranks().filter(|&rank| assembly.writes(rank, &BTreeSet::new()));
        let writers: Vec<(u32, BTreeSet<u32>)> = writers.map(|rank| (rank, assembly.sharers(rank))).collect();
        let wanters = |entry: usize| -> Vec<u32> {
            let path = &manifest.entries[entry].path;
            let wanted = |sharers: &BTreeSet<u32>| sharers.iter().any(|&rank| order.wishes.of(rank, path));
            writers.iter().filter(|(_, sharers)| wanted(sharers)).map(|(rank, _)| *rank).collect()
        };
        let has_bytes = |entry: &Entry| matches!(entry.node, Node::File { length } if length > 0);
        let entries = manifest.entries.iter().enumerate();
        let unreadable = entries
            .filter(|&(at, entry)| has_bytes(entry) && readers[at].is_empty() && !wanters(at).is_empty())
            .map(|(_, entry)| entry.path.clone())
            .collect();
        let room = order.room_for_source(map.piece_length());
        let portions = Portions::of(&manifest, &map, room, wanters, |entry| readers[entry].clone());
        let digests = (0..map.pieces()).map(|_| OnceLock::new()).collect();
        Ok(Self { manifest: Arc::new(manifest), map, portions, digests, unreadable })
    }

    /// A piece of a portion, as a piece of the tree.
    pub(super) fn piece(&self, portion: usize, piece: PieceIndex) -> Option<PieceIndex> {
        self.portions.get(portion)?.pieces.get(piece.as_usize()).copied()
    }

    /// What a piece's hash is.
    ///
    /// # Errors
    /// Where it was said to be another before, which counts: that one.
    pub(super) fn know(&self, piece: PieceIndex, digest: PieceDigest) -> Result<(), PieceDigest> {
        let known = *self.digests[piece.as_usize()].get_or_init(|| digest);
        if known == digest { Ok(()) } else { Err(known) }
    }

    /// The files of which a piece is made, as they are told. Very many may share one: not all are named then.
    pub(super) fn paths(&self, piece: PieceIndex) -> String {
        const NAMED: usize = 5;
        let mut spans = self.map.spans(piece);
        let path = |span: Span| self.manifest.entries[span.entry].path.to_string();
        let named = spans.by_ref().take(NAMED).map(path).collect::<Vec<_>>().join(", ");
        match spans.count() {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }

    /// Who offers a portion for a view: its ranks take turns.
    pub(super) fn origins(&self, rank: u32, view: u32, ranks: &[u32]) -> Vec<usize> {
        let of_view = |(_, portion): &(usize, &Portion)| portion.views.contains(&view);
        let numbers = self.portions.iter().filter(of_view).map(|(number, _)| number);
        let Some(turn) = ranks.iter().position(|&other| other == rank) else { return Vec::new() };
        numbers.enumerate().filter(|(at, _)| at % ranks.len() == turn).map(|(_, number)| number).collect()
    }
}

/// Each of the sources was found by somebody: what nobody can read is not left out in silence.
fn nobody_lacks(sources: &[PathBuf], manifest: &Manifest, assembly: &Assembly) -> Result<(), Failure> {
    let found: BTreeSet<&[u8]> = manifest.entries.iter().map(|entry| entry.path.first_name()).collect();
    let is_lacking = |name: &&OsStr| !found.contains(name.as_bytes());
    match sources.iter().filter_map(|source| source.file_name()).find(is_lacking) {
        None => Ok(()),
        Some(name) => {
            let reason = unread::is_read_by_nobody(assembly.cards(), name);
            Err(Failure { kind: FailureKind::Input, reason })
        }
    }
}

/// By entry: the views that can read it.
type Readers = Vec<Vec<u32>>;

fn readers_of_given(manifest: &Manifest, listings: &BTreeMap<u32, Listing>) -> Readers {
    let can = |listing: &Listing, entry| match &listing.kind {
        Kind::Given { missing } => !missing.contains(&entry),
        Kind::Found => false,
    };
    let readers = |entry| listings.iter().filter(|(_, listing)| can(listing, entry)).map(|(&view, _)| view).collect();
    (0..manifest.entries.len()).map(readers).collect()
}

fn found_by_all(
    listings: &BTreeMap<u32, Listing>,
    assembly: &Assembly,
    piece_length: Option<u32>,
) -> Result<(Manifest, Readers), Failure> {
    let entries = |listing: &Listing| -> Vec<Entry> {
        let all = listing.manifest.entries.iter();
        all.filter(|entry| !matches!(entry.node, Node::Pad { .. })).cloned().collect()
    };
    let lists: Vec<(u32, Vec<Entry>)> = listings.iter().map(|(&view, listing)| (view, entries(listing))).collect();
    let lists: Vec<(u32, &[Entry])> = lists.iter().map(|(view, entries)| (*view, &entries[..])).collect();
    let merged = Merged::of(&lists)
        .map_err(|conflict| Failure { kind: FailureKind::Integrity, reason: conflict.to_string() })?;
    let arrange = |piece_length| {
        let arranged = merged.arrange(piece_length);
        arranged.map_err(|error| Failure { kind: FailureKind::Input, reason: error.to_string() })
    };
    let mut manifest = arrange(piece_length)?;
    let as_earlier = assembly.piece_length(manifest.piece_length);
    if piece_length.is_none() && as_earlier != manifest.piece_length {
        manifest = arrange(Some(as_earlier))?;
    }
    let readers = manifest.entries.iter().map(|entry| merged.readers(&entry.path).to_vec()).collect();
    Ok((manifest, readers))
}
