//! What is offered after the start, who waits for it, and what all are told of each other.

use super::*;
use crate::metainfo::TorrentId;

const CARD: [u8; 3] = [7, 0, 9];

/// Rank 1 may come to offer something; ranks 2 to 4 own nothing.
fn expecting(policy: Policy) -> Stage {
    let mut stage = Stage::after(4, policy, |rank| match rank {
        1 => publish(About { card: CARD.into(), prospects: Prospects::Open }),
        _ => publish(About::default()),
    });
    stage.out.drain().for_each(drop);
    stage
}

fn publish(about: About) -> Call {
    Call::Publish { part: 0, files: Vec::new(), wanted: Vec::new(), more: More::Done, about }
}

fn part(name: &str) -> Call {
    Call::Offer { file: publication(name, &["a", "b"]) }
}

impl Stage {
    /// A client that has applied all so far waits for these names.
    fn awaits(&mut self, rank: u32, since: Version, names: &[&str]) {
        let wanted = names.iter().map(|&name| name.into()).collect();
        self.call(rank, Call::Await { since, wanted });
    }

    /// A client that has applied all so far will offer nothing more.
    fn says_all_offered(&mut self, rank: u32) {
        let since = self.tracker.journal.version();
        self.call(rank, Call::AllOffered { since });
    }

    /// A client comes back from a crash, with nothing.
    fn is_reborn(&mut self, rank: u32) {
        let call = publish(About::default());
        let (sequence, incarnation) = (1 << 20, Incarnation(1));
        let message = Message { term: Term(0), incarnation, body: Body::Call { sequence, call } };
        self.hear(Event::Message { from: Rank(rank), message });
    }

    /// The client says its last call once more.
    fn repeats(&mut self, rank: u32, call: Call) {
        self.sequences[rank as usize] -= 1;
        self.call(rank, call);
    }

    /// The answers that a client got since this was asked last, with the numbers of its calls.
    fn answers(&mut self, to: u32) -> Vec<(u32, Answer)> {
        let answer = |body| match body {
            Body::Answer { sequence, answer } => Some((sequence, answer)),
            _ => None,
        };
        self.sent(to).into_iter().filter_map(answer).collect()
    }

    /// The one answer that a client got, which is to a call for names.
    fn joined(&mut self, to: u32) -> (Vec<Described>, Swarm) {
        let mut answers = self.answers(to);
        match (answers.pop(), answers.pop()) {
            (Some((_, Answer::Joined { files, swarm })), None) => (files, swarm),
            other => panic!("{other:?}"),
        }
    }

    /// What was told since this was asked last.
    fn told(&mut self) -> Vec<Observed> {
        let told = |decision| match decision {
            Decision::Tell(observed) => Some(observed),
            _ => None,
        };
        self.out.drain().filter_map(told).collect()
    }
}

fn id_of(files: &[Described]) -> TorrentId {
    let known = files.iter().find_map(|file| match file {
        Described::Known { torrent, .. } => Some(*torrent),
        _ => None,
    });
    known.expect("one of the files is there")
}

#[test]
fn who_waits_is_answered_when_one_of_the_names_is_offered_and_not_before() {
    let mut stage = expecting(Policy::assignment());
    stage.awaits(2, 0, &["x", "y"]);
    stage.call(1, part("z"));
    assert_eq!(stage.answers(2), [], "neither name is there");
    stage.call(1, part("y"));
    let (files, swarm) = stage.joined(2);
    assert_eq!(files[0], Described::Coming);
    let seed = Change::HasAll { rank: Rank(1), torrent: id_of(&files) };
    assert!(swarm.changes.contains(&seed), "{swarm:?}");
    stage.call(1, part("x"));
    assert_eq!(stage.answers(2), [], "it has to ask again");
}

#[test]
fn who_waits_is_answered_when_somebody_is_lost_whoever_its_neighbours_are() {
    for (neighbours, lost) in [(50, 4), (1, 3), (1, 4)] {
        let mut stage = expecting(Policy { neighbours, ..Policy::assignment() });
        stage.call(2, Call::Join { since: 0, wanted: vec!["x".into()] });
        let (files, swarm) = stage.joined(2);
        assert_eq!(files, [Described::Coming]);
        stage.awaits(2, swarm.version, &["x"]);
        stage.hear(Event::PeerLost { rank: Rank(lost) });
        let (files, swarm) = stage.joined(2);
        assert_eq!(files, [Described::Coming]);
        assert_eq!(swarm.changes, [Change::Gone { rank: Rank(lost) }]);
    }
}

