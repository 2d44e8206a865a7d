//! What a node decides is done: messages go onto the wire, pieces are waited for or asked of the depot.

use log::{Level, debug, info, warn};

use super::NetError;
use super::driver::{Driver, Stage};
use super::passages::Expected;
use super::sending::{Departure, Telling};
use crate::fault::{Fate, Subject};
use crate::metainfo::{PieceIndex, TorrentId};
use crate::net::codec;
use crate::net::excerpt::start_of;
use crate::protocol::{Decision, Event, Message, Rank, Slot, Time};
use crate::storage::Passage;

impl Driver<'_> {
    pub(super) fn carry_out(&mut self, decision: Decision) -> Result<(), NetError> {
        match decision {
            Decision::Send { to, message } => return self.send(to, message),
            Decision::SendPiece { to, slot, torrent, piece } => {
                self.send_piece(to, slot, torrent, piece);
                // What a depot in memory has read leaves before what the node says next.
                self.move_blocks()?;
            }
            Decision::Expect { from, slot, torrent, piece } => self.expect(from, slot, torrent, piece),
            Decision::Forget { from, slot } => {
                if let Some(passage) = self.passages.forget(from, slot) {
                    self.depot.forget(passage);
                }
            }
            Decision::Open { torrent, name, layout } => {
                info!("opens {name}: {} segments", layout.pieces);
                self.depot.open(torrent, &name, &layout);
                self.names.insert(torrent, name);
            }
            Decision::Learn { torrent, first, hashes } => self.depot.learn(torrent, first, &hashes),
            Decision::Close { torrent } => self.depot.close(torrent),
            Decision::Copy { from, to } => self.depot.copy(from, to),
            Decision::Convene { cards } => {
                let cards: Vec<(u32, &[u8])> = cards.iter().map(|card| (card.rank.0, &card.card[..])).collect();
                self.depot.convene(&cards);
            }
            Decision::Succeed { rank } => self.depot.succeed(rank.0),
            Decision::Contradict { name, publisher, piece } => self.depot.contradict(&name, publisher.0, piece),
            Decision::Drain => {
                self.depot.settle();
                self.stage = Stage::Draining { since: self.now };
            }
            Decision::Tell(observed) => (self.observer)(self.now, &observed),
        }
        Ok(())
    }

    fn send(&mut self, to: Rank, message: Message) -> Result<(), NetError> {
        if to == self.me {
            self.heard.push_back(Event::Message { from: to, message });
            return Ok(());
        }
        if to.0 >= self.size {
            warn!("a message to {to} is dropped: there is no such rank");
            return Ok(());
        }
        debug!("sends {to} {}", start_of(&message));
        let mut buffer = self.outgoing.buffer();
        codec::encode(&message, &mut buffer)?;
        Ok(self.outgoing.send(self.now, to, &message, buffer, &mut self.pool)?)
    }

    fn send_piece(&mut self, to: Rank, slot: Slot, torrent: TorrentId, piece: PieceIndex) {
        let departure = Departure {
            passage: self.next_passage(),
            to,
            slot,
            torrent,
            piece,
            travels: self.depot.travels(torrent, piece),
            due: Time::ZERO,
            wrong_at: None,
            telling: Telling::Told,
        };
        if to.0 >= self.size {
            return self.cannot_send(&departure, "there is no such rank");
        }
        debug!("sends {to} segment {} of {}", piece.ordinal(), self.name(torrent));
        // A fate strikes the whole piece, in however many blocks it travels.
        match self.outgoing.fate(to, Subject::Piece { torrent, piece }) {
            Fate::Deliver => self.sending.start(departure),
            Fate::Drop => self.heard.push_back(Event::Sent { to }),
            Fate::Duplicate => {
                let passage = self.next_passage();
                self.sending.start(departure);
                self.sending.start(Departure { passage, telling: Telling::Untold, ..departure });
            }
            Fate::Delay(by) => self.sending.start(Departure { due: self.now + by, ..departure }),
            Fate::Corrupt { at } => self.sending.start(Departure { wrong_at: Some(at), ..departure }),
        }
    }

    fn expect(&mut self, from: Rank, slot: Slot, torrent: TorrentId, piece: PieceIndex) {
        let (passage, travels) = (self.next_passage(), self.depot.travels(torrent, piece));
        let earlier = self.passages.expect(Expected { passage, from, slot, torrent, piece, travels });
        if let Some(earlier) = earlier {
            self.depot.forget(earlier);
        }
    }

    fn next_passage(&mut self) -> Passage {
        self.passages_so_far += 1;
        Passage(self.passages_so_far)
    }

    /// What a torrent is called; its number where it was never opened.
    pub(super) fn name(&self, torrent: TorrentId) -> String {
        self.names.get(&torrent).cloned().unwrap_or_else(|| torrent.to_string())
    }

    /// A piece, as people know it.
    pub(super) fn piece(&self, torrent: TorrentId, piece: PieceIndex) -> String {
        match self.depot.called(torrent, piece) {
            Some(called) => format!("a piece of {called}"),
            None => format!("segment {} of {}", piece.ordinal(), self.name(torrent)),
        }
    }

    /// What the log says of what could not be written: once this rank has said why, what fails fails for that.
    pub(super) fn level_of_failure(&self) -> Level {
        if self.has_said_why { Level::Debug } else { Level::Warn }
    }
}
