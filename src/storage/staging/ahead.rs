//! What an origin hashes ahead of what it is asked for: in order, several pieces at once, as far as there is room for them.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::metainfo::PieceIndex;
use crate::storage::source::Supply;

/// The pieces that are still to be hashed, and how many of them the next job is given.
#[derive(Debug)]
pub(super) struct Ahead {
    pieces: VecDeque<PieceIndex>,
    /// How many jobs hash some.
    at_work: usize,
    /// How many pieces the next job hashes together: few where reading them takes long, for what a job has begun to read it
    /// reads to the end, and others wait for the first of it.
    together: usize,
    /// Whether there was too little room for the next job.
    is_full: bool,
    /// Since when that is so; something was sent before, or let go.
    full_since: Option<Instant>,
    /// How long to wait then for somebody to ask for what was hashed, before some of it is let go.
    patience: Duration,
    /// What was let go and was not asked for until now.
    let_go: HashSet<PieceIndex>,
    /// Whether any piece is on its way out.
    sends: bool,
}

impl Ahead {
    /// A job that took no longer may have more the next time, one that took longer than that less.
    const BRIEF: Duration = Duration::from_millis(10);
    const LONG: Duration = Duration::from_millis(40);
    /// The patience at first, and the least and the longest. It is halved each time that something is let go, for then all
    /// others seem to have it already, as in a tree that is staged again; and doubled when it is asked for after all.
    const PATIENCE: Duration = Duration::from_millis(300);
    const LEAST_PATIENCE: Duration = Duration::from_millis(10);
    const LONGEST_PATIENCE: Duration = Duration::from_secs(5);
    /// The patience while something is on its way out: over a slow line that takes long, and who gets it asks for more.
    const PATIENCE_OF_SENDER: Duration = Duration::from_secs(20);

    pub(super) fn new() -> Self {
        Self {
            pieces: VecDeque::new(),
            at_work: 0,
            together: 1,
            is_full: false,
            full_since: None,
            patience: Self::PATIENCE,
            let_go: HashSet::new(),
            sends: false,
        }
    }

    /// Takes on more pieces.
    pub(super) fn extend(&mut self, pieces: &[PieceIndex]) {
        self.pieces.extend(pieces);
    }

    /// How many jobs are at work.
    pub(super) fn at_work(&self) -> usize {
        self.at_work
    }

    /// Whether no piece is left to be given to a job.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether it makes sense to look for the next job, now.
    pub(super) fn may_go_on(&mut self, supply: &Supply) -> bool {
        if self.is_full {
            if !self.is_patience_over() {
                return false;
            }
            self.let_some_go(supply);
            self.is_full = false;
        }
        true
    }

    fn let_some_go(&mut self, supply: &Supply) {
        let count = if self.patience.is_zero() { self.together } else { 1 };
        self.let_go.extend((0..count).map_while(|_| supply.let_go_oldest()));
        self.patience = Some(self.patience / 2).filter(|half| *half >= Self::LEAST_PATIENCE).unwrap_or_default();
        // Where a send stands still, nothing is gained by waiting as long once more.
        if !self.sends {
            self.full_since = Some(Instant::now());
        }
    }

    /// The pieces of the next job; none where there is too little room. They are taken in order, lest a portion wait for
    /// room that later ones have. What rests in the own target is sent from there, and needs none until then.
    pub(super) fn next_job(&mut self, supply: &Supply, is_own: impl Fn(PieceIndex) -> bool) -> Vec<PieceIndex> {
        let most = self.together.min(self.pieces.len());
        let has_room = |piece: &&PieceIndex| is_own(**piece) || supply.reserve(**piece);
        let count = self.pieces.iter().take(most).take_while(has_room).count();
        // A few alone would cost as much as many; what room they have stays theirs.
        if count == 0 || count < most / 2 && !self.is_patience_over() {
            self.is_full = true;
            self.full_since.get_or_insert_with(Instant::now);
            return Vec::new();
        }
        self.at_work += 1;
        self.pieces.drain(..count).collect()
    }

    /// A job has hashed so many pieces, in this time.
    pub(super) fn hashed(&mut self, count: usize, took: Duration, supply: &Supply) {
        self.at_work -= 1;
        self.together = match took {
            brief if brief <= Self::BRIEF => (count * 2).min(supply.together()).max(self.together),
            long if long > Self::LONG => (self.together / 2).max(1),
            _ => self.together,
        };
    }

    /// Somebody asked for a piece, and it is being sent: there may be room.
    pub(super) fn asked(&mut self, piece: PieceIndex) {
        (self.is_full, self.full_since) = (false, None);
        if self.let_go.remove(&piece) {
            self.patience = (self.patience * 2).clamp(Self::LEAST_PATIENCE, Self::LONGEST_PATIENCE);
        }
    }

    /// Whether any piece is on its way out: what has left gives time anew.
    pub(super) fn note_sending(&mut self, any: bool) {
        if std::mem::replace(&mut self.sends, any) && !any {
            self.full_since = self.full_since.map(|_| Instant::now());
        }
    }

