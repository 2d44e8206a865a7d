//! Links between hosts: how long a message takes, and in which order messages come.

use std::time::Duration;

use crate::fault::mix;
use crate::protocol::{Answer, Body, Call, Change, Described, Message, News, Rank, Received, Report, Swarm, Time};

/// The hardware of a modelled swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// The shortest way between two hosts.
    pub latency: Duration,
    /// What the seed may add to it, a fixed share for each link.
    pub spread: Duration,
    /// What a host can send, in bytes a second; none is no limit.
    pub up: Option<u64>,
    /// What a host can take in, in bytes a second; none is no limit.
    pub down: Option<u64>,
    /// What a host needs to deal with one event.
    pub service: Duration,
    /// Hosts that are slower than the rest in all of this, and how many times.
    pub slow: Vec<(Rank, u32)>,
}

impl Default for Hardware {
    /// A cluster's node: tens of microseconds between two ranks, a few for an event, no limit on bandwidth (pieces of a
    /// model are a few bytes).
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(20),
            spread: Duration::from_micros(20),
            up: None,
            down: None,
            service: Duration::from_micros(2),
            slow: Vec::new(),
        }
    }
}

/// The links: FIFO for each pair of hosts, as MPI's are. Sends of one host leave one after the other.
#[derive(Debug)]
pub(super) struct Network {
    hardware: Hardware,
    seed: u64,
    slowness: Vec<u32>,
    /// When each host's uplink is free.
    free: Vec<Time>,
}

/// When something sent leaves and when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Journey {
    pub(super) departure: Time,
    pub(super) arrival: Time,
}

impl Network {
    pub(super) fn new(hardware: &Hardware, seed: u64, world: u32) -> Self {
        let mut slowness = vec![1; world as usize];
        for &(rank, times) in &hardware.slow {
            if let Some(slowness) = slowness.get_mut(rank.0 as usize) {
                *slowness = times.max(1);
            }
        }
        Self { hardware: hardware.clone(), seed, slowness, free: vec![Time::ZERO; world as usize] }
    }

    /// Puts so many bytes on the way.
    pub(super) fn send(&mut self, now: Time, from: Rank, to: Rank, bytes: u64) -> Journey {
        let slow = self.slowness[from.0 as usize];
        let free = &mut self.free[from.0 as usize];
        *free = (*free).max(now) + transfer(bytes, self.hardware.up) * slow;
        let departure = *free;
        let share = mix(mix(self.seed, u64::from(from.0)), u64::from(to.0)) % 256;
        let spread = Duration::from_nanos(self.hardware.spread.as_nanos() as u64 / 256 * share);
        Journey { departure, arrival: departure + (self.hardware.latency + spread) * slow }
    }

    /// When all that a host has sent so far has left.
    pub(super) fn drained(&self, rank: Rank) -> Time {
        self.free[rank.0 as usize]
    }

    /// How long a host is busy with an event that brought so many bytes.
    pub(super) fn service(&self, rank: Rank, bytes: u64) -> Duration {
        (self.hardware.service + transfer(bytes, self.hardware.down)) * self.slowness[rank.0 as usize]
    }
}

fn transfer(bytes: u64, rate: Option<u64>) -> Duration {
    rate.map_or(Duration::ZERO, |rate| Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate.max(1)))
}

/// About how many bytes a control message has on the wire.
pub(super) fn size(message: &Message) -> u64 {
    const ENVELOPE: u64 = 8;
    ENVELOPE
        + match &message.body {
            Body::Call { call, .. } => size_of_call(call),
            Body::Answer { answer, .. } => size_of_answer(answer),
            Body::Request { news, .. } => 8 + size_of_news(news),
            Body::Reject { holders, .. } => 4 + holders.len() as u64,
            Body::Cancel { .. } | Body::Pong | Body::Ping | Body::Stop { .. } | Body::Exit { .. } => 2,
        }
}

