//! How blocks pass between the wire and the depot, which answers when it can.

use log::{debug, info, log, warn};

use super::NetError;
use super::driver::Driver;
use super::incoming::Arrived;
use super::passages::{Expected, Found, Over, Repeated};
use super::pool::Direction;
use super::sending::{Departure, Telling};
use crate::metainfo::{Bitfield, TorrentId};
use crate::protocol::{Arrival, Event, Outcome, Owned, Rank, Refusal, Slot};
use crate::storage::{
    Block, Failure, FailureKind, LONGEST_BLOCK, Offer, OwnWord, Passage, StorageError, Word, Written,
};

impl Driver<'_> {
    /// Moves blocks on as far as it goes now, and hears what the depot says. Tells whether it said anything.
    pub(super) fn move_blocks(&mut self) -> Result<bool, NetError> {
        let mut any = false;
        loop {
            let sends = !self.sending.is_idle();
            self.depot.sends(sends);
            if sends {
                self.read_on();
            }
            let Some(word) = self.depot.next() else {
                return Ok(any);
            };
            self.hear(word)?;
            any = true;
        }
    }

    fn hear(&mut self, word: Word) -> Result<(), NetError> {
        self.depot_spoke_at = self.now;
        match word {
            Word::Read { block, buffer, result } => return self.was_read(block, buffer, result),
            Word::Taken { buffer } => self.pool.give(Direction::In, buffer),
            Word::Arrived { passage, result } => self.arrived(passage, result),
            Word::Closed { torrent, result } => self.closed(torrent, result),
            Word::Own(word) => {
                self.has_said_why |= matches!(word, OwnWord::GiveUp(_) | OwnWord::Unwritable { .. });
                self.heard.push_back(event_of(word));
            }
        }
        Ok(())
    }

    /// Asks the depot for what may be sent next.
    fn read_on(&mut self) {
        while let Some(passage) = self.outgoing.next_left() {
            self.left(passage);
        }
        while self.pool.has(Direction::Out)
            && let Some((block, length)) = self.sending.next(self.now)
        {
            let buffer = self.pool.take(Direction::Out, length.unwrap_or(0) as usize);
            self.depot.read(block, buffer);
        }
    }

    /// A message came under a slot. Returns what the node is to hear of it at once; the rest the depot says.
    pub(super) fn block_came(&mut self, slot: Slot, arrived: Arrived) -> Option<Event> {
        let (from, length) = (arrived.from, arrived.length as u64);
        let arrival = match self.passages.came(from, slot, arrived.length as u32) {
            Found::Next(block) => {
                self.depot.write(block, arrived.into_buffer());
                return None;
            }
            Found::Unfit(passage) => {
                self.depot.forget(passage);
                Some(Arrival::Short)
            }
            Found::Stray => Some(Arrival::Unexpected),
            Found::Waste => None,
        };
        self.volume.wasted += length;
        self.incoming.recycle(arrived, &mut self.pool);
        arrival.map(|arrival| Event::Piece { from, slot, arrival })
    }

    fn arrived(&mut self, passage: Passage, result: Result<Written, StorageError>) {
        // What became of a piece that was given up is of no interest.
        let Some(Over { expected, came, repeated }) = self.passages.arrived(passage) else { return };
        match &result {
            Ok(Written::Verified) => self.volume.received += u64::from(came),
            Ok(Written::Corrupt | Written::Short) => {
                self.volume.corrupt += 1;
                self.volume.wasted += u64::from(came);
            }
            Ok(Written::Redundant) => self.volume.wasted += u64::from(came),
            Err(_) => {}
        }
        let Expected { from, slot, torrent, piece, .. } = expected;
        let event = match result.map(arrival_of) {
            Ok(arrival) => {
                debug!("segment {} of {} came from {from}: {arrival:?}", piece.ordinal(), self.name(torrent));
                Event::Piece { from, slot, arrival }
            }
            Err(error) => {
                log!(self.level_of_failure(), "{} cannot be kept: {error}", self.piece(torrent, piece));
                Event::WriteFailed { torrent }
            }
        };
        self.heard.push_back(event);
        if repeated == Repeated::Yes {
            self.heard.push_back(Event::Piece { from, slot, arrival: Arrival::Unexpected });
        }
    }

    fn closed(&mut self, torrent: TorrentId, result: Result<(), StorageError>) {
        let event = match result {
            Ok(()) => {
                info!("{} is complete and closed", self.name(torrent));
                Event::Closed { torrent }
            }
            Err(error) => {
                log!(self.level_of_failure(), "the output of {} cannot be written: {error}", self.name(torrent));
                Event::WriteFailed { torrent }
            }
        };
        self.heard.push_back(event);
    }

    fn was_read(
        &mut self,
        block: Block,
        mut buffer: Vec<u8>,
        result: Result<(), StorageError>,
    ) -> Result<(), NetError> {
        let Block { passage, length, .. } = block;
        let length = length as usize;
        let refusal = match result {
            Err(error) => error.to_string(),
            Ok(()) if length > LONGEST_BLOCK => format!("{length} bytes are more than a block"),
            Ok(()) => {
                if let Some(departure) = self.sending.departure(passage) {
                    spoil(&departure, block, &mut buffer[..length]);
                    let Departure { to, slot, .. } = departure;
                    self.volume.sent += length as u64;
                    let content = (buffer, length);
                    return Ok(self.outgoing.send_block(self.now, (to, slot), passage, content, &mut self.pool)?);
                }
                self.pool.give(Direction::Out, buffer);
                self.left(passage);
                return Ok(());
            }
        };
        self.pool.give(Direction::Out, buffer);
        if let Some(departure) = self.sending.failed(passage) {
            self.depot.forget(passage);
            self.cannot_send(&departure, &refusal);
        }
        Ok(())
    }

    /// A piece, or the rest of it, is not sent.
    pub(super) fn cannot_send(&mut self, departure: &Departure, refusal: &str) {
        let Departure { to, slot, torrent, piece, telling, .. } = *departure;
        warn!("{} cannot be sent to {to}: {refusal}", self.piece(torrent, piece));
        if telling == Telling::Told {
            self.heard.push_back(Event::ReadFailed { to, slot, torrent, piece });
        }
    }

    /// A block is no longer on its way; the node hears of a piece's last.
    fn left(&mut self, passage: Passage) {
        if let Some(Departure { to, telling: Telling::Told, .. }) = self.sending.left(passage) {
            self.heard.push_back(Event::Sent { to });
        }
    }
}

