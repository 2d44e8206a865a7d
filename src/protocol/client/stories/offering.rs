//! What a client comes to own and to want after the start, and how it waits for what others come to offer.

use super::*;

const LATE: TorrentId = TorrentId(8);

/// A client that may come to offer something.
fn open(wanted: &[&str]) -> Catalog {
    let wanted = wanted.iter().map(|&name| name.into()).collect();
    Catalog { wanted, card: vec![5], prospects: Prospects::Open, ..Catalog::default() }
}

fn owned(name: &str, lines: &[&str]) -> Event {
    let layout = Layout { pieces: lines.len() as u32, piece_length: 1 };
    let held = Bitfield::all(layout.pieces);
    Event::Offer(Box::new(Owned { name: name.into(), layout, hashes: hashes(lines), held, takers: None }))
}

impl Stage {
    fn owning(catalog: Catalog) -> Self {
        Self::of(Incarnation(0), Policy { announcing: Announcing::Every(1), ..Policy::assignment() }, catalog)
    }

    /// Told to start, as rank 1 says what it is.
    fn start(&mut self) {
        let cards = vec![Card { rank: Rank(1), card: vec![3] }];
        self.answer(1, Answer::Start { torrents: vec![], cards });
    }

    /// It wants a file that is there and one that is not; it waits for that one.
    fn waiting() -> Self {
        let wanted = vec!["file".into(), "late".into()];
        let mut stage = Self::owning(Catalog { wanted, ..Catalog::default() });
        stage.start();
        let files = vec![known(FILE, &["a", "b"], &[]), Described::Coming];
        stage.answer(2, Answer::Joined { files, swarm: seeded(&[FILE]) });
        stage
    }

    /// The calls that were made since this was asked last.
    fn called(&mut self) -> Vec<(u32, Call)> {
        calls(&self.said()).into_iter().map(|(sequence, call)| (sequence, call.clone())).collect()
    }

    /// Answers one call after the other with as little as there is to say, until it awaits something: what it said.
    fn hear_out(&mut self) -> Vec<(u32, Call)> {
        let mut heard = Vec::new();
        loop {
            heard.extend(self.called());
            let (sequence, answer) = match heard.last() {
                Some((sequence, Call::Announce(_) | Call::Completed { finished: None, .. })) => {
                    (*sequence, Answer::Swarm(Swarm::default()))
                }
                Some((sequence, Call::AllOffered { .. } | Call::Completed { .. })) => (*sequence, Answer::Noted),
                _ => return heard,
            };
            self.answer(sequence, answer);
        }
    }
}

fn awaits(since: Version, wanted: &[&str]) -> Call {
    Call::Await { since, wanted: wanted.iter().map(|&name| name.into()).collect() }
}

#[test]
fn with_nothing_else_to_say_it_awaits_what_may_come() {
    let mut stage = Stage::waiting();
    assert_eq!(stage.called().pop(), Some((3, awaits(1, &["late"]))));
    assert_eq!(calls(&Stage::trading().said()).len(), 2, "publish and join: it expects nothing");
}

#[test]
fn what_is_awaited_gives_way_to_other_calls_and_is_asked_again() {
    let mut stage = Stage::waiting();
    let (seed, slot, _) = requests(&stage.said())[0];
    stage.hear(Event::Piece { from: seed, slot, arrival: Arrival::Verified });
    assert!(matches!(stage.called()[..], [(4, Call::Announce(_))]));
    let files = vec![known(LATE, &["c"], &[])];
    stage.answer(3, Answer::Joined { files, swarm: seeded(&[LATE]) });
    assert_eq!(stage.said(), [], "what was awaited before is not heard any more");
    stage.answer(4, Answer::Swarm(Swarm { version: 2, ..Swarm::default() }));
    assert_eq!(stage.called(), [(5, awaits(2, &["late"]))]);
}

