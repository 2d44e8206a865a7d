//! The course's text formats: what `in<R>.txt` says, and what `client<R>_<file>` will hold.
//!
//! In this mode the content of a segment is its hash line. [`Input`] is what a client brings and wants, [`HashList`] holds
//! segments and writes the outputs, [`Story`] makes inputs and what must come out of them.

mod hash_list;
mod input;
mod input_error;
mod lines;
mod names;
mod note;
mod output_file;
mod story;
mod story_card;
mod story_rules;
mod twist;

pub use hash_list::HashList;
pub use input::{Input, OddHashes, OwnedFile};
pub use input_error::{InputError, Problem};
pub use names::{NameError, output_name};
pub use note::{Note, NoteError};
pub use story::{Story, StoryError};
pub use story_card::StoryCard;
pub use story_rules::{RulesError, StoryRules};
pub use twist::Twist;
