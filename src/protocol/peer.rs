//! What is known of one other client: whether it lives, how busy it is, and whether what it sends is right.

use std::time::Duration;

use super::pace::Pace;
use super::track_record::{Blame, Rounds};
use super::{Incarnation, Slot, Time};

/// What is known of one other client.
#[derive(Debug, Default)]
pub(super) struct Peer {
    incarnation: Incarnation,
    /// When it last said anything.
    heard: Option<Time>,
    /// How many pieces it has served, by the tracker's last answer.
    pub(super) load: u32,
    /// Requests to it whose pieces the tracker does not count yet.
    uncounted: u32,
    /// Requests to it that have no answer yet.
    pub(super) in_flight: u16,
    pub(super) pace: Pace,
    /// The same of what it had to get first itself.
    pub(super) taking: Pace,
    /// Rounds in a row without a good piece: no answer, nothing held, a bad piece.
    barren: Rounds,
    /// Of these, the ones since it last proved that it lives: what its rest grows with.
    fruitless: u32,
    /// Rounds in a row in which it had too much to do.
    busy: Rounds,
    /// It was too busy or too slow since its last good piece: it is asked for one piece at a time.
    strained: bool,
    /// It is left alone until then.
    pub(super) rest_until: Time,
    /// It did not take what it was to take first: nothing is expected of it until then.
    tardy_until: Time,
    /// Rounds in a row in which it did not.
    tardy: Rounds,
    /// Whether the last failure was silence.
    pub(super) suspected: bool,
    blame: Blame,
    /// How much of our journal it has been told.
    pub(super) told: usize,
    /// By slot index: how often it was used.
    generations: Vec<u16>,
}

/// What hearing from a peer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing new.
    AsEver,
    /// It had been thought dead.
    Recovered,
    /// It is in a new life: what was known of it no longer holds.
    Reborn,
    /// It was said in a life before the present one, and does not count.
    Outlived,
}

impl Peer {
    /// How long a peer is left alone that has too much to do, at first.
    const BUSY: Duration = Duration::from_millis(20);
    const LONGEST_REST: Duration = Duration::from_secs(1);
    /// One who was late to take a piece is not waited for so many times longer than it had, and longer each time.
    const TARDY: u32 = 2;
    /// Failed rounds in a row before nothing is expected of it any more. Where three messages in ten are lost, a round of
    /// one request fails half the time though the peer is well: it takes many to tell.
    const HOPELESS: u32 = 24;
    /// Bad pieces in a row before nothing is expected of it: fewer than of silence, for they did arrive, and of the links
    /// that harm three in ten such a row comes once in a hundred million.
    const POISONOUS: u32 = 16;

    /// It said something, in some life.
    pub(super) fn hear(&mut self, now: Time, incarnation: Incarnation) -> Heard {
        if incarnation < self.incarnation {
            return Heard::Outlived;
        }
        if incarnation > self.incarnation {
            *self = Self {
                incarnation,
                heard: Some(now),
                generations: std::mem::take(&mut self.generations),
                ..Self::default()
            };
            return Heard::Reborn;
        }
        self.heard = Some(now);
        if std::mem::take(&mut self.suspected) {
            self.fruitless = 0;
            self.rest_until = now;
            return Heard::Recovered;
        }
        Heard::AsEver
    }

    /// It sent something that carries no incarnation: a piece.
    pub(super) fn hear_piece(&mut self, now: Time) -> Heard {
        self.hear(now, self.incarnation)
    }

    /// When it last said anything.
    pub(super) fn heard(&self) -> Option<Time> {
        self.heard
    }

    /// Whether it may be asked for one more piece, of `window` at most.
    pub(super) fn may_be_asked(&self, now: Time, window: u16, usual: Option<Duration>) -> bool {
        now >= self.rest_until && self.in_flight < self.allowance(window, usual)
    }

    fn allowance(&self, window: u16, usual: Option<Duration>) -> u16 {
        let slow = usual.is_some_and(|usual| self.pace.is_slow(usual));
        match self.pace.usual() {
            _ if slow || self.strained || self.fruitless > 2 => 1,
            // It may be slow: that is found out with half the window.
            None => (window / 2).max(1),
            Some(_) => window.min(Slot::PER_PEER),
        }
    }

    /// The less, the better it is to ask this peer. Doubtful ones come last. Then the load decides: what it has served,
    /// and, for what the tracker cannot know yet, each of our own requests counted once for every downloader, since the
    /// others see the same lists and do the same.
    pub(super) fn score(&self, now: Time, downloaders: u32) -> (u8, u64) {
        let doubt = [self.is_blamed(now), self.fruitless > 2 || self.suspected, self.is_tardy(now)];
        let doubt = doubt.into_iter().map(u8::from).sum();
        (doubt, u64::from(self.load) + u64::from(self.uncounted) * u64::from(downloaders.max(1)))
    }

    /// Whether there is reason to ask others first.
    pub(super) fn is_doubtful(&self, now: Time) -> bool {
        self.is_blamed(now) || self.fruitless > 2 || self.suspected
    }