#[test]
fn what_was_awaited_is_joined_when_it_comes() {
    let mut stage = Stage::waiting();
    stage.said();
    stage.answer(3, Answer::Joined { files: vec![known(LATE, &["c"], &[])], swarm: seeded(&[LATE]) });
    let said = stage.said();
    let opened = Decision::Open { torrent: LATE, name: "late".into(), layout: Layout { pieces: 1, piece_length: 1 } };
    assert!(said.contains(&opened));
    assert!(requests(&said).iter().any(|&(from, ..)| from == Rank(1)));
    assert_eq!(calls(&said), [], "nothing more is expected");
}

#[test]
fn one_that_expects_something_is_not_finished() {
    let mut stage = Stage::waiting();
    for (seed, slot, _) in requests(&stage.said()) {
        stage.hear(Event::Piece { from: seed, slot, arrival: Arrival::Verified });
    }
    stage.hear(Event::Closed { torrent: FILE });
    let finished = |(_, call): &(u32, Call)| matches!(call, Call::Completed { finished: Some(_), .. });
    let said = stage.hear_out();
    assert!(!said.iter().any(finished), "{said:?}");
    let Some((sequence, Call::Await { .. })) = said.last() else { panic!("{said:?}") };
    stage.answer(*sequence, Answer::Joined { files: vec![Described::Unowned], swarm: Swarm::default() });
    assert!(stage.called().iter().any(finished));
}

#[test]
fn one_that_awaits_something_says_that_it_starves_for_something_else() {
    let wanted = vec!["file".into(), "late".into()];
    let mut stage = Stage::owning(Catalog { wanted, ..Catalog::default() });
    stage.start();
    let files = vec![known(FILE, &["a", "b"], &[]), Described::Coming];
    stage.answer(2, Answer::Joined { files, swarm: Swarm::default() });
    stage.wait(2);
    let said = stage.called();
    let starving = |call: &Call| matches!(call, Call::Announce(Report { need: Need::Starving, .. }));
    assert!(said.iter().any(|(_, call)| starving(call)), "{said:?}");
}

#[test]
fn one_that_starves_asks_for_what_it_awaits_too_for_the_next_cry_may_come_before_the_answer() {
    let wanted = vec!["file".into(), "late".into()];
    let mut stage = Stage::owning(Catalog { wanted, ..Catalog::default() });
    stage.start();
    let files = vec![known(FILE, &["a", "b"], &[]), Described::Coming];
    stage.answer(2, Answer::Joined { files, swarm: Swarm::default() });
    stage.wait(2);
    let said = stage.hear_out();
    let Some((sequence, Call::Join { wanted, .. })) = said.last() else { panic!("{said:?}") };
    assert_eq!(wanted, &["late"]);
    stage.answer(*sequence, Answer::Joined { files: vec![known(LATE, &["c"], &[])], swarm: seeded(&[LATE]) });
    assert_eq!(requests(&stage.said()).len(), 1);
}

#[test]
fn what_is_owned_before_the_start_is_offered_after_it_and_then_that_it_was_all() {
    let mut stage = Stage::owning(open(&[]));
    stage.hear(owned("x", &["a"]));
    stage.hear(owned("y", &["b"]));
    stage.hear(Event::AllOffered);
    let said = stage.called();
    let [(1, Call::Publish { files, about, .. })] = &said[..] else { panic!("{said:?}") };
    assert!(files.is_empty() && *about == About { card: vec![5], prospects: Prospects::Open });
    stage.start();
    let name = |call: &Call| match call {
        Call::Offer { file } => file.name.clone(),
        other => format!("{other:?}"),
    };
    let mut order = Vec::new();
    for torrent in [Some(FILE), None] {
        let said = stage.called();
        let [(sequence, call)] = &said[..] else { panic!("{said:?}") };
        order.push(name(call));
        stage.answer(*sequence, Answer::Offered { torrent });
    }
    assert_eq!(order, ["x", "y"]);
    assert_eq!(stage.called(), [(4, Call::AllOffered { since: 0 })]);
}

