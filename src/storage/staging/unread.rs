//! What ranks say of the sources that they cannot read, and what is told of one that none of them can.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Card;
use crate::storage::WalkError;

/// A source that a rank was to read and cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Which, as it was typed.
    pub source: String,
    /// Why not, without its name.
    pub why: String,
}

impl From<&WalkError> for Unread {
    fn from(error: &WalkError) -> Self {
        let (path, why) = match error {
            // The number that follows the system's words tells a user nothing.
            WalkError::Io { path, error } => {
                (path, error.to_string().split(" (os error").next().unwrap_or_default().to_owned())
            }
            WalkError::Special { path, kind } => (path, format!("it is {kind}")),
            WalkError::Name { path, reason } => (path, reason.to_string()),
            WalkError::NoName(path) => (path, "it has no name".to_owned()),
        };
        Self { source: path.display().to_string(), why }
    }
}

impl Unread {
    fn name(&self) -> Option<&OsStr> {
        Path::new(&self.source).file_name()
    }
}

/// Why nothing can be staged: nobody can read any of the sources, of which the first is told.
pub(super) fn nothing_is_read(cards: &BTreeMap<u32, Card>) -> String {
    let all = || cards.values().flat_map(|card| &card.unread);
    let Some(first) = all().next() else { return "no rank can read what is to be staged".to_owned() };
    let others: BTreeSet<_> = all().map(Unread::name).filter(|name| *name != first.name()).collect();
    let more = if others.is_empty() { String::new() } else { format!(", nor {} more of the sources", others.len()) };
    nobody_reads(cards, first.name(), &more)
}

/// Why a source of this name is lacking.
pub(super) fn is_read_by_nobody(cards: &BTreeMap<u32, Card>, name: &OsStr) -> String {
    nobody_reads(cards, Some(name), "")
}

fn nobody_reads(cards: &BTreeMap<u32, Card>, name: Option<&OsStr>, more: &str) -> String {
    let mut sources: BTreeMap<&str, BTreeMap<&str, Vec<u32>>> = BTreeMap::new();
    for (&rank, card) in cards {
        for unread in card.unread.iter().filter(|unread| unread.name() == name) {
            sources.entry(&unread.source).or_default().entry(&unread.why).or_default().push(rank);
        }
    }
    let of_source = |(source, reasons): (&&str, &BTreeMap<&str, Vec<u32>>)| {
        let reasons: Vec<String> =
            reasons.iter().map(|(why, ranks)| format!("{why} ({})", whereabouts(cards, ranks))).collect();
        format!("{source}: {}", reasons.join(", "))
    };
    let told: Vec<String> = sources.iter().map(of_source).collect();
    let told = match told.is_empty() {
        true => name.unwrap_or_default().display().to_string(),
        false => told.join("; "),
    };
    format!("no rank can read {told}{more}; is the path right on the nodes, and may it be read there?")
}

/// Where these ranks are: `all 64 ranks`, or `rank 3 on node7, ranks 4-9 on node8`.
fn whereabouts(cards: &BTreeMap<u32, Card>, ranks: &[u32]) -> String {
    /// More nodes than these are not told one by one.
    const MOST_HOSTS: usize = 4;
    if ranks.len() == cards.len() && ranks.len() > 1 {
        return format!("all {} ranks", ranks.len());
    }
    let mut hosts: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for &rank in ranks {
        hosts.entry(cards.get(&rank).map_or("", |card| &card.host)).or_default().push(rank);
    }
    if hosts.len() > MOST_HOSTS {
        return format!("{} on {} nodes", numbered(ranks), hosts.len());
    }
    let mut hosts: Vec<_> = hosts.into_iter().collect();
    hosts.sort_by(|(_, one), (_, other)| one.cmp(other));
    let told: Vec<String> = hosts.iter().map(|(host, ranks)| format!("{} on {host}", numbered(ranks))).collect();
    told.join(", ")
}

/// `rank 4`, or `ranks 1, 5-8`, of ranks in their order.
fn numbered(ranks: &[u32]) -> String {
    let runs = ranks.chunk_by(|one, next| one + 1 == *next).map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        only => only.iter().map(u32::to_string).collect(),
    });
    format!("{} {}", if ranks.len() == 1 { "rank" } else { "ranks" }, runs.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn card(host: &str, unread: &[(&str, &str)]) -> Card {
        let unread = unread.iter().map(|&(source, why)| Unread { source: source.into(), why: why.into() }).collect();
        Card { host: host.into(), unread, ..Card::default() }
    }

    fn cards<const N: usize>(cards: [Card; N]) -> BTreeMap<u32, Card> {
        (0..).zip(cards).collect()
    }

    const ADVICE: &str = "; is the path right on the nodes, and may it be read there?";

    #[test]
    fn what_all_say_is_told_once() {
        let cards = cards([(); 3].map(|()| card("a", &[("/p/model", "No such file")])));
        assert_eq!(nothing_is_read(&cards), format!("no rank can read /p/model: No such file (all 3 ranks){ADVICE}"));
    }

    #[test]
    fn each_reason_comes_with_its_ranks_and_their_nodes() {
        let no = |host| card(host, &[("m", "No such file"), ("n", "No such file")]);
        let cards = cards([no("b"), card("a", &[("m", "Permission denied")]), no("b"), no("c"), card("d", &[])]);
        assert_eq!(
            nothing_is_read(&cards),
            format!(
                "no rank can read m: No such file (ranks 0, 2 on b, rank 3 on c), Permission denied (rank 1 on a), nor 1 \
                 more of the sources{ADVICE}"
            )
        );
        assert_eq!(
            is_read_by_nobody(&cards, OsStr::new("n")),
            format!("no rank can read n: No such file (ranks 0, 2 on b, rank 3 on c){ADVICE}")
        );
    }

    #[test]
    fn many_nodes_are_counted_and_paths_that_differ_are_all_told() {
        let one = |number: u32| card(&format!("n{number}"), &[("x/m", "No such file")]);
        let other = card("z", &[("y/m", "No such file")]);
        let cards = cards([one(0), one(1), one(2), one(3), one(4), other]);
        assert_eq!(
            is_read_by_nobody(&cards, OsStr::new("m")),
            format!(
                "no rank can read x/m: No such file (ranks 0-4 on 5 nodes); y/m: No such file (rank 5 on z){ADVICE}"
            )
        );
    }

    #[test]
    fn where_cards_do_not_say_it_the_name_alone_is_told() {
        let cards = cards([card("a", &[])]);
        assert_eq!(is_read_by_nobody(&cards, OsStr::new("m")), format!("no rank can read m{ADVICE}"));
        assert_eq!(nothing_is_read(&cards), "no rank can read what is to be staged");
    }

    #[test]
    fn the_systems_number_is_left_out() {
        let error = WalkError::Io { path: "/p".into(), error: io::Error::from_raw_os_error(13) };
        assert_eq!(Unread::from(&error), Unread { source: "/p".into(), why: "Permission denied".into() });
        let special = WalkError::Special { path: "/s".into(), kind: "a socket" };
        assert_eq!(Unread::from(&special).why, "it is a socket");
    }
}