    /// Whether it is as good as any to ask: no reason to ask others first, and neither resting, slow nor tardy.
    pub(super) fn is_reliable(&self, now: Time, service: Option<Duration>, taking: Option<Duration>) -> bool {
        let slow = |pace: &Pace, usual: Option<Duration>| usual.is_some_and(|usual| pace.is_slow(usual));
        let slow = slow(&self.pace, service) || slow(&self.taking, taking);
        now >= self.rest_until && !self.is_doubtful(now) && !self.is_tardy(now) && !slow
    }

    /// It is long in taking a piece that it was to take first.
    pub(super) fn is_late_to_take(&mut self, now: Time, asked: Time) {
        self.taking.lags(now.since(asked));
        if self.tardy.note(now, asked) {
            let rest = now.since(asked) * Self::TARDY * (1 << (self.tardy.count - 1).min(10));
            self.tardy_until = now + rest.min(Self::LONGEST_REST);
        }
    }

    /// It took a piece, and sent it so long after it was asked.
    pub(super) fn took(&mut self, after: Duration) {
        self.tardy.count = 0;
        self.taking.served();
        self.taking.took(after);
    }

    /// Whether it was long in taking a piece, of late.
    pub(super) fn is_tardy(&self, now: Time) -> bool {
        now < self.tardy_until
    }

    /// It was asked for a piece.
    pub(super) fn asked(&mut self) {
        self.in_flight += 1;
        self.uncounted += 1;
    }

    /// A request to it ended, with a piece or without.
    pub(super) fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A request to it brought nothing that the tracker will count.
    pub(super) fn uncount(&mut self, pieces: u32) {
        self.uncounted = self.uncounted.saturating_sub(pieces);
    }

    /// It sent a good piece.
    pub(super) fn served(&mut self, now: Time) {
        self.pace.served();
        self.fruitless = 0;
        self.strained = false;
        self.barren.count = 0;
        self.busy.count = 0;
        self.rest_until = now;
        self.blame.note(now, 0);
    }

    /// It sent a bad piece for a request of that time.
    pub(super) fn sent_bad_piece(&mut self, now: Time, asked: Time) {
        self.blame.note(now, 1);
        self.failed(now, asked);
    }

    /// It has too much to do for a request of that time: it is left alone for a moment, longer each time.
    pub(super) fn is_busy(&mut self, now: Time, asked: Time) {
        self.strained = true;
        self.busy.note(now, asked);
        let rest = Self::BUSY * (1 << (self.busy.count - 1).min(10));
        self.rest_until = now + rest.min(Self::LONGEST_REST);
    }

    /// A request of that time brought nothing: after a few rounds it rests, longer each time.
    pub(super) fn failed(&mut self, now: Time, asked: Time) {
        self.note_failure(now, asked);
        if self.fruitless > 2 {
            let rest = Duration::from_millis(10) * (1 << (self.fruitless - 3).min(10));
            self.rest_until = now + rest.min(Self::LONGEST_REST);
        }
    }

    fn note_failure(&mut self, now: Time, asked: Time) {
        self.fruitless += u32::from(self.barren.note(now, asked));
    }

    /// It answered a request of that time, but too late: the next one gets more. Silence alone is no sign of slowness.
    pub(super) fn was_late(&mut self, now: Time, asked: Time) {
        self.strained = true;
        self.pace.was_late(now, asked);
    }

    /// It is silent since it was asked: it rests, and is asked again now and then. Tells whether that is new.
    pub(super) fn suspect(&mut self, now: Time, asked: Time, patience: Duration) -> bool {
        self.note_failure(now, asked);
        self.rest_until = now + (patience / 8 * (1 << self.fruitless.min(6))).min(Self::LONGEST_REST);
        !std::mem::replace(&mut self.suspected, true)
    }

    /// Whether it is thought to be silent.
    pub(super) fn is_suspected(&self) -> bool {
        self.suspected
    }

    /// Whether it failed so often that nothing is expected of it.
    pub(super) fn is_hopeless(&self) -> bool {
        self.barren.count >= Self::HOPELESS || self.blame.in_a_row() >= Self::POISONOUS
    }

    /// Whether its pieces were bad too often of late: 3 of them, and over half of its last ten.
    pub(super) fn is_blamed(&self, now: Time) -> bool {
        self.blame.holds(now)
    }