#[test]
fn one_that_still_has_something_to_offer_does_not_publish_that_it_has_not() {
    let mut stage = Stage::owning(open(&[]));
    stage.start();
    let long = ["a", "b", "c"].map(|hash| hash.repeat(100));
    stage.hear(owned("x", &long.each_ref().map(String::as_str)));
    // To a tracker that has not spoken yet it publishes in parts, and meanwhile comes to own the last that it will.
    stage.client.follow(stage.now, Term(4), &mut stage.out);
    let said = stage.called();
    let Some((sequence, Call::Publish { more: More::Follows, .. })) = said.last() else { panic!("{said:?}") };
    stage.hear(owned("y", &["d"]));
    stage.hear(Event::AllOffered);
    let body = Body::Answer { sequence: *sequence, answer: Answer::Noted };
    stage.hear(Event::Message { from: Rank(0), message: Message { term: Term(4), incarnation: Incarnation(0), body } });
    let said = stage.called();
    let [(_, Call::Publish { more: More::Done, about, .. })] = &said[..] else { panic!("{said:?}") };
    assert_eq!(about.prospects, Prospects::Open);
}

#[test]
fn an_offer_is_served_once_the_tracker_has_numbered_it_and_not_if_it_is_refused() {
    let serves = |torrent: Option<TorrentId>| {
        let mut stage = Stage::owning(open(&[]));
        stage.start();
        stage.hear(owned("x", &["a"]));
        let (sequence, _) = stage.called().pop().unwrap();
        stage.answer(sequence, Answer::Offered { torrent });
        let (slot, manner, news) = (Slot::new(0, 1), Manner::Insistent, News::default());
        stage.said();
        stage.message(Rank(3), Body::Request { slot, torrent: LATE, piece: PieceIndex(0), manner, news });
        stage.said().iter().any(|decision| matches!(decision, Decision::SendPiece { .. }))
    };
    assert!(serves(Some(LATE)));
    assert!(!serves(None));
}

#[test]
fn who_may_offer_more_hears_of_the_others_once_and_of_everybody_who_is_gone() {
    let told = |stage: &mut Stage| -> Vec<Decision> {
        let said = stage.said().into_iter();
        said.filter(|decision| matches!(decision, Decision::Convene { .. } | Decision::Succeed { .. })).collect()
    };
    let gone = |rank: u32| Answer::Joined {
        files: vec![],
        swarm: Swarm { changes: vec![Change::Gone { rank: Rank(rank) }], ..Swarm::default() },
    };
    let mut stage = Stage::owning(open(&[]));
    stage.start();
    assert_eq!(told(&mut stage), [Decision::Convene { cards: vec![Card { rank: Rank(1), card: vec![3] }] }]);
    stage.answer(2, gone(1));
    assert_eq!(told(&mut stage), [Decision::Succeed { rank: Rank(1) }]);
    stage.hear(Event::AllOffered);
    let said = stage.hear_out();
    let [(_, Call::AllOffered { .. }), (_, Call::Completed { finished: Some(_), .. }), (_, Call::Await { .. })] =
        &said[..]
    else {
        panic!("{said:?}: it still hears who is gone")
    };
    stage.client.follow(stage.now, Term(4), &mut stage.out);
    let message = Message { term: Term(4), incarnation: Incarnation(0), body: start_again(&stage.called()) };
    stage.hear(Event::Message { from: Rank(0), message });
    assert_eq!(told(&mut stage), [], "it knows the others");

    let mut stage = Stage::owning(Catalog::default());
    stage.start();
    stage.answer(2, gone(1));
    assert_eq!(told(&mut stage), [], "it owns nothing that others might");
}

/// The answer to the last of these calls, which publishes.
fn start_again(called: &[(u32, Call)]) -> Body {
    let Some((sequence, Call::Publish { .. })) = called.last() else { panic!("{called:?}") };
    Body::Answer { sequence: *sequence, answer: Answer::Start { torrents: vec![], cards: vec![] } }
}

#[test]
fn what_it_comes_to_want_is_joined_and_waited_for() {
    let mut stage = Stage::owning(open(&[]));
    stage.start();
    stage.said();
    stage.hear(Event::Want { names: vec!["late".into()] });
    assert_eq!(stage.called(), [(3, Call::Join { since: 0, wanted: vec!["late".into()] })]);
    stage.hear(Event::Want { names: vec!["late".into()] });
    stage.answer(3, Answer::Joined { files: vec![Described::Coming], swarm: Swarm::default() });
    assert_eq!(stage.called(), [(4, awaits(0, &["late"]))]);
}