fn size_of_call(call: &Call) -> u64 {
    match call {
        Call::Publish { files, .. } => {
            files.iter().map(|file| (file.name.len() + file.hashes.total_bytes() + file.hashes.len()) as u64 + 12).sum()
        }
        Call::Again => 1,
        Call::AllOffered { .. } => 8,
        Call::Offer { file } => (file.name.len() + file.hashes.total_bytes() + file.hashes.len()) as u64 + 12,
        Call::Join { wanted, .. } | Call::Await { wanted, .. } => wanted.iter().map(|name| name.len() as u64 + 1).sum(),
        Call::Hashes { .. } => 8,
        Call::Announce(report) => size_of_report(report),
        Call::Completed { report, torrents, .. } => size_of_report(report) + 4 * torrents.len() as u64,
        Call::Abort { reason, .. } => reason.len() as u64,
        Call::Drained { received, .. } => 12 + size_of_received(received),
    }
}

fn size_of_report(report: &Report) -> u64 {
    6 + size_of_received(&report.received) + report.suspects.len() as u64
}

fn size_of_received(received: &[Received]) -> u64 {
    received.iter().map(|received| 6 + 2 * received.pieces.pieces.len() as u64).sum()
}

fn size_of_answer(answer: &Answer) -> u64 {
    match answer {
        Answer::Start { cards, .. } => 1 + cards.iter().map(|card| 3 + card.card.len() as u64).sum::<u64>(),
        Answer::Offered { .. } | Answer::Contradicted { .. } => 5,
        Answer::Wait | Answer::Noted | Answer::Unheard | Answer::Unknown => 1,
        Answer::Joined { files, swarm } => {
            let files: usize = files
                .iter()
                .map(|file| match file {
                    Described::Known { hashes, .. } => 12 + hashes.total_bytes() + hashes.len(),
                    Described::Unowned | Described::Awaited | Described::Coming | Described::Conflict => 1,
                })
                .sum();
            files as u64 + size_of_swarm(swarm)
        }
        Answer::Hashes { hashes, .. } => (8 + hashes.total_bytes() + hashes.len()) as u64,
        Answer::Swarm(swarm) => size_of_swarm(swarm),
    }
}

fn size_of_swarm(swarm: &Swarm) -> u64 {
    let changes: u64 = swarm
        .changes
        .iter()
        .map(|change| match change {
            Change::Has { pieces, .. } => 6 + 2 * pieces.pieces.len() as u64,
            Change::HasAll { .. } => 6,
            Change::Holds { bits, .. } => 8 + u64::from(bits.pieces()) / 8,
            Change::Gone { .. } => 2,
            Change::Anew => 1,
        })
        .sum();
    6 + changes + 3 * swarm.loads.len() as u64
}

fn size_of_news(news: &News) -> u64 {
    news.held.iter().map(|pieces| 5 + 2 * pieces.pieces.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Rank = Rank(1);
    const B: Rank = Rank(2);

    fn hardware() -> Hardware {
        Hardware {
            latency: Duration::from_micros(10),
            spread: Duration::ZERO,
            up: Some(1_000_000),
            down: Some(500_000),
            service: Duration::from_micros(1),
            slow: vec![(B, 100)],
        }
    }

    #[test]
    fn sends_of_one_host_leave_one_after_the_other() {
        let mut network = Network::new(&hardware(), 1, 3);
        let first = network.send(Time(0), A, B, 100);
        let second = network.send(Time(0), A, Rank(0), 50);
        assert_eq!(first, Journey { departure: Time(100_000), arrival: Time(110_000) });
        assert_eq!(second, Journey { departure: Time(150_000), arrival: Time(160_000) });
        assert_eq!(network.drained(A), Time(150_000));
    }

    #[test]
    fn a_slow_host_is_slower_in_everything() {
        let mut network = Network::new(&hardware(), 1, 3);
        let journey = network.send(Time(0), B, A, 100);
        assert_eq!(journey, Journey { departure: Time(10_000_000), arrival: Time(11_000_000) });
        assert_eq!(network.service(A, 10), Duration::from_micros(21));
        assert_eq!(network.service(B, 10), Duration::from_micros(2100));
    }

    #[test]
    fn a_link_never_reorders() {
        let mut network = Network::new(&Hardware { spread: Duration::from_millis(1), ..hardware() }, 5, 3);
        let mut last = Time(0);
        for now in 0..100 {
            let journey = network.send(Time(now * 1000), A, B, now % 7);
            assert!(journey.arrival >= last);
            last = journey.arrival;
        }
    }
}
