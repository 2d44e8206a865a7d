//! `replay`: runs a record again and proves that every rank decides the same.

use std::path::{Path, PathBuf};

use super::wording::{counted, end, say};
use super::{Exit, complain};
use crate::cli::ReplayArgs;
use crate::net::record::path_of;
use crate::net::replay::{ReplayError, replay};
use crate::protocol::{Member, Outcome, Rank};

/// Goes through the records of all ranks, and says of the first that does not come out as it was.
pub(super) fn run(args: &ReplayArgs) -> Exit {
    if let Err(error) = args.folder.read_dir() {
        complain(format_args!("{}: {error}; give the folder that --record DIR wrote", args.folder.display()));
        return Exit::Ran(Outcome::BadInput);
    }
    let records = records_in(&args.folder);
    if records.is_empty() {
        match any_record_in(&args.folder) {
            false => complain(format_args!("{}: no records; make some with --record DIR", args.folder.display())),
            true => complain(format_args!(
                "{} is missing, though other ranks' records are there; replay a whole folder that --record DIR wrote",
                path_of(&args.folder, Rank(0)).display()
            )),
        }
        return Exit::Ran(Outcome::BadInput);
    }
    let mut events = 0;
    for record in &records {
        match replay(record, Member::new) {
            Ok(replayed) => events += replayed.events,
            Err(error) => {
                complain(format_args!("{}: {error}", record.display()));
                return Exit::Ran(worth(&error));
            }
        }
    }
    let (ranks, events) = (counted(records.len(), "rank"), counted(events, "event"));
    let told = format_args!("{ranks}, {events}: every decision came out byte by byte as it was recorded");
    end(Outcome::Complete, say(told))
}

/// The records of ranks 0, 1, 2 and so on, as far as they are there.
fn records_in(folder: &Path) -> Vec<PathBuf> {
    (0..).map(|rank| path_of(folder, Rank(rank))).take_while(|path| path.exists()).collect()
}

fn any_record_in(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else { return false };
    entries.flatten().any(|entry| Path::new(&entry.file_name()).extension().is_some_and(|end| end == "record"))
}

fn worth(error: &ReplayError) -> Outcome {
    match error {
        ReplayError::Io(_) => Outcome::Disk,
        ReplayError::Differs(_) => Outcome::Bug,
        _ => Outcome::BadInput,
    }
}