#[test]
fn what_it_came_to_want_last_keeps_it_from_being_finished() {
    let mut stage = Stage::owning(open(&[]));
    stage.start();
    stage.hear(Event::Want { names: vec!["late".into()] });
    stage.hear(Event::AllOffered);
    stage.answer(3, Answer::Joined { files: vec![known(LATE, &["a"], &[])], swarm: seeded(&[LATE]) });
    let finished = |(_, call): &(u32, Call)| matches!(call, Call::Completed { finished: Some(_), .. });
    assert!(!stage.hear_out().iter().any(finished));
}

#[test]
fn of_what_it_downloads_it_takes_what_it_comes_to_own_if_that_is_the_same() {
    let said_after = |lines: &[&str]| {
        let mut stage = Stage::owning(open(&["file"]));
        stage.start();
        stage.answer(2, Answer::Joined { files: vec![known(FILE, &["a", "b"], &[])], swarm: seeded(&[FILE]) });
        assert_eq!(requests(&stage.said()).len(), 2);
        stage.hear(owned("file", lines));
        stage.said()
    };
    let cancels = |said: &[Decision]| {
        let cancel = |decision: &&Decision| {
            matches!(decision, Decision::Send { message: Message { body: Body::Cancel { .. }, .. }, .. })
        };
        said.iter().filter(cancel).count()
    };
    let same = said_after(&["a", "b"]);
    assert_eq!(cancels(&same), 2);
    assert!(same.contains(&Decision::Close { torrent: FILE }));
    let other = said_after(&["a", "x"]);
    assert_eq!(cancels(&other), 0);
    assert!(!other.contains(&Decision::Close { torrent: FILE }));
}

/// What the tracker says: rank 1 is gone.
fn rank_1_is_gone() -> Swarm {
    Swarm { changes: vec![Change::Gone { rank: Rank(1) }], version: 5, ..Swarm::default() }
}

#[test]
fn what_nobody_owned_and_it_comes_to_own_itself_it_does_not_lack() {
    let mut stage = Stage::owning(open(&["late"]));
    stage.start();
    stage.hear(Event::AllOffered);
    stage.answer(2, Answer::Joined { files: vec![Described::Unowned], swarm: Swarm::default() });
    let finished = |said: Vec<(u32, Call)>| {
        said.into_iter().find_map(|(_, call)| match call {
            Call::Completed { finished, .. } => finished,
            _ => None,
        })
    };
    let said = stage.hear_out();
    let Some(&(sequence, Call::Await { .. })) = said.last() else { panic!("{said:?}") };
    assert_eq!(finished(said), Some(Outcome::Incomplete));
    stage.answer(sequence, Answer::Joined { files: vec![], swarm: rank_1_is_gone() });
    stage.hear(owned("late", &["a"]));
    stage.hear(Event::AllOffered);
    let said = stage.called();
    let Some(&(sequence, Call::Offer { .. })) = said.last() else { panic!("{said:?}") };
    stage.answer(sequence, Answer::Offered { torrent: Some(LATE) });
    assert_eq!(finished(stage.hear_out()), Some(Outcome::Complete));
}

