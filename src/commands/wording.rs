//! How commands say counts, sizes and tables.

use std::fmt;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

pub(super) use crate::metainfo::sized;
use crate::metainfo::{Manifest, Node};

/// Prints a text. Who reads it through `head` has closed the pipe before the end: what cannot be written is left out.
pub(super) fn say(text: impl fmt::Display) {
    _ = writeln!(io::stdout(), "{text}");
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: impl TryInto<u64>, what: &str) -> String {
    match count.try_into() {
        Ok(1) => format!("1 {what}"),
        Ok(count) => format!("{count} {what}s"),
        Err(_) => unreachable!("no count here has more than 64 bits"),
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
