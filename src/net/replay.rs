//! Goes through a recorded run again, with a fresh node, and compares what it decides byte by byte.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use super::codec::{CodecError, checksum, decode_value, encode_value};
use super::excerpt::start_of;
use super::record::{Entry, MAGIC, VERSION};
use crate::protocol::{Catalog, Config, Decision, Event, Node, Outbox, Rank, Time};

/// What a record of a real run may hold at once; more is damage.
const LONGEST_FRAME: usize = 1 << 30;

/// A run that came out as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Whose it was.
    pub rank: Rank,
    /// How many events the node heard.
    pub events: u64,
}

/// Why a record does not come out as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It begins otherwise.
    #[error("this is no record of tema3; give the folder that --record DIR wrote")]
    Foreign,
    /// Another tema3 wrote it.
    #[error("this record has version {0}, and version {VERSION} is read here: replay it with the tema3 that wrote it")]
    Version(u8),
    /// Its end is missing: the run was killed, or the file is cut.
    #[error(
        "this record is cut off after event {events} (was the run killed, the disk full, or the file damaged?); up to there the \
         node decided as it was recorded"
    )]
    CutOff {
        /// How many events are whole.
        events: u64,
    },
    /// Its bytes mean nothing.
    #[error(
        "this record cannot be read after event {events}: {source}; it is damaged, or another build of tema3 wrote it: record the \
         run again"
    )]
    Damaged {
        /// How many events came before the damage.
        events: u64,
        /// What is wrong.
        source: CodecError,
    },
    /// Something follows its end.
    #[error("this record goes on after its end: it is damaged; record the run again")]
    GoesOn,
    /// The node decided otherwise.
    #[error(transparent)]
    Differs(Box<Difference>),
}

/// The first event after which a node decided otherwise than it is recorded.
#[derive(Debug, thiserror::Error)]
pub struct Difference {
    /// Its number; the first event has number 1.
    pub number: u64,
    /// When it was heard.
    pub now: Time,
    /// What was heard.
    pub event: Event,
    /// What was decided then.
    pub recorded: Vec<Decision>,
    /// What is decided now.
    pub replayed: Vec<Decision>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, now, event, recorded, replayed } = self;
        let same = recorded.iter().zip(replayed).take_while(|(recorded, replayed)| recorded == replayed).count();
        writeln!(f, "event {number}, at {} ns, comes out otherwise: {}", now.0, start_of(event))?;
        writeln!(f, "  decision {} was recorded as {}", same + 1, start_of(&recorded.get(same)))?;
        writeln!(f, "  and is now {}", start_of(&replayed.get(same)))?;
        write!(f, "  the record is not damaged: did another build of tema3 write it? Else this is a bug in tema3")
    }
}

/// Gives all events of a record to the node that `make` makes from the recorded settings.
///
/// # Errors
/// Where the record cannot be read to its end, or the node decides otherwise than it is recorded.
pub fn replay<N: Node>(path: &Path, make: impl FnOnce(Config, Catalog) -> N) -> Result<Replayed, ReplayError> {
    let mut frames = Frames::open(path)?;
    let (config, catalog): (Config, Catalog) = frames.next()?.ok_or(ReplayError::CutOff { events: 0 })?;
    let rank = config.rank;
    let mut node = make(config, catalog);
    let mut outbox = Outbox::new();
    while let Some(Entry { now, event, decisions: recorded }) = frames.next()? {
        frames.events += 1;
        node.handle(now, event.clone(), &mut outbox);
        let replayed: Vec<Decision> = outbox.drain().collect();
        if !are_the_same(&recorded, &replayed) {
            let number = frames.events;
            return Err(ReplayError::Differs(Box::new(Difference { number, now, event, recorded, replayed })));
        }
    }
    match frames.file.read(&mut [0])? {
        0 => Ok(Replayed { rank, events: frames.events }),
        _ => Err(ReplayError::GoesOn),
    }
}

fn are_the_same(recorded: &[Decision], replayed: &[Decision]) -> bool {
    let bytes = |decisions: &[Decision]| {
        let mut bytes = Vec::new();
        encode_value(&decisions, &mut bytes).map(|()| bytes)
    };
    matches!((bytes(recorded), bytes(replayed)), (Ok(recorded), Ok(replayed)) if recorded == replayed)
}

struct Frames {
    file: BufReader<File>,
    events: u64,
    frame: Vec<u8>,
}

