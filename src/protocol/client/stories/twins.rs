//! Pieces that a client has without fetching them: its storage had them, or has their content in another place.

use super::*;

const OTHER: TorrentId = TorrentId(9);

/// A client under 'Copied' that has joined the file and another one, with these hashes. Rank 1 has all of both.
fn copying(file: &[&str], other: &[&str]) -> Stage {
    joined(Catalog::default(), file, other, seeded(&[FILE, OTHER]))
}

fn joined(catalog: Catalog, file: &[&str], other: &[&str], swarm: Swarm) -> Stage {
    joined_under(Sameness::Copied, catalog, file, other, swarm)
}

fn joined_under(sameness: Sameness, catalog: Catalog, file: &[&str], other: &[&str], swarm: Swarm) -> Stage {
    let policy = Policy { sameness, ..Policy::assignment() };
    let wanted = vec!["file".into(), "other".into()];
    let mut stage = Stage::of(Incarnation(0), policy, Catalog { wanted, ..catalog });
    let torrents = stage.client.download.catalog.owned.iter().map(|_| Some(FILE)).collect();
    stage.answer(1, Answer::Start { torrents, cards: vec![] });
    let files = vec![known(FILE, file, &[]), known(OTHER, other, &[])];
    stage.answer(2, Answer::Joined { files, swarm });
    stage
}

impl Stage {
    /// The storage has looked at all hashes of a torrent, and may have these pieces.
    fn learnt(&mut self, torrent: TorrentId, count: u32, here: &[u32]) {
        let here = here.iter().map(|&piece| PieceIndex(piece)).collect();
        self.hear(Event::Learnt { torrent, first: PieceIndex(0), count, here });
    }

    fn held(&mut self, (torrent, piece): (TorrentId, u32)) {
        self.hear(Event::Held { torrent, piece: PieceIndex(piece) });
    }

    fn lacking(&mut self, (torrent, piece): (TorrentId, u32)) {
        self.hear(Event::Lacking { torrent, piece: PieceIndex(piece) });
    }

    /// A piece comes from whom it was asked of.
    fn comes(&mut self, asked: &[Asked], piece: (TorrentId, u32)) {
        let &(_, from, slot) = asked.iter().find(|asked| asked.0 == piece).expect("it was asked for");
        self.hear(Event::Piece { from, slot, arrival: Arrival::Verified });
    }

    /// What rank 1 or another turns out to hold, or not to.
    fn changed(&mut self, changes: Vec<Change>) {
        let (now, swarm) = (self.now, Swarm { changes, ..Swarm::default() });
        self.client.download.calls.want(super::super::Pending::Announce { stretch: 0..0, need: Need::Fresh });
        self.client.handle(now, Event::Sent { to: Rank(1) }, &mut self.out);
        let said = self.said();
        let Some(&(sequence, _)) = calls(&said).last() else { panic!("{said:?}") };
        self.answer(sequence, Answer::Swarm(swarm));
    }
}

type Asked = ((TorrentId, u32), Rank, Slot);

/// Which pieces were asked for.
fn asked(said: &[Decision]) -> Vec<Asked> {
    let asked = |decision: &Decision| match decision {
        Decision::Expect { torrent, piece, from, slot } => Some(((*torrent, piece.0), *from, *slot)),
        _ => None,
    };
    said.iter().filter_map(asked).collect()
}

fn pieces(asked: &[Asked]) -> Vec<(TorrentId, u32)> {
    let mut pieces: Vec<(TorrentId, u32)> = asked.iter().map(|&(piece, ..)| piece).collect();
    pieces.sort_unstable();
    pieces
}

/// What is to be copied, from where to where.
fn copies(said: &[Decision]) -> Vec<[(TorrentId, u32); 2]> {
    let copy = |decision: &Decision| match decision {
        Decision::Copy { from, to } => Some([(from.0, from.1.0), (to.0, to.1.0)]),
        _ => None,
    };
    said.iter().filter_map(copy).collect()
}

#[test]
fn nothing_is_asked_for_before_the_storage_has_said_what_it_may_have() {
    let mut stage = copying(&["a", "b", "c"], &[]);
    assert_eq!(asked(&stage.said()), []);
    stage.learnt(FILE, 3, &[0, 1]);
    assert_eq!(pieces(&asked(&stage.said())), [(FILE, 2)]);
    stage.held((FILE, 0));
    assert_eq!(asked(&stage.said()), []);
    stage.lacking((FILE, 1));
    assert_eq!(pieces(&asked(&stage.said())), [(FILE, 1)]);
}

