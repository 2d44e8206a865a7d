//! From what an input file says to what the protocol is told.

use crate::assignment::Input;
use crate::metainfo::{Bitfield, Layout};
use crate::protocol::{Catalog, Outcome, Owned, Refusal};

/// What a client with this input brings and wants.
#[must_use]
pub fn catalog(input: &Input) -> Catalog {
    let owned = input.owned.iter().map(|file| {
        let pieces = file.hashes.len() as u32;
        let longest = file.hashes.iter().map(<[u8]>::len).max().unwrap_or(0);
        Owned {
            name: file.name.clone(),
            layout: Layout { pieces, piece_length: longest as u32 },
            hashes: file.hashes.clone(),
            held: Bitfield::all(pieces),
            takers: None,
        }
    });
    Catalog { owned: owned.collect(), wanted: input.wanted.clone(), ..Catalog::default() }
}

/// What a rank says that cannot take part: how the run ends for all, and why.
#[must_use]
pub fn refusal(outcome: Outcome, why: impl std::fmt::Display) -> Catalog {
    Catalog { refusal: Some(Refusal { outcome, reason: why.to_string() }), ..Catalog::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owned_file_is_held_whole_and_its_longest_hash_is_its_piece_length() {
        let (input, _) = Input::parse(1, b"2\nx 2\na\nlonger\ny 0\n1\nz").unwrap();
        let catalog = catalog(&input);
        assert_eq!(catalog.owned[0].layout, Layout { pieces: 2, piece_length: 6 });
        assert!(catalog.owned.iter().all(|owned| owned.held.is_full()));
        assert_eq!((catalog.wanted, catalog.refusal), (vec!["z".to_owned()], None));
    }
}
