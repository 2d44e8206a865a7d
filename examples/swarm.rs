//! Measures the policies in virtual time: load balance, messages a segment and makespan of some swarms. With a case of the
//! soak as its argument it replays that instead, line by line.
//!
//! `cargo run --release --no-default-features --example swarm [CASE]`

use std::io::BufWriter;

use tema3::protocol::Rank;
use tema3::sim::soak::Verdict;
use tema3::sim::{Case, Report, Scenario, Trace, simulate};

fn main() {
    match std::env::args().nth(1) {
        Some(text) => match text.parse::<Case>() {
            Ok(case) => replay(&case),
            Err(error) => eprintln!("{error}"),
        },
        None => measure(),
    }
}

fn replay(case: &Case) {
    let mut trace = Trace(BufWriter::new(std::io::stdout().lock()));
    let verdict = Verdict::watched(case, &mut trace, |_| 0);
    drop(trace);
    match verdict.violation {
        Some(violation) => println!("{violation}"),
        None => println!("nothing is wrong"),
    }
}

fn measure() {
    println!("seeds leechers pieces | max/mean (median, worst of 21) | messages a segment | makespan");
    for (seeds, leechers, pieces) in
        [(2, 4, 80), (2, 13, 100), (1, 2, 1000), (1, 6, 1000), (1, 14, 1000), (1, 30, 1000), (2, 13, 1000)]
    {
        let runs: Vec<Report> =
            (0..21).map(|seed| simulate(&Scenario::one_file(seed, seeds, leechers, pieces), &mut ())).collect();
        let mut balance: Vec<u64> = runs.iter().map(balance_percent).collect();
        balance.sort_unstable();
        let messages: u64 = runs.iter().flat_map(|run| run.truth.nodes()).map(|(_, node)| node.messages).sum();
        let each = 100 * messages / (21 * u64::from(leechers) * u64::from(pieces));
        let makespan = runs.iter().map(|run| run.ended.0).max().unwrap_or_default() / 1000;
        let (median, worst) = (balance[10], balance[20]);
        println!(
            "{seeds:>5} {leechers:>8} {pieces:>6} | {}.{:02}, {}.{:02} | {}.{:02} | {makespan} us{}",
            median / 100,
            median % 100,
            worst / 100,
            worst % 100,
            each / 100,
            each % 100,
            runs.iter().find_map(|run| run.violation.as_ref()).map(|v| format!(" | {v}")).unwrap_or_default()
        );
    }
}

/// The most that a client served over the mean of all clients, in percent.
fn balance_percent(run: &Report) -> u64 {
    let clients: Vec<Rank> = run.truth.nodes().map(|(rank, _)| rank).filter(|rank| rank.0 > 0).collect();
    let served: Vec<u64> = clients
        .iter()
        .map(|rank| run.truth.nodes().map(|(_, node)| node.received_from[rank.0 as usize]).sum())
        .collect();
    let sum: u64 = served.iter().sum();
    100 * served.iter().max().unwrap_or(&0) * served.len() as u64 / sum.max(1)
}
