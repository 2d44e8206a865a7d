//! The least time in which what was moved could have been moved, as far as the ranks' lines were limited.

use std::time::Duration;

use crate::protocol::{ClientSummary, Rank};

/// How fast a rank may be, in bytes a second; nothing where nobody limits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Sending.
    pub up: Option<u64>,
    /// Receiving.
    pub down: Option<u64>,
    /// Reading the source.
    pub read: Option<u64>,
}

/// The bound of Kumar and Ross (Peer-Assisted File Distribution: The Minimum Distribution Time, 2006) for what each has
/// received, with reading before it: all that somebody received has left the origins once; each received its own; all
/// together were sent by all together; and what was read was read. Nothing where no limit binds: how fast memory, disks
/// and networks are by themselves, nobody has told us.
pub(super) fn bound(clients: &[ClientSummary], origins: &[Rank], line: impl Fn(Rank) -> Line) -> Option<Duration> {
    // What was wasted is counted apart.
    let received = |client: &ClientSummary| client.volume.received;
    let is_origin = |client: &&ClientSummary| origins.contains(&client.rank);
    let together = |of: &dyn Fn(Line) -> Option<u64>, among: &dyn Fn(&&ClientSummary) -> bool| -> Option<u64> {
        clients.iter().filter(among).map(|client| of(line(client.rank))).sum()
    };
    let up = |line: Line| line.up;
    let most = clients.iter().filter(|client| !is_origin(client)).map(received).max();
    let read = clients.iter().map(|client| client.volume.source_read).sum();
    let own = clients.iter().map(|client| seconds(received(client), line(client.rank).down));
    let common = [
        seconds(most.unwrap_or(0), together(&up, &is_origin)),
        seconds(clients.iter().map(received).sum(), together(&up, &|_| true)),
        seconds(read, together(&|line| line.read, &is_origin)),
    ];
    own.chain(common).flatten().max()
}

/// How long so many bytes take. What nobody limits, and what is nothing, takes no time that is known.
fn seconds(bytes: u64, rate: Option<u64>) -> Option<Duration> {
    let rate = rate.filter(|rate| *rate > 0 && bytes > 0)?;
    Some(Duration::from_secs_f64(bytes as f64 / rate as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Volume;

    fn client(rank: u32, received: u64, source_read: u64) -> ClientSummary {
        let volume = Volume { received, source_read, ..Volume::default() };
        ClientSummary { rank: Rank(rank), volume, ..ClientSummary::of(Rank(rank)) }
    }

    /// Rank 0 reads 100 bytes, ranks 1 and 2 get them.
    fn seconds_with(line: impl Fn(u32) -> Line) -> Option<f64> {
        let mut clients = [client(0, 0, 100), client(1, 100, 0), client(2, 100, 0)];
        // What came twice makes nothing faster.
        clients[1].volume.wasted = 40;
        clients[2].volume.wasted = 70;
        bound(&clients, &[Rank(0)], |rank| line(rank.0)).map(|bound| bound.as_secs_f64())
    }

    #[test]
    fn without_limits_there_is_none() {
        assert_eq!(seconds_with(|_| Line::default()), None);
        assert_eq!(seconds_with(|rank| Line { up: (rank == 1).then_some(1), ..Line::default() }), None);
    }

    #[test]
    fn the_tightest_of_the_limits_counts() {
        let up = |rate| Line { up: Some(rate), ..Line::default() };
        // The origin has to send each byte once.
        assert_eq!(seconds_with(|rank| if rank == 0 { up(10) } else { Line::default() }), Some(10.0));
        assert_eq!(seconds_with(|rank| up(if rank == 0 { 10 } else { 1000 })), Some(10.0));
        // All together have to send them twice.
        assert_eq!(seconds_with(|rank| up(if rank == 0 { 30 } else { 5 })), Some(5.0));
        // The slowest has to receive them.
        let down = |rank| Line { down: (rank == 2).then_some(4), ..up(100) };
        assert_eq!(seconds_with(down), Some(25.0));
        // The origin has to read them.
        assert_eq!(seconds_with(|_| Line { read: Some(2), ..up(100) }), Some(50.0));
    }
}