    /// The slot for a request to it: the lowest index that `used` does not take, under a new generation.
    pub(super) fn slot(&mut self, used: impl Fn(u16) -> bool) -> Option<Slot> {
        let index = (0..Slot::PER_PEER).find(|&index| !used(index))?;
        if self.generations.len() <= usize::from(index) {
            self.generations.resize(usize::from(index) + 1, 0);
        }
        let generation = &mut self.generations[usize::from(index)];
        *generation = generation.wrapping_add(1);
        Some(Slot::new(index, *generation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000_000_000);

    #[test]
    fn three_bad_pieces_of_four_put_a_peer_last_and_time_forgives_it() {
        let mut peer = Peer::default();
        peer.served(NOW);
        for _ in 0..3 {
            assert!(!peer.is_blamed(NOW));
            peer.sent_bad_piece(NOW, NOW);
        }
        assert!(peer.is_blamed(NOW));
        assert!(!peer.is_blamed(NOW + Duration::from_secs(61)));
    }

    #[test]
    fn a_few_bad_pieces_among_many_good_ones_are_no_blame() {
        let mut peer = Peer::default();
        for _ in 0..5 {
            (0..4).for_each(|_| peer.served(NOW));
            peer.sent_bad_piece(NOW, NOW);
        }
        assert!(!peer.is_blamed(NOW));
    }

    #[test]
    fn a_suspected_peer_rests_and_a_word_from_it_makes_it_live_again() {
        let mut peer = Peer::default();
        assert!(peer.suspect(NOW, NOW, Duration::from_secs(1)));
        assert!(!peer.suspect(NOW, NOW, Duration::from_secs(1)));
        assert!(!peer.may_be_asked(NOW, 10, None));
        assert_eq!(peer.hear(NOW, Incarnation(0)), Heard::Recovered);
        assert!(peer.may_be_asked(NOW, 10, None));
    }

    #[test]
    fn what_fails_at_once_is_one_failure_and_hope_ends_only_after_many() {
        let mut peer = Peer::default();
        let round = |round: u64| NOW + Duration::from_secs(round);
        for count in 1..=u64::from(Peer::HOPELESS) {
            assert!(!peer.is_hopeless());
            (0..10).for_each(|_| peer.failed(round(count), round(count - 1)));
        }
        assert!(peer.is_hopeless());
        peer.served(NOW);
        assert!(!peer.is_hopeless());
    }

    #[test]
    fn bad_pieces_in_a_row_end_hope_at_once_and_a_good_one_brings_it_back() {
        let mut peer = Peer::default();
        (1..Peer::POISONOUS).for_each(|_| peer.sent_bad_piece(NOW, NOW));
        assert!(!peer.is_hopeless());
        peer.sent_bad_piece(NOW + Duration::from_secs(3600), NOW);
        assert!(peer.is_hopeless());
        peer.served(NOW);
        assert!(!peer.is_hopeless());
    }

    #[test]
    fn a_word_from_an_earlier_life_does_not_count() {
        let mut peer = Peer::default();
        assert_eq!(peer.hear(NOW, Incarnation(2)), Heard::Reborn);
        assert_eq!(peer.hear(NOW, Incarnation(1)), Heard::Outlived);
        assert_eq!(peer.hear(NOW, Incarnation(2)), Heard::AsEver);
    }

    #[test]
    fn a_slow_peer_is_asked_for_one_piece_at_a_time() {
        let mut peer = Peer::default();
        peer.pace.took(Duration::from_millis(500));
        peer.asked();
        assert!(!peer.may_be_asked(NOW, 10, Some(Duration::from_millis(5))));
        assert!(peer.may_be_asked(NOW, 10, Some(Duration::from_millis(200))));
    }

    #[test]
    fn who_is_late_to_take_a_piece_is_not_waited_for_a_while_longer_each_time_until_it_does() {
        let mut peer = Peer::default();
        let ms = Duration::from_millis;
        let late = |peer: &mut Peer, now| {
            (0..5).for_each(|_| peer.is_late_to_take(now + ms(50), now));
            let tardy = |&after: &u64| !peer.is_tardy(now + ms(50 + after));
            (0..2_000).find(tardy)
        };
        let rests = (0..3).map(|round| late(&mut peer, NOW + ms(10_000 * round)));
        assert_eq!(rests.collect::<Vec<_>>(), [Some(100), Some(200), Some(400)]);
        assert!(peer.is_reliable(NOW + ms(30_000), None, None));
        assert!(!peer.is_reliable(NOW + ms(30_000), None, Some(ms(10))), "it has shown nothing better yet");
        peer.took(ms(50));
        assert_eq!(late(&mut peer, NOW + ms(60_000)), Some(100));
        assert!(!peer.is_reliable(NOW + ms(60_060), None, None));
    }

    #[test]
    fn the_less_busy_peer_scores_better() {
        let (mut busy, mut idle) = (Peer { load: 30, ..Peer::default() }, Peer { load: 20, ..Peer::default() });
        assert!(idle.score(NOW, 4) < busy.score(NOW, 4));
        (0..3).for_each(|_| idle.asked());
        assert!(idle.score(NOW, 4) > busy.score(NOW, 4));
        busy.asked();
        assert!(idle.score(NOW, 4) < busy.score(NOW, 4));
    }

    #[test]
    fn a_slot_is_not_used_again_under_the_same_tag() {
        let mut peer = Peer::default();
        let first = peer.slot(|_| false).unwrap();
        let second = peer.slot(|_| false).unwrap();
        assert_eq!(first.index(), second.index());
        assert_ne!(first, second);
        assert_eq!(peer.slot(|index| index == 0).unwrap().index(), 1);
        assert_eq!(peer.slot(|_| true), None);
    }
}