    fn is_patience_over(&self) -> bool {
        let patience = if self.sends { Self::PATIENCE_OF_SENDER } else { self.patience };
        self.full_since.is_some_and(|since| since.elapsed() >= patience)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::metainfo::{Entry, Manifest, Node, TreePath};
    use crate::storage::source::{Roots, Sharing, Source};

    const LONG_AGO: Duration = Duration::from_secs(10);

    /// A source of forty pieces, with room for twenty-four: twelve may wait to be sent, six are hashed together.
    fn supply(folder: &std::path::Path) -> Supply {
        fs::write(folder.join("file"), [7; 400]).unwrap();
        let path = TreePath::new(["file"]).unwrap();
        let entry = Entry { path, node: Node::File { length: 400 }, mode: None, modified: None };
        let manifest = Manifest { piece_length: 10, entries: vec![entry] };
        let source = Source::new(Roots::in_folder(folder, &manifest), Arc::new(manifest), Sharing::Alone, None);
        Supply::new(source, 240)
    }

    fn pieces(numbers: impl IntoIterator<Item = u32>) -> Vec<PieceIndex> {
        numbers.into_iter().map(PieceIndex).collect()
    }

    fn send(ahead: &mut Ahead, supply: &Supply, numbers: impl IntoIterator<Item = u32>) {
        for piece in pieces(numbers) {
            supply.sent(piece);
            ahead.asked(piece);
        }
    }

    /// Gives and ends jobs until there is no room, and tells what they hashed.
    fn work(ahead: &mut Ahead, supply: &Supply) -> Vec<Vec<PieceIndex>> {
        let mut jobs = Vec::new();
        while !ahead.is_empty() && ahead.may_go_on(supply) {
            let job = ahead.next_job(supply, |_| false);
            if job.is_empty() {
                continue;
            }
            supply.hash(&job).unwrap();
            ahead.hashed(job.len(), Duration::ZERO, supply);
            jobs.push(job);
        }
        jobs
    }

    #[test]
    fn jobs_grow_while_they_are_brief_and_shrink_when_they_are_long() {
        let folder = tempfile::tempdir().unwrap();
        let (supply, mut ahead) = (supply(folder.path()), Ahead::new());
        let most = supply.together();
        ahead.extend(&pieces(0..40));
        let mut next = |took| {
            let job = ahead.next_job(&supply, |_| true).len();
            ahead.hashed(job, took, &supply);
            job
        };
        assert_eq!([Ahead::BRIEF; 4].map(&mut next), [1, 2, 4, 8].map(|count: usize| count.min(most)));
        assert_eq!(
            [Ahead::LONG, LONG_AGO, LONG_AGO, LONG_AGO].map(next),
            [most, most, (most / 2).max(1), (most / 4).max(1)]
        );
    }

    #[test]
    fn pieces_have_room_in_their_order_whichever_job_ends_first() {
        let folder = tempfile::tempdir().unwrap();
        let (supply, mut ahead) = (supply(folder.path()), Ahead::new());
        ahead.extend(&pieces(0..40));
        let first = ahead.next_job(&supply, |_| false);
        let second = ahead.next_job(&supply, |_| false);
        supply.hash(&second).unwrap();
        ahead.hashed(second.len(), Duration::ZERO, &supply);
        let others = work(&mut ahead, &supply).concat();
        assert_eq!([first, second, others].concat(), pieces(0..12), "nothing is left out");
    }

    #[test]
    fn when_there_is_little_room_it_waits_for_more_but_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let (supply, mut ahead) = (supply(folder.path()), Ahead::new());
        ahead.together = 8;
        ahead.extend(&pieces(0..40));
        assert_eq!(work(&mut ahead, &supply).concat(), pieces(0..12));
        send(&mut ahead, &supply, [0]);
        assert_eq!(work(&mut ahead, &supply), Vec::<Vec<_>>::new(), "one alone");
        assert!(!ahead.may_go_on(&supply));
        send(&mut ahead, &supply, 1..4);
        assert_eq!(work(&mut ahead, &supply), [pieces(12..16)]);

        ahead.full_since = Instant::now().checked_sub(LONG_AGO);
        ahead.note_sending(true);
        assert!(!ahead.may_go_on(&supply), "somebody is being sent something");
        ahead.note_sending(false);
        assert!(!ahead.may_go_on(&supply), "and may ask for more");
        ahead.patience = Duration::ZERO;
        assert_eq!(work(&mut ahead, &supply).concat(), pieces(16..40), "nobody asks for the others");
    }

    #[test]
    fn a_send_that_stands_still_holds_it_up_once() {
        let folder = tempfile::tempdir().unwrap();
        let (supply, mut ahead) = (supply(folder.path()), Ahead::new());
        ahead.extend(&pieces(0..40));
        ahead.note_sending(true);
        assert_eq!(work(&mut ahead, &supply).concat(), pieces(0..12));
        ahead.full_since = Instant::now().checked_sub(Ahead::PATIENCE_OF_SENDER);
        assert_eq!(work(&mut ahead, &supply).concat(), pieces(12..40));
    }

    #[test]
    fn patience_shrinks_where_nobody_asks_for_what_is_let_go_and_grows_where_somebody_does() {
        let folder = tempfile::tempdir().unwrap();
        let (supply, mut ahead) = (supply(folder.path()), Ahead::new());
        ahead.extend(&pieces(0..40));
        let first = work(&mut ahead, &supply).concat();
        assert_eq!((first, ahead.patience), (pieces(0..12), Ahead::PATIENCE));
        let mut waits = Vec::new();
        while !ahead.patience.is_zero() {
            waits.push(ahead.patience.as_millis());
            ahead.full_since = Instant::now().checked_sub(ahead.patience);
            assert!(ahead.may_go_on(&supply));
            _ = ahead.next_job(&supply, |_| false);
        }
        waits.dedup();
        assert_eq!(waits, [300, 150, 75, 37, 18]);
        assert!(ahead.let_go.contains(&PieceIndex(0)));
        ahead.asked(PieceIndex(30));
        assert_eq!(ahead.patience, Duration::ZERO, "it had not been let go");
        for (piece, patience) in [(0, 10), (1, 20), (1, 20), (2, 40)] {
            ahead.asked(PieceIndex(piece));
            assert_eq!(ahead.patience.as_millis(), patience);
        }
    }
}
