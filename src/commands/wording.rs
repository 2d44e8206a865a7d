//! How commands say counts, sizes and tables.

use std::fmt;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanBytes;

pub(super) use crate::metainfo::counted;
use crate::metainfo::{Manifest, Node};

/// Prints a text. Who reads it through `head` has closed the pipe before the end: what cannot be written is left out.
pub(super) fn say(text: impl fmt::Display) {
    _ = writeln!(io::stdout(), "{text}");
}

/// So many bytes, in the unit that suits.
pub(super) fn sized(bytes: u64) -> String {
    HumanBytes(bytes).to_string().replace(".00 ", " ")
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
