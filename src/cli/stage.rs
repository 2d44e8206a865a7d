//! What may be typed after `stage`.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::number::number;
use super::{Lines, PerRank, PieceLength, ProgressWhen, Ranks, Rate, Size, Span, TELLING, TRYING, TargetDir};

const WHO: &str = "Who reads, and who gets what";
const HOW: &str = "How it is written";

const EXAMPLES: &str = "\
Examples:
  mpirun -np 64 ./tema3 stage /project/model --to /local/scratch       /local/scratch/model on every node
  mpirun -np 64 ./tema3 stage model.torrent --from /project --to /tmp  the same, checked against a .torrent
  mpirun -np 4 ./tema3 stage data --to out/{rank}                      a copy a rank, to try it on one machine
  mpirun -np 4 ./tema3 stage data --to out/{rank} --from-ranks 0 --for 1-3
                                                                       rank 0 reads, ranks 1 to 3 get it
  mpirun -np 64 ./tema3 stage /project/model --to /local/scratch --plan
                                                                       what that would come to, and whether it fits";

/// What to stage, and to where.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = "mpirun -np N ./tema3 stage SRC... --to DIR [OPTIONS]\n       mpirun -np N ./tema3 stage F.torrent --from DIR --to DIR [OPTIONS]")]
pub struct StageArgs {
    /// Files and folders, wherever a rank can read them; or, with --from, a .torrent that lists them
    #[arg(value_name = "SRC", required = true)]
    pub sources: Vec<PathBuf>,
    /// Folder into which they are put, on each node; {rank} and {host} in it are filled in
    #[arg(long, value_name = "DIR", value_parser = PathBufValueParser::new().try_map(TargetDir::new))]
    pub to: TargetDir,
    /// Folder that holds what the .torrent lists
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Print what would be moved, and the room that each node needs and has; change nothing
    #[arg(long, conflicts_with = "receipt")]
    pub plan: bool,
    /// Print no summary
    #[arg(short, long)]
    pub quiet: bool,
    /// When to show a progress bar: auto (on a terminal), always or never
    #[arg(long, value_name = "WHEN", value_enum, hide_possible_values = true, default_value_t = ProgressWhen::Auto)]
    pub progress: ProgressWhen,

    /// Ranks that may read the source [default: all that can]
    #[arg(long, help_heading = WHO, value_name = "RANKS")]
    pub from_ranks: Option<Ranks>,
    /// Files that are wanted, by path in the target; may be given several times, each with its --for
    #[arg(long, help_heading = WHO, value_name = "GLOB")]
    pub want: Vec<String>,
    /// Ranks that want them: 1-3, or 0,4-7 [default: all]
    #[arg(long = "for", help_heading = WHO, value_name = "RANKS")]
    pub wanters: Vec<Ranks>,

    /// Replace files that are there and differ
    #[arg(long, help_heading = HOW)]
    pub force: bool,
    /// What is durable at the end: none (when the system likes, as with cp) or end (all, before the names appear)
    #[arg(long, help_heading = HOW, value_name = "WHEN", value_enum, hide_possible_values = true, default_value_t = SyncWhen::None)]
    pub sync: SyncWhen,
    /// Memory a rank, for what is read and on its way
    #[arg(long, help_heading = HOW, value_name = "SIZE", default_value = "64MiB")]
    pub mem: Size,
    /// Length of the pieces, a power of two [default: by the size of the tree]
    #[arg(long, help_heading = HOW, value_name = "SIZE", conflicts_with = "from")]
    pub piece_length: Option<PieceLength>,

    /// The summary as JSON
    #[arg(long, help_heading = TELLING, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// How the run ended, as JSON: the exit code that mpirun may hide
    #[arg(long, help_heading = TELLING, value_name = "FILE")]
    pub status: Option<PathBuf>,
    /// What was put where, with the hashes of all pieces, for ./tema3 torrent verify to prove it again
    #[arg(long, help_heading = TELLING, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Every step of each rank, a JSON line each
    #[arg(long, help_heading = TELLING, value_name = "DIR")]
    pub events: Option<PathBuf>,

    /// End the run in good order, with exit code 5, after so long: 90s, 10m or 2h; the same command goes on
    #[arg(long, help_heading = TRYING, value_name = "TIME", allow_negative_numbers = true)]
    pub time_limit: Option<Span>,
    /// Which piece comes next: rarest-first, random or sequential
    #[arg(long, help_heading = TRYING, value_name = "HOW", value_enum, hide_possible_values = true, default_value_t = PickingOrder::RarestFirst)]
    pub picking: PickingOrder,
    /// Decides between equals: the same seed, the same preferences
    #[arg(long, help_heading = TRYING, value_name = "N")]
    #[arg(value_parser = number::<u64>, allow_negative_numbers = true, default_value_t = 1)]
    pub seed: u64,
    /// Bytes a second that a rank reads of the source at most: 20M, or 0=20M for rank 0
    #[arg(long, help_heading = TRYING, value_name = "RATE")]
    #[arg(allow_negative_numbers = true, default_value_t, hide_default_value = true)]
    pub limit_read: PerRank<Rate>,
    /// How fast and how near ranks are to each other.
    #[command(flatten)]
    pub lines: Lines,
}

/// What is durable at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SyncWhen {
    /// When the system likes
    None,
    /// All, before success is told
    End,
}

/// Which piece comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PickingOrder {
    /// The one that the fewest hold
    RarestFirst,
    /// Any, by the seed
    Random,
    /// The first in order
    Sequential,
}
