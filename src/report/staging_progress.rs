//! How far a staging is: a bar on a terminal, and elsewhere a line every few seconds.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Observer;
use super::terminal::{Forwarded, stdout_ends_at_a_terminal};
use crate::protocol::{Observed, Time};

/// A run that is over by then needs no bar.
const QUIET_AT_FIRST: Duration = Duration::from_millis(500);
/// How often a line is written where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);
/// Rates are those of so long a time.
const RECENT: Duration = Duration::from_secs(4);
/// How often it is noted how far all are.
const BETWEEN_NOTES: Duration = Duration::from_millis(250);
const DRAWS_A_SECOND: u8 = 10;

/// What a node is to have in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The rank that writes there.
    pub rank: u32,
    /// The name of its machine.
    pub host: String,
    /// Pieces of which it wants something.
    pub pieces: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// Shows how far the nodes are, on the rank that hears of it: the tracker's.
pub struct StagingProgress {
    goals: Box<dyn Fn() -> Option<Vec<Goal>>>,
    nodes: Vec<Node>,
    /// When, and how many bytes each had by then.
    notes: VecDeque<(Time, Vec<u64>)>,
    shown: Shown,
}

/// Where it is shown.
enum Shown {
    Bar(ProgressBar),
    Lines { out: Box<dyn Write>, next: Time },
}

struct Node {
    goal: Goal,
    bytes: u64,
}

impl StagingProgress {
    /// A bar, or lines where stdout does not end at a terminal. `goals` tells what all are to have, once that is known.
    pub fn on_terminal(goals: impl Fn() -> Option<Vec<Goal>> + 'static) -> Self {
        match stdout_ends_at_a_terminal() {
            true => Self::in_any_case(goals),
            false => Self::in_lines(goals, io::stdout()),
        }
    }

    /// A bar, wherever stdout ends.
    pub fn in_any_case(goals: impl Fn() -> Option<Vec<Goal>> + 'static) -> Self {
        let forwarded = Box::new(Forwarded::new(io::stdout()));
        Self::with_bar(goals, ProgressDrawTarget::term_like_with_hz(forwarded, DRAWS_A_SECOND))
    }

    fn with_bar(goals: impl Fn() -> Option<Vec<Goal>> + 'static, target: ProgressDrawTarget) -> Self {
        let style =
            ProgressStyle::with_template("{bar:12} {wide_msg}").expect("the template is legal: a test draws it");
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style.progress_chars("=> "));
        Self::new(goals, Shown::Bar(bar))
    }

    fn in_lines(goals: impl Fn() -> Option<Vec<Goal>> + 'static, out: impl Write + 'static) -> Self {
        Self::new(goals, Shown::Lines { out: Box::new(out), next: Time::ZERO + BETWEEN_LINES })
    }

    fn new(goals: impl Fn() -> Option<Vec<Goal>> + 'static, shown: Shown) -> Self {
        Self { goals: Box::new(goals), nodes: Vec::new(), notes: VecDeque::new(), shown }
    }

    /// A client holds so many pieces.
    fn note(&mut self, now: Time, rank: u32, held: u64) {
        if self.nodes.is_empty() {
            let goals = (self.goals)().unwrap_or_default();
            self.nodes = goals.into_iter().map(|goal| Node { goal, bytes: 0 }).collect();
        }
        if let Some(node) = self.nodes.iter_mut().find(|node| node.goal.rank == rank) {
            node.bytes = share(node.goal.bytes, held, node.goal.pieces);
        }
        // Before it is known what all are to have there is nothing to be measured.
        if self.nodes.is_empty() {
            return;
        }
        if self.notes.back().is_none_or(|(last, _)| now.since(*last) >= BETWEEN_NOTES) {
            self.notes.push_back((now, self.nodes.iter().map(|node| node.bytes).collect()));
        }
        while self.notes.len() > 2 && now.since(self.notes[1].0) >= RECENT {
            self.notes.pop_front();
        }
    }

    fn show(&mut self, now: Time) {
        let far = Far::of(now, &self.nodes, &self.notes);
        match &mut self.shown {
            Shown::Bar(bar) if now.since(Time::ZERO) >= QUIET_AT_FIRST && far.total > 0 => {
                bar.set_length(far.total);
                bar.set_position(far.done);
                bar.set_message(far.message());
            }
            Shown::Lines { out, next } if now >= *next && far.total > 0 => {
                *next = now + BETWEEN_LINES;
                if let Err(error) = writeln!(out, "{}", far.line()).and_then(|()| out.flush()) {
                    log::warn!("progress cannot be shown: {error}");
                }
            }
            Shown::Bar(_) | Shown::Lines { .. } => {}
        }
    }
}

