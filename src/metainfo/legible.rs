//! Text that strangers wrote, made fit to be shown.

use std::fmt;

/// Shows a text so that it stays on its line and says nothing to the terminal: control characters and the like appear as
/// escapes, all else as it is.
#[derive(Clone, Copy, Debug)]
pub struct Legible<'t>(pub &'t str);

impl fmt::Display for Legible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\'' | '"' => write!(f, "{c}"),
            _ => c.escape_debug().fmt(f),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_do_something_is_escaped() {
        assert_eq!(Legible("it's \"ein Wört\" 日本").to_string(), "it's \"ein Wört\" 日本");
        assert_eq!(Legible("a\nb\x1b[2J\\ \u{202e}").to_string(), r"a\nb\u{1b}[2J\\ \u{202e}");
    }
}