impl Frames {
    fn open(path: &Path) -> Result<Self, ReplayError> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut head = [0; MAGIC.len() + 1];
        file.read_exact(&mut head).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => ReplayError::Foreign,
            _ => ReplayError::Io(error),
        })?;
        match head.strip_prefix(MAGIC) {
            Some([VERSION]) => Ok(Self { file, events: 0, frame: Vec::new() }),
            Some(version) => Err(ReplayError::Version(version[0])),
            None => Err(ReplayError::Foreign),
        }
    }

    /// The value in the next frame; none in the last.
    fn next<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, ReplayError> {
        let events = self.events;
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length == 0 {
            return Ok(None);
        }
        if length > LONGEST_FRAME {
            return Err(ReplayError::Damaged { events, source: CodecError::TooLong(length) });
        }
        let mut sum = [0; 4];
        self.fill(&mut sum)?;
        // Read as it comes: a damaged length takes no more memory than the file has bytes.
        self.frame.clear();
        (&mut self.file).take(length as u64).read_to_end(&mut self.frame)?;
        if self.frame.len() < length {
            return Err(ReplayError::CutOff { events });
        }
        if sum != checksum(&self.frame) {
            return Err(ReplayError::Damaged { events, source: CodecError::Damaged });
        }
        decode_value(&self.frame).map(Some).map_err(|source| ReplayError::Damaged { events, source })
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ReplayError> {
        self.file.read_exact(buffer).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => ReplayError::CutOff { events: self.events },
            _ => ReplayError::Io(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::record::{Record, Recorded, path_of};
    use crate::protocol::{Body, Incarnation, Message, Patience, Policy, Rank, StopCause, TRACKER, Term, Traffic};

    /// Answers every event with as many pings as it has heard events, plus `offset`.
    struct Echo {
        heard: u32,
        offset: u32,
    }

    impl Node for Echo {
        fn handle(&mut self, _: Time, _: Event, out: &mut Outbox) {
            self.heard += 1;
            for _ in 0..self.heard + self.offset {
                let message = Message { term: Term(self.heard), incarnation: Incarnation(0), body: Body::Ping };
                out.push(Decision::Send { to: TRACKER, message });
            }
        }

        fn next_timeout(&self) -> Option<Time> {
            None
        }

        fn is_finished(&self) -> bool {
            false
        }
    }

    fn settings() -> (Config, Catalog) {
        let (policy, patience) = (Policy::assignment(), Patience::job());
        let config = Config { rank: Rank(3), world: 4, incarnation: Incarnation(0), seed: 1, policy, patience };
        (config, Catalog { wanted: vec!["a".into()], ..Catalog::default() })
    }

    fn record_of_three_events(folder: &Path) -> std::path::PathBuf {
        let (config, catalog) = settings();
        let record = Record::create(&path_of(folder, config.rank)).unwrap();
        let mut node = Recorded::new(record, &config, &catalog, Echo { heard: 0, offset: 0 });
        let stop = Event::Stop { cause: StopCause::Signal };
        let mut outbox = Outbox::new();
        for (number, event) in
            [Event::Start, stop, Event::Drained { traffic: Traffic::default() }].into_iter().enumerate()
        {
            node.handle(Time::ZERO + Duration::from_millis(number as u64), event, &mut outbox);
            assert_eq!(outbox.drain().count(), number + 1);
        }
        node.finish().unwrap();
        path_of(folder, config.rank)
    }

    fn faithful(config: Config, catalog: Catalog) -> Echo {
        assert_eq!((config, catalog), settings());
        Echo { heard: 0, offset: 0 }
    }

    #[test]
    fn a_record_comes_out_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = record_of_three_events(folder.path());
        assert_eq!(replay(&path, faithful).unwrap(), Replayed { rank: Rank(3), events: 3 });
    }

    #[test]
    fn the_first_event_that_comes_out_otherwise_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = record_of_three_events(folder.path());
        let error = replay(&path, |_, _| Echo { heard: 0, offset: 1 }).map(|_| ()).unwrap_err();
        let ReplayError::Differs(difference) = error else { panic!("{error}") };
        assert_eq!((difference.number, difference.recorded.len(), difference.replayed.len()), (1, 1, 2));
        assert!(difference.to_string().contains("decision 2 was recorded as None"), "{difference}");
        assert!(difference.to_string().contains("another build"), "{difference}");
    }

    #[test]
    fn a_record_cut_anywhere_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = record_of_three_events(folder.path());
        let whole = std::fs::read(&path).unwrap();
        let mut most = 0;
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            match replay(&path, faithful).unwrap_err() {
                ReplayError::Foreign if end <= MAGIC.len() => {}
                ReplayError::CutOff { events } => most = most.max(events),
                other => panic!("cut at {end}: {other}"),
            }
        }
        assert_eq!(most, 3);
    }

    #[test]
    fn a_bit_that_is_lost_anywhere_is_damage_and_never_another_decision() {
        let folder = tempfile::tempdir().unwrap();
        let path = record_of_three_events(folder.path());
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &damaged).unwrap();
            let error = replay(&path, faithful).unwrap_err();
            assert!(!matches!(error, ReplayError::Differs(_) | ReplayError::Io(_)), "bit {bit}: {error}");
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = record_of_three_events(folder.path());
        let whole = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            replay(&path, faithful).unwrap_err()
        };
        assert!(matches!(refused(b"0\n1\nfile1\n and more text\n"), ReplayError::Foreign));
        let mut newer = whole.clone();
        newer[MAGIC.len()] += 1;
        assert!(matches!(refused(&newer), ReplayError::Version(found) if found == super::super::record::VERSION + 1));
        assert!(matches!(refused(&[&whole[..], b"\0"].concat()), ReplayError::GoesOn));
        let huge = [&whole[..=MAGIC.len()], &[0xff; 4]].concat();
        assert!(matches!(refused(&huge), ReplayError::Damaged { events: 0, .. }));
    }
}
