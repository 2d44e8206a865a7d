//! The folder that a tree is meant for, and the hidden one in it where the tree is built.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use sha1::{Digest, Sha1};

use super::disk::Answer;
use super::lock::{LOCK, Lock};
use super::outline::Outline;
use super::parts::PARTS;
use super::resume::{RESUME, UNFINISHED};
use super::target_error::At;
use super::{Stamp, TargetError, disk, sweep};

/// The folder of the hidden one in which the tree is built.
const TREE: &[u8] = b"tree";
/// A file in it that is made to see which permissions it gets.
const PROBE: &[u8] = b"probe";
const LONGEST_NAME: usize = 255;
/// How often another's end is met in the very moment of our beginning before that is taken for a mistake.
const TRIES: usize = 100;

/// A place where this process is the one that writes.
#[derive(Debug)]
pub(super) struct Place {
    dir: OwnedFd,
    dir_path: PathBuf,
    hidden: OwnedFd,
    name: Vec<u8>,
    is_new: bool,
    _lock: Lock,
}

impl Place {
    /// Takes the place of this tree in a folder, which is made where it is missing and may itself be a link.
    pub(super) fn take(dir_path: &Path, outline: &Outline, note: &str) -> Result<Self, TargetError> {
        let io = |source| TargetError::Io { doing: "make the folder", path: dir_path.to_owned(), source };
        std::fs::create_dir_all(dir_path).map_err(io)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(dir_path, flags, Mode::empty()).at("open", || dir_path.to_owned())?;
        let name = hidden_name(outline);
        let place = dir_path.join(std::ffi::OsStr::from_bytes(&name));
        for _ in 0..TRIES {
            let is_new = disk::make_folder(&dir, &name, 0o700).at("make the folder", || place.clone())?;
            let Some(hidden) = open_own(&dir, &name, &place, is_new)? else { continue };
            let lock = match Lock::take(&hidden, &place, note) {
                Ok(Some(lock)) => lock,
                Ok(None) => continue,
                Err(error) => {
                    if is_new && !matches!(error, TargetError::Held { .. }) {
                        leave(&dir, &name, &hidden);
                    }
                    return Err(error);
                }
            };
            let mine = Stamp::of(&disk::stat_open(&hidden).at("look at", || place.clone())?);
            let found = disk::stat(&dir, &name).at("look at", || place.clone())?;
            if found.is_some_and(|found| Stamp::of(&found).is_same_file(&mine)) {
                return Ok(Self { dir, dir_path: dir_path.to_owned(), hidden, name, is_new, _lock: lock });
            }
        }
        Err(TargetError::Changed { path: place })
    }

    /// The folder that the tree is meant for.
    pub(super) fn dir(&self) -> &OwnedFd {
        &self.dir
    }

    pub(super) fn dir_path(&self) -> &Path {
        &self.dir_path
    }

    /// The hidden folder.
    pub(super) fn hidden(&self) -> &OwnedFd {
        &self.hidden
    }

    pub(super) fn hidden_path(&self) -> PathBuf {
        self.dir_path.join(std::ffi::OsStr::from_bytes(&self.name))
    }

    /// The path of the folder in which the tree is built.
    pub(super) fn tree_path(&self) -> PathBuf {
        self.hidden_path().join("tree")
    }

    /// The folder in which the tree is built, made where it is missing.
    pub(super) fn tree(&self) -> Result<OwnedFd, TargetError> {
        let path = || self.tree_path();
        disk::make_folder(&self.hidden, TREE, 0o700).at("make the folder", path)?;
        disk::open_folder(&self.hidden, TREE).at("open", path)
    }

    /// The permission bits that the system takes away from what is made here (the umask, or what the folder prescribes).
    pub(super) fn withheld(&self) -> Result<u32, TargetError> {
        let path = || self.hidden_path().join("probe");
        disk::unlink(&self.hidden, PROBE).at("remove", path)?;
        let probe = disk::create(&self.hidden, PROBE, 0o777).at("make", path)?;
        let bits = disk::stat_open(&probe).at("look at", path)?.st_mode;
        disk::unlink(&self.hidden, PROBE).at("remove", path)?;
        Ok(!bits & 0o777)
    }

