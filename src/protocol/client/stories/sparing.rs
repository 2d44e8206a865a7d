//! Whom a client asks for what another takes, where the seeds are to give each piece once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

/// Rank 2 of a file of 16 pieces that rank 1 has, of which ranks 2 and 3 take a half each, with 8 in flight at most.
fn trading(preference: Preference) -> Stage {
    let policy = Policy { window_pieces: 8, preference, ..Policy::assignment() };
    let wanted = vec!["file".into()];
    let mut stage = Stage::of(Incarnation(0), policy, Catalog { wanted, ..Catalog::default() });
    stage.answer(1, Answer::Start { torrents: vec![], cards: vec![] });
    let lines: Vec<String> = (0..16).map(|piece| piece.to_string()).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    stage.answer(2, Answer::Joined { files: vec![known(FILE, &lines, &[2, 3])], swarm: seeded(&[FILE]) });
    stage
}

/// The seed gives each piece that it is asked for, a millisecond later, and rank 3 gives nothing. Tells which the seed was
/// asked for.
fn asked_of_the_seed(stage: &mut Stage) -> BTreeSet<PieceIndex> {
    let mut asked = BTreeSet::new();
    loop {
        let requests = requests(&stage.said());
        let of_seed: Vec<_> = requests.into_iter().filter(|(from, ..)| *from == Rank(1)).collect();
        if of_seed.is_empty() {
            return asked;
        }
        stage.now += Duration::from_millis(1);
        for (from, slot, piece) in of_seed {
            asked.insert(piece);
            stage.hear(Event::Piece { from, slot, arrival: Arrival::Verified });
        }
    }
}

#[test]
fn a_seed_is_not_asked_for_what_another_takes_though_that_one_has_its_hands_full() {
    assert_eq!(asked_of_the_seed(&mut trading(Preference::Takers)).len(), 8);
    assert!(asked_of_the_seed(&mut trading(Preference::LeastLoaded)).len() > 8);
}

#[test]
fn one_who_is_late_to_take_its_pieces_is_not_waited_for() {
    let mut stage = trading(Preference::Takers);
    asked_of_the_seed(&mut stage);
    let begun = stage.now;
    let mut asked = BTreeSet::new();
    while asked.is_empty() {
        stage.wait(1);
        asked = asked_of_the_seed(&mut stage);
    }
    let waited = stage.now.since(begun);
    assert!(waited > Duration::from_millis(60), "it has to get them first: {waited:?}");
    assert!(waited < Duration::from_millis(100), "{waited:?}");
    assert_eq!(asked.len(), 8);
}