#[test]
fn who_waits_is_answered_when_nobody_may_offer_the_names_any_more() {
    let mut stage = expecting(Policy::assignment());
    stage.awaits(2, 0, &["x"]);
    stage.says_all_offered(1);
    assert_eq!(stage.joined(2).0, [Described::Unowned]);

    let mut stage = expecting(Policy::assignment());
    stage.awaits(2, 0, &["x"]);
    stage.hear(Event::PeerLost { rank: Rank(1) });
    assert_eq!(stage.joined(2).0, [Described::Awaited], "who is missing might have it");
}

/// Rank 1 has said that it will offer nothing more, and rank 3 is in a new life.
fn with_one_reborn() -> (Stage, Version) {
    let mut stage = expecting(Policy::assignment());
    stage.says_all_offered(1);
    let before = stage.tracker.journal.version();
    stage.is_reborn(3);
    (stage, before)
}

#[test]
fn one_in_a_new_life_may_have_to_be_succeeded_as_much_as_one_that_is_lost() {
    let (mut stage, _) = with_one_reborn();
    stage.awaits(2, stage.tracker.journal.version(), &["x"]);
    assert_eq!(stage.answers(2), [], "rank 1 may come to offer it");
    stage.says_all_offered(1);
    assert_eq!(stage.joined(2).0, [Described::Unowned]);
}

#[test]
fn one_that_has_not_heard_who_is_gone_may_still_offer_something_whatever_it_says() {
    let unaware: [fn(Version) -> Call; 3] = [
        |since| Call::AllOffered { since },
        |since| {
            let (report, finished) = (Report { since, ..Report::default() }, Some(Outcome::Complete));
            Call::Completed { report, torrents: Vec::new(), finished }
        },
        |_| publish(About { card: CARD.into(), prospects: Prospects::Reserve }),
    ];
    for say in unaware {
        let (mut stage, before) = with_one_reborn();
        stage.call(1, say(before));
        stage.awaits(2, stage.tracker.journal.version(), &["x"]);
        assert_eq!(stage.answers(2), [], "{:?}", say(before));
        stage.says_all_offered(1);
        assert_eq!(stage.joined(2).0, [Described::Unowned]);
    }
}

#[test]
fn one_that_was_silent_when_somebody_was_lost_may_still_offer_something() {
    let may_offer = |lost: &[u32]| {
        let mut stage = expecting(Policy::assignment());
        stage.says_all_offered(1);
        lost.iter().for_each(|&rank| stage.hear(Event::PeerLost { rank: Rank(rank) }));
        lost.iter().for_each(|&rank| stage.say(rank, Body::Pong));
        stage.tracker.roster.get(Rank(1)).unwrap().may_offer()
    };
    assert!(may_offer(&[1, 3]));
    assert!(!may_offer(&[1]), "nobody succeeds himself");
}

#[test]
fn one_that_was_told_to_stop_does_nobodys_work() {
    let mut stage = expecting(Policy::assignment());
    stage.says_all_offered(1);
    for rank in 1..=4 {
        let (report, finished) = (Report::default(), Some(Outcome::Complete));
        stage.call(rank, Call::Completed { report, torrents: Vec::new(), finished });
    }
    assert!(stage.sent(1).iter().any(|body| matches!(body, Body::Stop { .. })));
    stage.is_reborn(3);
    assert!(!stage.tracker.roster.get(Rank(1)).unwrap().may_offer(), "rank 3 would wait for it in vain");
}

#[test]
fn who_is_told_all_there_is_hears_of_one_in_a_new_life_once() {
    let (mut stage, before) = with_one_reborn();
    let gone = |stage: &mut Stage, since| {
        stage.call(2, Call::Join { since, wanted: vec!["x".into()] });
        stage.joined(2).1.changes.contains(&Change::Gone { rank: Rank(3) })
    };
    assert!(gone(&mut stage, before));
    let after = stage.tracker.journal.version();
    assert!(!gone(&mut stage, after), "it would drop what it has asked of it since");
}

#[test]
fn who_waits_for_a_file_of_which_only_a_part_was_published_is_answered_when_nobody_may_offer_it_any_more() {
    let mut stage = expecting(Policy::assignment());
    let part = Publication { layout: Layout { pieces: 2, piece_length: 1 }, ..publication("x", &["a"]) };
    let (files, wanted, about) = (vec![part], Vec::new(), About::default());
    stage.call(3, Call::Publish { part: 0, files, wanted, more: More::Follows, about });
    stage.hear(Event::PeerLost { rank: Rank(3) });
    stage.awaits(2, stage.tracker.journal.version(), &["x"]);
    assert_eq!(stage.answers(2), []);
    stage.says_all_offered(1);
    assert_eq!(stage.joined(2).0, [Described::Awaited]);
}

#[test]
fn one_that_joins_late_is_told_who_is_gone() {
    let mut stage = expecting(Policy::assignment());
    stage.hear(Event::PeerLost { rank: Rank(4) });
    stage.call(2, Call::Join { since: 0, wanted: vec!["x".into()] });
    assert_eq!(stage.joined(2).1.changes, [Change::Anew, Change::Gone { rank: Rank(4) }]);
}

