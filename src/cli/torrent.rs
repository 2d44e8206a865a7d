//! What may be typed after `torrent`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  ./tema3 torrent create model                   write model.torrent
  ./tema3 torrent show model.torrent             what is in it
  ./tema3 torrent verify model.torrent /scratch  is /scratch/model what it should be?
  ./tema3 torrent verify receipt.json            is what stage put on this machine still as it was?";

/// What to do with a `.torrent`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true, arg_required_else_help = false)]
pub struct TorrentArgs {
    /// Which of them.
    #[command(subcommand)]
    pub command: TorrentCommand,
}

/// What can be done with a `.torrent`.
#[derive(Clone, Debug, Subcommand)]
pub enum TorrentCommand {
    /// Make a .torrent of a file or a folder, for this and other BitTorrent programs
    Create(CreateArgs),
    /// Show what is in a .torrent
    Show(ShowArgs),
    /// Tell which pieces and files on disk are what a .torrent, or the receipt of a staging, says
    Verify(VerifyArgs),
}

/// Of what to make a `.torrent`, and what to say in it.
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// File or folder to share
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Where to write the .torrent [default: NAME.torrent here, where PATH is called NAME]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Length of a piece, a power of two: 256K or 4M [default: what gives at most 2,048 pieces, from 16K to 16M]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub piece_length: Option<PieceLength>,
    /// URL of a tracker; may be given several times. This program needs none
    #[arg(long = "announce", value_name = "URL")]
    pub trackers: Vec<TrackerUrl>,
    /// A word to those who will have it
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Ask other programs to find peers through the trackers alone
    #[arg(long)]
    pub private: bool,
}

/// Which `.torrent` to show.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The .torrent
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// What to compare with which `.torrent` or receipt.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// The .torrent, or the receipt of a staging
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The folder that holds what it is of; of a .torrent, that itself too, where it has its name [default: where the
    /// receipt says that it was put on this machine]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// The length of a piece: a power of two that other programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceLength(pub u32);

impl PieceLength {
    const SHORTEST: u32 = 16 << 10;
    const LONGEST: u32 = 256 << 20;
}

/// Why a piece length cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a power of two from 16K to 256M; write 65536, 64K or 4M")]
pub struct PieceLengthError(String);

impl FromStr for PieceLength {
    type Err = PieceLengthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let factor = match unit {
            "" => Some(1),
            "K" => Some(1 << 10),
            "M" => Some(1 << 20),
            _ => None,
        };
        let length = factor.and_then(|factor| digits.parse::<u32>().ok()?.checked_mul(factor));
        let sound =
            length.filter(|length| (Self::SHORTEST..=Self::LONGEST).contains(length) && length.is_power_of_two());
        sound.map(Self).ok_or_else(|| PieceLengthError(text.to_owned()))
    }
}

/// Where a tracker is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerUrl(pub String);

/// Why a URL cannot be a tracker's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not the URL of a tracker; write http://HOST/announce or udp://HOST:PORT")]
pub struct TrackerUrlError(String);

impl FromStr for TrackerUrl {
    type Err = TrackerUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest =
            ["http://", "https://", "udp://", "ws://", "wss://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let is_legible = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        match rest {
            Some(host) if !host.is_empty() && is_legible => Ok(Self(text.to_owned())),
            _ => Err(TrackerUrlError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_lengths_are_powers_of_two_with_or_without_a_unit() {
        for (text, length) in
            [("16384", 1 << 14), ("16K", 1 << 14), ("1024K", 1 << 20), ("4M", 4 << 20), ("256M", 1 << 28)]
        {
            assert_eq!(text.parse(), Ok(PieceLength(length)));
        }
        for text in ["", "K", "0", "8K", "100000", "3M", "512M", "4G", "4m", "1.5M", "-16K", "99999999999M"] {
            assert!(text.parse::<PieceLength>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_tracker_has_a_scheme_and_a_host() {
        assert_eq!("udp://t:1".parse(), Ok(TrackerUrl("udp://t:1".into())));
        for text in ["", "tracker", "http://", "http://a b", "file:///etc/passwd", "http://a\n"] {
            assert!(text.parse::<TrackerUrl>().is_err(), "{text:?}");
        }
    }
}
