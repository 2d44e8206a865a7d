//! Messages as bytes, and back: the only place that knows bincode.
//!
//! A message is one byte of [`VERSION`], four of checksum, and the body. What comes in is foreign: whatever the bytes, the
//! answer is a message or a [`CodecError`], and no more memory is taken than a small multiple of the bytes that are
//! really there. The checksum is against damage, not against malice.

use bincode::config::{self, Configuration, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::Message;

/// What the ranks of a job speak. A message of any other version is refused.
pub const VERSION: u8 = 3;

/// The longest message, in bytes: a chunk of at most 1 MiB and what stands around it.
pub const LONGEST_MESSAGE: usize = 2 << 20;

const HEADER: usize = 5;

/// bincode counts values at their full width, so a sparse bitfield's words count eight times what they take on the wire.
const DECODE_LIMIT: usize = 8 * LONGEST_MESSAGE;

/// Why bytes are not a message, or a message does not become bytes.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// More than [`LONGEST_MESSAGE`].
    #[error("{0} bytes are more than a message may have ({LONGEST_MESSAGE})")]
    TooLong(usize),
    /// Not even a header.
    #[error("{0} bytes are too few for a message")]
    TooShort(usize),
    /// From a program that speaks otherwise.
    #[error("version {0} is spoken, not {VERSION}: all ranks must run the same tema3")]
    Version(u8),
    /// A bit was lost on the way.
    #[error("the checksum does not fit")]
    Damaged,
    /// The bytes mean nothing.
    #[error("unreadable: {0}")]
    Unreadable(#[from] bincode::error::DecodeError),
    /// There is more than the message said.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    /// A value that has no form as bytes.
    #[error("cannot be written: {0}")]
    Unwritable(#[from] bincode::error::EncodeError),
}

/// Puts a message's bytes into `into`, in place of what was there.
///
/// # Errors
/// Where the message is longer than a message may be: a mistake of our own.
pub fn encode(message: &Message, into: &mut Vec<u8>) -> Result<(), CodecError> {
    into.clear();
    into.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
    encode_value(message, into)?;
    if into.len() > LONGEST_MESSAGE {
        return Err(CodecError::TooLong(into.len()));
    }
    let sum = checksum(&into[HEADER..]);
    into[1..HEADER].copy_from_slice(&sum);
    Ok(())
}

/// The message that the bytes are.
///
/// # Errors
/// Where they are anything but one whole message of this version.
pub fn decode(bytes: &[u8]) -> Result<Message, CodecError> {
    if bytes.len() > LONGEST_MESSAGE {
        return Err(CodecError::TooLong(bytes.len()));
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Err(CodecError::TooShort(bytes.len()));
    };
    if header[0] != VERSION {
        return Err(CodecError::Version(header[0]));
    }
    if header[1..] != checksum(body) {
        return Err(CodecError::Damaged);
    }
    let (message, read) = bincode::serde::decode_from_slice(body, settings().with_limit::<DECODE_LIMIT>())?;
    whole(message, read, body)
}

/// Appends a value's bytes to `into`: for records, which frame and version them.
pub(super) fn encode_value(value: &impl Serialize, into: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::serde::encode_into_std_write(value, into, settings())?;
    Ok(())
}

/// The value that the bytes are, without a limit beyond their own length.
pub(super) fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, settings())?;
    whole(value, read, bytes)
}

fn settings() -> Configuration<LittleEndian, Varint> {
    config::standard()
}

fn whole<T>(value: T, read: usize, bytes: &[u8]) -> Result<T, CodecError> {
    if read == bytes.len() { Ok(value) } else { Err(CodecError::LeftOver(bytes.len() - read)) }
}

