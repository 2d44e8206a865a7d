//! What went wrong in a run, gathered at the tracker until the summary is told.

use std::collections::BTreeMap;

use serde::Serialize;

use super::names::{printable, ranks};
use crate::metainfo::{Bitfield, counted};
use crate::protocol::{Lack, Observed, Rank, Summary};

/// How the sentence on what could not be written begins; what to do follows.
const UNWRITTEN: &str = "it could not be written; ";

/// More files that lack something are not told one by one.
const MOST_FILES: usize = 20;

/// Who missed what, whose files contradict each other, who was lost, who gave up.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    conflicts: Vec<Conflict>,
    /// The clients that lack something, by what they lack: many lack the same.
    short: BTreeMap<Shortage, Vec<Rank>>,
    lost: Vec<Rank>,
    aborted: Vec<Abort>,
}

#[derive(Debug, Serialize)]
struct Conflict {
    file: String,
    first: u32,
    second: u32,
    segment: u64,
    hashes: [String; 2],
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shortage {
    file: String,
    missing: Option<u32>,
    why: &'static str,
    sentence: &'static str,
}

#[derive(Debug, Serialize)]
struct Abort {
    client: u32,
    code: u8,
    reason: String,
}

/// The troubles as programs read them.
#[derive(Debug, Serialize)]
pub(super) struct Listed<'a> {
    short: Vec<ListedShort<'a>>,
    conflicts: &'a [Conflict],
    lost: Vec<u32>,
    aborted: &'a [Abort],
}

#[derive(Debug, Serialize)]
struct ListedShort<'a> {
    file: &'a str,
    missing: Option<u32>,
    why: &'static str,
    clients: Vec<u32>,
}

impl Troubles {
    /// Notes a step, where it is about something that went wrong.
    pub(super) fn observe(&mut self, observed: &Observed) {
        match observed {
            Observed::Conflict { name, first, second, piece, hashes } => {
                let mut owners = [(first.0, hashes[0].clone()), (second.0, hashes[1].clone())];
                // Who published first is chance.
                owners.sort();
                let [(first, its), (second, others)] = owners;
                let (file, segment, hashes) = (name.clone(), piece.ordinal(), [its, others]);
                self.conflicts.push(Conflict { file, first, second, segment, hashes });
            }
            Observed::Short { rank, name, missing, why } => {
                let shortage = Shortage {
                    file: name.clone(),
                    missing: missing.as_ref().map(Bitfield::count),
                    why: lack_name(*why),
                    sentence: sentence(*why),
                };
                let clients = self.short.entry(shortage).or_default();
                if !clients.contains(rank) {
                    clients.push(*rank);
                }
            }
            Observed::Lost { rank } if !self.lost.contains(rank) => self.lost.push(*rank),
            Observed::Recovered { rank } => self.lost.retain(|lost| lost != rank),
            Observed::Aborted { rank, outcome, reason } => {
                self.aborted.push(Abort { client: rank.0, code: outcome.code(), reason: reason.clone() });
            }
            _ => {}
        }
    }

    /// Whether the run was given up before anything was traded, as with bad input: then there is nothing to sum up.
    pub(super) fn ended_before_the_start(&self, summary: &Summary) -> bool {
        !self.aborted.is_empty() && summary.traded == 0
    }

    /// The troubles as people read them, a line each. Why a client gave up is not among them: the command that ends says it,
    /// as its last line.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for conflict in &self.conflicts {
            let [first, second] = &conflict.hashes;
            lines.push(format!(
                "{}: ranks {} and {} list different hashes, first for segment {}: {} and {}",
                printable(&conflict.file),
                conflict.first,
                conflict.second,
                conflict.segment,
                listed(first),
                listed(second)
            ));
        }
        lines.extend(self.unwritten());
        let lacking = || self.short.iter().filter(|(shortage, _)| !shortage.sentence.starts_with(UNWRITTEN));
        for (shortage, clients) in lacking().take(MOST_FILES) {
            let (name, at) = (printable(&shortage.file), ranks(clients));
            let why = shortage.sentence;
            lines.push(match shortage.missing {
                Some(missing) => format!("{name} lacks {} at {at}: {why}", counted(missing, "segment")),
                None => format!("{name} is missing at {at}: {why}"),
            });
        }
        if let Some(more @ 1..) = lacking().count().checked_sub(MOST_FILES) {
            lines.push(format!("and {} that lack something (--summary FILE.json has all)", counted(more, "more file")));
        }
        if !self.lost.is_empty() {
            lines.push(format!("lost: {}", ranks(&self.lost)));
        }
        lines
    }

    /// What clients may have, and no place to put it: a line for all that the same clients could not write, for a disk that
    /// refuses one file refuses others as well.
    fn unwritten(&self) -> Vec<String> {
        let mut files: BTreeMap<(&[Rank], &str), Vec<&str>> = BTreeMap::new();
        for (shortage, clients) in &self.short {
            if let Some(remedy) = shortage.sentence.strip_prefix(UNWRITTEN) {
                files.entry((clients, remedy)).or_default().push(&shortage.file);
            }
        }
        let line = |((clients, remedy), files): ((&[Rank], &str), Vec<&str>)| {
            let more = match files.len() - 1 {
                0 => String::new(),
                more => format!(" and {}", counted(more, "more file")),
            };
            format!("{}{more} could not be written at {}: {remedy}", printable(files[0]), ranks(clients))
        };
        files.into_iter().map(line).collect()
    }

    /// The troubles as programs read them.
    pub(super) fn listed(&self) -> Listed<'_> {
        let short = self.short.iter().map(|(shortage, clients)| ListedShort {
            file: &shortage.file,
            missing: shortage.missing,
            why: shortage.why,
            clients: clients.iter().map(|rank| rank.0).collect(),
        });
        Listed {
            short: short.collect(),
            conflicts: &self.conflicts,
            lost: self.lost.iter().map(|rank| rank.0).collect(),
            aborted: &self.aborted,
        }
    }
}

