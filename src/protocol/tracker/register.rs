//! The torrents that a tracker knows: their hashes, and who holds which pieces.

use std::collections::BTreeMap;

use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex, TorrentId};
use crate::protocol::{Claim, Publication, Rank};

/// All torrents of a swarm. The tracker holds none of their pieces.
#[derive(Debug, Default)]
pub(super) struct Register {
    torrents: BTreeMap<TorrentId, Torrent>,
    by_name: BTreeMap<String, TorrentId>,
}

/// One torrent.
#[derive(Debug)]
pub(super) struct Torrent {
    pub(super) layout: Layout,
    pub(super) hashes: PieceHashes,
    /// Who published it first: whom another owner's hashes are held against.
    publisher: Rank,
    /// Two owners' hashes differ: nobody gets it.
    pub(super) refused: bool,
    pub(super) holders: BTreeMap<Rank, Bitfield>,
    /// Who downloads it, as far as that was known at first.
    pub(super) takers: Vec<Rank>,
    named_by: Takers,
}

/// From whom it is known who downloads a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takers {
    /// From themselves: they wanted it at the start.
    Volunteers,
    /// From an owner.
    Owner,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// It agrees with what is known, so far.
    Agrees,
    /// It was the last chunk: the publisher is a seed.
    Seeds(TorrentId),
    /// It differs from what the first publisher said, first at this piece.
    Differs { publisher: Rank, piece: PieceIndex, hashes: [String; 2] },
    /// It makes no sense.
    Senseless,
}

impl Register {
    /// Takes up one chunk of what a client publishes.
    pub(super) fn publish(&mut self, from: Rank, publication: &Publication) -> Published {
        let Publication { name, layout, claim, first, hashes, takers } = publication;
        if !publication.is_within() {
            return Published::Senseless;
        }
        let end = u64::from(first.0) + hashes.len() as u64;
        let id = self.id_of(name);
        let torrent = self.torrents.entry(id).or_insert_with(|| Torrent::new(*layout, from));
        if let Some(piece) = torrent.first_difference(*layout, *first, hashes) {
            let text =
                |hashes: &PieceHashes, at: u32| hashes.get(PieceIndex(at)).map_or("nothing".into(), legible_hash);
            let hashes = [text(&torrent.hashes, piece.0), text(hashes, piece.0.wrapping_sub(first.0))];
            return Published::Differs { publisher: torrent.publisher, piece, hashes };
        }
        let known = torrent.hashes.len() as u32;
        if u64::from(known) < end {
            if first.0 > known {
                return Published::Senseless;
            }
            for piece in known..end as u32 {
                let hash = hashes.get(PieceIndex(piece - first.0)).expect("the chunk reaches to its end");
                if torrent.hashes.push(hash).is_err() {
                    return Published::Senseless;
                }
            }
        }
        if let (Some(takers), Takers::Volunteers) = (takers, torrent.named_by) {
            // The first word counts: all must be told the same.
            (torrent.takers, torrent.named_by) = (takers.clone(), Takers::Owner);
        }
        torrent.layout.piece_length = torrent.layout.piece_length.max(layout.piece_length);
        if *claim == Claim::Seed && end == u64::from(layout.pieces) {
            torrent.holders.insert(from, Bitfield::all(layout.pieces));
            return Published::Seeds(id);
        }
        Published::Agrees
    }

    /// Who published other hashes than these, and the first piece at which they differ.
    pub(super) fn contradiction(&self, publication: &Publication) -> Option<(Rank, PieceIndex)> {
        let Publication { name, layout, first, hashes, .. } = publication;
        let (_, torrent) = self.find(name).filter(|_| publication.is_within())?;
        Some((torrent.publisher, torrent.first_difference(*layout, *first, hashes)?))
    }

    /// Refuses a torrent for all.
    pub(super) fn refuse(&mut self, name: &str) {
        if let Some(torrent) = self.by_name.get(name).and_then(|id| self.torrents.get_mut(id)) {
            torrent.refused = true;
        }
    }

    /// Notes who is going to download a torrent, unless it is there already.
    pub(super) fn add_taker(&mut self, name: &str, rank: Rank) {
        let torrent = self.by_name.get(name).and_then(|id| self.torrents.get_mut(id));
        let open = |torrent: &&mut Torrent| {
            torrent.named_by == Takers::Volunteers && !torrent.holders.get(&rank).is_some_and(Bitfield::is_full)
        };
        if let Some(torrent) = torrent.filter(open) {
            torrent.takers.push(rank);
        }
    }

    /// A torrent by its name.
    pub(super) fn find(&self, name: &str) -> Option<(TorrentId, &Torrent)> {
        let id = *self.by_name.get(name)?;
        Some((id, self.torrents.get(&id)?))
    }

    /// A torrent.
    pub(super) fn get(&self, id: TorrentId) -> Option<&Torrent> {
        self.torrents.get(&id)
    }

    /// Notes that a client holds a piece; tells whether that was new, or nothing where there is no such piece.
    pub(super) fn hold(&mut self, rank: Rank, id: TorrentId, piece: PieceIndex) -> Option<bool> {
        let torrent = self.torrents.get_mut(&id).filter(|torrent| torrent.layout.contains(piece))?;
        let pieces = torrent.layout.pieces;
        Some(torrent.holders.entry(rank).or_insert_with(|| Bitfield::none(pieces)).insert(piece))
    }

    /// Notes that a client holds a whole torrent; tells whether there is such a torrent.
    pub(super) fn hold_all(&mut self, rank: Rank, id: TorrentId) -> bool {
        let Some(torrent) = self.torrents.get_mut(&id) else { return false };
        torrent.holders.insert(rank, Bitfield::all(torrent.layout.pieces));
        true
    }

