//! A small file that is there whole or not at all.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::Builder;

/// Writes a file through a temporary one beside it and a rename: whoever reads it finds the old content or the new one,
/// never a part.
///
/// # Errors
/// Where the folder cannot be written; what stood under the name is then untouched.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    // A temporary file is private by default; this one is to be read by whoever started the job. The umask still applies.
    let mut file =
        Builder::new().prefix(".tema3-").permissions(Permissions::from_mode(0o666)).tempfile_in(folder_of(path))?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
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
        assert!(write_atomically(&folder.path().join("none/status.json"), b"new").is_err());
    }

    #[test]
    fn a_name_without_a_folder_is_in_the_current_one() {
        assert_eq!(folder_of(Path::new("status.json")), Path::new("."));
        assert_eq!(folder_of(Path::new("out/status.json")), Path::new("out"));
    }
}