    /// Takes the hidden folder away, the lock at last: who waits for it finds that it is no longer there.
    pub(super) fn remove(&self) -> Result<(), TargetError> {
        let removed = sweep::sweep_inside(&self.hidden, |name| name != LOCK)
            .and_then(|()| disk::unlink(&self.hidden, LOCK))
            .and_then(|()| disk::remove_folder(&self.dir, &self.name));
        removed.at("remove", || self.hidden_path())
    }

    /// Takes the hidden folder away if it was made by this run: what could not begin leaves nothing.
    pub(super) fn remove_if_new(&self) {
        if self.is_new
            && let Err(error) = self.remove()
        {
            log::warn!("{error}");
        }
    }
}

/// Looks whether something has the hidden folder's name that is none of ours.
pub(super) fn look_at_hidden(dir: &OwnedFd, dir_path: &Path, outline: &Outline) -> Result<(), TargetError> {
    let (name, path) = (hidden_name(outline), dir_path.join(hidden_folder(outline)));
    open_own(dir, &name, &path, false).map(drop)
}

/// Takes away a hidden folder that was made in vain. Where that fails the reason is the same that made it vain.
fn leave(dir: &OwnedFd, name: &[u8], hidden: &OwnedFd) {
    let _ = disk::unlink(hidden, LOCK).and_then(|()| disk::remove_folder(dir, name));
}

/// Opens the hidden folder, which must be ours: its owner can change what is in it. Nothing where it was just taken away.
fn open_own(dir: &OwnedFd, name: &[u8], path: &Path, is_new: bool) -> Result<Option<OwnedFd>, TargetError> {
    let hidden = match disk::found(disk::open_listing(dir, name)) {
        Err(Errno::NOTDIR | Errno::LOOP) => {
            let found = disk::stat(dir, name).at("look at", || path.to_owned())?;
            let is_link = found.is_some_and(|found| FileType::from_raw_mode(found.st_mode).is_symlink());
            let found = if is_link { "a symbolic link" } else { "a file" };
            return Err(TargetError::InTheWay { path: path.to_owned(), found, wanted: "our hidden folder" });
        }
        answer => answer.at("open", || path.to_owned())?,
    };
    let Some(hidden) = hidden else { return Ok(None) };
    let owner = disk::stat_open(&hidden).at("look at", || path.to_owned())?.st_uid;
    // On some file systems what one makes does not belong to oneself.
    if !is_new && owner != rustix::process::geteuid().as_raw() {
        return Err(TargetError::Foreign { place: path.to_owned(), owner });
    }
    if !is_new && !is_left_by_us(&hidden).at("list", || path.to_owned())? {
        let found = "a folder of somebody else's";
        return Err(TargetError::InTheWay { path: path.to_owned(), found, wanted: "our hidden folder" });
    }
    Ok(Some(hidden))
}

/// Whether a folder has in it what a run leaves that was killed, and nothing else: all of it is going to be taken away. The
/// lock is the first that is made there and the last that goes.
fn is_left_by_us(hidden: &OwnedFd) -> Answer<bool> {
    let names = disk::names(hidden)?;
    let is_ours = |name: &Vec<u8>| [LOCK, RESUME, UNFINISHED, PARTS, TREE, PROBE].contains(&&name[..]);
    let is_marked = |name: &Vec<u8>| [LOCK, RESUME].contains(&&name[..]);
    Ok(names.is_empty() || (names.iter().all(is_ours) && names.iter().any(is_marked)))
}

/// The same as a path in the folder that the tree is meant for.
pub(super) fn hidden_folder(outline: &Outline) -> PathBuf {
    OsString::from_vec(hidden_name(outline)).into()
}

/// The hidden folder's name: that of the tree, where it has one name that is not too long.
fn hidden_name(outline: &Outline) -> Vec<u8> {
    let tops: Vec<&[u8]> = outline.tops().into_iter().collect();
    let named = |top: &[u8]| [b".", top, b".tema3"].concat();
    match tops[..] {
        [top] if named(top).len() <= LONGEST_NAME => named(top),
        _ => {
            let digest = Sha1::digest(tops.join(&b'/'));
            let hex = digest.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            named(hex.as_bytes())
        }
    }
}