/// Four bytes that damage changes, but for one case in four billion: each step is a bijection of the state, and the last
/// folds its halves.
pub(super) fn checksum(bytes: &[u8]) -> [u8; 4] {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let state = words.iter().chain([&last]).fold(bytes.len() as u64, |state, word| {
        let mixed = (state ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    });
    ((state ^ state >> 32) as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::fault::mix;
    use crate::metainfo::{Bitfield, Layout, PieceHashes, PieceIndex, TorrentId};
    use crate::protocol::{
        About, Answer, Body, Call, Card, Change, Claim, Described, Ending, Finish, Incarnation, Lack, Manner, More,
        Need, News, Outcome, Pieces, Prospects, Publication, Rank, Reason, Received, Report, Shortfall, Slot, Swarm,
        Term, Traffic, Volume,
    };

    fn said(body: Body) -> Message {
        Message { term: Term(3), incarnation: Incarnation(1), body }
    }

    fn pieces() -> Pieces {
        Pieces { torrent: TorrentId(0xfeed_beef), pieces: vec![PieceIndex(0), PieceIndex(300), PieceIndex(99_999)] }
    }

    fn hashes() -> PieceHashes {
        let mut hashes = PieceHashes::new();
        for hash in ["d41d8cd98f00b204e9800998ecf8427e", "x", &"y".repeat(255)] {
            hashes.push(hash.as_bytes()).unwrap();
        }
        hashes
    }

    fn report() -> Report {
        Report {
            since: 17,
            received: vec![Received { from: Rank(4), pieces: pieces() }],
            suspects: vec![Rank(200)],
            useless: vec![Rank(3)],
            need: Need::Starving,
        }
    }

    fn swarm() -> Swarm {
        let (rank, torrent) = (Rank(5), TorrentId(9));
        Swarm {
            version: u64::MAX,
            changes: vec![
                Change::Anew,
                Change::Has { rank, pieces: pieces() },
                Change::HasAll { rank, torrent },
                Change::Holds { rank, torrent, bits: Bitfield::all(130) },
                Change::Gone { rank },
            ],
            loads: vec![(Rank(1), 80), (Rank(2), 0)],
            downloaders: 6,
        }
    }

    fn calls() -> Vec<Call> {
        let layout = Layout { pieces: 3, piece_length: 255 };
        let file = Publication {
            name: "file é".into(),
            layout,
            claim: Claim::Seed,
            first: PieceIndex(1),
            hashes: hashes(),
            takers: Some(vec![Rank(3)]),
        };
        let about = About { card: vec![0, 255], prospects: Prospects::Open };
        let shortfall = Shortfall { name: "lost".into(), missing: Some(Bitfield::all(7)), why: Lack::NoHolder };
        let finish = Finish { outcome: Outcome::Incomplete, shortfalls: vec![shortfall] };
        vec![
            Call::Publish { part: 0, files: vec![file.clone()], wanted: vec!["f".into()], more: More::Follows, about },
            Call::Offer { file },
            Call::AllOffered { since: 1 << 40 },
            Call::Await { since: 7, wanted: vec!["f".into()] },
            Call::Join { since: 0, wanted: vec![String::new(), "b".repeat(4000)] },
            Call::Hashes { torrent: TorrentId(1), first: PieceIndex(u32::MAX) },
            Call::Announce(report()),
            Call::Completed { report: report(), torrents: vec![TorrentId(1)], finished: Some(Outcome::Interrupted) },
            Call::Abort { outcome: Outcome::BadInput, reason: "in2.txt:4: not a number".into() },
            Call::Drained {
                received: vec![],
                finish,
                traffic: Traffic { messages: 1, bytes: u64::MAX, volume: Volume { sent: 3, ..Volume::default() } },
            },
        ]
    }

    fn answers() -> Vec<Answer> {
        let layout = Layout { pieces: 3, piece_length: 255 };
        let known = Described::Known { torrent: TorrentId(2), layout, hashes: hashes(), takers: vec![Rank(3)] };
        vec![
            Answer::Start {
                torrents: vec![None, Some(TorrentId(u32::MAX))],
                cards: vec![Card { rank: Rank(4), card: vec![1, 2] }],
            },
            Answer::Offered { torrent: Some(TorrentId(9)) },
            Answer::Contradicted { publisher: Rank(3), piece: PieceIndex(8) },
            Answer::Wait,
            Answer::Noted,
            Answer::Unknown,
            Answer::Joined {
                files: vec![known, Described::Unowned, Described::Awaited, Described::Coming, Described::Conflict],
                swarm: swarm(),
            },
            Answer::Hashes { torrent: TorrentId(2), first: PieceIndex(0), hashes: hashes() },
            Answer::Swarm(swarm()),
        ]
    }

    /// Every kind of message that there is.
    fn samples() -> Vec<Message> {
        let (slot, torrent, piece) = (Slot::new(63, 510), TorrentId(7), PieceIndex(70_000));
        let news = News { held: vec![pieces()] };
        let mut bodies = vec![
            Body::Pong,
            Body::Ping,
            Body::Stop { outcome: Outcome::Disk, ending: Ending::GivenUp },
            Body::Exit { outcome: Outcome::Bug },
            Body::Request { slot, torrent, piece, manner: Manner::Insistent, news },
            Body::Reject { slot, reason: Reason::Elsewhere, holders: vec![Rank(1), Rank(2)] },
            Body::Cancel { slot },
        ];
        bodies.extend(calls().into_iter().map(|call| Body::Call { sequence: 5, call }));
        bodies.extend(answers().into_iter().map(|answer| Body::Answer { sequence: 1 << 31, answer }));
        bodies.into_iter().map(said).collect()
    }

    fn bytes_of(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).unwrap();
        bytes
    }

    /// Bytes whose header fits them: what only a program that means harm, or another one, would send.
    fn signed(body: &[u8]) -> Vec<u8> {
        [&[VERSION], &checksum(body)[..], body].concat()
    }

    #[test]
    fn every_kind_of_message_comes_back_as_it_was() {
        let mut reused = b"what was there before".to_vec();
        for message in samples() {
            encode(&message, &mut reused).unwrap();
            assert_eq!(decode(&reused).unwrap(), message);
        }
    }

    /// RELIABILITY, row 17.
    #[test]
    fn a_message_cut_anywhere_is_refused() {
        for message in samples() {
            let bytes = bytes_of(&message);
            for end in 0..bytes.len() {
                assert!(decode(&bytes[..end]).is_err(), "{message:?} cut at {end}");
                let body = bytes.get(HEADER..end).unwrap_or_default();
                assert!(decode(&signed(body)).is_err(), "{message:?} cut at {end} and signed anew");
            }
        }
    }

    /// RELIABILITY, row 17.
    #[test]
    fn a_message_with_any_one_bit_flipped_is_refused() {
        for message in samples() {
            let mut bytes = bytes_of(&message);
            for bit in 0..8 * bytes.len() {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(decode(&bytes).is_err(), "{message:?} with bit {bit} flipped");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    /// RELIABILITY, row 17.
    #[test]
    fn flipped_bits_under_a_fitting_checksum_are_another_message_or_refused() {
        for message in samples() {
            let mut body = bytes_of(&message).split_off(HEADER);
            for bit in 0..8 * body.len() {
                body[bit / 8] ^= 1 << (bit % 8);
                if let Ok(other) = decode(&signed(&body)) {
                    assert_ne!(other, message);
                }
                body[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    /// RELIABILITY, row 17.
    #[test]
    fn another_version_is_refused_by_its_number() {
        let mut bytes = bytes_of(&said(Body::Ping));
        bytes[0] = VERSION + 1;
        assert!(matches!(decode(&bytes), Err(CodecError::Version(found)) if found == VERSION + 1));
    }

    #[test]
    fn bytes_after_the_message_are_refused() {
        for message in samples() {
            let mut body = bytes_of(&message).split_off(HEADER);
            body.push(0);
            assert!(matches!(decode(&signed(&body)), Err(CodecError::LeftOver(1))));
        }
    }

    /// RELIABILITY, row 23. A list of every kind claims to be huge; believing one of the claims would abort the process.
    #[test]
    fn a_claimed_length_is_not_believed_before_the_bytes_are_there() {
        let claims = [1 << 24, 1 << 32, 1 << 45, u64::MAX / 2, u64::MAX];
        let started = Instant::now();
        for message in samples() {
            let body = bytes_of(&message).split_off(HEADER);
            for (at, claim) in (0..body.len().min(100)).flat_map(|at| claims.map(|claim| (at, claim))) {
                let bytes = [&body[..at], &[253], &claim.to_le_bytes()[..], &body[at + 1..]].concat();
                let _ = decode(&signed(&bytes));
            }
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }

    /// RELIABILITY, row 17.
    #[test]
    fn random_bytes_are_refused_without_harm() {
        for length in 0..400 {
            for seed in 0..50 {
                let random: Vec<u8> = (0..length).map(|index| mix(seed << 32 | length, index) as u8).collect();
                assert!(decode(&random).is_err());
                if let Ok(message) = decode(&signed(&random)) {
                    assert_eq!(decode(&bytes_of(&message)).unwrap(), message);
                }
            }
        }
    }

    /// RELIABILITY, row 23.
    #[test]
    fn a_message_over_the_limit_is_neither_written_nor_read() {
        let wanted = vec!["w".repeat(LONGEST_MESSAGE)];
        let message = said(Body::Call { sequence: 0, call: Call::Join { since: 0, wanted } });
        let mut bytes = Vec::new();
        assert!(matches!(encode(&message, &mut bytes), Err(CodecError::TooLong(_))));
        assert!(matches!(decode(&bytes), Err(CodecError::TooLong(_))));
    }

    #[test]
    fn a_sparse_bitfield_of_the_longest_kind_still_fits() {
        let bits = Bitfield::none(8 * 8 * (1 << 20));
        let swarm =
            Swarm { changes: vec![Change::Holds { rank: Rank(1), torrent: TorrentId(1), bits }], ..Swarm::default() };
        let message = said(Body::Answer { sequence: 1, answer: Answer::Swarm(swarm) });
        assert_eq!(decode(&bytes_of(&message)).unwrap(), message);
    }
}
