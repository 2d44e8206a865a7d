//! `--explain`: the run told in plain sentences, for somebody who learns how a swarm works.

use std::io::Write;

use super::names::printable;
use super::troubles::sentence;
use super::{Names, Observer, whole_lines};
use crate::metainfo::{PieceIndex, TorrentId, counted};
use crate::protocol::{Observed, Outcome, Rank, Reason, Time};

/// Narrates one rank's steps, a line each, with the rank and the time in front.
///
/// All ranks write to the same terminal. A line leaves in one write, so that lines of different ranks never mix.
#[derive(Debug)]
pub struct Explain<W> {
    rank: Rank,
    names: Names,
    out: W,
}

impl<W: Write> Explain<W> {
    /// Narrates to `out`.
    pub fn new(rank: Rank, names: Names, out: W) -> Self {
        Self { rank, names, out }
    }

    /// What the rank would say of a step. One arm a step, so that a new step cannot be forgotten.
    fn say(&self, observed: &Observed) -> String {
        let segment = |torrent: &TorrentId, piece: &PieceIndex| {
            format!("segment {} of {}", piece.ordinal(), printable(&self.names.of(*torrent)))
        };
        match observed {
            Observed::Init { owned, wanted } => {
                let files = |number: u32| if number == 0 { "no file".into() } else { counted(number, "file") };
                let (owned, wanted) = (files(*owned), files(*wanted));
                format!("I own {owned} and want {wanted}. I tell the tracker what I own, and wait for the others.")
            }
            Observed::Started => "The tracker says that all have spoken: I start.".into(),
            Observed::Joined { name, pieces, .. } => {
                let segments = counted(*pieces, "segment");
                format!("The tracker tells me of {}: {segments}, and who holds which.", printable(name))
            }
            Observed::Unavailable { name, why } => format!("I cannot have {}: {}.", printable(name), sentence(*why)),
            Observed::Requested { torrent, piece, to } => format!("I ask {to} for {}.", segment(torrent, piece)),
            Observed::Received { torrent, piece, from } => {
                format!("I have {} from {from}; it matches its hash.", segment(torrent, piece))
            }
            Observed::Rejected { torrent, piece, from, reason } => {
                format!("I do not get {} from {from}: {}.", segment(torrent, piece), refusal(*reason))
            }
            Observed::Corrupt { torrent, piece, from } => {
                format!("I drop {} from {from}: it does not match its hash.", segment(torrent, piece))
            }
            Observed::Wasted { from } => format!("I drop a segment from {from}: I no longer waited for it."),
            Observed::TimedOut { torrent, piece, from } => {
                format!("I waited too long for {} from {from}: I ask somebody else.", segment(torrent, piece))
            }
            Observed::Announced { pieces: 0 } => "I get fresh lists from the tracker.".into(),
            Observed::Announced { pieces } => {
                format!("I tell the tracker of {}, and get fresh lists.", counted(*pieces, "new segment"))
            }
            Observed::FileFinished { torrent } => {
                format!("I have all of {}, and it is written: I tell the tracker.", printable(&self.names.of(*torrent)))
            }
            Observed::AllFinished { outcome: Outcome::Complete } => {
                "I have all that I want: I tell the tracker, and only serve others from now on.".into()
            }
            Observed::AllFinished { outcome } => {
                format!("I can get nothing more ({}): I tell the tracker, and only serve others.", outcome.meaning())
            }
            Observed::Served { torrent, piece, to } => format!("I give {to} {}.", segment(torrent, piece)),
            Observed::Refused { torrent, piece, to, reason } => {
                format!("I refuse {to} {}: {}.", segment(torrent, piece), refusal(*reason))
            }
            Observed::Suspected { rank } => format!("I hear nothing from {rank}: I do not count on it for now."),
            Observed::Recovered { rank } => format!("I hear {rank} again."),
            Observed::Misbehaved { from, how } => {
                format!("I drop what {from} sent, for it breaks the protocol: {}.", printable(how))
            }
            Observed::TermChanged { term, tracker } => {
                format!("I follow a new tracker: {tracker}, in term {}.", term.0)
            }
            Observed::Stopped { .. } => "The tracker says that all have finished: I stop serving.".into(),
            Observed::Left { outcome } => format!("I leave: {}.", outcome.meaning()),
            Observed::Published { .. }
            | Observed::SwarmStarted { .. }
            | Observed::Conflict { .. }
            | Observed::Progress { .. }
            | Observed::ClientFinished { .. }
            | Observed::Short { .. }
            | Observed::Aborted { .. }
            | Observed::Lost { .. }
            | Observed::Summary(_) => tracker_says(observed),
        }
    }
}

