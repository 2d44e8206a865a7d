//! Which names a file may have, and the name of what a client writes.

/// The longest name that file systems take, in bytes.
const LONGEST: usize = 255;

/// Why a name is refused: nothing is ever written outside the output folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing stands where a name belongs.
    #[error("a file's name is empty; give it one")]
    Empty,
    /// `.` or `..`, which name folders.
    #[error("'{0}' names a folder, not a file; rename it")]
    Folder(String),
    /// The name leads elsewhere.
    #[error("the name '{0}' contains '/', so it would lead outside its folder; use a plain name")]
    Separator(String),
    /// A NUL, which no file system takes.
    #[error("the name '{0}' contains a NUL character; remove it")]
    Nul(String),
    /// `client<R>_<name>` would be too long.
    #[error("the output would be named '{}...', {length} bytes; file systems take {LONGEST}, so shorten the name", start(.name))]
    TooLong {
        /// The output's name.
        name: String,
        /// Its length in bytes.
        length: usize,
    },
}

/// The first characters of a name that is too long to be shown.
fn start(name: &str) -> String {
    name.chars().take(40).collect()
}

/// What client `client` calls its copy of the file `name`.
#[must_use]
pub fn output_name(client: u32, name: &str) -> String {
    format!("client{client}_{name}")
}

/// Refuses a name that is not one plain name.
pub(super) fn check_plain(name: &str) -> Result<(), NameError> {
    let shown = || name.escape_debug().to_string();
    match name {
        "" => Err(NameError::Empty),
        "." | ".." => Err(NameError::Folder(shown())),
        _ if name.contains('/') => Err(NameError::Separator(shown())),
        _ if name.contains('\0') => Err(NameError::Nul(shown())),
        _ => Ok(()),
    }
}

/// Refuses a wanted name under which the client could not write its copy.
pub(super) fn check_wanted(client: u32, name: &str) -> Result<(), NameError> {
    check_plain(name)?;
    let output = output_name(client, name);
    if output.len() > LONGEST {
        return Err(NameError::TooLong { length: output.len(), name: output });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in ["../x", "/abs", "a/b", "x/"] {
            assert!(matches!(check_plain(name), Err(NameError::Separator(_))), "{name}");
        }
        assert_eq!(check_plain(""), Err(NameError::Empty));
        assert!(matches!(check_plain("."), Err(NameError::Folder(_))));
        assert!(matches!(check_plain(".."), Err(NameError::Folder(_))));
        assert!(matches!(check_plain("a\0b"), Err(NameError::Nul(_))));
    }

    #[test]
    fn strange_plain_names_are_taken() {
        for name in ["...", "a b", "ß", "-rf", "client1_x", ".hidden", "a\\b"] {
            assert_eq!(check_wanted(7, name), Ok(()), "{name}");
        }
    }

    #[test]
    fn an_output_name_has_at_most_255_bytes_with_the_rank_counted() {
        assert_eq!(check_wanted(9, &"x".repeat(247)), Ok(()));
        assert!(matches!(check_wanted(10, &"x".repeat(247)), Err(NameError::TooLong { length: 256, .. })));
    }
}
