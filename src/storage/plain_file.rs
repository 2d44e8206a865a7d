//! Opens plain files to be read, and nothing that only looks like one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a plain file. A symbolic link is not followed, a pipe is not waited for.
///
/// # Errors
/// Where it cannot be opened, or is something else.
pub fn open_plain_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => io::Error::other("a symbolic link and no file"),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("no plain file")) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_plain_file_is_opened_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "content").unwrap();
        symlink("file", at("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();

        assert!(open_plain_file(&at("file")).is_ok());
        assert_eq!(open_plain_file(&at("link")).unwrap_err().to_string(), "a symbolic link and no file");
        for other in [at("pipe"), folder.path().to_owned(), "/dev/null".into()] {
            assert_eq!(open_plain_file(&other).unwrap_err().to_string(), "no plain file", "{other:?}");
        }
        assert_eq!(open_plain_file(&at("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
