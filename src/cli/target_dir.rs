//! The folder into which each rank stages.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A folder, in whose path stands `{rank}` or `{host}` where each rank or node has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetDir(PathBuf);

/// A word in braces that nobody fills in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is known to fill in for {{{0}}}; {{rank}} and {{host}} are known")]
pub struct TargetDirError(String);

impl TargetDir {
    const KNOWN: [&str; 2] = ["rank", "host"];

    /// The folder that was typed.
    ///
    /// # Errors
    /// Where a word in its braces is not known.
    pub fn new(typed: PathBuf) -> Result<Self, TargetDirError> {
        // What is no text around a word makes it no other word.
        let unknown = |word: &&str| !Self::KNOWN.contains(word);
        let unknown = words(&typed.to_string_lossy()).find(unknown).map(str::to_owned);
        unknown.map_or(Ok(Self(typed)), |word| Err(TargetDirError(word)))
    }

    /// As it was typed.
    #[must_use]
    pub fn typed(&self) -> &Path {
        &self.0
    }

    /// The folder of one rank.
    #[must_use]
    pub fn of(&self, rank: u32, host: &str) -> PathBuf {
        let filled = replaced(self.0.as_os_str().as_bytes(), b"{rank}", rank.to_string().as_bytes());
        OsString::from_vec(replaced(&filled, b"{host}", host.as_bytes())).into()
    }
}

/// A text that need not be UTF-8, with another word in the place of this one.
fn replaced(text: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let (mut filled, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.windows(word.len()).position(|part| part == word) {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(by);
        rest = &rest[at + word.len()..];
    }
    filled.extend_from_slice(rest);
    filled
}

/// The words in braces: other braces are a part of the path.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split('{').skip(1).filter_map(move |after| {
        let (word, _) = after.split_once('}')?;
        (!word.is_empty() && word.chars().all(is_part)).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_filled_in_wherever_they_stand() {
        let dir = TargetDir::new("/x/{host}/{rank}-{rank}".into()).unwrap();
        assert_eq!(dir.of(7, "node1"), Path::new("/x/node1/7-7"));
    }

    #[test]
    fn they_are_filled_in_where_the_rest_is_no_text() {
        let typed = |text: &[u8]| PathBuf::from(OsString::from_vec(text.to_vec()));
        let dir = TargetDir::new(typed(b"/\xff{rank}/{host}\xfe")).unwrap();
        assert_eq!(dir.of(7, "h"), typed(b"/\xff7/h\xfe"));
        assert!(TargetDir::new(typed(b"\xff{user}")).is_err());
    }

    #[test]
    fn an_unknown_word_is_named_with_those_that_are_known() {
        for (typed, word) in [("../x{user}", "user"), ("{rank}/{Rank}", "Rank"), ("{{job_1}}", "job_1")] {
            let told = TargetDir::new(typed.into()).unwrap_err().to_string();
            assert_eq!(told, format!("nothing is known to fill in for {{{word}}}; {{rank}} and {{host}} are known"));
        }
    }

    #[test]
    fn braces_without_a_word_are_a_part_of_the_path() {
        for typed in ["a{}", "a{b c}", "{a-b}", "{a", "a}", "{a{rank}", "{a,b}", "{é}"] {
            assert!(TargetDir::new(typed.into()).is_ok(), "{typed}");
        }
        assert_eq!(TargetDir::new("{a{rank}".into()).unwrap().of(2, "h"), Path::new("{a2"));
    }
}
