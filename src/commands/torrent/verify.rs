//! `torrent verify`: which pieces and files on disk are what a `.torrent`, or the receipt of a staging, says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::findings::{Fault, Findings, PieceState};
use super::receipts::places;
use super::{Trouble, all_cores, counted, entries_of, hashing_bar, say, sized};
use crate::cli::VerifyArgs;
use crate::commands::Exit;
use crate::metainfo::{Bitfield, Entry, Manifest, Metainfo, Node, PieceHashes, PieceIndex, TreePath, symlink_target};
use crate::protocol::Outcome;
use crate::report::Receipt;
use crate::storage::{Reach, Reached, UnreadPiece, called, hash_pieces, open_plain_file, place_of};

/// Compares what is on disk with what it should be, and says what is not the same.
pub(super) fn run(args: &VerifyArgs) -> Result<Exit, Trouble> {
    let file = &args.file;
    let mut opened = File::open(file).map_err(Trouble::unread(file))?;
    let mut content = Vec::new();
    Read::take(&mut opened, Metainfo::LONGEST as u64 + 1).read_to_end(&mut content).map_err(Trouble::unread(file))?;
    if Receipt::is_meant(&content) {
        opened.read_to_end(&mut content).map_err(Trouble::unread(file))?;
        return by_receipt(args, &content);
    }
    let metainfo = Metainfo::decode(&content).map_err(Trouble::metainfo(file))?;
    let info = metainfo.info();
    let folder = args.folder.as_ref().ok_or(Trouble::NoFolder)?;
    let subject = Subject {
        manifest: &info.manifest,
        hashes: &info.piece_hashes,
        root: find(&metainfo, folder)?,
        lies: Lies::Itself,
        wanted: vec![true; info.manifest.entries.len()],
    };
    Ok(Exit::Ran(subject.verify()?))
}

/// Every place of this machine that a receipt names, or the one that was asked for.
fn by_receipt(args: &VerifyArgs, content: &[u8]) -> Result<Exit, Trouble> {
    let bad = |error| Trouble::Receipt { path: args.file.clone(), error };
    let receipt = Receipt::decode(content).map_err(bad)?;
    let (manifest, hashes) = receipt.tree().map_err(bad)?;
    let mut worst = Outcome::Complete;
    for place in places(&receipt, &args.file, args.folder.as_deref())? {
        let wanted = manifest.entries.iter().map(|entry| place.wants(&entry.path)).collect();
        let (manifest, hashes, root) = (&manifest, &hashes, place.folder.clone());
        worst = worst.max(Subject { manifest, hashes, root, lies: Lies::Within, wanted }.verify()?);
    }
    Ok(Exit::Ran(worst))
}

/// How a tree lies at its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lies {
    /// The root is the shared file or folder.
    Itself,
    /// The root is the folder that holds it.
    Within,
}

/// What is to be verified, and where.
struct Subject<'a> {
    manifest: &'a Manifest,
    hashes: &'a PieceHashes,
    root: PathBuf,
    lies: Lies,
    /// By entry: whether it should be there.
    wanted: Vec<bool>,
}