#[test]
fn of_pieces_with_the_same_hash_one_is_asked_for_and_the_others_are_copied() {
    let mut stage = copying(&["a", "b", "a"], &["a"]);
    stage.learnt(FILE, 3, &[]);
    stage.learnt(OTHER, 1, &[]);
    let asked = asked(&stage.said());
    assert_eq!(pieces(&asked), [(FILE, 0), (FILE, 1)]);
    stage.comes(&asked, (FILE, 1));
    assert!(copies(&stage.said()).is_empty());
    stage.comes(&asked, (FILE, 0));
    assert_eq!(copies(&stage.said()), [[(FILE, 0), (FILE, 2)], [(FILE, 0), (OTHER, 0)]]);
    stage.held((FILE, 2));
    stage.held((OTHER, 0));
    let said = stage.said();
    assert!([FILE, OTHER].iter().all(|&torrent| said.contains(&Decision::Close { torrent })));
}

#[test]
fn what_an_earlier_run_kept_is_not_asked_for_and_all_else_is_though_its_content_is_here() {
    let swarm = seeded(&[FILE, OTHER]);
    let mut stage = joined_under(Sameness::Found, Catalog::default(), &["a", "b", "a"], &["a"], swarm);
    assert_eq!(asked(&stage.said()), []);
    stage.learnt(FILE, 3, &[0]);
    stage.held((FILE, 0));
    stage.learnt(OTHER, 1, &[]);
    let said = stage.said();
    assert_eq!((pieces(&asked(&said)), copies(&said)), (vec![(FILE, 1), (FILE, 2), (OTHER, 0)], vec![]));
}

#[test]
fn the_twin_of_a_piece_that_is_held_is_copied_at_once() {
    let mut stage = copying(&["a"], &["a"]);
    stage.learnt(FILE, 1, &[0]);
    stage.held((FILE, 0));
    stage.learnt(OTHER, 1, &[]);
    let said = stage.said();
    assert_eq!((copies(&said), asked(&said)), (vec![[(FILE, 0), (OTHER, 0)]], vec![]));
}

#[test]
fn hashes_that_only_begin_alike_are_two() {
    let mut stage = copying(&["aaaaaaaa-1", "aaaaaaaa-2"], &[]);
    stage.learnt(FILE, 2, &[]);
    assert_eq!(pieces(&asked(&stage.said())), [(FILE, 0), (FILE, 1)]);
}

#[test]
fn what_cannot_be_copied_is_fetched() {
    let mut stage = copying(&["a", "a"], &[]);
    stage.learnt(FILE, 2, &[]);
    let first = asked(&stage.said());
    stage.comes(&first, (FILE, 0));
    stage.said();
    stage.lacking((FILE, 1));
    assert_eq!(pieces(&asked(&stage.said())), [(FILE, 1)]);
}

#[test]
fn a_piece_that_is_held_after_all_is_not_waited_for() {
    let mut stage = copying(&["a"], &[]);
    stage.learnt(FILE, 1, &[]);
    let &(_, from, slot) = asked(&stage.said()).first().unwrap();
    stage.held((FILE, 0));
    let said = stage.said();
    assert!(said.contains(&Decision::Forget { from, slot }));
    assert!(said.contains(&Decision::Close { torrent: FILE }));
    let cancel = |decision: &Decision| matches!(decision, Decision::Send { to, message: Message { body: Body::Cancel { .. }, .. } } if *to == from);
    assert!(said.iter().any(cancel));
}

/// The file's piece is at rank 1, and its twin in the other file at rank 3. The first is asked for.
fn apart() -> (Stage, Vec<Asked>) {
    let changes = [(1, FILE), (3, OTHER)].map(|(rank, torrent)| Change::HasAll { rank: Rank(rank), torrent });
    let mut stage = joined(Catalog::default(), &["a"], &["a"], Swarm { changes: changes.into(), ..Swarm::default() });
    stage.learnt(FILE, 1, &[]);
    stage.learnt(OTHER, 1, &[]);
    let asked = asked(&stage.said());
    assert_eq!(pieces(&asked), [(FILE, 0)]);
    (stage, asked)
}