#[test]
fn what_it_was_about_to_say_of_its_end_it_does_not_say_once_it_hears_who_is_gone() {
    for lines in [&["a", "b"][..], &["a", "b", "c"]] {
        let mut stage = Stage::owning(open(&["file"]));
        stage.start();
        stage.answer(2, Answer::Joined { files: vec![known(FILE, lines, &[])], swarm: seeded(&[FILE]) });
        for (seed, slot, _) in requests(&stage.said()) {
            stage.hear(Event::Piece { from: seed, slot, arrival: Arrival::Verified });
        }
        let said = stage.called();
        let [(first, Call::Announce(_))] = said[..] else { panic!("{said:?}") };
        // Behind the next announcement wait that it was all, and that it has finished.
        stage.hear(Event::AllOffered);
        stage.hear(Event::Closed { torrent: FILE });
        stage.answer(first, Answer::Swarm(rank_1_is_gone()));
        // While the announcement is still out, it comes to own what it was to offer in the place of rank 1.
        stage.hear(owned("x", &["c"]));
        stage.hear(Event::AllOffered);
        let of_the_end = |(_, call): &(u32, Call)| {
            matches!(call, Call::AllOffered { .. } | Call::Completed { finished: Some(_), .. })
        };
        let said = stage.hear_out();
        let Some(&(sequence, Call::Offer { .. })) = said.last() else { panic!("{said:?}") };
        assert!(!said.iter().any(of_the_end), "{said:?}");
        stage.answer(sequence, Answer::Offered { torrent: Some(LATE) });
        assert_eq!(stage.hear_out().iter().filter(|said| of_the_end(said)).count(), 2);
    }
}

#[test]
fn one_that_came_with_a_part_of_a_file_and_comes_to_own_it_has_it_whole() {
    let (layout, mut held) = (Layout { pieces: 2, piece_length: 1 }, Bitfield::none(2));
    held.insert(PieceIndex(0));
    let part = Owned { name: "file".into(), layout, hashes: hashes(&["a", "b"]), held, takers: None };
    let mut stage = Stage::owning(Catalog { owned: vec![part], ..open(&["file"]) });
    stage.answer(1, Answer::Start { torrents: vec![Some(FILE)], cards: vec![] });
    stage.answer(2, Answer::Joined { files: vec![known(FILE, &["a", "b"], &[])], swarm: Swarm::default() });
    stage.hear(owned("file", &["a", "b"]));
    assert!(stage.said().contains(&Decision::Close { torrent: FILE }));
}

#[test]
fn one_that_gives_up_says_so_for_all() {
    let mut stage = Stage::waiting();
    stage.said();
    stage.hear(Event::GiveUp(Refusal { outcome: Outcome::Disk, reason: "full".into() }));
    assert_eq!(stage.called(), [(4, Call::Abort { outcome: Outcome::Disk, reason: "full".into() })]);
}

#[test]
fn what_cannot_be_kept_because_one_gave_up_is_no_reason_of_its_own() {
    let mut stage = Stage::waiting();
    stage.hear(Event::GiveUp(Refusal { outcome: Outcome::BadInput, reason: "it differs".into() }));
    stage.hear(Event::WriteFailed { torrent: FILE });
    stage.message(TRACKER_RANK, Body::Stop { outcome: Outcome::BadInput, ending: Ending::GivenUp });
    stage.hear(Event::Drained { traffic: Traffic::default() });
    let called = stage.called();
    let Some((_, Call::Drained { finish, .. })) = called.last() else { panic!("{called:?}") };
    assert_eq!((finish.outcome, &finish.shortfalls[..]), (Outcome::BadInput, &[][..]));
}

#[test]
fn a_request_for_what_another_heard_earlier_to_be_offered_waits() {
    let mut stage = Stage::waiting();
    let sequence = stage.hear_out().last().unwrap().0;
    let asked = |index| Slot::new(index, 1);
    for index in [0, 1] {
        let (slot, piece) = (asked(index), PieceIndex(index.into()));
        let (torrent, manner, news) = (LATE, Manner::Willing, News::default());
        stage.message(Rank(3), Body::Request { slot, torrent, piece, manner, news });
    }
    assert_eq!(stage.said(), [], "neither a piece nor a reject");
    stage.answer(sequence, Answer::Joined { files: vec![known(LATE, &["c", "d"], &[2, 3])], swarm: seeded(&[LATE]) });
    let said = stage.said();
    let own = requests(&said).into_iter().find(|(from, ..)| *from == Rank(1)).unwrap();
    let refused = |decision: &Decision| match decision {
        Decision::Send { to: Rank(3), message: Message { body: Body::Reject { slot, .. }, .. } } => Some(*slot),
        _ => None,
    };
    let others = asked(1 - own.2.0 as u16);
    assert_eq!(said.iter().filter_map(refused).collect::<Vec<_>>(), [others], "it takes the other piece itself");
}