    /// Forgets what a client holds: it is in a new life.
    pub(super) fn forget(&mut self, rank: Rank) {
        for torrent in self.torrents.values_mut() {
            torrent.holders.remove(&rank);
        }
    }

    /// What a client holds, by torrent.
    pub(super) fn held_by(&self, rank: Rank) -> impl Iterator<Item = (TorrentId, &Bitfield)> {
        self.torrents.iter().filter_map(move |(&id, torrent)| Some((id, torrent.holders.get(&rank)?)))
    }

    /// A number that depends on the name alone, unless two names share it: then the later one takes the next.
    fn id_of(&mut self, name: &str) -> TorrentId {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        // FNV-1a, 32 bits.
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let free = (0..=u32::MAX).map(|step| TorrentId(hash.wrapping_add(step)));
        let id = free.into_iter().find(|id| !self.torrents.contains_key(id)).expect("fewer than 4 billion torrents");
        self.by_name.insert(name.to_owned(), id);
        id
    }
}

impl Torrent {
    fn new(layout: Layout, publisher: Rank) -> Self {
        let (hashes, holders, takers) = Default::default();
        Self { layout, hashes, publisher, refused: false, holders, takers, named_by: Takers::Volunteers }
    }

    /// Whether everything is known that a downloader needs.
    pub(super) fn is_whole(&self) -> bool {
        self.hashes.len() == self.layout.pieces as usize
    }

    /// Where a chunk of hashes differs from what is known.
    fn first_difference(&self, layout: Layout, first: PieceIndex, hashes: &PieceHashes) -> Option<PieceIndex> {
        let differs = hashes
            .iter()
            .zip(first.0..)
            .find(|(hash, piece)| self.hashes.get(PieceIndex(*piece)).is_some_and(|known| known != *hash));
        let longer = (layout.pieces != self.layout.pieces).then(|| layout.pieces.min(self.layout.pieces));
        // Of two lists of which one is the other's beginning, the first difference is where the shorter one ends.
        let in_chunk = longer.filter(|&end| end >= first.0 && end <= first.0 + hashes.len() as u32);
        differs.map(|(_, piece)| piece).or(in_chunk).map(PieceIndex)
    }
}

/// A hash as it is told: the assignment's are text, those of files are not.
fn legible_hash(hash: &[u8]) -> String {
    match std::str::from_utf8(hash) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_is_no_text_is_told_in_hex() {
        assert_eq!(legible_hash("c4ca4238 é".as_bytes()), "c4ca4238 é");
        assert_eq!((legible_hash(&[0xff, 1]), legible_hash(b"a\n")), ("ff01".into(), "610a".into()));
    }

    fn publication(name: &str, hashes: &[&str], first: u32, pieces: u32) -> Publication {
        let mut list = PieceHashes::new();
        hashes.iter().for_each(|hash| list.push(hash.as_bytes()).unwrap());
        let layout = Layout { pieces, piece_length: 1 };
        Publication {
            name: name.into(),
            layout,
            claim: Claim::Seed,
            first: PieceIndex(first),
            hashes: list,
            takers: None,
        }
    }

    #[test]
    fn a_file_published_in_chunks_has_a_seed_with_the_last() {
        let mut register = Register::default();
        assert_eq!(register.publish(Rank(1), &publication("f", &["a", "b"], 0, 3)), Published::Agrees);
        assert!(!register.find("f").unwrap().1.is_whole());
        assert!(matches!(register.publish(Rank(1), &publication("f", &["c"], 2, 3)), Published::Seeds(_)));
        let (_, torrent) = register.find("f").unwrap();
        assert!(torrent.is_whole() && torrent.holders[&Rank(1)].is_full());
    }

    #[test]
    fn two_owners_that_differ_are_told_apart_with_the_first_difference() {
        let mut register = Register::default();
        register.publish(Rank(1), &publication("f", &["a", "b", "c"], 0, 3));
        let differs = |piece, first: &str, second: &str| Published::Differs {
            publisher: Rank(1),
            piece: PieceIndex(piece),
            hashes: [first.into(), second.into()],
        };
        assert_eq!(register.publish(Rank(4), &publication("f", &["a", "x", "c"], 0, 3)), differs(1, "b", "x"));
        assert_eq!(register.publish(Rank(4), &publication("f", &["a", "b"], 0, 2)), differs(2, "c", "nothing"));
        assert_eq!(
            register.publish(Rank(4), &publication("f", &["a", "b", "c", "d"], 0, 4)),
            differs(3, "nothing", "d")
        );
    }

    #[test]
    fn chunks_that_leave_a_gap_or_pass_the_end_make_no_sense() {
        let mut register = Register::default();
        assert_eq!(register.publish(Rank(1), &publication("f", &["b"], 1, 3)), Published::Senseless);
        assert_eq!(register.publish(Rank(1), &publication("f", &["a", "b"], 2, 3)), Published::Senseless);
        assert_eq!(register.publish(Rank(1), &publication("f", &["a"], u32::MAX, 3)), Published::Senseless);
        let last = publication("longest", &["a"], u32::MAX - 1, u32::MAX);
        assert_eq!(register.publish(Rank(1), &last), Published::Senseless);
    }

    #[test]
    fn a_torrents_number_depends_on_its_name_alone() {
        let (mut one, mut other) = (Register::default(), Register::default());
        one.publish(Rank(1), &publication("f", &[], 0, 0));
        other.publish(Rank(1), &publication("g", &[], 0, 0));
        other.publish(Rank(2), &publication("f", &[], 0, 0));
        assert_eq!(one.find("f").unwrap().0, other.find("f").unwrap().0);
    }
}