/// What the tracker would say of a step of its own.
fn tracker_says(observed: &Observed) -> String {
    match observed {
        Observed::Published { rank, files: 0 } => format!("I hear that {rank} owns nothing."),
        Observed::Published { rank, files } => format!("I hear what {rank} owns: {}.", counted(*files, "file")),
        Observed::SwarmStarted { clients } => {
            format!("All {} have spoken: I let them start.", counted(*clients, "client"))
        }
        Observed::Conflict { name, first, second, piece, .. } => format!(
            "I let nobody have {}: {first} and {second} list different hashes, first for segment {}.",
            printable(name),
            piece.ordinal()
        ),
        Observed::Progress { wanted: 0, .. } => "I know of no segment yet that is wanted.".into(),
        Observed::Progress { done, wanted, .. } => {
            format!("I know of {done} of {} that have arrived.", counted(*wanted, "wanted segment"))
        }
        Observed::ClientFinished { rank, outcome } => format!("I hear that {rank} is done: {}.", outcome.meaning()),
        Observed::Short { rank, name, missing: None, why } => {
            format!("I hear that {rank} could not have {}: {}.", printable(name), sentence(*why))
        }
        Observed::Short { rank, name, missing: Some(missing), why } => format!(
            "I hear that {rank} lacks {} of {}: {}.",
            counted(missing.count(), "segment"),
            printable(name),
            sentence(*why)
        ),
        Observed::Aborted { rank, reason, .. } => {
            format!("I end the run, for {rank} says: {}.", printable(reason))
        }
        Observed::Lost { rank } => format!("I hear nothing from {rank} any more: I go on without it."),
        Observed::Summary(summary) => {
            format!(
                "I let all leave; {} changed hands: {}.",
                counted(summary.traded, "segment"),
                summary.outcome.meaning()
            )
        }
        clients => format!("{clients:?}"),
    }
}

impl<W: Write> Observer for Explain<W> {
    fn observe(&mut self, now: Time, observed: &Observed) {
        self.names.observe(observed);
        let microseconds = now.0 / 1_000;
        let (seconds, fraction) = (microseconds / 1_000_000, microseconds % 1_000_000);
        let front = format!("[rank {}, {seconds}.{fraction:06} s] ", self.rank.0);
        for line in whole_lines(&front, &self.say(observed)) {
            // A narration that nobody can hear (its reader has gone) must not end the run.
            let _ = self.out.write_all(line.as_bytes());
        }
    }
}

