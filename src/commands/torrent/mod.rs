//! `torrent`: makes, shows and verifies `.torrent` files.

mod create;
mod findings;
mod receipts;
mod show;
mod verify;

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};

use super::wording::{Unsaid, counted, entries_of, say, sized, table};
use super::{Exit, complain};
use crate::cli::{TorrentArgs, TorrentCommand};
use crate::metainfo::{Metainfo, MetainfoError};
use crate::protocol::Outcome;
use crate::report::ReceiptError;
use crate::storage::WalkError;

/// Does what was asked for, and says why where it cannot.
pub(super) fn run(args: &TorrentArgs) -> Exit {
    let done = match &args.command {
        TorrentCommand::Create(args) => create::run(args),
        TorrentCommand::Show(args) => show::run(args),
        TorrentCommand::Verify(args) => verify::run(args),
    };
    done.unwrap_or_else(|trouble| {
        complain(&trouble);
        trouble.exit()
    })
}

/// Why a command ends before it has done what was asked for.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The `.torrent` is bad, or none can be made of this.
    #[error("{}: {error}", path.display())]
    Metainfo { path: PathBuf, error: MetainfoError },
    /// What is to be shared is not there, or cannot be shared.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The `.torrent` or receipt cannot be read.
    #[error("{}: {error}", path.display())]
    Unread { path: PathBuf, error: io::Error },
    /// The system refused.
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    /// It is done, and nobody learns of it.
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
    /// What is shared became something else while it was read.
    #[error("{}: it changed while it was read; try again when it rests", .0.display())]
    Changed(PathBuf),
    /// It is a receipt of a staging, and a bad one.
    #[error("{}: {error}", path.display())]
    Receipt { path: PathBuf, error: ReceiptError },
    /// A receipt names no place on this machine.
    #[error("{}: nothing was put on this machine ({host}); say which folder to look at: torrent verify RECEIPT DIR", path.display())]
    NotHere { path: PathBuf, host: String },
    /// A `.torrent` does not say where its content lies.
    #[error("a .torrent does not say where its content lies: give the folder, as in torrent verify FILE DIR")]
    NoFolder,
    /// The `.torrent` would become a part of what it is of.
    #[error("{} lies in what is shared, and would change it: give another place with -o FILE", .0.display())]
    OutputWithin(PathBuf),
}

impl Trouble {
    fn exit(&self) -> Exit {
        match self {
            Self::Walk(WalkError::Io { error, .. }) | Self::Unread { error, .. } if is_of_the_path(error) => {
                Exit::Ran(Outcome::BadInput)
            }
            Self::Walk(WalkError::Io { .. }) | Self::Unread { .. } | Self::Io { .. } | Self::Unsaid(_) => {
                Exit::Ran(Outcome::Disk)
            }
            Self::Metainfo { .. } | Self::Walk(_) | Self::Receipt { .. } | Self::NotHere { .. } => {
                Exit::Ran(Outcome::BadInput)
            }
            Self::Changed(_) => Exit::Ran(Outcome::Integrity),
            Self::OutputWithin(_) | Self::NoFolder => Exit::Usage,
        }
    }

    /// Why a `.torrent` or receipt could not be read.
    fn unread(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Unread { path: path.to_owned(), error }
    }

    /// Why something could not be read or written.
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.to_owned(), error }
    }

    /// Why something is no `.torrent`, or cannot become one.
    fn metainfo<E: Into<MetainfoError>>(path: &Path) -> impl FnOnce(E) -> Self {
        move |error| Self::Metainfo { path: path.to_owned(), error: error.into() }
    }
}

/// Whether somebody gave a path that leads to nothing that can be read, and not a disk that refuses.
fn is_of_the_path(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory | PermissionDenied)
}

/// Reads a `.torrent`, and never much more than one may have.
fn read(path: &Path) -> Result<Metainfo, Trouble> {
    let mut content = Vec::new();
    let file = File::open(path).map_err(Trouble::unread(path))?;
    file.take(Metainfo::LONGEST as u64 + 1).read_to_end(&mut content).map_err(Trouble::unread(path))?;
    Metainfo::decode(&content).map_err(Trouble::metainfo(path))
}

/// As many threads as there are cores for this process.
fn all_cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// How far the hashing of so many bytes is, on a terminal.
fn hashing_bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "hashing {bar:40} {percent:>3} %, {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left",
    );
    let style = style.expect("the template is legal: it is a constant").progress_chars("=> ");
    ProgressBar::new(bytes).with_style(style)
}