impl Subject<'_> {
    /// Says what is there, and how good it is.
    fn verify(&self) -> Result<Outcome, Trouble> {
        let manifest = self.manifest;
        let theirs = manifest.entries.iter().zip(&self.wanted).filter(|(_, wanted)| **wanted);
        let wanted = Manifest { entries: theirs.map(|(entry, _)| entry.clone()).collect(), ..manifest.clone() };
        let root = self.root.display();
        if !self.root.exists() {
            say(format_args!("{root}: missing, and with it {}", entries_of(&wanted)))?;
            return Ok(Outcome::Incomplete);
        }
        let entries = manifest.entries.iter().zip(&self.wanted);
        let reach = self.reach()?;
        let looks = entries.map(|(entry, wanted)| if *wanted { self.look(&reach, entry) } else { Ok(None) });
        let looks = looks.collect::<Result<Vec<_>, _>>()?;
        let pieces = self.check_pieces(&reach, &looks)?;
        let findings = Findings::judge(manifest, looks, &pieces);
        if !findings.is_empty() {
            say(format_args!("{root}: {}", findings.tell(&wanted, manifest, pieces.len())))?;
            return Ok(Outcome::Incomplete);
        }
        let right = pieces.iter().filter(|state| **state == PieceState::Right).count();
        let (entries, bytes) = (entries_of(&wanted), sized(wanted.content_length()));
        let shared = match self.shared_pieces().count() {
            0 => String::new(),
            shared => format!(" ({} more cannot be checked: files that are not wanted here share them)", shared),
        };
        say(format_args!("{root}: all right: {entries}, {bytes}, {}{shared}", counted(right, "piece")))?;
        Ok(Outcome::Complete)
    }

    fn place(&self, path: &TreePath) -> PathBuf {
        match self.lies {
            Lies::Itself => place_of(&self.root, path),
            Lies::Within => self.root.join(path.as_path()),
        }
    }

    /// The folder from which all paths lead down.
    fn reach(&self) -> Result<Reach, Trouble> {
        let folder = match self.lies {
            Lies::Itself => self.root.parent().unwrap_or(&self.root),
            Lies::Within => &self.root,
        };
        Reach::below(folder).map_err(Trouble::io(folder))
    }

    /// The path of an entry from there. What is shared may lie under another name than its own.
    fn below(&self, path: &TreePath) -> TreePath {
        match (self.lies, self.root.file_name()) {
            (Lies::Itself, Some(own)) => {
                let renamed = TreePath::new([own.as_bytes()].into_iter().chain(path.names().skip(1)));
                renamed.unwrap_or_else(|_| path.clone())
            }
            _ => path.clone(),
        }
    }

    /// What is wrong with an entry by its looks: whether it is there, what it is, its length, what a link says.
    fn look(&self, reach: &Reach, entry: &Entry) -> Result<Option<Fault>, Trouble> {
        if matches!(entry.node, Node::Pad { .. }) {
            return Ok(None);
        }
        let place = self.place(&entry.path);
        let found = match reach.look(&self.below(&entry.path)).map_err(Trouble::io(&place))? {
            Reached::Nothing => return Ok(Some(Fault::Missing)),
            Reached::Barred(link) if !self.leads_back(&place) => return Ok(Some(Fault::Barred(link))),
            Reached::Barred(_) => match rustix::fs::lstat(&place) {
                Ok(found) => Box::new(found),
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Some(Fault::Missing)),
                Err(error) => return Err(Trouble::io(&place)(error.into())),
            },
            Reached::Thing(found) => found,
        };
        let kind = FileType::from_raw_mode(found.st_mode);
        let other = |expected| Some(Fault::Kind { found: called(found.st_mode), expected });
        Ok(match &entry.node {
            Node::File { length } if kind.is_file() => fault_of_length(found.st_size as u64, *length),
            // Where somebody shares what lies elsewhere, a link will do: the bytes are there.
            Node::File { length } if kind.is_symlink() && self.lies == Lies::Itself => match fs::metadata(&place) {
                Ok(behind) if behind.is_file() => fault_of_length(behind.len(), *length),
                Ok(behind) => Some(Fault::Kind { found: called(behind.mode()), expected: "a file" }),
                Err(error) if is_absence(&error) => Some(Fault::Missing),
                Err(error) => return Err(Trouble::io(&place)(error)),
            },
            Node::Symlink { target } if kind.is_symlink() => {
                let said = fs::read_link(&place).map_err(Trouble::io(&place))?;
                self.fault_of_link(&entry.path, said.as_os_str().as_bytes(), target)
            }
            Node::Symlink { .. } => other("a symbolic link"),
            Node::Folder if kind.is_dir() => None,
            Node::Folder => other("a folder"),
            Node::HardLink { to } => {
                let first = reach.look(&self.below(to)).map_err(Trouble::io(&place))?;
                let is_same = |first: &Stat| (first.st_dev, first.st_ino) == (found.st_dev, found.st_ino);
                let same = matches!(first, Reached::Thing(first) if is_same(&first));
                if same { None } else { other("another name of a file") }
            }
            _ => other("a file"),
        })
    }

    /// Whether links on the way to something stay in the tree. Programs that know no links list what lies behind these as
    /// folders, and a `.torrent` does not say that they are none; a receipt does.
    fn leads_back(&self, place: &Path) -> bool {
        let folder = place.parent().and_then(|folder| folder.canonicalize().ok());
        self.lies == Lies::Itself && folder.is_some_and(|folder| folder.starts_with(&self.root))
    }

    /// A link may say the same in more steps.
    fn fault_of_link(&self, link: &TreePath, said: &[u8], expected: &[u8]) -> Option<Fault> {
        let is_folder = |path: &TreePath| fs::symlink_metadata(self.place(path)).is_ok_and(|found| found.is_dir());
        let leads_to = |said: &[u8]| symlink_target(link, said, is_folder).ok();
        let is_same = said == expected || (leads_to(said).is_some() && leads_to(said) == leads_to(expected));
        let text = |said| String::from_utf8_lossy(said).into_owned();
        (!is_same).then(|| Fault::Link { found: text(said), expected: text(expected) })
    }

    /// The pieces that have bytes of files that are wanted and of others: only whoever has both can check them.
    fn shared_pieces(&self) -> impl Iterator<Item = PieceIndex> {
        let map = self.manifest.piece_map();
        (0..map.pieces()).map(PieceIndex).filter(move |&piece| {
            let mut spans = map.spans(piece).map(|span| self.wanted[span.entry]);
            let first = spans.next();
            first.is_some_and(|first| spans.any(|wanted| wanted != first))
        })
    }

    /// The pieces of which all is wanted.
    fn own_pieces(&self) -> Bitfield {
        let map = self.manifest.piece_map();
        let mut own = Bitfield::none(map.pieces());
        for piece in (0..map.pieces()).map(PieceIndex) {
            if map.spans(piece).all(|span| self.wanted[span.entry]) {
                own.insert(piece);
            }
        }
        own
    }

    /// Hashes what is there.
    fn check_pieces(&self, reach: &Reach, looks: &[Option<Fault>]) -> Result<Vec<PieceState>, Trouble> {
        let (map, own) = (self.manifest.piece_map(), self.own_pieces());
        let place = |entry: usize| self.place(&self.manifest.entries[entry].path);
        let mut states = vec![PieceState::Apart; map.pieces() as usize];
        let mut trouble = None;
        let bar = hashing_bar(own.iter().map(|piece| u64::from(map.length(piece))).sum());
        let open = |entry: usize| match looks[entry] {
            Some(Fault::Missing | Fault::Kind { .. } | Fault::Barred(_)) => Err(io::ErrorKind::NotFound.into()),
            _ if self.lies == Lies::Itself => open_plain_file(&place(entry).canonicalize()?),
            _ => reach.open(&self.below(&self.manifest.entries[entry].path)),
        };
        hash_pieces(&map, &own, all_cores(), open, |piece: PieceIndex, hashed| {
            bar.inc(u64::from(map.length(piece)));
            states[piece.as_usize()] = match hashed {
                Ok(digest) if self.hashes.get(piece) == Some(&digest[..]) => PieceState::Right,
                Ok(_) => PieceState::Wrong,
                Err(UnreadPiece { error, .. })
                    if is_absence(&error) || error.kind() == io::ErrorKind::UnexpectedEof =>
                {
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
}

/// Where on disk the shared thing of a `.torrent` lies: in the folder, under its name; or it is the folder, or what was given
/// in its place. Where both could be meant, it is what has more of it.
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

/// Whether there is nothing of that name, or no way to it.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn fault_of_length(found: u64, expected: u64) -> Option<Fault> {
    (found != expected).then_some(Fault::Length { found, expected })
}