/// Rank 1 is gone: the other piece is asked for.
fn turned() -> (Stage, Vec<Asked>) {
    let (mut stage, _) = apart();
    stage.changed(vec![Change::Gone { rank: Rank(1) }]);
    assert_eq!(asked(&stage.said()), []);
    stage.wait(1);
    let asked = asked(&stage.said());
    (stage, asked)
}

#[test]
fn where_nobody_gives_a_piece_another_with_its_hash_is_asked_for() {
    let (mut stage, asked) = turned();
    assert_eq!(pieces(&asked), [(OTHER, 0)]);
    stage.comes(&asked, (OTHER, 0));
    assert_eq!(copies(&stage.said()), [[(OTHER, 0), (FILE, 0)]]);
}

#[test]
fn where_a_piece_comes_bad_or_not_at_all_another_with_its_hash_is_asked_for_too() {
    let (mut stage, first) = apart();
    let (_, from, slot) = first[0];
    stage.hear(Event::Piece { from, slot, arrival: Arrival::Corrupt });
    assert!(pieces(&asked(&stage.said())).contains(&(OTHER, 0)));

    let (mut stage, first) = apart();
    let (_, from, slot) = first[0];
    stage.message(from, Body::Reject { slot, reason: Reason::NotHeld, holders: vec![] });
    assert_eq!(pieces(&asked(&stage.said())), [(OTHER, 0)]);

    let (mut stage, _) = apart();
    let silent = |stage: &mut Stage| {
        stage.wait(1);
        let said = stage.said();
        said.iter().any(|decision| matches!(decision, Decision::Forget { .. })).then(|| asked(&said))
    };
    let after = (0..20).find_map(|_| silent(&mut stage)).expect("a request in vain has an end");
    assert_eq!(pieces(&after), [(OTHER, 0)]);
}

#[test]
fn what_is_being_copied_is_not_asked_for_though_it_was_before_in_vain() {
    let (mut stage, asked_first) = turned();
    stage.comes(&asked_first, (OTHER, 0));
    assert_eq!(copies(&stage.said()), [[(OTHER, 0), (FILE, 0)]]);
    stage.changed(vec![Change::HasAll { rank: Rank(1), torrent: FILE }]);
    assert_eq!(asked(&stage.said()), []);
    stage.lacking((FILE, 0));
    assert_eq!(pieces(&asked(&stage.said())), [(FILE, 0)], "it could not be copied");
}

#[test]
fn whichever_of_several_pieces_comes_first_is_copied_to_the_others() {
    let (mut stage, _) = turned();
    stage.changed(vec![Change::HasAll { rank: Rank(1), torrent: FILE }]);
    let asked = asked(&stage.said());
    assert_eq!(pieces(&asked), [(FILE, 0)]);
    stage.comes(&asked, (FILE, 0));
    assert_eq!(copies(&stage.said()), [[(FILE, 0), (OTHER, 0)]]);
}

#[test]
fn hashes_that_the_storage_looks_at_twice_are_asked_for_once() {
    let mut stage = copying(&["a", "b", "a"], &[]);
    stage.learnt(FILE, 3, &[]);
    let asked_first = asked(&stage.said());
    assert_eq!(asked_first.len(), 2);
    stage.learnt(FILE, 3, &[]);
    assert_eq!(asked(&stage.said()), []);
    stage.comes(&asked_first, (FILE, 0));
    assert_eq!(copies(&stage.said()), [[(FILE, 0), (FILE, 2)]]);
}

#[test]
fn one_whose_storage_still_looks_does_not_starve() {
    let held = Bitfield::none(1);
    let layout = Layout { pieces: 1, piece_length: 1 };
    let owned = vec![Owned { name: "file".into(), layout, hashes: hashes(&["a"]), held, takers: None }];
    let cries = |answers: &[&[u32]]| {
        let mut stage = joined(Catalog { owned: owned.clone(), ..Catalog::default() }, &["a"], &[], Swarm::default());
        let learn = |decision: &Decision| matches!(decision, Decision::Learn { .. });
        assert_eq!(stage.said().into_iter().filter(learn).count(), 2, "what it brings, and what it joins");
        answers.iter().for_each(|here| stage.learnt(FILE, 1, here));
        stage.wait(4);
        let said = stage.said();
        calls(&said).iter().any(|(_, call)| matches!(call, Call::Announce(report) if report.need == Need::Starving))
    };
    assert!(!cries(&[&[]]));
    assert!(!cries(&[&[], &[0]]), "it looks at a piece");
    assert!(cries(&[&[], &[]]));
}
