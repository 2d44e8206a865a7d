//! A pattern of `--want`: which files of a tree it takes.

use globset::{GlobBuilder, GlobMatcher};

use crate::metainfo::TreePath;

/// A pattern, as it was typed.
#[derive(Clone, Debug)]
pub(super) struct Pattern(GlobMatcher);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Where it is none.
    pub(super) fn new(text: &str) -> Result<Self, globset::Error> {
        Ok(Self(GlobBuilder::new(text).literal_separator(true).build()?.compile_matcher()))
    }

    /// What was typed.
    #[cfg(feature = "mpi")]
    pub(super) fn text(&self) -> &str {
        self.0.glob().glob()
    }

    /// It takes what it matches, and all that lies in a folder that it matches.
    pub(super) fn takes(&self, path: &TreePath) -> bool {
        path.as_path().ancestors().any(|path| self.0.is_match(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_files_and_all_in_a_folder_and_a_star_ends_at_a_slash() {
        let takes =
            |pattern: &str, path: &str| Pattern::new(pattern).unwrap().takes(&TreePath::new(path.split('/')).unwrap());
        assert!(takes("t/a", "t/a") && takes("t/a", "t/a/b/c") && takes("t/*", "t/a/b"));
        assert!(!takes("t/a", "t/ab") && !takes("*.bin", "t/x.bin") && takes("**/*.bin", "t/x.bin"));
        assert!(Pattern::new("a[").is_err());
    }
}
