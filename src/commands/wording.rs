//! How commands say counts, sizes and tables.

use std::fmt;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use super::{Exit, complain};
use crate::metainfo::{Manifest, Node};
pub(super) use crate::metainfo::{counted, sized};
use crate::protocol::Outcome;

/// Why what a command has to say could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("what there is to say cannot be printed: {0}")]
pub(super) struct Unsaid(io::Error);

/// Prints a text.
///
/// # Errors
/// Where it cannot be printed, unless nobody wants more of it.
pub(super) fn say(text: impl fmt::Display) -> Result<(), Unsaid> {
    let mut stdout = io::stdout();
    said(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
}

/// What became of a text that was printed: who reads it through `head` has closed the pipe before the end, and is content.
pub(super) fn said(printed: io::Result<()>) -> Result<(), Unsaid> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Unsaid(error)),
        _ => Ok(()),
    }
}

/// How a command ends that had nothing left to do but to say what it did.
pub(super) fn end(outcome: Outcome, said: Result<(), Unsaid>) -> Exit {
    match said {
        Ok(()) => Exit::Ran(outcome),
        Err(unsaid) => {
            complain(unsaid);
            Exit::Ran(outcome.max(Outcome::Disk))
        }
    }
}

/// How many files and links a tree has.
pub(super) fn entries_of(manifest: &Manifest) -> String {
    let count = |wanted: fn(&Node) -> bool| manifest.entries.iter().filter(|entry| wanted(&entry.node)).count();
    let files = counted(count(|node| matches!(node, Node::File { .. })), "file");
    match count(|node| matches!(node, Node::Symlink { .. })) {
        0 => files,
        links => format!("{files} and {}", counted(links, "symbolic link")),
    }
}

/// A table without lines, of columns that are called and aligned like this.
pub(super) fn table<const N: usize>(columns: [(&str, CellAlignment); N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.map(|(name, _)| name));
    for (column, (_, alignment)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2)).set_cell_alignment(alignment);
    }
    table
}