/// As much of `whole` as `part` is of `all`, begun ones included.
fn share(whole: u64, part: u64, all: u64) -> u64 {
    if all == 0 { whole } else { (u128::from(whole) * u128::from(part.min(all))).div_ceil(all.into()) as u64 }
}

/// How many of a hundred are done, whole ones alone.
fn percent(part: u64, all: u64) -> u64 {
    (u128::from(part) * 100).checked_div(all.into()).unwrap_or(100) as u64
}

/// How far all are.
struct Far<'n> {
    nodes: usize,
    done: u64,
    total: u64,
    /// Bytes a second of all together.
    rate: f64,
    slowest: Option<&'n Node>,
    /// How long the slowest still takes, as fast as it is.
    left: Option<Duration>,
}

impl<'n> Far<'n> {
    fn of(now: Time, nodes: &'n [Node], notes: &VecDeque<(Time, Vec<u64>)>) -> Self {
        let done = nodes.iter().map(|node| node.bytes).sum();
        let total = nodes.iter().map(|node| node.goal.bytes).sum();
        let rate_since = |before: &dyn Fn(&[u64]) -> u64, bytes: u64| {
            let (then, noted) = notes.front()?;
            let seconds = now.since(*then).as_secs_f64();
            (seconds > 0.0).then(|| bytes.saturating_sub(before(noted)) as f64 / seconds)
        };
        let slowest =
            nodes.iter().enumerate().min_by_key(|(_, node)| share(u32::MAX.into(), node.bytes, node.goal.bytes));
        let left = slowest.and_then(|(at, node)| {
            let rate = rate_since(&|noted| noted[at], node.bytes).filter(|rate| *rate > 0.0)?;
            Duration::try_from_secs_f64((node.goal.bytes - node.bytes) as f64 / rate).ok()
        });
        let rate = rate_since(&|noted| noted.iter().sum(), done).unwrap_or(0.0);
        Self { nodes: nodes.len(), done, total, rate, slowest: slowest.map(|(_, node)| node), left }
    }
}

