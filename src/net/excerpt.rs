//! The start of a value that may be long, for one line of a terminal.

use std::fmt;

/// A value as it is debugged, cut where it goes on for long: lists of hashes do.
pub(super) fn start_of(value: &impl fmt::Debug) -> String {
    const ENOUGH: usize = 200;
    let whole = format!("{value:?}");
    match whole.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}...", &whole[..end]),
        None => whole,
    }
}
