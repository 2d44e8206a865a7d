//! What may be typed.

mod lines;
mod number;
mod per_rank;
mod quantity;
mod ranks;
mod segments;
mod stage;
mod target_dir;
mod torrent;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

pub use lines::Lines;
pub use number::NumberError;
use number::number;
pub use per_rank::{PerRank, PerRankError};
pub use quantity::{QuantityError, Rate, Size, Span};
pub use ranks::{Ranks, RanksError};
pub use segments::{Segments, SegmentsError};
pub use stage::{PickingOrder, StageArgs, SyncWhen};
pub use target_dir::{TargetDir, TargetDirError};
pub use torrent::{
    CreateArgs, PieceLength, PieceLengthError, ShowArgs, TorrentArgs, TorrentCommand, TrackerUrl, TrackerUrlError,
    VerifyArgs,
};

use crate::assignment::Twist;
use crate::sim::Case;

const ABOUT: &str = "\
BitTorrent over MPI: rank 0 is the tracker, every other rank a client.

Client R reads in<R>.txt: the files that it owns, with the hashes of their segments, and those that it wants. The clients
trade segments until each has what it wants, and client R writes client<R>_<file> for each.";

const TELLING: &str = "Files that tell of the run";
const TRYING: &str = "To try things out";

const EXAMPLES: &str = "\
Examples:
  mpirun -np 4 ./tema3                                run the swarm of in1.txt, in2.txt, in3.txt here
  mpirun -np 4 ./tema3 --input inputs/x --output out  the same with other folders
  mpirun -np 4 ./tema3 --explain --quiet              tell each step in a sentence
  mpirun -np 4 ./tema3 --resume kept                  go on where a run ended that was interrupted
  ./tema3 generate inputs/mine --clients 3 --files 2  make inputs, and what must come out of them
  ./tema3 soak --swarms 1000                          try to break it: faulty swarms in virtual time
  mpirun -np 64 ./tema3 stage model --to /scratch     put real files on every node, verified
  ./tema3 torrent create model                        make model.torrent, which other programs read

Exit codes:
  0 complete   2 usage   3 bad input   4 nobody holds some segment   5 time limit
  6 disk, or a file that cannot be written   7 hashes contradict each other
  8 complete, but ranks were lost   10 interrupted   70 a bug here   77 MPI cannot be used";

/// A command line.
#[derive(Debug, Parser)]
#[command(name = "tema3", bin_name = "./tema3", version, about = ABOUT, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(override_usage = "mpirun -np N ./tema3 [OPTIONS]      with N >= 3\n       ./tema3 <COMMAND>")]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    /// What to do, where it is not the assignment.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run the assignment.
    #[command(flatten)]
    pub assignment: AssignmentArgs,
    /// Log what goes on inside, on stderr; -vv for each message (RUST_LOG chooses in detail)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// What else there is to do. Only `stage` needs MPI.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put real files and folders on every node of a job, each piece verified
    Stage(Box<StageArgs>),
    /// Make the inputs of a swarm, and what must come out of them
    Generate(GenerateArgs),
    /// Run seeded faulty swarms in virtual time: nothing may be lost, wrong or stuck
    Soak(SoakArgs),
    /// Run a record again and prove that every rank decides the same
    Replay(ReplayArgs),
    /// Make, show and verify .torrent files
    Torrent(TorrentArgs),
}

/// How to run the assignment.
#[derive(Clone, Debug, Args)]
pub struct AssignmentArgs {
    /// Folder with in1.txt, in2.txt and so on
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub input: PathBuf,
    /// Folder for the outputs; made where it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    /// Keep what is received in this folder, and go on from what an earlier run kept there
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Print no summary
    #[arg(short, long)]
    pub quiet: bool,
    /// Tell each step of each rank in a plain sentence
    #[arg(long)]
    pub explain: bool,
    /// When to show a progress bar: auto (on a terminal), always or never
    #[arg(long, value_name = "WHEN", value_enum, hide_possible_values = true, default_value_t = ProgressWhen::Auto)]
    pub progress: ProgressWhen,
    /// The summary as JSON
    #[arg(long, help_heading = TELLING, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// How the run ended, as JSON: the exit code that mpirun may hide
    #[arg(long, help_heading = TELLING, value_name = "FILE")]
    pub status: Option<PathBuf>,
    /// Every step of each rank, a JSON line each
    #[arg(long, help_heading = TELLING, value_name = "DIR")]
    pub events: Option<PathBuf>,
    /// All that each rank hears, for ./tema3 replay
    #[arg(long, help_heading = TELLING, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Decides between equals: the same seed, the same preferences
    #[arg(long, help_heading = TRYING, value_name = "N")]
    #[arg(value_parser = number::<u64>, allow_negative_numbers = true, default_value_t = 1)]
    pub seed: u64,
    /// End the run in good order, with exit code 5, after so long: 90s, 10m or 2h
    #[arg(long, help_heading = TRYING, value_name = "TIME", allow_negative_numbers = true)]
    pub time_limit: Option<Span>,
    /// How fast and how near ranks are to each other.
    #[command(flatten)]
    pub lines: Lines,
}

/// When to show a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressWhen {
    /// On a terminal
    Auto,
    /// In any case
    Always,
    /// Not at all
    Never,
}