fn listed(hash: &str) -> String {
    if hash.is_empty() { String::from("nothing") } else { printable(hash) }
}

/// A lack as programs read it.
pub(super) fn lack_name(lack: Lack) -> &'static str {
    match lack {
        Lack::Unowned => "unowned",
        Lack::NoHolder => "no_holder",
        Lack::Conflict => "conflict",
        Lack::Corrupt => "corrupt",
        Lack::Unwritable => "unwritable",
    }
}

/// Why something is missing, and what to do.
pub(super) fn sentence(lack: Lack) -> &'static str {
    match lack {
        Lack::Unowned => "nobody owns it; it needs a seed",
        Lack::NoHolder => "nobody left holds the rest; it needs a seed",
        Lack::Conflict => "its owners' hashes contradict each other; remove the wrong copy",
        Lack::Corrupt => "what came never matched its hashes; check the seed's copy",
        Lack::Unwritable => "it could not be written; check the disk and the output folder",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::PieceIndex;
    use crate::protocol::Outcome;

    fn after(steps: &[Observed]) -> Troubles {
        let mut troubles = Troubles::default();
        for step in steps {
            troubles.observe(step);
        }
        troubles
    }

    fn short(rank: u32, name: &str, missing: Option<u32>, why: Lack) -> Observed {
        Observed::Short { rank: Rank(rank), name: String::from(name), missing: missing.map(Bitfield::all), why }
    }

    fn conflict(hashes: [&str; 2]) -> Observed {
        Observed::Conflict {
            name: String::from("file1"),
            first: Rank(3),
            second: Rank(1),
            piece: PieceIndex(6),
            hashes: Box::new(hashes.map(String::from)),
        }
    }

    #[test]
    fn a_clean_run_has_none() {
        let troubles = after(&[Observed::Started, Observed::Progress { done: 1, wanted: 1, client: Rank(1), held: 5 }]);
        assert!(troubles.lines().is_empty());
    }

    #[test]
    fn clients_that_lack_the_same_share_a_line() {
        let troubles = after(&[
            short(5, "file9", None, Lack::Unowned),
            short(2, "file9", None, Lack::Unowned),
            short(2, "file1", Some(1), Lack::NoHolder),
            short(2, "file1", Some(1), Lack::NoHolder),
        ]);
        assert_eq!(
            troubles.lines(),
            [
                "file1 lacks 1 segment at rank 2: nobody left holds the rest; it needs a seed",
                "file9 is missing at ranks 2, 5: nobody owns it; it needs a seed",
            ]
        );
    }

    #[test]
    fn very_many_files_are_not_told_one_by_one() {
        let steps: Vec<_> = (0..50).map(|number| short(1, &format!("file{number:02}"), None, Lack::Unowned)).collect();
        let lines = after(&steps).lines();
        assert_eq!(lines.len(), MOST_FILES + 1);
        assert_eq!(lines[MOST_FILES], "and 30 more files that lack something (--summary FILE.json has all)");
    }

    #[test]
    fn what_could_not_be_written_does_not_lack_segments() {
        assert_eq!(
            after(&[short(2, "file1", Some(0), Lack::Unwritable)]).lines(),
            ["file1 could not be written at rank 2: check the disk and the output folder"]
        );
        let many: Vec<_> = (0..50).map(|number| short(1, &format!("f{number:02}"), None, Lack::Unwritable)).collect();
        assert_eq!(
            after(&many).lines(),
            ["f00 and 49 more files could not be written at rank 1: check the disk and the output folder"]
        );
    }

    #[test]
    fn a_conflict_names_both_owners_and_the_first_segment_that_differs() {
        assert_eq!(
            after(&[conflict(["bb", "aa"])]).lines(),
            ["file1: ranks 1 and 3 list different hashes, first for segment 7: aa and bb"]
        );
        assert_eq!(
            after(&[conflict(["", "aa"])]).lines(),
            ["file1: ranks 1 and 3 list different hashes, first for segment 7: aa and nothing"]
        );
    }

    #[test]
    fn a_lost_rank_that_speaks_again_was_not_lost() {
        let lost = |rank| Observed::Lost { rank: Rank(rank) };
        let troubles = after(&[lost(4), lost(2), lost(4), Observed::Recovered { rank: Rank(2) }]);
        assert_eq!(troubles.lines(), ["lost: rank 4"]);
    }

    #[test]
    fn programs_read_every_trouble() {
        let reason = String::from("in2.txt:4: no");
        let troubles = after(&[
            conflict(["bb", "aa"]),
            short(2, "file1", Some(3), Lack::Conflict),
            short(1, "file1", Some(3), Lack::Conflict),
            Observed::Lost { rank: Rank(4) },
            Observed::Aborted { rank: Rank(2), outcome: Outcome::BadInput, reason },
        ]);
        assert_eq!(
            serde_json::to_string(&troubles.listed()).unwrap(),
            concat!(
                r#"{"short":[{"file":"file1","missing":3,"why":"conflict","clients":[2,1]}],"#,
                r#""conflicts":[{"file":"file1","first":1,"second":3,"segment":7,"hashes":["aa","bb"]}],"#,
                r#""lost":[4],"aborted":[{"client":2,"code":3,"reason":"in2.txt:4: no"}]}"#
            )
        );
    }
}
