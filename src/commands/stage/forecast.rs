//! `--plan`: what a staging would come to, as people read it.

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::CellAlignment::{Left, Right};

use crate::commands::wording::{counted, entries_of, sized, table};
use crate::metainfo::Manifest;
use crate::protocol::{Outcome, Rank};
use crate::storage::staging::{Card, Legend};
use crate::storage::target::Prospect;

/// What all ranks together expect.
#[derive(Debug)]
pub(super) struct Forecast<'a> {
    manifest: Option<&'a Manifest>,
    readers: Vec<u32>,
    places: Vec<Place<'a>>,
}

/// A place, and the ranks that share it, of which the first writes.
#[derive(Debug)]
struct Place<'a> {
    card: &'a Card,
    ranks: Vec<u32>,
    prospect: Prospect,
}

impl<'a> Forecast<'a> {
    /// What is known once all have told what they expect.
    pub(super) fn of(legend: &'a Legend) -> Self {
        let prospects = legend.prospects();
        let place = |(rank, card): (u32, &'a Card)| {
            let prospect = prospects.get(&rank)?.clone();
            let sharers = legend.cards().filter(|(_, other)| other.place == card.place);
            Some(Place { card, ranks: sharers.map(|(rank, _)| rank).collect(), prospect })
        };
        let places = legend.cards().filter_map(place).collect();
        Self { manifest: legend.manifest(), readers: legend.readers(), places }
    }

    /// How the staging would end.
    pub(super) fn outcome(&self) -> Outcome {
        match (self.lacks().is_empty(), self.refusals().is_empty()) {
            (false, _) => Outcome::Disk,
            (true, false) => Outcome::BadInput,
            (true, true) => Outcome::Complete,
        }
    }

    /// What keeps it from a good end, the worst first.
    pub(super) fn reasons(&self) -> Vec<String> {
        self.lacks().into_iter().chain(self.refusals()).collect()
    }

    /// Which places would be refused, and why.
    fn refusals(&self) -> Vec<String> {
        let refusal = |place: &Place<'_>| {
            let why = place.prospect.refusal.as_ref()?;
            Some(format!("rank {} on {}: {why}", place.ranks[0], place.card.host))
        };
        self.places.iter().filter_map(refusal).collect()
    }

    /// What does not fit, a sentence each. A place that would be refused takes no room.
    fn lacks(&self) -> Vec<String> {
        let mut disks: BTreeMap<(&str, u64), Vec<&Place<'_>>> = BTreeMap::new();
        for place in self.places.iter().filter(|place| place.prospect.refusal.is_none()) {
            disks.entry((&place.card.host, place.prospect.device)).or_default().push(place);
        }
        disks.values().filter_map(|places| lack(places)).collect()
    }

    /// About how many bytes would go from rank to rank: an origin reads its own share.
    fn moved(&self) -> u64 {
        let missing = |place: &Place<'_>| place.prospect.wanted.bytes - place.prospect.there.bytes;
        let readers = self.readers.len().max(1) as u64;
        let moved = |place: &Place<'_>| match self.readers.contains(&place.ranks[0]) {
            true => missing(place) / readers * (readers - 1),
            false => missing(place),
        };
        self.places.iter().map(moved).sum()
    }
}