/// What a generated swarm is like.
#[derive(Clone, Debug, Args)]
pub struct GenerateArgs {
    /// Folder to make; it must be new or empty
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Decides all that the other options leave open
    #[arg(long, value_name = "S", value_parser = number::<u64>, allow_negative_numbers = true, default_value_t = 1)]
    pub seed: u64,
    /// How many clients; the run takes one rank more
    #[arg(long, value_name = "N", value_parser = number::<u32>, allow_negative_numbers = true, default_value_t = 3)]
    pub clients: u32,
    /// How many files
    #[arg(long, value_name = "N", value_parser = number::<u32>, allow_negative_numbers = true, default_value_t = 2)]
    pub files: u32,
    /// How many segments each file has: a number, or a range LO-HI
    #[arg(long, value_name = "N|LO-HI", allow_negative_numbers = true, default_value_t)]
    pub segments: Segments,
    /// How many clients own each file
    #[arg(long, value_name = "N", value_parser = number::<u32>, allow_negative_numbers = true, default_value_t = 1)]
    pub owners: u32,
    /// How many clients want each file [default: all that do not own it]
    #[arg(long, value_name = "N", value_parser = number::<u32>, allow_negative_numbers = true)]
    pub wanters: Option<u32>,
    /// Something that a careless program stumbles over; may be given several times
    #[arg(long = "twist", value_name = "TWIST", value_enum)]
    pub twists: Vec<Twist>,
}

/// How long to try to break it.
#[derive(Clone, Debug, Args)]
pub struct SoakArgs {
    /// How many swarms
    #[arg(long, value_name = "N", value_parser = number::<u64>, allow_negative_numbers = true, default_value_t = 1000)]
    pub swarms: u64,
    /// The seed of the first; each next swarm has the next
    #[arg(long, value_name = "S", value_parser = number::<u64>, allow_negative_numbers = true, default_value_t = 1)]
    pub seed: u64,
    /// Run only this case, as a failure names it, and tell every event and decision
    #[arg(long, value_name = "CASE", conflicts_with_all = ["swarms", "seed"])]
    pub case: Option<Case>,
}

/// Which record to run again.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The folder that --record wrote
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// The words of a command line with `-v` and `-q` behind the command that they stand before: whoever writes them first means
/// the same, and clap would take them for options of the assignment.
#[must_use]
pub fn in_order(mut words: Vec<OsString>) -> Vec<OsString> {
    let is_meant = |word: &OsString| match word.to_str() {
        Some("--verbose" | "--quiet") => true,
        Some(short) => short.strip_prefix('-').is_some_and(|flags| flags.bytes().all(|flag| b"vq".contains(&flag))),
        None => false,
    };
    let flags = words.iter().skip(1).take_while(|word| is_meant(word)).count();
    let is_command = |word: &OsString| Cli::command().get_subcommands().any(|command| command.get_name() == word);
    if words.get(1 + flags).is_some_and(is_command) {
        words[1..2 + flags].rotate_right(1);
    }
    words
}

#[cfg(test)]
mod tests {

    use super::*;

    fn parse(words: &str) -> Result<Cli, clap::Error> {
        let words = std::iter::once("tema3").chain(words.split_whitespace());
        Cli::try_parse_from(in_order(words.map(OsString::from).collect()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_words_it_is_the_assignment_in_the_current_folder() {
        let cli = parse("").unwrap();
        assert!(cli.command.is_none());
        assert_eq!((cli.assignment.input, cli.assignment.output), (PathBuf::from("."), PathBuf::from(".")));
    }

    #[test]
    fn limits_are_for_all_ranks_or_for_some() {
        let cli = parse("--limit-up 2=1K,5=3M --latency 20ms").unwrap();
        assert_eq!(cli.assignment.lines.limit_up.of(2), Some(&Rate(1000)));
        assert_eq!(cli.assignment.lines.limit_up.of(3), None);
        assert_eq!(cli.assignment.lines.latency.of(3), Some(&Span(std::time::Duration::from_millis(20))));
        assert!(parse("--limit-up fast").is_err());
    }

    #[test]
    fn generate_takes_several_twists() {
        let cli = parse("generate d --segments 3-9 --twist crlf --twist long-name").unwrap();
        let Some(Command::Generate(args)) = cli.command else { panic!("not generate") };
        assert_eq!(args.twists, [Twist::Crlf, Twist::LongName]);
        assert_eq!((args.segments.fewest, args.segments.most), (3, 9));
    }

    #[test]
    fn options_of_the_assignment_do_not_go_with_another_command() {
        assert!(parse("--quiet soak").is_err());
        assert!(parse("soak --quiet").is_err());
        assert_eq!(parse("soak -vv").unwrap().verbose, 2);
    }

    #[test]
    fn verbose_and_quiet_mean_the_same_before_a_command_and_behind_it() {
        for words in ["-v -q stage data --to out -v", "stage -vq --verbose data --to out", "-vvq stage data --to out"] {
            let cli = parse(words).unwrap();
            let Some(Command::Stage(args)) = cli.command else { panic!("{words}") };
            assert!(args.quiet && cli.verbose == 2, "{words}");
        }
        assert!(parse("-q").unwrap().assignment.quiet && parse("-v").unwrap().verbose == 1);
        assert!(parse("-v nothing").is_err() && parse("- stage").is_err());
    }
}
