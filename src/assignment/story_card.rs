//! What a story's folder says of itself.

use serde::{Deserialize, Serialize};

use super::StoryRules;

/// What a story's folder says of itself, in `story.json`: enough to run it, to judge the run, and to make it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryCard {
    /// How many ranks the run takes.
    pub ranks: u32,
    /// The run's exit code.
    pub exit: u8,
    /// How the story was made.
    pub rules: StoryRules,
}

impl StoryCard {
    /// The name of the file in a story's folder.
    pub const FILE: &str = "story.json";
}
