//! No piece that nobody seeded: whatever a storage verifies was brought into the swarm by an owner.

use crate::metainfo::{Bitfield, PieceIndex};
use crate::protocol::Decision;
use crate::sim::Scenario;

use super::{Checker, Kept, Moment};

pub(super) struct Provenance {
    /// What the owners brought, by file.
    seeded: Vec<Bitfield>,
}

impl Provenance {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut seeded: Vec<Bitfield> = scenario.files.iter().map(|file| Bitfield::none(file.layout.pieces)).collect();
        for offer in &scenario.offers {
            seeded[offer.file] = Bitfield::all(scenario.files[offer.file].layout.pieces);
        }
        for owned in scenario.catalogs.iter().flat_map(|catalog| &catalog.owned) {
            if let Some(file) = scenario.files.iter().position(|file| file.name == owned.name) {
                owned.held.iter().for_each(|piece| {
                    seeded[file].insert(piece);
                });
            }
        }
        Self { seeded }
    }

    fn seeded(&self, file: usize, piece: PieceIndex) -> bool {
        self.seeded[file].contains(piece)
    }
}

impl Checker for Provenance {
    fn written(&mut self, _: Moment, kept: Kept) -> Result<(), String> {
        if self.seeded(kept.file, kept.piece) {
            return Ok(());
        }
        Err(format!("piece {} of file {} was written, and nobody ever brought it", kept.piece, kept.file))
    }

    fn decided(&mut self, moment: Moment, decision: &Decision) -> Result<(), String> {
        let Decision::SendPiece { to, torrent, piece, .. } = *decision else { return Ok(()) };
        let node = moment.truth.of(moment.rank);
        if node.file(torrent).is_some_and(|file| node.held[file].contains(piece)) {
            return Ok(());
        }
        Err(format!("piece {piece} of {torrent} is to be sent to {to} by one that does not hold it"))
    }
}
