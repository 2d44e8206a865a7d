//! Stories of one rank without a swarm: what it offers when others that see the same source are lost.

use std::path::Path;

use tempfile::TempDir;

use super::portions::number_of;
use super::*;
use crate::storage::source::View;
use crate::storage::target::{Durable, Existing};

/// 40 pieces: five portions of eight, which the ranks of a view offer in turn.
const PIECE: u32 = 16 << 10;
const PORTIONS: [usize; 5] = [0, 1, 2, 3, 4];
/// Ranks that see the source; one more wants it.
const VIEW: u32 = 3;

fn source() -> (TempDir, View) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("source");
    std::fs::write(&file, vec![7; 40 * PIECE as usize]).unwrap();
    let view = View::look(&[file]).unwrap().view.unwrap();
    (folder, view)
}

fn staging(rank: u32, folder: &Path, view: &View) -> Staging {
    let order = Order {
        purpose: Purpose::Stage,
        rank,
        host: "here".into(),
        sources: vec![folder.join("source")],
        view: Some(view.clone()),
        known: None,
        target: None,
        wishes: Wishes::new(|rank, _| rank == VIEW, |_| None),
        existing: Existing::Keep,
        durable: Durable::Whenever,
        memory: 4 << 20,
        read_limit: None,
        piece_length: Some(PIECE),
    };
    let mut staging = Staging::new(order, 1);
    let reads = Card { view: Some("the same".into()), ..Card::default() };
    let writes = Card { place: Some("there".into()), ..Card::default() };
    let cards: Vec<(u32, Vec<u8>)> =
        (0..=VIEW).map(|rank| (rank, if rank < VIEW { reads.encode() } else { writes.encode() })).collect();
    let cards: Vec<(u32, &[u8])> = cards.iter().map(|(rank, card)| (*rank, &card[..])).collect();
    staging.convene(&cards);
    staging
}

/// What it says next.
fn word(staging: &mut Staging) -> Word {
    let late = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(word) = staging.next() {
            return word;
        }
        assert!(Instant::now() < late, "it says nothing any more");
        staging.wait(Duration::from_secs(1));
    }
}

/// The names of what it offers until it says that this was all.
fn offers(staging: &mut Staging) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        match word(staging) {
            Word::Own(OwnWord::Offer(offer)) => names.push(offer.name),
            Word::Own(OwnWord::AllOffered) => return names,
            Word::Own(OwnWord::GiveUp(failure)) => panic!("{failure:?}"),
            _ => {}
        }
    }
}

/// The portions that it offers until it says that this was all, in order.
fn shares(staging: &mut Staging) -> Vec<usize> {
    let mut shares: Vec<usize> = offers(staging).iter().filter_map(|name| number_of(name)).collect();
    shares.sort_unstable();
    shares
}

/// Gives one rank the listing that another has made.
fn tell_listing(from: &mut Staging, to: &mut Staging) {
    let offer = loop {
        if let Word::Own(OwnWord::Offer(offer)) = word(from) {
            break offer;
        }
    };
    let torrent = TorrentId(1);
    for staging in [&mut *from, &mut *to] {
        staging.open(torrent, &offer.name, &offer.layout);
        staging.learn(torrent, PieceIndex(0), &offer.hashes);
    }
    for piece in (0..offer.layout.pieces).map(PieceIndex) {
        let asked = Block { passage: Passage(0), torrent, piece, offset: 0, length: 0 };
        from.read(asked, Vec::new());
        let (block, buffer) = loop {
            if let Word::Read { block, buffer, result: Ok(()) } = word(from) {
                break (block, buffer);
            }
        };
        to.write(block, buffer);
    }
    to.close(torrent);
}

#[test]
fn the_share_of_a_rank_that_is_lost_is_read_by_the_next_that_is_left() {
    let (folder, view) = source();
    let mut first = staging(0, folder.path(), &view);
    assert_eq!(shares(&mut first), [0, 3]);
    first.succeed(1);
    assert_eq!(shares(&mut first), [0; 0], "the next after it is rank 2");
    first.succeed(2);
    assert_eq!(shares(&mut first), [1, 2, 4], "the next after both");
}

#[test]
fn the_share_of_a_rank_that_is_lost_before_the_plan_is_read_as_well() {
    let (folder, view) = source();
    let mut second = staging(1, folder.path(), &view);
    second.succeed(0);
    assert_eq!(shares(&mut second), [0, 1, 3, 4]);
    second.succeed(2);
    assert_eq!(shares(&mut second), [2], "the next after the last is the first that is left");
}

#[test]
fn a_loss_while_the_plan_is_made_makes_no_second_one() {
    let (folder, view) = source();
    let (mut first, mut second) = (staging(0, folder.path(), &view), staging(1, folder.path(), &view));
    tell_listing(&mut first, &mut second);
    second.succeed(0);
    let names = offers(&mut second);
    let expected: Vec<String> = PORTIONS.into_iter().filter(|portion| portion % 3 < 2).map(portions::name_of).collect();
    assert_eq!(names.len(), expected.len(), "{names:?}");
    assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
}
