//! `torrent verify`: which pieces and files on disk are what a `.torrent` says.

use std::fs::{self, FileType, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::findings::{Fault, Findings, PieceState};
use super::{Trouble, all_cores, counted, entries_of, hashing_bar, read, say, sized};
use crate::cli::VerifyArgs;
use crate::commands::Exit;
use crate::metainfo::{Bitfield, Entry, Info, Metainfo, Node, PieceIndex, TreePath, symlink_target};
use crate::protocol::Outcome;
use crate::storage::{UnreadPiece, hash_pieces, open_plain_file, place_of};

/// Compares what is on disk with the `.torrent`, and says what is not the same.
pub(super) fn run(args: &VerifyArgs) -> Result<Exit, Trouble> {
    let metainfo = read(&args.file)?;
    let manifest = &metainfo.info().manifest;
    let root = find(&metainfo, &args.folder)?;
    if !root.exists() {
        say(format_args!("{}: missing, and with it {}", root.display(), entries_of(manifest)));
        return Ok(Exit::Ran(Outcome::Incomplete));
    }
    let looks = manifest.entries.iter().map(|entry| look(&root, entry)).collect::<Result<Vec<_>, _>>()?;
    let pieces = check_pieces(metainfo.info(), &root, &looks)?;
    let findings = Findings::judge(manifest, looks, &pieces);
    if findings.is_empty() {
        let (entries, bytes) = (entries_of(manifest), sized(manifest.content_length()));
        say(format_args!("{}: all right: {entries}, {bytes}, {}", root.display(), counted(pieces.len(), "piece")));
        return Ok(Exit::Ran(Outcome::Complete));
    }
    say(format_args!("{}: {}", root.display(), findings.tell(manifest, pieces.len())));
    Ok(Exit::Ran(Outcome::Incomplete))
}

/// Where on disk the shared thing lies: in the folder, under its name; or it is the folder, or what was given in its place.
/// Where both could be meant, it is what has more of it.
fn find(metainfo: &Metainfo, given: &Path) -> Result<PathBuf, Trouble> {
    let whole = given.canonicalize().map_err(Trouble::io(given))?;
    let name = metainfo.name();
    let within = whole.join(name.as_path());
    let is_itself = whole.file_name() == Some(name.as_path().as_os_str());
    let found = |root: &Path| {
        let entries = metainfo.info().manifest.entries.iter();
        entries.filter(|entry| fs::symlink_metadata(place_of(root, &entry.path)).is_ok()).count()
    };
    if is_itself && (!within.exists() || found(&whole) > found(&within)) {
        return Ok(whole);
    }
    // A link in its place is followed: that is where somebody keeps it.
    Ok(within.canonicalize().unwrap_or(within))
}

/// What is wrong with an entry by its looks: whether it is there, what it is, its length, what a link says.
fn look(root: &Path, entry: &Entry) -> Result<Option<Fault>, Trouble> {
    let place = place_of(root, &entry.path);
    if matches!(entry.node, Node::Pad { .. }) {
        return Ok(None);
    }
    // Where a file should be, a link to one will do: the bytes are there.
    let look = if matches!(entry.node, Node::Symlink { .. }) { fs::symlink_metadata } else { fs::metadata };
    let found = match look(&place) {
        Ok(found) => found,
        Err(error) if is_absence(&error) => return Ok(Some(Fault::Missing)),
        Err(error) => return Err(Trouble::io(&place)(error)),
    };
    let kind = found.file_type();
    Ok(match &entry.node {
        Node::File { length } if kind.is_file() => fault_of_length(&found, *length),
        Node::Symlink { target } if kind.is_symlink() => {
            let said = fs::read_link(&place).map_err(Trouble::io(&place))?;
            fault_of_link(root, &entry.path, said.as_os_str().as_bytes(), target)
        }
        Node::Symlink { .. } => Some(Fault::Kind { found: called(kind), expected: "a symbolic link" }),
        _ => Some(Fault::Kind { found: called(kind), expected: "a file" }),
    })
}

/// Whether there is nothing of that name, or no way to it.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn fault_of_length(found: &Metadata, expected: u64) -> Option<Fault> {
    (found.len() != expected).then_some(Fault::Length { found: found.len(), expected })
}

/// A link may say the same in more steps.
fn fault_of_link(root: &Path, link: &TreePath, said: &[u8], expected: &[u8]) -> Option<Fault> {
    let is_folder = |path: &TreePath| fs::symlink_metadata(place_of(root, path)).is_ok_and(|found| found.is_dir());
    let leads_to = |said: &[u8]| symlink_target(link, said, is_folder).ok();
    let is_same = said == expected || (leads_to(said).is_some() && leads_to(said) == leads_to(expected));
    let text = |said| String::from_utf8_lossy(said).into_owned();
    (!is_same).then(|| Fault::Link { found: text(said), expected: text(expected) })
}

fn called(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_file() {
        "a file"
    } else {
        "something special"
    }
}

/// Hashes what is there.
fn check_pieces(info: &Info, root: &Path, looks: &[Option<Fault>]) -> Result<Vec<PieceState>, Trouble> {
    let map = info.manifest.piece_map();
    let place = |entry: usize| place_of(root, &info.manifest.entries[entry].path);
    let mut states = vec![PieceState::Unread; map.pieces() as usize];
    let mut trouble = None;
    let bar = hashing_bar(map.total());
    let open = |entry: usize| match looks[entry] {
        Some(Fault::Missing | Fault::Kind { .. }) => Err(io::ErrorKind::NotFound.into()),
        _ if place(entry).is_symlink() => open_plain_file(&place(entry).canonicalize()?),
        _ => open_plain_file(&place(entry)),
    };
    hash_pieces(&map, &Bitfield::all(map.pieces()), all_cores(), open, |piece: PieceIndex, hashed| {
        bar.inc(u64::from(map.length(piece)));
        states[piece.as_usize()] = match hashed {
            Ok(digest) if info.piece_hashes.get(piece) == Some(&digest[..]) => PieceState::Right,
            Ok(_) => PieceState::Wrong,
            Err(UnreadPiece { error, .. }) if is_absence(&error) || error.kind() == io::ErrorKind::UnexpectedEof => {
                PieceState::Unread
            }
            Err(UnreadPiece { entry, error }) => {
                trouble = Some(Trouble::io(&place(entry))(error));
                return ControlFlow::Break(());
            }
        };
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    trouble.map_or(Ok(states), Err)
}
