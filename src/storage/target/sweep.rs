//! Takes away what nobody needs any more, however deep it is.

use std::os::fd::AsFd;

use rustix::fs::FileType;

use super::disk::{self, Answer};

/// Takes away what has this name, with all that is in it. Links are taken away, not followed.
pub(super) fn sweep(at: impl AsFd, name: &[u8]) -> Answer<()> {
    let at = at.as_fd();
    let Some(found) = disk::stat(at, name)? else { return Ok(()) };
    if !FileType::from_raw_mode(found.st_mode).is_dir() {
        return disk::unlink(at, name);
    }
    let folder = disk::open_listing(at, name)?;
    if found.st_mode & 0o700 != 0o700 {
        disk::set_mode(&folder, 0o700)?;
    }
    sweep_inside(&folder, |_| true)?;
    disk::remove_folder(at, name)
}

/// Takes away what a folder holds, as far as its name is of this kind.
pub(super) fn sweep_inside(folder: impl AsFd, mut goes: impl FnMut(&[u8]) -> bool) -> Answer<()> {
    for name in disk::names(&folder)? {
        if goes(&name) {
            sweep(&folder, &name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn all_goes_and_nothing_behind_a_link_does() {
        let root = tempfile::tempdir().unwrap();
        let (kept, gone) = (root.path().join("kept"), root.path().join("gone"));
        fs::create_dir_all(gone.join("a/b")).unwrap();
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "").unwrap();
        fs::write(gone.join("a/b/file"), "").unwrap();
        symlink(&kept, gone.join("a/link")).unwrap();
        fs::set_permissions(gone.join("a"), fs::Permissions::from_mode(0o500)).unwrap();

        sweep(fs::File::open(root.path()).unwrap(), b"gone").unwrap();
        assert!(!gone.exists() && kept.join("file").exists());
    }
}
