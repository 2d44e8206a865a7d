//! Ways down from a folder that no symbolic link can turn aside.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::disk::{self, Answer};
use crate::metainfo::TreePath;

/// Whether the system was found not to have `openat2`, or a sandbox forbids it.
static ONLY_STEP_BY_STEP: AtomicBool = AtomicBool::new(false);

/// Opens a folder that lies below another, at this path. A link anywhere on the way is [`Errno::LOOP`], a file
/// [`Errno::NOTDIR`]; the way never leads out of the folder that it starts from.
pub(in crate::storage) fn open_folder(from: impl AsFd, path: &TreePath) -> Answer<OwnedFd> {
    if !ONLY_STEP_BY_STEP.load(Ordering::Relaxed) {
        match at_once(&from, path) {
            Err(Errno::NOSYS | Errno::PERM) => ONLY_STEP_BY_STEP.store(true, Ordering::Relaxed),
            // The whole path is over the system's limit, its names are not.
            Err(Errno::NAMETOOLONG) => {}
            answer => return answer,
        }
    }
    step_by_step(from, path)
}

fn at_once(from: impl AsFd, path: &TreePath) -> Answer<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    loop {
        match rustix::fs::openat2(&from, path.as_path(), flags, Mode::empty(), resolve) {
            // Something was renamed meanwhile, and the system cannot tell whether the way still leads down.
            Err(Errno::AGAIN | Errno::INTR) => {}
            answer => return answer,
        }
    }
}

fn step_by_step(from: impl AsFd, path: &TreePath) -> Answer<OwnedFd> {
    let mut names = path.names();
    let first = names.next().ok_or(Errno::NOENT)?;
    names.try_fold(open_below(&from, first)?, |folder, name| open_below(&folder, name))
}

/// Opens a folder right below another. The system says 'no folder' of a link; here it is told apart from a file.
fn open_below(folder: impl AsFd, name: &[u8]) -> Answer<OwnedFd> {
    match disk::open_folder(&folder, name) {
        Err(Errno::NOTDIR) => {
            let is_link = disk::stat(&folder, name)?
                .is_some_and(|found| rustix::fs::FileType::from_raw_mode(found.st_mode).is_symlink());
            Err(if is_link { Errno::LOOP } else { Errno::NOTDIR })
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn both_ways(root: &Path, path: &str) -> [Result<(), Errno>; 2] {
        let from = fs::File::open(root).unwrap();
        let path = TreePath::new(path.split('/')).unwrap();
        [at_once(&from, &path).map(drop), step_by_step(&from, &path).map(drop)]
    }

    #[test]
    fn a_folder_is_found_and_a_link_on_the_way_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b/c")).unwrap();
        fs::write(root.path().join("a/file"), "").unwrap();
        symlink("/", root.path().join("a/out")).unwrap();
        symlink("b", root.path().join("a/inside")).unwrap();

        assert_eq!(both_ways(root.path(), "a/b/c"), [Ok(()), Ok(())]);
        assert_eq!(both_ways(root.path(), "a/none/c"), [Err(Errno::NOENT); 2]);
        assert_eq!(both_ways(root.path(), "a/file"), [Err(Errno::NOTDIR); 2]);
        assert_eq!(both_ways(root.path(), "a/out/tmp"), [Err(Errno::LOOP); 2]);
        assert_eq!(both_ways(root.path(), "a/inside/c"), [Err(Errno::LOOP); 2]);
    }

    #[test]
    fn a_path_over_the_systems_limit_is_walked() {
        let root = tempfile::tempdir().unwrap();
        let from = fs::File::open(root.path()).unwrap();
        let name = "x".repeat(200);
        let mut folder = disk::open_folder(&from, b".").unwrap();
        for _ in 0..30 {
            disk::make_folder(&folder, name.as_bytes(), 0o700).unwrap();
            folder = disk::open_folder(&folder, name.as_bytes()).unwrap();
        }
        let path = TreePath::new(vec![name; 30]).unwrap();
        assert_eq!(at_once(&from, &path).unwrap_err(), Errno::NAMETOOLONG);
        assert!(open_folder(&from, &path).is_ok());
    }
}