#[test]
fn who_asks_again_for_what_is_not_there_is_told_to_wait() {
    let mut stage = expecting(Policy::assignment());
    let call = Call::Await { since: 0, wanted: vec!["x".into()] };
    stage.call(2, call.clone());
    assert_eq!(stage.answers(2), []);
    stage.repeats(2, call);
    assert_eq!(stage.answers(2), [(2, Answer::Wait)]);
    stage.call(1, part("x"));
    assert_eq!(stage.answers(2).len(), 1, "it waits as before");
}

#[test]
fn one_that_has_said_something_else_since_waits_no_longer() {
    let mut stage = expecting(Policy::assignment());
    stage.awaits(2, 0, &["x"]);
    stage.call(2, Call::Announce(Report::default()));
    stage.answers(2);
    stage.call(1, part("x"));
    assert_eq!(stage.answers(2), []);
}

#[test]
fn to_have_waited_for_an_answer_is_no_sign_of_lost_messages() {
    let finished = |rank: u32| {
        let report = Report { since: u64::from(rank), ..Report::default() };
        Call::Completed { report, torrents: Vec::new(), finished: Some(Outcome::Complete) }
    };
    let drained = || {
        let finish = Finish { outcome: Outcome::Complete, shortfalls: Vec::new() };
        Call::Drained { received: Vec::new(), finish, traffic: Traffic::default() }
    };
    let left_at_once = |again: Call, repeated: fn() -> Call| {
        let mut stage = expecting(Policy::assignment());
        stage.call(2, again);
        stage.repeats(2, repeated());
        (1..=4).for_each(|rank| stage.call(rank, finished(rank)));
        (1..=4).for_each(|rank| stage.call(rank, drained()));
        stage.tracker.is_finished()
    };
    let wait = || Call::Await { since: 0, wanted: vec!["x".into()] };
    let announce = || Call::Announce(Report::default());
    assert!(left_at_once(wait(), wait));
    assert!(!left_at_once(announce(), announce), "the answer was lost: so may be the last word");
}

#[test]
fn one_that_starves_and_may_still_come_to_own_what_it_lacks_is_waited_for() {
    let mut stage = expecting(Policy::assignment());
    stage.call(3, part("x"));
    stage.call(1, Call::Join { since: 0, wanted: vec!["x".into()] });
    stage.hear(Event::PeerLost { rank: Rank(3) });
    for rank in [2, 4] {
        let (report, finished) = (Report::default(), Some(Outcome::Complete));
        stage.call(rank, Call::Completed { report, torrents: Vec::new(), finished });
    }
    let mut ends_while_it_starves = |times: u32| {
        for _ in 0..times {
            stage.now = stage.tracker.next_timeout().expect("it watches over its clients");
            stage.hear(Event::Timeout);
            [2, 4].into_iter().for_each(|rank| stage.say(rank, Body::Pong));
            stage.call(1, Call::Announce(Report { need: Need::Starving, ..Report::default() }));
        }
        let ends = stage.sent(1).iter().any(|body| matches!(body, Body::Stop { .. }));
        stage.says_all_offered(1);
        ends
    };
    assert!(!ends_while_it_starves(20));
    assert!(ends_while_it_starves(20), "it has said that it will not");
}

#[test]
fn all_are_told_at_the_start_what_each_said_of_itself_unless_it_said_too_much() {
    let card = |rank: u32| match rank {
        2 => vec![1; Catalog::LONGEST_CARD],
        3 => vec![1; Catalog::LONGEST_CARD + 1],
        4 => Vec::new(),
        _ => CARD.into(),
    };
    let mut stage =
        Stage::after(4, Policy::assignment(), |rank| publish(About { card: card(rank), prospects: Prospects::Final }));
    let decisions: Vec<Decision> = stage.out.drain().collect();
    let cards = decisions.iter().filter_map(|decision| match decision {
        Decision::Send {
            to,
            message: Message { body: Body::Answer { answer: Answer::Start { cards, .. }, .. }, .. },
        } => Some((*to, cards.clone())),
        _ => None,
    });
    let both = vec![Card { rank: Rank(1), card: card(1) }, Card { rank: Rank(2), card: card(2) }];
    assert_eq!(cards.collect::<Vec<_>>(), [1, 2, 3, 4].map(|rank| (Rank(rank), both.clone())));
}

#[test]
fn an_offer_that_is_repeated_counts_once() {
    let mut stage = expecting(Policy::assignment());
    stage.call(1, part("x"));
    let [(_, Answer::Offered { torrent: Some(torrent) })] = stage.answers(1)[..] else { panic!() };
    stage.repeats(1, part("x"));
    assert_eq!(stage.answers(1), [(2, Answer::Offered { torrent: Some(torrent) })]);
    assert_eq!(stage.tracker.roster.get(Rank(1)).unwrap().counts.had, 2);
}

