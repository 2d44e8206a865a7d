//! What comes to be offered while the swarm runs, and who waits to hear of it.

use super::roster::Awaits;
use super::serving::CHUNK;
use super::{Repeat, Tracker};
use crate::metainfo::TorrentId;
use crate::protocol::{Answer, Card, Catalog, Change, Described, Need, Outbox, Publication, Rank, Version};

impl Tracker {
    /// A client has come to own a file.
    pub(super) fn offer(&mut self, from: Rank, sequence: u32, repeat: Repeat, file: &Publication, out: &mut Outbox) {
        let contradiction = self.register.contradiction(file);
        if repeat == Repeat::No {
            self.publish_one(from, file, out);
            self.roster.hope_again();
        }
        let accepted = |id: &TorrentId| self.register.get(*id).is_some_and(|torrent| !torrent.refused);
        let published = self.roster.get(from).and_then(|client| client.published.last().copied().flatten());
        let torrent = published.filter(accepted);
        let answer = match contradiction {
            Some((publisher, piece)) => Answer::Contradicted { publisher, piece },
            None => Answer::Offered { torrent },
        };
        self.answer(from, sequence, answer, out);
        self.tell_attentive(out);
    }

    /// A client has nothing to say and wants to hear of what it wants, and of who is gone.
    pub(super) fn wait(
        &mut self,
        from: Rank,
        sequence: u32,
        repeat: Repeat,
        (since, wanted): (Version, Vec<String>),
        out: &mut Outbox,
    ) {
        self.roster.entry(from).awaits = Some(Awaits { sequence, since, wanted });
        self.tell_if_news(from, out);
        if repeat == Repeat::Yes && self.roster.entry(from).awaits.is_some() {
            self.answer(from, sequence, Answer::Wait, out);
        }
    }

    /// Something happened that may be news to those who wait.
    pub(super) fn tell_attentive(&mut self, out: &mut Outbox) {
        let waiting: Vec<Rank> =
            self.roster.iter().filter(|(_, client)| client.awaits.is_some()).map(|(rank, _)| rank).collect();
        waiting.into_iter().for_each(|rank| self.tell_if_news(rank, out));
    }

    fn tell_if_news(&mut self, rank: Rank, out: &mut Outbox) {
        let client = self.roster.entry(rank);
        let Some(awaits) = client.awaits.take_if(|awaits| awaits.sequence == client.sequence) else {
            // It has said something else since.
            client.awaits = None;
            return;
        };
        let is_news = |name: &String| match self.register.find(name) {
            Some((_, torrent)) if torrent.refused || torrent.is_whole() => true,
            _ => !self.roster.live().any(|(_, client)| client.may_offer()),
        };
        let gone = self.journal.since(awaits.since, |_, torrent| torrent.is_none());
        if gone.is_some_and(|gone| gone.is_empty()) && !awaits.wanted.iter().any(is_news) {
            self.roster.entry(rank).awaits = Some(awaits);
            return;
        }
        self.answer_news(rank, &awaits, out);
    }

    /// Tells a client what has come of the names that it wants, and what changed.
    fn answer_news(&mut self, rank: Rank, awaits: &Awaits, out: &mut Outbox) {
        let mut swarm = self.changes(rank, awaits.since, Need::Fresh);
        let mut budget = CHUNK;
        let files: Vec<Described> = awaits.wanted.iter().map(|name| self.describe(rank, name, &mut budget)).collect();
        for file in &files {
            let Described::Known { torrent: id, .. } = *file else { continue };
            let Some(torrent) = self.register.get(id) else { continue };
            for (&other, bits) in torrent.holders.iter().filter(|(other, _)| **other != rank) {
                if !self.roster.get(other).is_some_and(|other| other.lost) {
                    swarm.changes.push(match bits.is_full() {
                        true => Change::HasAll { rank: other, torrent: id },
                        false => Change::Holds { rank: other, torrent: id, bits: bits.clone() },
                    });
                }
            }
        }
        swarm.downloaders = self.roster.downloaders();
        self.answer(rank, awaits.sequence, Answer::Joined { files, swarm }, out);
    }

    /// What each client that is here said of itself.
    pub(super) fn cards(&self) -> Vec<Card> {
        let said = self.roster.live().filter(|(_, client)| !client.about.card.is_empty());
        let fits = said.filter(|(_, client)| client.about.card.len() <= Catalog::LONGEST_CARD);
        fits.map(|(rank, client)| Card { rank, card: client.about.card.clone() }).collect()
    }
}
