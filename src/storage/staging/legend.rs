//! What a staging is about, for those who tell of it: who is where, and what the swarm's torrents are parts of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::card::Card;
use super::plan::Plan;
use super::portions::name_of;
use crate::metainfo::{Manifest, PieceHashes, PieceIndex};
use crate::storage::target::Prospect;

/// A view of a [`Staging`](super::Staging) that fills while it runs, for whoever watches the swarm beside it.
#[derive(Clone, Debug, Default)]
pub struct Legend(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    cards: OnceLock<BTreeMap<u32, Card>>,
    plan: OnceLock<Arc<Plan>>,
    prospects: Mutex<BTreeMap<u32, Prospect>>,
}

impl Legend {
    pub(super) fn learn_cards(&self, cards: &BTreeMap<u32, Card>) {
        // A tracker of a later term convenes those who are left: the first meeting had all.
        let _ = self.0.cards.set(cards.clone());
    }

    pub(super) fn learn_plan(&self, plan: &Arc<Plan>) {
        let _ = self.0.plan.set(Arc::clone(plan));
    }

    pub(super) fn learn_prospect(&self, rank: u32, prospect: Prospect) {
        self.0.prospects.lock().unwrap_or_else(PoisonError::into_inner).insert(rank, prospect);
    }

    /// What each rank that writes expects of its place, as far as it was asked.
    #[must_use]
    pub fn prospects(&self) -> BTreeMap<u32, Prospect> {
        self.0.prospects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ranks that can read some of the tree.
    #[must_use]
    pub fn readers(&self) -> Vec<u32> {
        self.cards().filter(|(_, card)| card.view.is_some()).map(|(rank, _)| rank).collect()
    }

    /// Who came, by rank.
    pub fn cards(&self) -> impl Iterator<Item = (u32, &Card)> {
        self.0.cards.get().into_iter().flatten().map(|(&rank, card)| (rank, card))
    }

    /// The tree, once it is known.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        Some(&self.0.plan.get()?.manifest)
    }

    /// How much each rank that writes is to have in the end, once the tree is known: pieces, and the bytes that travel of them.
    #[must_use]
    pub fn goals(&self) -> Option<BTreeMap<u32, (u64, u64)>> {
        let plan = self.0.plan.get()?;
        let mut goals = BTreeMap::new();
        for (_, portion) in plan.portions.iter() {
            let bytes: u64 = portion.pieces.iter().map(|&piece| u64::from(plan.map.content_length(piece))).sum();
            for &rank in &portion.wanters {
                let (pieces, all) = goals.entry(rank).or_default();
                *pieces += portion.pieces.len() as u64;
                *all += bytes;
            }
        }
        Some(goals)
    }

    /// The hashes of all pieces of the tree, put together from those of the torrents in which it was traded; nothing as
    /// long as one is missing.
    pub fn piece_hashes<'h>(&self, of: impl Fn(&str) -> Option<&'h PieceHashes>) -> Option<PieceHashes> {
        let plan = self.0.plan.get()?;
        let mut by_piece = vec![None; plan.digests.len()];
        for (number, portion) in plan.portions.iter().filter(|(_, portion)| !portion.pieces.is_empty()) {
            let hashes = of(&name_of(number))?;
            for (piece, place) in portion.pieces.iter().zip(0..) {
                by_piece[piece.as_usize()] = hashes.get(PieceIndex(place));
            }
        }
        let mut whole = PieceHashes::new();
        by_piece.into_iter().try_for_each(|hash| whole.push(hash?).ok())?;
        Some(whole)
    }
}