#[test]
fn of_what_a_client_offers_only_that_counts_as_brought_which_it_had_not_received() {
    let mut stage = expecting(Policy::assignment());
    stage.call(1, part("x"));
    stage.call(2, Call::Join { since: 0, wanted: vec!["x".into()] });
    let torrent = id_of(&stage.joined(2).0);
    let pieces = Pieces { torrent, pieces: vec![PieceIndex(1)] };
    let received = vec![Received { from: Rank(1), pieces }];
    stage.call(2, Call::Announce(Report { received, ..Report::default() }));
    stage.call(2, part("x"));
    let counts = &stage.tracker.roster.get(Rank(2)).unwrap().counts;
    assert_eq!((counts.had, counts.got), (1, 1));
}

#[test]
fn what_owners_contradicted_each_other_about_at_the_start_nobody_can_offer() {
    let mut stage = Stage::after(4, Policy::assignment(), |rank| {
        let files = match rank {
            1 | 2 => vec![publication("x", &[["a", "b"][rank as usize - 1]])],
            _ => Vec::new(),
        };
        Call::Publish { part: 0, files, wanted: Vec::new(), more: More::Done, about: About::default() }
    });
    stage.call(3, Call::Offer { file: publication("x", &["a"]) });
    assert_eq!(stage.answers(3).last(), Some(&(2, Answer::Offered { torrent: None })));
    stage.awaits(4, 0, &["x"]);
    assert_eq!(stage.joined(4).0, [Described::Conflict]);
}

#[test]
fn who_waits_is_told_only_of_holders_that_are_there() {
    let mut stage = expecting(Policy::assignment());
    [1, 3].into_iter().for_each(|owner| stage.call(owner, part("x")));
    stage.hear(Event::PeerLost { rank: Rank(3) });
    stage.awaits(2, stage.tracker.journal.version(), &["x"]);
    let (files, swarm) = stage.joined(2);
    assert_eq!(swarm.changes, [Change::HasAll { rank: Rank(1), torrent: id_of(&files) }]);
}

#[test]
fn an_offer_of_one_whose_hashes_differ_is_refused_and_told_and_the_others_keep_what_they_trade() {
    let mut stage = expecting(Policy::assignment());
    stage.call(1, part("x"));
    stage.told();
    stage.call(3, Call::Offer { file: publication("x", &["a", "c"]) });
    let hashes = Box::new(["b".to_owned(), "c".to_owned()]);
    let (first, second, piece) = (Rank(1), Rank(3), PieceIndex(1));
    assert_eq!(stage.told(), [Observed::Conflict { name: "x".into(), first, second, piece, hashes }]);
    stage.repeats(3, Call::Offer { file: publication("x", &["a", "c"]) });
    assert_eq!(stage.answers(3), [(2, Answer::Contradicted { publisher: first, piece })]);
    stage.repeats(3, Call::Offer { file: publication("x", &["a", "c"]) });
    assert_eq!(stage.told(), [], "once is enough");
    stage.call(2, Call::Join { since: 0, wanted: vec!["x".into()] });
    let (files, swarm) = stage.joined(2);
    let seed = Change::HasAll { rank: Rank(1), torrent: id_of(&files) };
    assert_eq!(swarm.changes, [Change::Anew, seed], "rank 3 is no seed of it");
}

#[test]
fn who_downloads_is_what_the_first_owner_says_that_knows_else_what_they_said_themselves() {
    let takers_of = |owners: &[(&[&str], Option<&[u32]>)]| {
        let mut stage = Stage::started(4, &[2, 3], Policy::assignment());
        for &(hashes, takers) in owners {
            let takers = takers.map(|takers| takers.iter().map(|&rank| Rank(rank)).collect());
            stage.call(1, Call::Offer { file: Publication { takers, ..publication("file", hashes) } });
        }
        stage.out.drain().for_each(drop);
        stage.call(4, Call::Join { since: 0, wanted: vec!["file".into()] });
        let (files, _) = stage.joined(4);
        let Described::Known { takers, .. } = &files[0] else { panic!("{files:?}") };
        takers.iter().map(|rank| rank.0).collect::<Vec<_>>()
    };
    assert_eq!(takers_of(&[]), [2, 3]);
    assert_eq!(takers_of(&[(&["a"], None)]), [2, 3]);
    assert_eq!(takers_of(&[(&["a"], Some(&[3, 4]))]), [3, 4]);
    assert_eq!(takers_of(&[(&["a"], Some(&[3, 4])), (&["a"], Some(&[2]))]), [3, 4]);
    assert_eq!(takers_of(&[(&["x"], Some(&[3, 4]))]), [2, 3], "whose hashes differ has no say");
}
