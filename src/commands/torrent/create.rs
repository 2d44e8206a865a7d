//! `torrent create`: makes a `.torrent` of a file or a folder.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Trouble, Unsaid, all_cores, counted, entries_of, hashing_bar, say, sized};
use crate::cli::{CreateArgs, TrackerUrl};
use crate::commands::Exit;
use crate::metainfo::{About, Bitfield, Entry, Fitted, Info, Manifest, Metainfo, PieceHashes, TreePath};
use crate::protocol::Outcome;
use crate::report::{try_place, write_atomically};
use crate::storage::{PieceDigest, hash_pieces, open_plain_file, place_of, walk};

/// So many names are told of what is left out.
const MOST_NAMES: usize = 3;

/// Makes the `.torrent` and says what is in it.
pub(super) fn run(args: &CreateArgs) -> Result<Exit, Trouble> {
    let tree = walk(&args.path)?;
    // Where the path is itself a link, the files lie where it leads.
    let root = args.path.canonicalize().map_err(Trouble::io(&args.path))?;
    let output = output_of(args, &root, &tree)?;
    let fitted = Fitted::of(&tree).map_err(Trouble::metainfo(&args.path))?;
    let arranged = Manifest::arrange(fitted.entries, args.piece_length.map(|length| length.0));
    let manifest = arranged.map_err(Trouble::metainfo(&args.path))?;
    let about = about(args);
    let metainfo = |digests: &[PieceDigest]| {
        let piece_hashes = piece_hashes(digests);
        let info = Info { manifest: manifest.clone(), piece_hashes, private: args.private, source: None };
        Metainfo::new(&info, &about).map_err(Trouble::metainfo(&args.path))
    };
    // What cannot become a .torrent is better told before an hour of hashing than after it.
    metainfo(&vec![PieceDigest::default(); manifest.piece_map().pieces() as usize])?;

    let digests = hash(&manifest, &root)?;
    check_unchanged(&tree, args)?;
    let metainfo = metainfo(&digests)?;
    write_atomically(&output, &metainfo.encode()).map_err(Trouble::io(&output))?;
    tell(&output, &metainfo, &fitted.empty_folders)?;
    Ok(Exit::Ran(Outcome::Complete))
}

/// Where the `.torrent` goes: not into the tree that it is of.
fn output_of(args: &CreateArgs, root: &Path, tree: &[Entry]) -> Result<PathBuf, Trouble> {
    let output = args.output.clone().unwrap_or_else(|| {
        let mut name = tree[0].path.as_path().as_os_str().to_owned();
        name.push(".torrent");
        name.into()
    });
    try_place(&output).map_err(Trouble::io(&output))?;
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let whole = folder.canonicalize().map_err(Trouble::io(&output))?.join(output.file_name().unwrap_or_default());
    if whole.starts_with(root) { Err(Trouble::OutputWithin(output)) } else { Ok(output) }
}

fn about(args: &CreateArgs) -> About {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    About {
        trackers: args.trackers.iter().map(|TrackerUrl(url)| vec![url.clone()]).collect(),
        comment: args.comment.clone(),
        created_by: Some(concat!("tema3 ", env!("CARGO_PKG_VERSION")).to_owned()),
        creation_date: i64::try_from(now.as_secs()).ok(),
    }
}

fn piece_hashes(digests: &[PieceDigest]) -> PieceHashes {
    let mut hashes = PieceHashes::new();
    for digest in digests {
        // Beyond 4 GiB of them there is no .torrent anyhow: the hashes are then too few for the files.
        if hashes.push(digest).is_err() {
            break;
        }
    }
    hashes
}

/// The digests of all pieces.
fn hash(manifest: &Manifest, root: &Path) -> Result<Vec<PieceDigest>, Trouble> {
    let map = manifest.piece_map();
    let place = |entry: usize| place_of(root, &manifest.entries[entry].path);
    let mut digests = vec![PieceDigest::default(); map.pieces() as usize];
    let mut trouble = None;
    let bar = hashing_bar(map.total());
    let open = |entry| open_plain_file(&place(entry));
    hash_pieces(&map, &Bitfield::all(map.pieces()), all_cores(), open, |piece, hashed| match hashed {
        Ok(digest) => {
            digests[piece.as_usize()] = digest;
            bar.inc(u64::from(map.length(piece)));
            ControlFlow::Continue(())
        }
        Err(unread) => {
            let path = place(unread.entry);
            let is_short = unread.error.kind() == std::io::ErrorKind::UnexpectedEof;
            trouble = Some(if is_short { Trouble::Changed(path) } else { Trouble::io(&path)(unread.error) });
            ControlFlow::Break(())
        }
    });
    bar.finish_and_clear();
    trouble.map_or(Ok(digests), Err)
}

/// A `.torrent` of what was something else at the beginning than at the end would be of what never was.
fn check_unchanged(tree: &[Entry], args: &CreateArgs) -> Result<(), Trouble> {
    let now = walk(&args.path)?;
    let differing = tree.iter().zip(&now).find(|(before, now)| before != now).map(|(before, _)| &before.path);
    match differing {
        Some(path) => Err(Trouble::Changed(place_of(&args.path, path))),
        None if tree.len() != now.len() => Err(Trouble::Changed(args.path.clone())),
        None => Ok(()),
    }
}

fn tell(output: &Path, metainfo: &Metainfo, empty_folders: &[TreePath]) -> Result<(), Unsaid> {
    let manifest = &metainfo.info().manifest;
    say(format_args!(
        "wrote {}: {}, {}, in {} of {}",
        output.display(),
        entries_of(manifest),
        sized(manifest.content_length()),
        counted(manifest.piece_map().pieces(), "piece"),
        sized(u64::from(manifest.piece_length)),
    ))?;
    say(format_args!("info hash {}", metainfo.info_hash()))?;
    if !empty_folders.is_empty() {
        let names: Vec<_> = empty_folders.iter().take(MOST_NAMES).map(ToString::to_string).collect();
        let more = if empty_folders.len() > MOST_NAMES { ", .." } else { "" };
        let folders = counted(empty_folders.len(), "empty folder");
        say(format_args!("left out, for a .torrent has no place for them: {folders} ({}{more})", names.join(", ")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command, TorrentCommand};

    fn args(path: &Path) -> CreateArgs {
        let line = ["tema3".as_ref(), "torrent".as_ref(), "create".as_ref(), path.as_os_str()];
        match Cli::try_parse_from(line).unwrap().command {
            Some(Command::Torrent(torrent)) => match torrent.command {
                TorrentCommand::Create(args) => args,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_changes_after_it_was_listed_is_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        let file = root.join("file");
        fs::create_dir(&root).unwrap();
        fs::write(&file, [7; 50_000]).unwrap();
        let tree = walk(&root).unwrap();
        let manifest = Manifest::arrange(Fitted::of(&tree).unwrap().entries, None).unwrap();
        assert_eq!(hash(&manifest, &root).unwrap().len(), 4);
        assert!(check_unchanged(&tree, &args(&root)).is_ok());

        fs::write(&file, [7; 40_000]).unwrap();
        assert!(matches!(hash(&manifest, &root), Err(Trouble::Changed(path)) if path == file));
        fs::write(&file, [7; 60_000]).unwrap();
        assert!(matches!(check_unchanged(&tree, &args(&root)), Err(Trouble::Changed(path)) if path == file));
        fs::remove_file(&file).unwrap();
        assert!(matches!(hash(&manifest, &root), Err(Trouble::Io { path, .. }) if path == file));
        assert!(matches!(check_unchanged(&tree, &args(&root)), Err(Trouble::Changed(_))));
    }
}
