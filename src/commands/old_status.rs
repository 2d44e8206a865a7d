//! The status file of an earlier run: it goes before anything else, so that nobody takes it for this run's.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::report::is_special;

const OPTION: &str = "--status";

/// Removes the file that these words name, also where the rest of them is not understood. An empty one stays: by that
/// `scripts/tema3-run` knows that not all ranks are up.
pub(super) fn remove(words: &[OsString]) {
    if let Some(path) = named(words)
        && path.metadata().is_ok_and(|found| found.len() > 0)
    {
        remove_file(path);
    }
}

/// Removes it even if it is empty: all ranks are up, or there are none.
pub(super) fn remove_the_mark(status: Option<&Path>) {
    status.into_iter().for_each(remove_file);
}

fn remove_file(path: &Path) {
    if !is_special(path) {
        // What cannot be removed is found when the place is tried; another rank may have been here before.
        _ = std::fs::remove_file(path);
    }
}

/// The file that these words name.
pub(super) fn named(words: &[OsString]) -> Option<&Path> {
    let at = words.iter().position(|word| word.as_bytes().starts_with(OPTION.as_bytes()))?;
    let path = match &words[at].as_bytes()[OPTION.len()..] {
        [] => words.get(at + 1)?,
        [b'=', path @ ..] => OsStr::from_bytes(path),
        _ => return None,
    };
    Some(Path::new(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_file_is_found_however_it_is_written() {
        for line in ["tema3 --status s.json", "tema3 --wat --status=s.json", "tema3 --status s.json --wat"] {
            assert_eq!(named(&words(line)), Some(Path::new("s.json")), "{line}");
        }
        for line in ["tema3", "tema3 --status", "tema3 --statuses s.json"] {
            assert_eq!(named(&words(line)), None, "{line}");
        }
    }

    #[test]
    fn an_old_file_is_removed_and_a_folder_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.json");
        std::fs::write(&file, "old").unwrap();
        remove(&["--status".into(), file.clone().into()]);
        remove(&["--status".into(), folder.path().into()]);
        assert!(!file.exists() && folder.path().exists());
    }

    #[test]
    fn an_empty_file_stays_until_all_ranks_are_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.json");
        let words = ["--status".into(), file.clone().into()];
        std::fs::write(&file, "").unwrap();
        remove(&words);
        assert!(file.exists());
        remove_the_mark(named(&words));
        assert!(!file.exists());
    }
}