/// What a file system lacks that these places share.
fn lack(places: &[&Place<'_>]) -> Option<String> {
    let needed: u64 = places.iter().map(|place| place.prospect.needed).sum();
    let available = places.iter().map(|place| place.prospect.available).min()?;
    if needed <= available {
        return None;
    }
    let on = |place: &Place<'_>| format!("{} on {}", ranks(&place.ranks), place.card.host);
    let (needs, has) = (sized(needed), sized(available));
    Some(match places {
        [place] => format!("{}: {} needs {needs} and has {has} free", on(place), folder(place)),
        several => {
            let named: Vec<String> = several.iter().map(|place| format!("{} ({})", folder(place), on(place))).collect();
            format!("{} lie on one file system, need {needs} together, and it has {has} free", named.join(", "))
        }
    })
}

fn ranks(numbers: &[u32]) -> String {
    crate::report::ranks(&numbers.iter().copied().map(Rank).collect::<Vec<_>>())
}

fn folder<'p>(place: &'p Place<'_>) -> &'p str {
    place.card.folder.as_deref().unwrap_or("a folder with a very long name")
}

impl fmt::Display for Forecast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(manifest) = self.manifest else { return f.write_str("nothing is to be staged") };
        let pieces = counted(manifest.piece_map().pieces(), "piece");
        let piece_length = sized(manifest.piece_length.into());
        let content = sized(manifest.content_length());
        writeln!(
            f,
            "{}, {content}, in {pieces} of {piece_length}; read by {}",
            entries_of(manifest),
            ranks(&self.readers)
        )?;
        let mut table = table([
            ("rank", Right),
            ("host", Left),
            ("place", Left),
            ("files", Right),
            ("bytes", Right),
            ("there", Right),
            ("needs", Right),
            ("free", Right),
            ("", Left),
        ]);
        for place in &self.places {
            let Prospect { wanted, there, needed, available, differing, first_differing, .. } = &place.prospect;
            let differs = match (differing, first_differing) {
                (0, _) | (_, None) => String::new(),
                (1, Some(first)) => format!("{first} differs"),
                (more, Some(first)) => format!("{first} and {} more differ", more - 1),
            };
            table.add_row([
                ranks(&place.ranks).trim_start_matches(char::is_alphabetic).trim().to_owned(),
                place.card.host.clone(),
                folder(place).to_owned(),
                wanted.files.to_string(),
                sized(wanted.bytes),
                sized(there.bytes),
                sized(*needed),
                sized(*available),
                differs,
            ]);
        }
        for line in table.lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        // Where it is refused instead, that is said by itself.
        if self.places.iter().any(|place| place.prospect.differing > 0 && place.prospect.refusal.is_none()) {
            writeln!(f, "what differs is replaced")?;
        }
        write!(f, "about {} would go from rank to rank; nothing was moved", sized(self.moved()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::target::Amount;

    fn place<'a>(card: &'a Card, ranks: &[u32], needed: u64, device: u64) -> Place<'a> {
        let wanted = Amount { files: 1, bytes: needed };
        let prospect = Prospect { wanted, needed, available: 1 << 20, device, ..Prospect::default() };
        Place { card, ranks: ranks.to_vec(), prospect }
    }

    fn card(host: &str, folder: &str) -> Card {
        Card { host: host.into(), folder: Some(folder.into()), ..Card::default() }
    }

    #[test]
    fn places_on_one_file_system_need_their_room_together_and_on_two_each_its_own() {
        let (one, other, far) = (card("a", "/x"), card("a", "/y"), card("b", "/x"));
        let forecast = |places| Forecast { manifest: None, readers: vec![0], places };
        let most = 700 << 10;
        let apart =
            forecast(vec![place(&one, &[0], most, 1), place(&other, &[1], most, 2), place(&far, &[2], most, 1)]);
        assert!(apart.lacks().is_empty());
        let shared = forecast(vec![place(&one, &[0, 3], most, 1), place(&other, &[1], most, 1)]);
        assert_eq!(
            shared.lacks(),
            [
                "/x (ranks 0, 3 on a), /y (rank 1 on a) lie on one file system, need 1.37 MiB together, and it has 1 MiB free"
            ]
        );
        let small = forecast(vec![place(&far, &[2], 2 << 20, 1)]);
        assert_eq!(small.lacks(), ["rank 2 on b: /x needs 2 MiB and has 1 MiB free"]);
    }

    #[test]
    fn an_origin_reads_its_own_share() {
        let (one, other) = (card("a", "/x"), card("b", "/x"));
        let places = || vec![place(&one, &[0], 1000, 1), place(&other, &[1], 1000, 2)];
        let moved = |readers: &[u32]| Forecast { manifest: None, readers: readers.to_vec(), places: places() }.moved();
        assert_eq!((moved(&[0]), moved(&[0, 1]), moved(&[2])), (1000, 1000, 2000));
    }
}