fn refusal(reason: Reason) -> &'static str {
    match reason {
        Reason::NotHeld => "it is not held there",
        Reason::Busy => "too many are waiting there",
        Reason::Elsewhere => "others can give it by now",
        Reason::Unreadable => "it cannot be read there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::Bitfield;
    use crate::protocol::{Lack, Summary, Term};

    const FILE: TorrentId = TorrentId(1);
    const PIECE: PieceIndex = PieceIndex(2);

    fn told(rank: u32, steps: &[Observed]) -> String {
        let mut out = Vec::new();
        let names = Names::from_iter([(FILE, String::from("file1"))]);
        let mut explain = Explain::new(Rank(rank), names, &mut out);
        for step in steps {
            explain.observe(Time(1_000_234_567), step);
        }
        String::from_utf8(out).unwrap().replace(&format!("[rank {rank}, 1.000234 s] "), "")
    }

    #[test]
    fn a_line_begins_with_rank_and_time() {
        let mut out = Vec::new();
        Explain::new(Rank(3), Names::new(), &mut out).observe(Time(12_345_678), &Observed::Started);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "[rank 3, 0.012345 s] The tracker says that all have spoken: I start.\n"
        );
    }

    #[test]
    fn a_line_leaves_in_one_write() {
        struct Writes(Vec<usize>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.push(bytes.len());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut explain = Explain::new(Rank(3), Names::new(), Writes(Vec::new()));
        explain.observe(Time(0), &Observed::Started);
        explain.observe(Time(0), &Observed::Wasted { from: Rank(2) });
        assert_eq!(explain.out.0.len(), 2);
    }

    #[test]
    fn a_client_tells_its_story() {
        let story = told(
            1,
            &[
                Observed::Init { owned: 1, wanted: 2 },
                Observed::Init { owned: 0, wanted: 0 },
                Observed::Started,
                Observed::Joined { torrent: FILE, name: String::from("file1"), pieces: 20 },
                Observed::Requested { torrent: FILE, piece: PIECE, to: Rank(3) },
                Observed::Received { torrent: FILE, piece: PIECE, from: Rank(3) },
                Observed::Announced { pieces: 10 },
                Observed::Announced { pieces: 0 },
                Observed::Served { torrent: FILE, piece: PIECE, to: Rank(2) },
                Observed::FileFinished { torrent: FILE },
                Observed::AllFinished { outcome: Outcome::Complete },
                Observed::Stopped { outcome: Outcome::Complete },
                Observed::Left { outcome: Outcome::Complete },
            ],
        );
        assert_eq!(
            story,
            "\
I own 1 file and want 2 files. I tell the tracker what I own, and wait for the others.
I own no file and want no file. I tell the tracker what I own, and wait for the others.
The tracker says that all have spoken: I start.
The tracker tells me of file1: 20 segments, and who holds which.
I ask rank 3 for segment 3 of file1.
I have segment 3 of file1 from rank 3; it matches its hash.
I tell the tracker of 10 new segments, and get fresh lists.
I get fresh lists from the tracker.
I give rank 2 segment 3 of file1.
I have all of file1, and it is written: I tell the tracker.
I have all that I want: I tell the tracker, and only serve others from now on.
The tracker says that all have finished: I stop serving.
I leave: complete and verified.
"
        );
    }

    #[test]
    fn what_goes_wrong_for_a_client_is_told_with_its_reason() {
        let story = told(
            2,
            &[
                Observed::Unavailable { name: String::from("file9"), why: Lack::Unowned },
                Observed::Rejected { torrent: FILE, piece: PIECE, from: Rank(1), reason: Reason::Elsewhere },
                Observed::Corrupt { torrent: FILE, piece: PIECE, from: Rank(1) },
                Observed::Wasted { from: Rank(1) },
                Observed::TimedOut { torrent: FILE, piece: PIECE, from: Rank(1) },
                Observed::Refused { torrent: FILE, piece: PIECE, to: Rank(1), reason: Reason::NotHeld },
                Observed::Suspected { rank: Rank(1) },
                Observed::Recovered { rank: Rank(1) },
                Observed::Misbehaved { from: Rank(1), how: String::from("an unknown\ntag") },
                Observed::TermChanged { term: Term(4), tracker: Rank(1) },
                Observed::AllFinished { outcome: Outcome::Incomplete },
            ],
        );
        assert_eq!(
            story,
            "\
I cannot have file9: nobody owns it; it needs a seed.
I do not get segment 3 of file1 from rank 1: others can give it by now.
I drop segment 3 of file1 from rank 1: it does not match its hash.
I drop a segment from rank 1: I no longer waited for it.
I waited too long for segment 3 of file1 from rank 1: I ask somebody else.
I refuse rank 1 segment 3 of file1: it is not held there.
I hear nothing from rank 1: I do not count on it for now.
I hear rank 1 again.
I drop what rank 1 sent, for it breaks the protocol: an unknown\\ntag.
I follow a new tracker: rank 1, in term 4.
I can get nothing more (incomplete: needs a seed): I tell the tracker, and only serve others.
"
        );
    }

    #[test]
    fn the_tracker_tells_its_story() {
        let name = || String::from("file1");
        let hashes = Box::new([String::from("aa"), String::from("bb")]);
        let reason = String::from("in2.txt:4: not a number");
        let story = told(
            0,
            &[
                Observed::Published { rank: Rank(1), files: 2 },
                Observed::Published { rank: Rank(2), files: 0 },
                Observed::SwarmStarted { clients: 3 },
                Observed::Conflict { name: name(), first: Rank(1), second: Rank(2), piece: PIECE, hashes },
                Observed::Progress { done: 0, wanted: 0, client: Rank(1), held: 5 },
                Observed::Progress { done: 10, wanted: 40, client: Rank(1), held: 5 },
                Observed::ClientFinished { rank: Rank(2), outcome: Outcome::Complete },
                Observed::Short { rank: Rank(3), name: name(), missing: None, why: Lack::Unowned },
                Observed::Short { rank: Rank(3), name: name(), missing: Some(Bitfield::all(1)), why: Lack::NoHolder },
                Observed::Aborted { rank: Rank(2), outcome: Outcome::BadInput, reason },
                Observed::Lost { rank: Rank(3) },
                Observed::Summary(Box::new(Summary { traded: 40, ..Summary::default() })),
            ],
        );
        assert_eq!(
            story,
            "\
I hear what rank 1 owns: 2 files.
I hear that rank 2 owns nothing.
All 3 clients have spoken: I let them start.
I let nobody have file1: rank 1 and rank 2 list different hashes, first for segment 3.
I know of no segment yet that is wanted.
I know of 10 of 40 wanted segments that have arrived.
I hear that rank 2 is done: complete and verified.
I hear that rank 3 could not have file1: nobody owns it; it needs a seed.
I hear that rank 3 lacks 1 segment of file1: nobody left holds the rest; it needs a seed.
I end the run, for rank 2 says: in2.txt:4: not a number.
I hear nothing from rank 3 any more: I go on without it.
I let all leave; 40 segments changed hands: complete and verified.
"
        );
    }
}
