//! A story as a job: this program again, under mpirun.

use super::job::launcher::Launcher;
use super::job::{Ended, Running};

/// Names the story to the ranks.
pub(crate) const STORY: &str = "TEMA3_DRIVER_STORY";

/// Begins to play a story on so many ranks.
pub(crate) fn begin(story: &str, ranks: u32) -> Running {
    begin_under(&[], story, ranks)
}

/// The same, with a command before that of each rank.
fn begin_under(wrapper: &[&str], story: &str, ranks: u32) -> Running {
    let mut command = Launcher::get().ranks(ranks);
    command
        .args(wrapper)
        .arg(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", "plays_one_rank_of_a_story", "--ignored", "--nocapture", "--quiet"])
        .env(STORY, story);
    Running::start(command)
}

/// Plays a story to its end.
pub(crate) fn play(story: &str, ranks: u32) -> Ended {
    begin(story, ranks).end()
}

/// Plays a story to its end; each rank that ends by itself tells the code that it has left with, whatever the launcher
/// makes of it.
pub(crate) fn play_and_tell_codes(story: &str, ranks: u32) -> Ended {
    let wrapper = ["sh", "-c", r#""$@"; code=$?; echo "left with $code"; exit "$code""#, "rank"];
    begin_under(&wrapper, story, ranks).end()
}

/// Plays a story to its end, with variables (`NAME=VALUE`) that each rank finds.
pub(crate) fn play_with(variables: &[&str], story: &str, ranks: u32) -> Ended {
    begin_under(&[&["env"], variables].concat(), story, ranks).end()
}
