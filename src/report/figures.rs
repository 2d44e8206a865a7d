//! The figures by which a run is judged.

use crate::protocol::{ClientSummary, Summary};

/// How evenly and how sparingly a swarm traded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figures {
    /// MPI messages for each segment traded, those with the tracker included; none where nothing was traded.
    pub(super) messages_a_segment: Option<f64>,
    /// What the busiest client served over the mean of all clients, seeds and those that only want included; 1 is even.
    pub(super) load: Option<f64>,
}

impl Figures {
    pub(super) fn of(summary: &Summary) -> Self {
        let served = || summary.clients.iter().map(|client| client.served);
        let total: u64 = served().sum();
        let busiest = served().max().unwrap_or(0);
        Self {
            messages_a_segment: ratio(summary.messages, summary.traded),
            load: ratio(busiest * summary.clients.len() as u64, total),
        }
    }
}

fn ratio(of: u64, to: u64) -> Option<f64> {
    (to != 0).then(|| of as f64 / to as f64)
}

/// Clients by what they served, the busiest first; equals by rank.
pub(super) fn by_load(clients: &[ClientSummary]) -> Vec<&ClientSummary> {
    let mut sorted: Vec<&ClientSummary> = clients.iter().collect();
    sorted.sort_by_key(|client| (std::cmp::Reverse(client.served), client.rank));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Rank, Volume};

    fn summary(served: &[u64]) -> Summary {
        let client = |(rank, &served): (usize, &u64)| ClientSummary {
            rank: Rank(rank as u32 + 1),
            had: 0,
            wanted: 0,
            got: 0,
            sources: Vec::new(),
            served,
            outcome: None,
            volume: Volume::default(),
            finished: None,
        };
        Summary {
            clients: served.iter().enumerate().map(client).collect(),
            traded: served.iter().sum(),
            messages: 30,
            ..Summary::default()
        }
    }

    #[test]
    fn load_is_the_busiest_over_the_mean_of_all_clients() {
        assert_eq!(Figures::of(&summary(&[6, 6, 0])).load, Some(1.5));
        assert_eq!(Figures::of(&summary(&[4, 4, 4])).load, Some(1.0));
    }

    #[test]
    fn messages_are_counted_for_each_segment_traded() {
        assert_eq!(Figures::of(&summary(&[4, 8])).messages_a_segment, Some(2.5));
    }

    #[test]
    fn where_nothing_was_traded_there_are_no_figures() {
        assert_eq!(Figures::of(&summary(&[0, 0])), Figures { messages_a_segment: None, load: None });
        assert_eq!(Figures::of(&summary(&[])), Figures { messages_a_segment: None, load: None });
    }

    #[test]
    fn the_busiest_comes_first_and_equals_by_rank() {
        let summary = summary(&[1, 3, 2, 3]);
        let ranks: Vec<u32> = by_load(&summary.clients).iter().map(|client| client.rank.0).collect();
        assert_eq!(ranks, [2, 4, 3, 1]);
    }
}
