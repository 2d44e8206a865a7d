//! `--events DIR`: one JSON line per protocol step, for programs and examiners. `docs/events.md` describes the lines.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::client_row::ClientRow;
use super::troubles::lack_name;
use super::{Names, Observer};
use crate::metainfo::{PieceIndex, TorrentId};
use crate::protocol::{Half, Lack, Observed, Outcome, Rank, Reason, Time};

/// The version of the lines. A new event or field keeps it; a changed or removed one raises it.
const VERSION: u32 = 1;

/// Writes each step of one rank as a line of JSON.
#[derive(Debug)]
pub struct Events<W> {
    rank: Rank,
    names: Names,
    out: W,
    line: Vec<u8>,
    /// Why it has stopped writing, if it has.
    failure: Option<String>,
}

impl Events<File> {
    /// Writes to this file, which is made anew.
    ///
    /// The file is not buffered: a line costs a system call, and in return the file of a rank that is killed ends with its
    /// last step.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn create(path: &Path, rank: Rank, names: Names) -> io::Result<Self> {
        Ok(Self::new(rank, names, File::create(path)?))
    }

    /// Where a rank's events lie in the folder of all.
    #[must_use]
    pub fn path_of(folder: &Path, rank: Rank) -> PathBuf {
        folder.join(format!("rank{}.jsonl", rank.0))
    }
}

impl<W: Write> Events<W> {
    /// Writes to `out`, a whole line at a time.
    pub fn new(rank: Rank, names: Names, out: W) -> Self {
        Self { rank, names, out, line: Vec::new(), failure: None }
    }
}

impl<W: Write> Observer for Events<W> {
    fn observe(&mut self, now: Time, observed: &Observed) {
        self.names.observe(observed);
        if self.failure.is_some() {
            return;
        }
        self.line.clear();
        Line { bytes: &mut self.line, names: &self.names }.write(now, self.rank, observed);
        if let Err(error) = self.out.write_all(&self.line) {
            self.failure = Some(format!("the events of {} are not whole: {error}", self.rank));
        }
    }

    fn failures(&self) -> Vec<String> {
        self.failure.iter().cloned().collect()
    }
}

/// A line being written: torrents by name, segments counted from one, ranks as numbers, outcomes as exit codes.
struct Line<'a> {
    bytes: &'a mut Vec<u8>,
    names: &'a Names,
}