fn event_of(word: OwnWord) -> Event {
    match word {
        OwnWord::Learnt { torrent, first, count, here } => Event::Learnt { torrent, first, count, here },
        OwnWord::Held { torrent, piece } => Event::Held { torrent, piece },
        OwnWord::Lacking { torrent, piece } => Event::Lacking { torrent, piece },
        OwnWord::Offer(Offer { name, layout, hashes, takers }) => {
            let (held, takers) = (Bitfield::all(layout.pieces), takers.into_iter().map(Rank).collect());
            Event::Offer(Box::new(Owned { name, layout, hashes, held, takers: Some(takers) }))
        }
        OwnWord::Want(names) => Event::Want { names },
        OwnWord::Unwritable { torrent } => Event::WriteFailed { torrent },
        OwnWord::AllOffered => Event::AllOffered,
        OwnWord::GiveUp(Failure { kind, reason }) => Event::GiveUp(Refusal { outcome: outcome_of(kind), reason }),
    }
}

fn outcome_of(kind: FailureKind) -> Outcome {
    match kind {
        FailureKind::Input => Outcome::BadInput,
        FailureKind::Disk => Outcome::Disk,
        FailureKind::Integrity => Outcome::Integrity,
    }
}

fn arrival_of(written: Written) -> Arrival {
    match written {
        Written::Verified => Arrival::Verified,
        Written::Corrupt => Arrival::Corrupt,
        Written::Short => Arrival::Short,
        Written::Redundant => Arrival::Redundant,
    }
}

/// Inverts the byte of the piece that is to arrive wrong, where it is in this block.
fn spoil(departure: &Departure, block: Block, content: &mut [u8]) {
    let whole = departure.travels.unwrap_or(block.length);
    let at = departure.wrong_at.and_then(|at| at.checked_rem(whole)?.checked_sub(block.offset));
    if let Some(byte) = at.and_then(|at| content.get_mut(at as usize)) {
        *byte = !*byte;
    }
}
