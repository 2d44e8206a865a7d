//! When a client tells the tracker what has come, though no file is finished.

use std::time::Duration;

use super::*;

const REST: Duration = Duration::from_millis(100);

/// A client that downloads 300 pieces from rank 1, and announces in this way.
fn downloading(announcing: Announcing) -> Stage {
    let policy = Policy { announcing, ..Policy::assignment() };
    let catalog = Catalog { wanted: vec!["file".into()], ..Catalog::default() };
    let mut stage = Stage::of(Incarnation(0), policy, catalog);
    stage.answer(1, Answer::Start { torrents: vec![], cards: vec![] });
    let lines: Vec<String> = (0..300).map(|piece| piece.to_string()).collect();
    let file = known(FILE, &lines.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    stage.answer(2, Answer::Joined { files: vec![file], swarm: seeded(&[FILE]) });
    stage
}

impl Stage {
    /// So many pieces come, one after another; tells how many were announced in the calls that were made of that, which are
    /// answered.
    fn pieces_come(&mut self, asked: &mut Vec<(Rank, Slot, PieceIndex)>, pieces: usize) -> Vec<usize> {
        let mut announced = Vec::new();
        for _ in 0..pieces {
            let (from, slot, _) = asked.remove(0);
            self.hear(Event::Piece { from, slot, arrival: Arrival::Verified });
            let said = self.said();
            asked.extend(requests(&said));
            announced.extend(self.announced_in(&said));
        }
        announced
    }

    fn announced_in(&mut self, said: &[Decision]) -> Option<usize> {
        let call = said.iter().find_map(|decision| match decision {
            Decision::Send { message: Message { body: Body::Call { sequence, call, .. }, .. }, .. } => {
                Some((*sequence, call))
            }
            _ => None,
        });
        let (sequence, Call::Announce(report)) = call? else { return None };
        let pieces = report.received.iter().map(|received| received.pieces.pieces.len()).sum();
        self.answer(sequence, Answer::Swarm(Swarm { version: 2, ..Swarm::default() }));
        Some(pieces)
    }
}

#[test]
fn the_assignment_announces_after_every_ten_pieces() {
    let mut stage = downloading(Policy::assignment().announcing);
    let mut asked = requests(&stage.said());
    assert_eq!(stage.pieces_come(&mut asked, 35), [10, 10, 10]);
}

#[test]
fn who_announces_sparingly_does_so_at_a_hundredth_and_then_after_a_rest() {
    let mut stage = downloading(Announcing::Sparingly(REST));
    let mut asked = requests(&stage.said());
    assert_eq!(stage.pieces_come(&mut asked, 3), [3], "a hundredth of 300");
    assert_eq!(stage.pieces_come(&mut asked, 7), [0; 0], "it is too early");
    let begun = stage.now;
    let announced = loop {
        stage.wait(1);
        let said = stage.said();
        match stage.announced_in(&said) {
            Some(pieces) => break pieces,
            None => assert!(stage.now < begun + REST, "there was time"),
        }
    };
    assert_eq!((announced, stage.now), (7, begun + REST));
    stage.now += 2 * REST;
    assert_eq!(stage.pieces_come(&mut asked, 5), [3], "the rest is over, and a hundredth has come again");
}
