//! What each rank tells all others before it begins: where it is, what it can read, and where it writes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Unread;

/// A rank's card. It travels with the protocol's own, which does not look into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The name of the machine.
    pub host: String,
    /// What tells whether another rank sees the same source; none where this one sees nothing of it.
    pub view: Option<String>,
    /// What it was to read and cannot, for people.
    pub unread: Vec<Unread>,
    /// What tells whether another rank writes to the same place; none where this one writes nothing.
    pub place: Option<String>,
    /// That place as a path, for people.
    pub folder: Option<String>,
    /// How long pieces are to be that suit what lies there already, where something does.
    pub piece_length: Option<u32>,
}

impl Card {
    /// The card as it travels.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a card has nothing that JSON does not have")
    }

    /// A card that came; nothing where it makes no sense.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// What all ranks that came know of each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembly {
    cards: BTreeMap<u32, Card>,
    /// The ranks that see the same source, by the lowest of them.
    pub(super) views: BTreeMap<u32, Vec<u32>>,
    /// The ranks that share a place, by the lowest of them.
    places: BTreeMap<u32, BTreeSet<u32>>,
}

impl Assembly {
    pub(super) fn new(cards: impl IntoIterator<Item = (u32, Card)>) -> Self {
        let cards: BTreeMap<u32, Card> = cards.into_iter().collect();
        let group = |key: fn(&Card) -> Option<&String>| {
            let mut groups: BTreeMap<&String, Vec<u32>> = BTreeMap::new();
            for (&rank, card) in &cards {
                if let Some(key) = key(card) {
                    groups.entry(key).or_default().push(rank);
                }
            }
            groups.into_values().map(|ranks| (ranks[0], ranks)).collect::<BTreeMap<u32, Vec<u32>>>()
        };
        let views = group(|card| card.view.as_ref());
        let places = group(|card| card.place.as_ref());
        let places = places.into_iter().map(|(first, ranks)| (first, ranks.into_iter().collect())).collect();
        Self { cards, views, places }
    }

    /// All ranks that came.
    pub(super) fn ranks(&self) -> impl Iterator<Item = u32> {
        self.cards.keys().copied()
    }

    pub(super) fn cards(&self) -> &BTreeMap<u32, Card> {
        &self.cards
    }

    /// Whether a rank writes at its place: it is the lowest of those that share it and were not given up.
    pub(super) fn writes(&self, rank: u32, gone: &BTreeSet<u32>) -> bool {
        self.writer_for(rank, gone) == Some(rank)
    }

    /// Who writes where this rank would.
    pub(super) fn writer_for(&self, rank: u32, gone: &BTreeSet<u32>) -> Option<u32> {
        let place = self.places.values().find(|ranks| ranks.contains(&rank))?;
        place.iter().copied().find(|other| !gone.contains(other))
    }

    /// All ranks that write where this one does, itself too: what one of them wants is put there.
    pub(super) fn sharers(&self, rank: u32) -> BTreeSet<u32> {
        self.places.values().find(|ranks| ranks.contains(&rank)).cloned().unwrap_or_default()
    }

    /// Who takes pieces from their origins first, of those who want them: nobody, where most of them are origins of a share
    /// themselves and the load is even without.
    pub(super) fn takers(&self, wanters: &[u32], views: &[u32]) -> Vec<u32> {
        let reads =
            |rank: &&u32| views.iter().any(|view| self.views.get(view).is_some_and(|ranks| ranks.contains(rank)));
        let (readers, others): (Vec<u32>, Vec<u32>) = wanters.iter().partition(reads);
        if readers.len() > others.len() { Vec::new() } else { others }
    }
}
