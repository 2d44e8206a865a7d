//! The progress bar, on a terminal.

use std::io;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Observer;
use super::terminal::{Forwarded, stdout_ends_at_a_terminal};
use crate::protocol::{Observed, Time};

/// A run that is over by then needs no bar.
const QUIET_AT_FIRST: Duration = Duration::from_millis(500);

/// The tracker hears of progress thousands of times a second, and nobody reads that fast.
const DRAWS_A_SECOND: u8 = 10;

/// Shows how many of the wanted segments have arrived, on the rank that hears it: the tracker's. On stdout: a launcher
/// forwards each stream on its own, and on stderr the bar would be cleared after the summary has begun.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar; hidden where stdout does not end at a terminal.
    #[must_use]
    pub fn on_terminal() -> Self {
        if stdout_ends_at_a_terminal() { Self::in_any_case() } else { Self::on(ProgressDrawTarget::hidden()) }
    }

    /// A bar, wherever stdout ends.
    #[must_use]
    pub fn in_any_case() -> Self {
        Self::on(ProgressDrawTarget::term_like_with_hz(Box::new(Forwarded::new(io::stdout())), DRAWS_A_SECOND))
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %, {pos} of {len} segments{msg}")
            .expect("the template is legal: a test draws it")
            .progress_chars("=> ");
        Self { bar: ProgressBar::with_draw_target(Some(0), target).with_style(style) }
    }
}

impl Observer for Progress {
    fn observe(&mut self, now: Time, observed: &Observed) {
        match observed {
            Observed::Progress { done, wanted, .. } if now.since(Time::ZERO) >= QUIET_AT_FIRST => {
                self.bar.set_length(*wanted);
                self.bar.set_position(*done);
                // Of what has not begun nobody knows how long it takes.
                if *done > 0 {
                    self.bar.set_message(format!(", {:#} left", HumanDuration(self.bar.eta())));
                }
            }
            // The line is given back before the summary is written.
            Observed::Stopped { .. } | Observed::Summary(_) => self.bar.finish_and_clear(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
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

    fn drawn(steps: &[(u64, Observed)]) -> String {
        let screen = Screen::default();
        let mut progress = Progress::on(ProgressDrawTarget::term_like(Box::new(Forwarded::new(screen.clone()))));
        for (milliseconds, step) in steps {
            progress.observe(Time(milliseconds * 1_000_000), step);
        }
        String::from_utf8(screen.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn the_bar_says_how_much_has_arrived_and_is_gone_at_the_end() {
        let screen = drawn(&[
            (600, Observed::Progress { done: 30, wanted: 120, client: Rank(1), held: 5 }),
            (700, Observed::Summary(Box::default())),
        ]);
        assert!(screen.contains("==========>"), "{screen:?}");
        assert!(screen.contains(" 25 %, 30 of 120 segments"), "{screen:?}");
        assert!(screen.trim_end_matches(['\r', '\n']).ends_with("\x1b[2K"), "{screen:?}");
    }

    #[test]
    fn how_long_it_takes_is_told_once_something_has_arrived() {
        assert!(
            !drawn(&[(600, Observed::Progress { done: 0, wanted: 120, client: Rank(1), held: 5 })]).contains("left")
        );
        assert!(
            drawn(&[(600, Observed::Progress { done: 1, wanted: 120, client: Rank(1), held: 5 })]).contains("s left")
        );
    }

    #[test]
    fn a_short_run_draws_nothing() {
        let screen = drawn(&[
            (499, Observed::Progress { done: 30, wanted: 120, client: Rank(1), held: 5 }),
            (499, Observed::Summary(Box::default())),
        ]);
        assert!(!screen.contains("segments"), "{screen:?}");
    }
}
