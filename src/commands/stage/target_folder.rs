//! The folder into which a rank stages: who shares it is found out without making it, and one that was made in vain goes again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::protocol::{Observed, Outcome, Rank};
use crate::storage::staging::{Marker, Purpose};
use crate::storage::target::TargetError;

/// A rank's folder, as it was before the run.
#[derive(Debug)]
pub(super) struct TargetFolder {
    /// The nearest folder that was there: this one, or one above it.
    nearest: PathBuf,
    /// What is below that.
    rest: PathBuf,
    marker: Marker,
}

impl TargetFolder {
    /// Looks at the folder, and puts a mark into the nearest one that is there, so that ranks that share it find out.
    /// No rank makes a folder before all have looked, so all see what was there before the run.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub(super) fn look(folder: &Path) -> Result<Self, Refusal> {
        let whole = std::path::absolute(folder).map_err(Refusal::folder(folder))?;
        let nearest = whole.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(&whole);
        if !nearest.is_dir() {
            return Err(Refusal::folder(folder)(io::ErrorKind::NotADirectory.into()));
        }
        let rest = whole.strip_prefix(nearest).unwrap_or(Path::new(""));
        let marker = Marker::find_or_put(nearest, rest).map_err(Refusal::mark(folder))?;
        Ok(Self { nearest: nearest.to_owned(), rest: rest.to_owned(), marker })
    }

    /// The same for all ranks that share the folder.
    pub(super) fn word(&self) -> String {
        self.marker.word().to_owned()
    }

    /// Its path, which says the same wherever it is read, for people.
    pub(super) fn whole(&self) -> String {
        let nearest = self.nearest.canonicalize().unwrap_or_else(|_| self.nearest.clone());
        // An empty rest would add a slash.
        let whole = if self.rest == Path::new("") { nearest } else { nearest.join(&self.rest) };
        whole.to_string_lossy().into_owned()
    }

    /// Takes the mark away as soon as all have looked: what is killed later leaves none.
    pub(super) fn observe(&self, observed: &Observed) {
        if matches!(observed, Observed::Started) {
            self.unmark();
        }
    }

    /// Leaves the folder after the run: what it made in vain goes. A plan has made nothing.
    pub(super) fn leave(&self, purpose: Purpose) {
        self.unmark();
        if purpose == Purpose::Stage {
            self.remove_if_empty();
        }
    }

    fn unmark(&self) {
        if let Err(error) = self.marker.remove() {
            log::warn!("the marker beside the target stays: {error}");
        }
    }

    /// Removes what the run made on the way to it and has put nothing into. Whichever of the ranks that share a folder comes
    /// last finds it empty.
    fn remove_if_empty(&self) {
        let made = self.rest.ancestors().filter(|below| *below != Path::new(""));
        for below in made.filter(|below| below.file_name().is_some()) {
            match fs::remove_dir(self.nearest.join(below)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return,
                _ => {}
            }
        }
    }
}

/// Why no mark could be put.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The folder cannot be made or written.
    Folder { folder: PathBuf, error: io::Error },
    /// Something else has the mark's name.
    Mark(TargetError),
}

impl Refusal {
    fn folder(folder: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::Folder { folder: folder.to_owned(), error }
    }

    fn mark(folder: &Path) -> impl Fn(TargetError) -> Self {
        move |error| match error {
            TargetError::Io { source, .. } => Self::folder(folder)(source),
            other => Self::Mark(other),
        }
    }

    /// How that ends the run of this rank, and what is said of it.
    pub(super) fn of(self, rank: Rank, host: &str) -> (Outcome, String) {
        match self {
            Self::Folder { folder, error } => {
                let what = match error.kind() {
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => "there is a file in its way".into(),
                    kind => kind.to_string(),
                };
                let folder = folder.display();
                let needed = "every rank must be able to make that folder and to write there";
                (Outcome::Disk, format!("--to {folder}: {what}; {needed}"))
            }
            Self::Mark(error) => (Outcome::BadInput, format!("{rank} on {host}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn to_look_at_a_folder_does_not_make_it_and_who_shares_it_has_the_same_word() {
        let there = tempfile::tempdir().unwrap();
        let look = |below: &str| TargetFolder::look(&there.path().join(below)).unwrap();
        let (one, same, other) = (look("a/b"), look("a/b/"), look("a/c"));
        assert!(one.word() == same.word() && one.word() != other.word());
        assert!(!there.path().join("a").exists());
        let canonical = there.path().canonicalize().unwrap();
        assert_eq!(
            (one.whole(), look("").whole()),
            (format!("{0}/a/b", canonical.display()), canonical.display().to_string())
        );
        [one, other, look("")].iter().for_each(TargetFolder::unmark);
        assert_eq!(entries(there.path()), 0);
    }

    #[test]
    fn what_was_made_in_vain_goes_with_the_last_and_what_was_there_stays() {
        let there = tempfile::tempdir().unwrap();
        fs::create_dir(there.path().join("before")).unwrap();
        let (one, other) =
            ["before/a/1", "before/a/2"].map(|below| TargetFolder::look(&there.path().join(below)).unwrap()).into();
        for folder in [&one, &other] {
            folder.unmark();
            fs::create_dir_all(folder.whole()).unwrap();
        }
        one.remove_if_empty();
        assert_eq!(entries(&there.path().join("before/a")), 1);
        other.remove_if_empty();
        assert_eq!(entries(&there.path().join("before")), 0);
    }

    #[test]
    fn what_has_something_in_it_stays() {
        let there = tempfile::tempdir().unwrap();
        let folder = TargetFolder::look(&there.path().join("a/b")).unwrap();
        folder.unmark();
        fs::create_dir_all(there.path().join("a/b")).unwrap();
        fs::write(there.path().join("a/b/kept"), "").unwrap();
        folder.remove_if_empty();
        assert!(there.path().join("a/b/kept").exists());
    }
}