impl Line<'_> {
    fn write(&mut self, now: Time, rank: Rank, observed: &Observed) {
        self.bytes.push(b'{');
        self.field("v", VERSION)
            .field("t_us", now.0 / 1_000)
            .field("rank", rank.0)
            .field("half", half(observed.half()));
        self.step(observed);
        self.bytes.extend_from_slice(b"}\n");
    }

    fn step(&mut self, observed: &Observed) -> &mut Self {
        match observed {
            Observed::Init { owned, wanted } => self.event("init").field("owned", owned).field("wanted", wanted),
            Observed::Started => self.event("start"),
            Observed::Joined { name, pieces, .. } => self.event("joined").field("file", name).field("segments", pieces),
            Observed::Unavailable { name, why } => self.event("unavailable").field("file", name).lack(*why),
            Observed::Requested { torrent, piece, to } => self.event("request").piece(*torrent, *piece).peer("to", *to),
            Observed::Received { torrent, piece, from } => {
                self.event("segment").piece(*torrent, *piece).peer("from", *from)
            }
            Observed::Rejected { torrent, piece, from, reason } => {
                self.event("rejected").piece(*torrent, *piece).peer("from", *from).reason(*reason)
            }
            Observed::Corrupt { torrent, piece, from } => {
                self.event("corrupt").piece(*torrent, *piece).peer("from", *from)
            }
            Observed::Wasted { from } => self.event("wasted").peer("from", *from),
            Observed::TimedOut { torrent, piece, from } => {
                self.event("timed_out").piece(*torrent, *piece).peer("from", *from)
            }
            Observed::Announced { pieces } => self.event("update").field("segments", pieces),
            Observed::FileFinished { torrent } => self.event("file_finished").file(*torrent),
            Observed::AllFinished { outcome } => self.event("all_finished").outcome(*outcome),
            Observed::Served { torrent, piece, to } => self.event("served").piece(*torrent, *piece).peer("to", *to),
            Observed::Refused { torrent, piece, to, reason } => {
                self.event("refused").piece(*torrent, *piece).peer("to", *to).reason(*reason)
            }
            Observed::Suspected { rank } => self.event("suspected").peer("peer", *rank),
            Observed::Recovered { rank } => self.event("recovered").peer("peer", *rank),
            Observed::Misbehaved { from, how } => self.event("misbehaved").peer("from", *from).field("how", how),
            Observed::TermChanged { term, tracker } => {
                self.event("term_changed").field("term", term.0).peer("tracker", *tracker)
            }
            Observed::Stopped { outcome } => self.event("stop").outcome(*outcome),
            Observed::Left { outcome } => self.event("left").outcome(*outcome),
            Observed::Published { rank, files } => self.event("published").peer("client", *rank).field("files", files),
            Observed::SwarmStarted { clients } => self.event("swarm_started").field("clients", clients),
            Observed::Conflict { name, first, second, piece, hashes } => self
                .event("conflict")
                .field("file", name)
                .peer("first", *first)
                .peer("second", *second)
                .field("segment", piece.ordinal())
                .field("hashes", hashes),
            Observed::Progress { done, wanted, client, held } => {
                let event = self.event("progress").field("done", done).field("wanted", wanted);
                event.peer("client", *client).field("held", held)
            }
            Observed::ClientFinished { rank, outcome } => {
                self.event("client_finished").peer("client", *rank).outcome(*outcome)
            }
            Observed::Short { rank, name, missing, why } => {
                self.event("short").peer("client", *rank).field("file", name).field("missing", missing).lack(*why)
            }
            Observed::Aborted { rank, outcome, reason } => {
                self.event("aborted").peer("client", *rank).outcome(*outcome).field("reason", reason)
            }
            Observed::Lost { rank } => self.event("lost").peer("client", *rank),
            Observed::Summary(summary) => self
                .event("summary")
                .outcome(summary.outcome)
                .field("messages", summary.messages)
                .field("bytes", summary.bytes)
                .field("traded", summary.traded)
                .field("clients", summary.clients.iter().map(ClientRow::from).collect::<Vec<_>>()),
        }
    }

    fn field(&mut self, key: &str, value: impl Serialize) -> &mut Self {
        if self.bytes.last() != Some(&b'{') {
            self.bytes.push(b',');
        }
        self.json(key);
        self.bytes.push(b':');
        self.json(value);
        self
    }

    fn json(&mut self, value: impl Serialize) {
        serde_json::to_writer(&mut *self.bytes, &value).expect("memory takes everything, and no key is not a string");
    }

    fn event(&mut self, name: &str) -> &mut Self {
        self.field("event", name)
    }

    fn file(&mut self, torrent: TorrentId) -> &mut Self {
        let name = self.names.of(torrent);
        self.field("file", name)
    }

    fn piece(&mut self, torrent: TorrentId, piece: PieceIndex) -> &mut Self {
        self.file(torrent).field("segment", piece.ordinal())
    }

    fn peer(&mut self, key: &str, rank: Rank) -> &mut Self {
        self.field(key, rank.0)
    }

    fn outcome(&mut self, outcome: Outcome) -> &mut Self {
        self.field("code", outcome.code())
    }

    fn reason(&mut self, reason: Reason) -> &mut Self {
        self.field(
            "why",
            match reason {
                Reason::NotHeld => "not_held",
                Reason::Busy => "busy",
                Reason::Elsewhere => "elsewhere",
                Reason::Unreadable => "unreadable",
            },
        )
    }

    fn lack(&mut self, lack: Lack) -> &mut Self {
        self.field("why", lack_name(lack))
    }
}

