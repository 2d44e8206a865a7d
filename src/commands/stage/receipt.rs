//! `--receipt FILE`: what is written of a staging that is complete.

use std::path::Path;
use std::time::SystemTime;

use super::wanted::Wanted;
use crate::metainfo::{About, Info, InfoHash, Manifest, Metainfo, PieceHashes};
use crate::protocol::{ClientSummary, Member, Observed, Outcome, Summary, Time};
use crate::report::{Receipt, ReceiptNode, ReceiptOf, write_atomically};
use crate::storage::staging::{Card, Legend};

/// Hears how the run ends, on the rank that hears of it: the tracker's.
#[derive(Debug, Default)]
pub(super) struct Witness {
    heard: Option<(Time, Box<Summary>)>,
}

/// What is known beside that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) member: &'a Member,
    pub(super) legend: &'a Legend,
    pub(super) wanted: &'a Wanted,
    /// The info hash, where it was staged by a `.torrent`.
    pub(super) info_hash: Option<InfoHash>,
}

impl Witness {
    pub(super) fn observe(&mut self, now: Time, observed: &Observed) {
        if let Observed::Summary(summary) = observed {
            self.heard = Some((now, summary.clone()));
        }
    }

    /// Writes the receipt, where this is the rank for it and the run is complete. The hashes are those by which every
    /// piece was checked.
    ///
    /// # Errors
    /// Where it cannot be written, as a sentence.
    pub(super) fn write_receipt(&self, path: &Path, told: Told<'_>) -> Result<(), String> {
        let Some((now, summary)) = &self.heard else { return Ok(()) };
        if !matches!(summary.outcome, Outcome::Complete | Outcome::RanksLost) {
            return Ok(());
        }
        let failed =
            |why: &dyn std::fmt::Display| format!("{}: the receipt could not be written: {why}", path.display());
        let hashes = told.legend.piece_hashes(|name| told.member.hashes_of(name));
        let (Some(manifest), Some(hashes)) = (told.legend.manifest(), hashes) else {
            return Err(failed(&"the tracker that ended the run does not know all hashes; stage it again"));
        };
        let took = now.since(Time::ZERO);
        let of = ReceiptOf {
            code: summary.outcome.code(),
            ended: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            took_ms: took.as_millis() as u64,
            info_hash: told.info_hash.or_else(|| info_hash(manifest, &hashes)).map(|hash| hash.to_string()),
            nodes: told.legend.cards().map(|(rank, card)| node((rank, card), summary, &told)).collect(),
        };
        write_atomically(path, &Receipt::new(of, manifest, &hashes).encode()).map_err(|error| failed(&error))
    }
}

/// The info hash of the `.torrent` of this tree, where there can be one.
fn info_hash(manifest: &Manifest, hashes: &PieceHashes) -> Option<InfoHash> {
    let metainfo = manifest.fitted().and_then(|manifest| {
        let info = Info { manifest, piece_hashes: hashes.clone(), private: false, source: None };
        Metainfo::new(&info, &About::default())
    });
    let metainfo = metainfo.inspect_err(|error| log::info!("the receipt has no info hash: {error}"));
    metainfo.ok().map(|metainfo| metainfo.info_hash())
}

fn node((rank, card): (u32, &Card), summary: &Summary, told: &Told<'_>) -> ReceiptNode {
    let client = summary.clients.iter().find(|client| client.rank.0 == rank);
    let volume = client.map(|client| client.volume).unwrap_or_default();
    let sharers = told.legend.cards().filter(|(_, other)| card.place.is_some() && other.place == card.place);
    let sharers: Vec<u32> = sharers.map(|(rank, _)| rank).collect();
    let finished = |client: &ClientSummary| client.finished.map(|at| at.since(Time::ZERO).as_millis() as u64);
    ReceiptNode {
        rank,
        host: card.host.clone(),
        place: card.folder.clone(),
        want: card.place.as_ref().and_then(|_| told.wanted.patterns(&sharers)),
        code: client.and_then(|client| client.outcome).map(Outcome::code),
        bytes_received: volume.received,
        source_bytes_read: volume.source_read,
        found: volume.found,
        finished_after_ms: client.and_then(finished),
    }
}
