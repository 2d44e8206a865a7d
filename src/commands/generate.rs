//! `generate`: makes the inputs of a swarm, and what must come out of them.

use super::wording::{counted, end, say};
use super::{Exit, complain};
use crate::assignment::{Story, StoryError, StoryRules};
use crate::cli::GenerateArgs;
use crate::protocol::Outcome;

/// Makes the story that was asked for and says how to run it.
pub(super) fn run(args: &GenerateArgs) -> Exit {
    let made = Story::make(rules(args)).map_err(StoryError::from).and_then(|story| {
        story.write(&args.folder)?;
        Ok(story)
    });
    match made {
        Ok(story) => {
            let (card, folder) = (story.card(), args.folder.display());
            let (outputs, code) = (counted(story.expected().len(), "output"), card.exit);
            let lines = [
                format!("made {folder}: the run writes {outputs} and its exit code is {code}"),
                format!("run it:   mpirun -np {} ./tema3 --input {folder} --output {folder}/got", card.ranks),
                "          (with more ranks than cores, mpirun of Open MPI wants --oversubscribe as well)".to_owned(),
                format!("judge it: diff -r {folder}/got {folder}/expected"),
            ];
            end(Outcome::Complete, say(lines.join("\n")))
        }
        Err(error) => {
            complain(&error);
            match error {
                StoryError::Rules(_) | StoryError::NotEmpty(_) => Exit::Usage,
                StoryError::Io { .. } => Exit::Ran(Outcome::Disk),
            }
        }
    }
}

fn rules(args: &GenerateArgs) -> StoryRules {
    StoryRules {
        seed: args.seed,
        clients: args.clients,
        files: args.files,
        fewest_segments: args.segments.fewest,
        most_segments: args.segments.most,
        owners: args.owners,
        wanters: args.wanters,
        twists: args.twists.clone(),
    }
}
