//! The line to the tracker: one call at a time, in order, each repeated until it is answered.

use std::collections::VecDeque;

use super::{Answer, Body, Call, Config, Incarnation, Message, Term, Time};

/// What is asked of the tracker. A call is described when it is wanted and made when its turn comes, so that it says
/// what is true then; a repeat says the same again.
#[derive(Debug)]
pub(super) struct Calls<P> {
    sequence: u32,
    queue: VecDeque<P>,
    outstanding: Option<Outstanding<P>>,
    /// When the tracker last said anything, or its term began.
    heard: Time,
    acquaintance: Acquaintance,
    /// Whether the last call that was answered had to be repeated.
    laborious: bool,
}

/// Whether there is reason to believe that the tracker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acquaintance {
    /// It is the first, or has spoken.
    Known,
    /// It is the next in turn and has not spoken yet, nor have the others of so many in a row.
    Presumed(u32),
}

#[derive(Debug)]
struct Outstanding<P> {
    pending: P,
    call: Call,
    attempts: u32,
    since: Time,
    repeat_at: Time,
    /// The tracker has not heard it, and says so.
    unheard: bool,
}

/// What a due call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// To be said again.
    Repeat,
    /// The tracker was silent for too long.
    TrackerSilent,
}

impl<P> Calls<P> {
    /// Fewer repeats than this prove nothing: of three messages in ten that are lost, each way, an answer fails to come
    /// half the time.
    const FEW: u32 = 8;
    /// The numbers of one life.
    const OF_A_LIFE: u32 = 1 << 20;
    /// After the first, repeats follow in this part of the patience with a call, or of the time that it has taken so far:
    /// where the line is slow, repeats are what clogs it.
    const HASTE: u32 = 4;
    /// The time that counts for that at most, in units of the patience with a call.
    const LONGEST: u32 = 8;
    /// Where the tracker has said to wait, in units of the patience with a call.
    const TOLD_TO_WAIT: u32 = 2;

    /// The calls of a life. Only the first one knows who the tracker is; while a later one was away, there may have come
    /// others.
    pub(super) fn new(life: Incarnation) -> Self {
        let first = life == Incarnation::default();
        Self {
            // An answer to an earlier life must not pass for one to this.
            sequence: life.0.saturating_mul(Self::OF_A_LIFE),
            queue: VecDeque::new(),
            outstanding: None,
            heard: Time::ZERO,
            acquaintance: if first { Acquaintance::Known } else { Acquaintance::Presumed(1) },
            laborious: false,
        }
    }

    /// Wants a call, after those that are wanted already.
    pub(super) fn want(&mut self, pending: P) {
        self.queue.push_back(pending);
    }

    /// Forgets all calls: another tracker, or the end, makes them moot.
    pub(super) fn clear(&mut self, now: Time) {
        self.queue.clear();
        self.outstanding = None;
        self.heard = now;
    }

    /// Turns to another tracker, which may be dead as well: it gets less patience until it speaks.
    pub(super) fn turn_to_another(&mut self) {
        self.acquaintance = Acquaintance::Presumed(self.strangers() + 1);
    }

    /// How many presumed trackers in a row have not spoken, the present one included.
    pub(super) fn strangers(&self) -> u32 {
        match self.acquaintance {
            Acquaintance::Known => 0,
            Acquaintance::Presumed(strangers) => strangers,
        }
    }

    /// Whether such a call waits for its turn.
    pub(super) fn wants(&self, which: impl Fn(&P) -> bool) -> bool {
        self.queue.iter().any(which)
    }

    /// Takes back calls that are no longer true, asked or not; an answer to them will go unheard.
    pub(super) fn withdraw(&mut self, which: impl Fn(&P) -> bool) {
        self.queue.retain(|pending| !which(pending));
        if self.outstanding.as_ref().is_some_and(|outstanding| which(&outstanding.pending)) {
            self.outstanding = None;
        }
    }