impl Far<'_> {
    fn percent(&self) -> u64 {
        percent(self.done, self.total)
    }

    /// `230 MiB of 512 MiB`, of each.
    fn amount(&self) -> String {
        let nodes = self.nodes.max(1) as u64;
        format!("{} of {}", HumanBytes(self.done / nodes), HumanBytes(self.total / nodes))
    }

    /// How fast each is.
    fn rate(&self) -> String {
        format!("{}/s", HumanBytes((self.rate / self.nodes.max(1) as f64) as u64))
    }

    fn left(&self) -> Option<String> {
        let left = self.left.filter(|_| self.done < self.total)?;
        Some(format!("{:#} left", HumanDuration(left)))
    }

    /// Which is behind the others.
    fn behind(&self) -> Option<String> {
        let Node { goal, bytes } = self.slowest?;
        let slowest = percent(*bytes, goal.bytes);
        (slowest < self.percent()).then(|| format!("slowest: rank {} on {} {slowest} %", goal.rank, goal.host))
    }

    /// A whole line.
    fn line(&self) -> String {
        let each = if self.nodes > 1 { " a node" } else { "" };
        let begin = format!("staged {} % ({}{each})", self.percent(), self.amount());
        [Some(begin), Some(self.rate()), self.left(), self.behind()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The same beside a bar: a terminal may be narrow, so what matters most comes first.
    fn message(&self) -> String {
        let percent = Some(format!("{:>3} %", self.percent()));
        let all = [percent, self.left(), self.behind(), Some(self.rate()), Some(self.amount())];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Observer for StagingProgress {
    fn observe(&mut self, now: Time, observed: &Observed) {
        match observed {
            Observed::Progress { client, held, .. } => {
                self.note(now, client.0, *held);
                self.show(now);
            }
            // The line is given back before the summary is written.
            Observed::Stopped { .. } | Observed::Summary(_) => {
                if let Shown::Bar(bar) = &self.shown {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }
}

impl fmt::Debug for StagingProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "progress of {} nodes", self.nodes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::protocol::Rank;

    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn goals() -> Option<Vec<Goal>> {
        let goal = |rank| Goal { rank, host: format!("node{rank}"), pieces: 100, bytes: 512 << 20 };
        Some(vec![goal(1), goal(2)])
    }

    /// What is shown when clients hold so many pieces after so many milliseconds.
    fn shown(of: impl Fn(Screen) -> StagingProgress, steps: &[(u64, u32, u64)]) -> String {
        let screen = Screen::default();
        let mut progress = of(screen.clone());
        for &(milliseconds, client, held) in steps {
            let observed = Observed::Progress { done: 0, wanted: 0, client: Rank(client), held };
            progress.observe(Time(milliseconds * 1_000_000), &observed);
        }
        progress.observe(Time(u64::MAX / 2), &Observed::Summary(Box::default()));
        String::from_utf8(screen.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(screen: Screen) -> StagingProgress {
        StagingProgress::in_lines(goals, screen)
    }

    fn bar(screen: Screen) -> StagingProgress {
        StagingProgress::with_bar(goals, ProgressDrawTarget::term_like(Box::new(Forwarded::new(screen))))
    }

    #[test]
    fn off_a_terminal_there_is_a_line_every_few_seconds_with_the_slowest_node_and_the_time_that_it_takes() {
        let told =
            shown(lines, &[(1000, 1, 10), (1000, 2, 10), (4900, 1, 48), (5000, 1, 50), (5001, 2, 30), (9999, 2, 40)]);
        assert_eq!(
            told,
            "staged 30 % (153.60 MiB of 512.00 MiB a node), 32.00 MiB/s, 36s left, slowest: rank 2 on node2 10 %\n"
        );
    }

    #[test]
    fn a_bar_shows_it_on_a_terminal_and_is_gone_at_the_end() {
        let screen = shown(bar, &[(100, 1, 1), (1100, 1, 25), (1100, 2, 25)]);
        assert!(screen.contains("===>"), "{screen:?}");
        assert!(screen.contains(" 25 %, ") && screen.contains("/s, 128.00 MiB of 512.00 MiB"), "{screen:?}");
        assert!(!screen.contains("slowest: rank 1") && screen.trim_end_matches(['\r', '\n']).ends_with("\x1b[2K"));
    }

    #[test]
    fn a_short_run_shows_nothing() {
        let steps = [(10, 1, 10), (499, 2, 40)];
        assert_eq!(shown(lines, &steps), "");
        assert!(!shown(bar, &steps).contains('%'));
    }

    #[test]
    fn as_long_as_nobody_knows_what_is_to_be_had_nothing_is_told() {
        let of = |screen| StagingProgress::in_lines(|| None, screen);
        assert_eq!(shown(of, &[(6000, 1, 10)]), "");
    }

    #[test]
    fn what_is_told_before_it_is_known_what_is_to_be_had_does_not_count() {
        let of = |screen| {
            let asked = std::cell::Cell::new(0);
            let late = move || if asked.replace(asked.get() + 1) == 0 { None } else { goals() };
            StagingProgress::in_lines(late, screen)
        };
        let told = shown(of, &[(100, 1, 1), (2000, 1, 20), (5000, 2, 30)]);
        assert_eq!(told, "staged 25 % (128.00 MiB of 512.00 MiB a node), 25.60 MiB/s, slowest: rank 1 on node1 20 %\n");
    }

    #[test]
    fn who_has_found_more_than_it_wants_is_done() {
        assert_eq!((share(10, 7, 5), share(10, 0, 0), share(u64::MAX, 1, 2)), (10, 10, 1 << 63));
        assert_eq!((percent(0, 0), percent(999, 1000)), (100, 99));
    }
}
