//! The status file of an earlier run: it goes before anything else, so that nobody takes it for this run's, also where this
//! one does not come to write its own. What is no status file nobody takes for one, and it stays.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::report::{Status, is_special};

const OPTION: &str = "--status";

/// Removes the status file that these words name, also where the rest of them is not understood. An empty one stays: by that
/// `scripts/tema3-run` knows that not all ranks are up.
pub(super) fn remove(words: &[OsString]) {
    if let Some(path) = named(words)
        && path.metadata().is_ok_and(|found| found.len() > 0)
        && is_ours(path)
    {
        remove_file(path);
    }
}

/// Removes it even if it is empty: all ranks are up, or there are none.
pub(super) fn remove_the_mark(status: Option<&Path>) {
    status.into_iter().for_each(remove_file);
}

/// Whether it is a status, or the mark that `scripts/tema3-run` puts in its place.
fn is_ours(path: &Path) -> bool {
    !is_special(path) && Status::is_at(path)
}

fn remove_file(path: &Path) {
    if is_ours(path) {
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
    use crate::protocol::{Outcome, Term};

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
    fn an_old_status_is_removed_and_anything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.json");
        let stays = || {
            remove(&["--status".into(), file.clone().into()]);
            file.exists()
        };
        let old = Status { outcome: Outcome::Complete, term: Term(0), reason: None };
        old.write(&file).unwrap();
        assert!(!stays());
        for mine in ["old", r#"{"v":1,"code":0,"messages":7,"meaning":"another"}"#] {
            std::fs::write(&file, mine.repeat(50)).unwrap();
            assert!(stays(), "{mine}");
        }
        remove(&["--status".into(), folder.path().into()]);
        assert!(folder.path().exists());
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