fn half(half: Half) -> &'static str {
    match half {
        Half::Download => "download",
        Half::Upload => "upload",
        Half::Tracker => "tracker",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ClientSummary, Summary, Term, Volume};

    const FILE: TorrentId = TorrentId(9);

    fn lines(rank: u32, steps: &[(u64, Observed)]) -> String {
        let mut out = Vec::new();
        let mut events = Events::new(Rank(rank), Names::new(), &mut out);
        for (microseconds, step) in steps {
            events.observe(Time(microseconds * 1_000), step);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_clients_life_is_one_line_a_step() {
        let piece = PieceIndex(4);
        let told = lines(
            1,
            &[
                (0, Observed::Init { owned: 2, wanted: 1 }),
                (10, Observed::Started),
                (20, Observed::Joined { torrent: FILE, name: String::from("file \"one\""), pieces: 20 }),
                (30, Observed::Requested { torrent: FILE, piece, to: Rank(3) }),
                (40, Observed::Received { torrent: FILE, piece, from: Rank(3) }),
                (50, Observed::Announced { pieces: 10 }),
                (55, Observed::Served { torrent: FILE, piece, to: Rank(2) }),
                (60, Observed::FileFinished { torrent: FILE }),
                (70, Observed::AllFinished { outcome: Outcome::Complete }),
                (80, Observed::Stopped { outcome: Outcome::Complete }),
                (90, Observed::Left { outcome: Outcome::Complete }),
            ],
        );
        assert_eq!(
            told,
            r#"{"v":1,"t_us":0,"rank":1,"half":"download","event":"init","owned":2,"wanted":1}
{"v":1,"t_us":10,"rank":1,"half":"download","event":"start"}
{"v":1,"t_us":20,"rank":1,"half":"download","event":"joined","file":"file \"one\"","segments":20}
{"v":1,"t_us":30,"rank":1,"half":"download","event":"request","file":"file \"one\"","segment":5,"to":3}
{"v":1,"t_us":40,"rank":1,"half":"download","event":"segment","file":"file \"one\"","segment":5,"from":3}
{"v":1,"t_us":50,"rank":1,"half":"download","event":"update","segments":10}
{"v":1,"t_us":55,"rank":1,"half":"upload","event":"served","file":"file \"one\"","segment":5,"to":2}
{"v":1,"t_us":60,"rank":1,"half":"download","event":"file_finished","file":"file \"one\""}
{"v":1,"t_us":70,"rank":1,"half":"download","event":"all_finished","code":0}
{"v":1,"t_us":80,"rank":1,"half":"upload","event":"stop","code":0}
{"v":1,"t_us":90,"rank":1,"half":"upload","event":"left","code":0}
"#
        );
    }

    #[test]
    fn what_goes_wrong_is_said_with_its_reason() {
        let piece = PieceIndex(0);
        let told = lines(
            2,
            &[
                (1, Observed::Unavailable { name: String::from("f"), why: Lack::Unowned }),
                (2, Observed::Rejected { torrent: FILE, piece, from: Rank(1), reason: Reason::Elsewhere }),
                (3, Observed::Corrupt { torrent: FILE, piece, from: Rank(1) }),
                (4, Observed::Wasted { from: Rank(1) }),
                (5, Observed::TimedOut { torrent: FILE, piece, from: Rank(1) }),
                (6, Observed::Refused { torrent: FILE, piece, to: Rank(1), reason: Reason::NotHeld }),
                (7, Observed::Suspected { rank: Rank(1) }),
                (8, Observed::Recovered { rank: Rank(1) }),
                (9, Observed::Misbehaved { from: Rank(1), how: String::from("unknown tag") }),
                (10, Observed::TermChanged { term: Term(4), tracker: Rank(1) }),
            ],
        );
        assert_eq!(
            told,
            r#"{"v":1,"t_us":1,"rank":2,"half":"download","event":"unavailable","file":"f","why":"unowned"}
{"v":1,"t_us":2,"rank":2,"half":"download","event":"rejected","file":"torrent 00000009","segment":1,"from":1,"why":"elsewhere"}
{"v":1,"t_us":3,"rank":2,"half":"download","event":"corrupt","file":"torrent 00000009","segment":1,"from":1}
{"v":1,"t_us":4,"rank":2,"half":"download","event":"wasted","from":1}
{"v":1,"t_us":5,"rank":2,"half":"download","event":"timed_out","file":"torrent 00000009","segment":1,"from":1}
{"v":1,"t_us":6,"rank":2,"half":"upload","event":"refused","file":"torrent 00000009","segment":1,"to":1,"why":"not_held"}
{"v":1,"t_us":7,"rank":2,"half":"download","event":"suspected","peer":1}
{"v":1,"t_us":8,"rank":2,"half":"download","event":"recovered","peer":1}
{"v":1,"t_us":9,"rank":2,"half":"download","event":"misbehaved","from":1,"how":"unknown tag"}
{"v":1,"t_us":10,"rank":2,"half":"download","event":"term_changed","term":4,"tracker":1}
"#
        );
    }

    #[test]
    fn the_tracker_tells_of_its_clients() {
        let row = ClientSummary {
            rank: Rank(1),
            had: 5,
            wanted: 0,
            got: 0,
            sources: Vec::new(),
            served: 5,
            outcome: None,
            volume: Volume::default(),
            finished: None,
        };
        let told = lines(
            0,
            &[
                (1, Observed::Published { rank: Rank(1), files: 2 }),
                (2, Observed::SwarmStarted { clients: 2 }),
                (
                    3,
                    Observed::Conflict {
                        name: String::from("f"),
                        first: Rank(1),
                        second: Rank(2),
                        piece: PieceIndex(2),
                        hashes: Box::new([String::from("aa"), String::from("bb")]),
                    },
                ),
                (4, Observed::Progress { done: 10, wanted: 20, client: Rank(1), held: 5 }),
                (5, Observed::ClientFinished { rank: Rank(2), outcome: Outcome::Incomplete }),
                (6, Observed::Short { rank: Rank(2), name: String::from("f"), missing: None, why: Lack::Conflict }),
                (7, Observed::Short { rank: Rank(2), name: String::from("g"), missing: Some(3), why: Lack::NoHolder }),
                (
                    8,
                    Observed::Aborted {
                        rank: Rank(1),
                        outcome: Outcome::BadInput,
                        reason: String::from("in1.txt:4: x"),
                    },
                ),
                (9, Observed::Lost { rank: Rank(1) }),
                (
                    10,
                    Observed::Summary(Box::new(Summary {
                        outcome: Outcome::Integrity,
                        clients: vec![row],
                        messages: 12,
                        bytes: 345,
                        traded: 5,
                    })),
                ),
            ],
        );
        assert_eq!(
            told,
            r#"{"v":1,"t_us":1,"rank":0,"half":"tracker","event":"published","client":1,"files":2}
{"v":1,"t_us":2,"rank":0,"half":"tracker","event":"swarm_started","clients":2}
{"v":1,"t_us":3,"rank":0,"half":"tracker","event":"conflict","file":"f","first":1,"second":2,"segment":3,"hashes":["aa","bb"]}
{"v":1,"t_us":4,"rank":0,"half":"tracker","event":"progress","done":10,"wanted":20,"client":1,"held":5}
{"v":1,"t_us":5,"rank":0,"half":"tracker","event":"client_finished","client":2,"code":4}
{"v":1,"t_us":6,"rank":0,"half":"tracker","event":"short","client":2,"file":"f","missing":null,"why":"conflict"}
{"v":1,"t_us":7,"rank":0,"half":"tracker","event":"short","client":2,"file":"g","missing":3,"why":"no_holder"}
{"v":1,"t_us":8,"rank":0,"half":"tracker","event":"aborted","client":1,"code":3,"reason":"in1.txt:4: x"}
{"v":1,"t_us":9,"rank":0,"half":"tracker","event":"lost","client":1}
{"v":1,"t_us":10,"rank":0,"half":"tracker","event":"summary","code":7,"messages":12,"bytes":345,"traded":5,"clients":[{"rank":1,"had":5,"wanted":0,"got":0,"sources":0,"from":[],"served":5,"code":null,"bytes_sent":0,"bytes_received":0,"bytes_wasted":0,"corrupt":0,"source_bytes_read":0,"cache_hits":0,"found":0,"finished_after_s":null}]}
"#
        );
    }

    #[test]
    fn a_rank_has_a_file_of_its_own_that_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = Events::path_of(folder.path(), Rank(12));
        for _ in 0..2 {
            Events::create(&path, Rank(12), Names::new()).unwrap().observe(Time(0), &Observed::Started);
        }
        assert_eq!(
            std::fs::read_to_string(folder.path().join("rank12.jsonl")).unwrap(),
            "{\"v\":1,\"t_us\":0,\"rank\":12,\"half\":\"download\",\"event\":\"start\"}\n"
        );
    }

    #[test]
    fn after_a_line_that_could_not_be_written_there_is_no_other() {
        struct Full(Vec<u8>);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.extend_from_slice(bytes);
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut events = Events::new(Rank(1), Names::new(), Full(Vec::new()));
        assert!(events.failures().is_empty());
        events.observe(Time(0), &Observed::Started);
        events.observe(Time(0), &Observed::Started);
        assert_eq!(events.failures(), ["the events of rank 1 are not whole: no storage space"]);
        assert_eq!(events.out.0.iter().filter(|&&byte| byte == b'\n').count(), 1);
    }
}
