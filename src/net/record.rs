//! A record of all that a node heard and decided, from which its run can be gone through again.
//!
//! One file a rank: a line that names it, a version byte, and frames. A frame is a four-byte length and so many bytes; the
//! first holds the node's settings, each other one an event with its time and the decisions that followed, and an empty
//! one ends the record.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::codec::encode_value;
use crate::protocol::{Catalog, Config, Decision, Event, Node, Outbox, Rank, Time};

pub(super) const MAGIC: &[u8; 13] = b"tema3 record\n";
pub(super) const VERSION: u8 = 3;

/// What a node heard, and what it decided then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) now: Time,
    pub(super) event: Event,
    pub(super) decisions: Vec<Decision>,
}

/// Where the record of a rank lies in a folder of records.
#[must_use]
pub fn path_of(folder: &Path, rank: Rank) -> PathBuf {
    folder.join(format!("rank{}.record", rank.0))
}

/// A node that writes down what passes between it and its driver.
#[derive(Debug)]
pub struct Recorded<N> {
    node: N,
    record: Record,
}

/// The file of one rank.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    file: BufWriter<File>,
    frame: Vec<u8>,
    failure: Option<std::io::Error>,
}

impl<N: Node> Recorded<N> {
    /// Records `node`, which was made from these settings.
    pub fn new(mut record: Record, config: &Config, catalog: &Catalog, node: N) -> Self {
        record.note(&(config, catalog));
        Self { node, record }
    }

    /// Ends the record.
    ///
    /// # Errors
    /// Where any part of it could not be written, in a sentence.
    pub fn finish(mut self) -> Result<(), String> {
        let ended = match self.record.failure.take() {
            Some(failure) => Err(failure),
            None => self.record.file.write_all(&[0; 4]).and_then(|()| self.record.file.flush()),
        };
        ended.map_err(|failure| format!("{}: the record is not whole: {failure}", self.record.path.display()))
    }
}

impl Record {
    /// Begins a record, anew where there was one.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 16, File::create(path)?);
        file.write_all(MAGIC)?;
        file.write_all(&[VERSION])?;
        Ok(Self { path: path.to_owned(), file, frame: Vec::new(), failure: None })
    }

    fn write(&mut self, value: &impl Serialize) -> std::io::Result<()> {
        self.frame.clear();
        self.frame.extend_from_slice(&[0; 4]);
        encode_value(value, &mut self.frame).map_err(std::io::Error::other)?;
        let length = u32::try_from(self.frame.len() - 4).map_err(std::io::Error::other)?;
        self.frame[..4].copy_from_slice(&length.to_le_bytes());
        self.file.write_all(&self.frame)
    }

    /// A run does not end because its record cannot be written.
    fn note(&mut self, value: &impl Serialize) {
        if self.failure.is_none() {
            self.failure = self.write(value).err();
        }
    }
}

impl<N: Node> Node for Recorded<N> {
    fn handle(&mut self, now: Time, event: Event, out: &mut Outbox) {
        let before = out.decisions().len();
        self.node.handle(now, event.clone(), out);
        self.record.note(&(now, &event, &out.decisions()[before..]));
    }

    fn next_timeout(&self) -> Option<Time> {
        self.node.next_timeout()
    }

    fn is_finished(&self) -> bool {
        self.node.is_finished()
    }
}
