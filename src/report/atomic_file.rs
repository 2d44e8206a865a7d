//! A small file that is there whole or not at all, and where it can be.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::Builder;

/// Writes a file through a temporary one beside it and a rename: whoever reads it finds the old content or the new one,
/// never a part. What is no plain file (a pipe, `/dev/stderr`) is never replaced: it is written into.
///
/// # Errors
/// Where the folder cannot be written; what stood under the name is then untouched.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    if is_special(path) {
        return File::create(path)?.write_all(content);
    }
    // A temporary file is private by default; this one is to be read by whoever started the job. The umask still applies.
    let mut file =
        Builder::new().prefix(".tema3-").permissions(Permissions::from_mode(0o666)).tempfile_in(folder_of(path))?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

/// Tries whether a file could be written there.
///
/// # Errors
/// Where the place is a folder, or no file can be made beside it.
pub fn try_place(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // Opening a pipe would wait for its reader.
    if is_special(path) { Ok(()) } else { tempfile::tempfile_in(folder_of(path)).map(drop) }
}

/// Whether this is no place for a plain file, but a way to something else: a folder, a pipe, a device, or a name of the
/// system's that may lead to a file and still must stay.
#[must_use]
pub fn is_special(path: &Path) -> bool {
    let is_the_systems = ["/dev", "/dev/fd", "/proc/self/fd"].contains(&folder_of(path).to_str().unwrap_or_default());
    is_the_systems || path.metadata().is_ok_and(|found| !found.is_file())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_old_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        fs::write(&path, "old and much longer").unwrap();

        write_atomically(&path, b"new").unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/status.json");
        assert!(try_place(&path).is_err() && write_atomically(&path, b"new").is_err());
        assert!(try_place(folder.path()).is_err() && write_atomically(folder.path(), b"new").is_err());
    }

    #[test]
    fn a_device_is_written_into_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("full");
        std::os::unix::fs::symlink("/dev/full", &device).unwrap();

        assert!(try_place(&device).is_ok());
        assert_eq!(write_atomically(&device, b"new").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(device.is_symlink() && is_special(Path::new("/dev/stdout")));
    }

    #[test]
    fn a_name_without_a_folder_is_in_the_current_one() {
        assert_eq!(folder_of(Path::new("status.json")), Path::new("."));
        assert_eq!(folder_of(Path::new("out/status.json")), Path::new("out"));
    }
}
