//! A story as a job: this program again, under mpirun.

use super::job::launcher::Launcher;
use super::job::{Ended, Running};

/// Names the story to the ranks.
pub(crate) const STORY: &str = "TEMA3_DRIVER_STORY";

/// Begins to play a story on so many ranks.
pub(crate) fn begin(story: &str, ranks: u32) -> Running {
    let mut command = Launcher::get().ranks(ranks);
    command
        .arg(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", "plays_one_rank_of_a_story", "--ignored", "--nocapture", "--quiet"])
        .env(STORY, story);
    Running::start(command)
}

/// Plays a story to its end.
pub(crate) fn play(story: &str, ranks: u32) -> Ended {
    begin(story, ranks).end()
}