    /// Whether nothing is asked and nothing is wanted, but for what is only awaited.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.outstanding.as_ref().is_none_or(Outstanding::is_await)
    }

    /// Whether no call at all waits for an answer, nor for its turn.
    pub(super) fn is_silent(&self) -> bool {
        self.queue.is_empty() && self.outstanding.is_none()
    }

    /// The next call to be made, if its turn has come. Where calls are laborious, those that wait are joined as far as
    /// `join` can join two.
    pub(super) fn next(&mut self, join: impl Fn(&P, &P) -> Option<P>) -> Option<P> {
        // What is only awaited gives way: it is asked again when nothing else is to be said.
        self.outstanding.take_if(|outstanding| !self.queue.is_empty() && outstanding.is_await());
        if self.outstanding.is_some() {
            return None;
        }
        let mut next = self.queue.pop_front()?;
        while self.laborious
            && let Some(joined) = self.queue.front().and_then(|following| join(&next, following))
        {
            self.queue.pop_front();
            next = joined;
        }
        Some(next)
    }

    /// Makes a call: the message to send.
    pub(super) fn make(&mut self, now: Time, config: &Config, term: Term, pending: P, call: Call) -> Message {
        self.sequence += 1;
        let message = envelope(config, term, self.sequence, call.clone());
        let wait = match self.acquaintance {
            Acquaintance::Known => config.patience.call,
            Acquaintance::Presumed(_) => config.patience.call / Self::HASTE,
        };
        self.outstanding =
            Some(Outstanding { pending, call, attempts: 1, since: now, repeat_at: now + wait, unheard: false });
        message
    }

    /// Says the outstanding call again.
    pub(super) fn repeat(&mut self, now: Time, config: &Config, term: Term) -> Option<Message> {
        let sequence = self.sequence;
        self.outstanding.as_mut().map(|outstanding| {
            outstanding.attempts += 1;
            let (least, most) = (config.patience.call, config.patience.call * Self::LONGEST);
            outstanding.repeat_at = now + now.since(outstanding.since).clamp(least, most) / Self::HASTE;
            let call = match &outstanding.call {
                // A long call may only take its time to leave: a few words find out.
                long if is_long(long) && !outstanding.unheard => Call::Again,
                call => call.clone(),
            };
            outstanding.unheard = false;
            envelope(config, term, sequence, call)
        })
    }

    /// The tracker said something.
    pub(super) fn hear(&mut self, now: Time) {
        self.heard = now;
        self.acquaintance = Acquaintance::Known;
    }

    /// When the tracker last said anything.
    pub(super) fn heard(&self) -> Time {
        self.heard
    }

    /// Takes an answer: what had been asked, where this answers the outstanding call. [`Answer::Wait`] keeps it
    /// open, [`Answer::Unheard`] has it repeated in full.
    pub(super) fn answer(&mut self, now: Time, config: &Config, sequence: u32, answer: &Answer) -> Option<P> {
        let outstanding = self.outstanding.as_mut().filter(|_| sequence == self.sequence)?;
        if *answer == Answer::Wait {
            outstanding.attempts = 1;
            outstanding.since = now;
            outstanding.repeat_at = now + config.patience.call * Self::TOLD_TO_WAIT;
            return None;
        }
        if *answer == Answer::Unheard {
            outstanding.unheard = true;
            outstanding.repeat_at = now;
            return None;
        }
        self.laborious = outstanding.attempts > 1;
        self.outstanding.take().map(|outstanding| outstanding.pending)
    }

    /// What the outstanding call needs now.
    pub(super) fn due(&self, now: Time, config: &Config) -> Due {
        match &self.outstanding {
            Some(outstanding) if now >= outstanding.repeat_at => {
                let (patience, few) = match self.acquaintance {
                    Acquaintance::Known => (config.patience.tracker, Self::FEW),
                    Acquaintance::Presumed(_) => (config.patience.tracker / 2, Self::FEW / 2),
                };
                let silent = now.since(self.heard) >= patience;
                if silent && outstanding.attempts >= few { Due::TrackerSilent } else { Due::Repeat }
            }
            _ => Due::Nothing,
        }
    }

    /// How often the outstanding call was said.
    pub(super) fn attempts(&self) -> u32 {
        self.outstanding.as_ref().map_or(0, |outstanding| outstanding.attempts)
    }

    /// When the outstanding call is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.outstanding.as_ref().map(|outstanding| outstanding.repeat_at)
    }
}

impl<P> Outstanding<P> {
    /// Whether its answer comes when something happens, and not at once.
    fn is_await(&self) -> bool {
        matches!(self.call, Call::Await { .. })
    }
}

/// Whether a call may take long to leave on a slow line.
fn is_long(call: &Call) -> bool {
    const LONG: usize = 200;
    match call {
        Call::Publish { files, .. } => files.iter().map(|file| file.hashes.total_bytes()).sum::<usize>() > LONG,
        _ => false,
    }
}

fn envelope(config: &Config, term: Term, sequence: u32, call: Call) -> Message {
    Message { term, incarnation: config.incarnation, body: Body::Call { sequence, call } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{About, More, Patience, Policy, Rank};

    fn config(life: u32) -> Config {
        let (policy, patience) = (Policy::assignment(), Patience::job());
        Config { rank: Rank(1), world: 3, incarnation: Incarnation(life), seed: 0, policy, patience }
    }

    fn call() -> Call {
        Call::Publish { part: 0, files: Vec::new(), wanted: Vec::new(), more: More::Done, about: About::default() }
    }

    fn made(life: u32) -> (Calls<u8>, u32) {
        let mut calls = Calls::new(Incarnation(life));
        let message = calls.make(Time::ZERO, &config(life), Term::default(), 7, call());
        let Body::Call { sequence, .. } = message.body else { panic!("{message:?}") };
        (calls, sequence)
    }

    #[test]
    fn an_answer_to_an_earlier_life_is_none_to_this() {
        let (_, earlier) = made(0);
        let (mut calls, sequence) = made(1);
        assert_eq!(calls.answer(Time::ZERO, &config(1), earlier, &Answer::Noted), None);
        assert_eq!(calls.answer(Time::ZERO, &config(1), sequence, &Answer::Noted), Some(7));
    }

    #[test]
    fn what_waits_is_joined_only_behind_a_call_that_had_to_be_repeated() {
        let add = |first: &u8, second: &u8| Some(first + second);
        let next_after = |repeats: u32| {
            let (mut calls, sequence) = made(0);
            (0..repeats).for_each(|_| drop(calls.repeat(Time::ZERO, &config(0), Term::default())));
            [1, 2, 4].into_iter().for_each(|pending| calls.want(pending));
            calls.answer(Time::ZERO, &config(0), sequence, &Answer::Noted);
            calls.next(add)
        };
        assert_eq!(next_after(0), Some(1));
        assert_eq!(next_after(1), Some(7));
    }
}
