//! The names of torrents and peers, as a reader sees them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::metainfo::TorrentId;
use crate::protocol::{Observed, Rank};

/// Knows torrents by name. Those that are wanted say theirs when they are joined; those that are only owned must be told.
/// All clones know what one of them learns.
#[derive(Clone, Debug, Default)]
pub struct Names {
    torrents: Rc<RefCell<HashMap<TorrentId, String>>>,
}

impl Names {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a torrent's name.
    pub fn learn(&mut self, torrent: TorrentId, name: &str) {
        self.torrents.borrow_mut().insert(torrent, name.to_owned());
    }

    /// Notes what a step says about names.
    pub fn observe(&mut self, observed: &Observed) {
        if let Observed::Joined { torrent, name, .. } = observed {
            self.learn(*torrent, name);
        }
    }

    /// A torrent's name; its number where the name was never said.
    #[must_use]
    pub fn of(&self, torrent: TorrentId) -> String {
        self.torrents.borrow().get(&torrent).cloned().unwrap_or_else(|| torrent.to_string())
    }
}

impl FromIterator<(TorrentId, String)> for Names {
    fn from_iter<I: IntoIterator<Item = (TorrentId, String)>>(torrents: I) -> Self {
        Self { torrents: Rc::new(RefCell::new(torrents.into_iter().collect())) }
    }
}

/// A text on one line of a terminal: control characters, which could move its cursor, are escaped.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Ranks in a sentence: `rank 4`, or `ranks 1, 5 to 8`.
///
/// # Panics
/// Never: a string takes everything.
#[must_use]
pub fn ranks(ranks: &[Rank]) -> String {
    let (noun, numbers) = (if ranks.len() == 1 { "rank" } else { "ranks" }, numbers(ranks, " to "));
    format!("{noun} {numbers}")
}

/// Ranks by their numbers: with `-` between the ends of a run, `1, 5-8`.
pub(super) fn numbers(ranks: &[Rank], to: &str) -> String {
    let mut sorted: Vec<u32> = ranks.iter().map(|rank| rank.0).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut shown = String::new();
    let mut rest = sorted.as_slice();
    while let Some(&first) = rest.first() {
        let run = rest.iter().zip(first..).take_while(|(rank, expected)| *rank == expected).count();
        let last = rest[run - 1];
        let comma = if rest.len() == sorted.len() { "" } else { ", " };
        match run {
            1 => write!(shown, "{comma}{first}"),
            2 => write!(shown, "{comma}{first}, {last}"),
            _ => write!(shown, "{comma}{first}{to}{last}"),
        }
        .expect("a string takes everything");
        rest = &rest[run..];
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_torrent_says_its_name_and_an_owned_one_is_told() {
        let mut names = Names::from_iter([(TorrentId(1), String::from("owned"))]);
        names.observe(&Observed::Joined { torrent: TorrentId(2), name: String::from("wanted"), pieces: 3 });
        assert_eq!(names.of(TorrentId(1)), "owned");
        assert_eq!(names.of(TorrentId(2)), "wanted");
        assert_eq!(names.of(TorrentId(0xabc)), "torrent 00000abc");
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        assert_eq!(printable("fișier\u{1b}[2J\n"), "fișier\\u{1b}[2J\\n");
    }

    #[test]
    fn ranks_in_a_row_are_said_in_short() {
        assert_eq!(ranks(&[Rank(4)]), "rank 4");
        assert_eq!(ranks(&[Rank(8), Rank(5), Rank(6), Rank(1), Rank(7)]), "ranks 1, 5 to 8");
        assert_eq!(ranks(&[Rank(1), Rank(2), Rank(9)]), "ranks 1, 2, 9");
        assert_eq!(numbers(&[Rank(1), Rank(7), Rank(8), Rank(9)], "-"), "1, 7-9");
    }
}
