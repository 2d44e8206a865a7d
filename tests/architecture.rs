//! Reads the sources and fails where an import points up the layers, or where a room does what only another may do.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, and which other rooms each may import from. The map is in ARCHITECTURE.md.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("metainfo", &[]),
    ("storage", &["metainfo"]),
    ("assignment", &["metainfo", "storage"]),
    ("protocol", &["metainfo"]),
    ("fault", &["metainfo", "protocol"]),
    ("net", &["metainfo", "storage", "protocol", "fault"]),
    ("sim", &["metainfo", "storage", "protocol", "fault"]),
    ("report", &["metainfo", "protocol", "fault"]),
];

/// What only some files may name: the words, the files that may not, and the files among them that may.
const RESERVED: &[Reserved] = &[
    Reserved { words: &["mpi::"], not_in: "", but_in: &["net/mpi"] },
    Reserved { words: &["bincode::"], not_in: "", but_in: &["net/codec.rs"] },
    Reserved { words: &["Instant", "SystemTime"], not_in: "protocol/", but_in: &[] },
    Reserved { words: &["std::thread", "thread::", "Mutex", "Atomic"], not_in: "protocol/", but_in: &[] },
    Reserved { words: &["f32", "f64"], not_in: "protocol/", but_in: &[] },
    Reserved { words: &["std::fs", "std::net", "std::env", "std::process"], not_in: "protocol/", but_in: &[] },
    Reserved { words: &["HashMap", "HashSet", "RandomState"], not_in: "protocol/", but_in: &[] },
    Reserved { words: &["f32", "f64"], not_in: "fault.rs", but_in: &[] },
    Reserved { words: &["Instant", "SystemTime", "std::fs"], not_in: "sim/", but_in: &[] },
    Reserved { words: &["unsafe"], not_in: "", but_in: &["net/mpi"] },
];

struct Reserved {
    words: &'static [&'static str],
    /// Files whose path begins like this may not use them.
    not_in: &'static str,
    /// Except those whose path begins like one of these.
    but_in: &'static [&'static str],
}

/// The room that a file of `src` belongs to: its folder, or its own name.
fn room(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// A line without its comment. Good enough for this code: no string in it has two slashes followed by a reserved word.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// Whether the word stands in the line by itself, not as a part of a longer name or path.
fn names(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let opens = word.starts_with(part_of_name)
            && before.is_some_and(|c| part_of_name(c) || (c == ':' && word.ends_with(':')));
        let goes_on = word.ends_with(part_of_name) && after.is_some_and(part_of_name) && !word.ends_with("Atomic");
        !opens && !goes_on
    })
}

/// The rooms that a line of code imports from: `crate::room` and `tema3::room`, in groups too.
fn imported_rooms(line: &str) -> Vec<&str> {
    let mut rooms = Vec::new();
    for root in ["crate::", "tema3::"] {
        for (at, _) in line.match_indices(root) {
            let rest = &line[at + root.len()..];
            let parts = match rest.strip_prefix('{') {
                Some(group) => group.split('}').next().unwrap_or(group).split(',').collect(),
                None => vec![rest],
            };
            let first =
                |part: &str| part.trim().find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.trim().len());
            rooms.extend(parts.into_iter().map(|part| &part.trim()[..first(part)]));
        }
    }
    rooms
}

/// Whether a file calls our own `net::mpi` simply `mpi`.
fn imports_own_mpi(source: &str) -> bool {
    let mut imports = source.lines().map(code).filter(|line| line.trim_start().starts_with("use crate::net"));
    imports.any(|line| line.contains("net::mpi") || (line.contains("net::{") && names(line, "mpi")))
}

/// What is wrong with a file of this path in `src`, line by line.
fn violations(path: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let own = room(path);
    // Where our own `net::mpi` is imported, the crate of that name is out of sight.
    let own_mpi = imports_own_mpi(source);
    let allowed = MAY_IMPORT.iter().find(|(room, _)| *room == own).map(|(_, allowed)| *allowed);
    for (number, line) in source.lines().enumerate() {
        let line = code(line);
        let place = format!("src/{path}:{}", number + 1);
        for imported in imported_rooms(line) {
            let known = MAY_IMPORT.iter().any(|(room, _)| *room == imported) || ["commands", "cli"].contains(&imported);
            if let Some(allowed) = allowed
                && known
                && imported != own
                && !allowed.contains(&imported)
            {
                found.push(format!("{place}: {own} may not import from {imported}"));
            }
        }
        for reserved in RESERVED {
            let applies =
                path.starts_with(reserved.not_in) && !reserved.but_in.iter().any(|place| path.starts_with(place));
            for word in
                reserved.words.iter().filter(|word| applies && names(line, word) && !(own_mpi && **word == "mpi::"))
            {
                found.push(format!("{place}: '{word}' does not belong here"));
            }
        }
    }
    found
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn no_import_points_up_and_each_room_keeps_to_its_own_trade() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40, "only {} sources were found", files.len());
    let mut found = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("it is in src").to_string_lossy().replace('\\', "/");
        let source = fs::read_to_string(&file).expect("a source is text");
        found.extend(violations(&path, &source));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_planted_import_across_the_layers_is_found() {
    for (path, line) in [
        ("protocol/client/mod.rs", "use crate::storage::Storage;"),
        ("protocol/peers.rs", "use crate::{metainfo::Layout, sim::Scenario};"),
        ("metainfo/layout.rs", "    let rank = crate::protocol::Rank(0);"),
        ("storage/model.rs", "use crate::protocol::Rank;"),
        ("sim/queue.rs", "use crate::net::codec;"),
        ("net/mpi/driver.rs", "use crate::sim::Scenario;"),
        ("fault.rs", "use crate::net::mpi;"),
        ("report/summary_text.rs", "use crate::commands::Exit;"),
        ("assignment/input.rs", "use crate::protocol::Catalog;"),
    ] {
        assert_eq!(violations(path, line).len(), 1, "{path}: {line}");
    }
}

#[test]
fn a_planted_clock_thread_float_file_or_hash_map_in_the_protocol_is_found() {
    for line in [
        "use std::time::Instant;",
        "let now = std::time::SystemTime::now();",
        "std::thread::sleep(pause);",
        "let share: f64 = 0.5;",
        "fn ratio(a: u32) -> f32 {",
        "let text = std::fs::read(path)?;",
        "use std::collections::{BTreeMap, HashMap};",
        "seen: HashSet<Rank>,",
        "static COUNT: AtomicU64 = AtomicU64::new(0);",
    ] {
        assert!(!violations("protocol/client/download.rs", line).is_empty(), "{line}");
    }
}

#[test]
fn a_planted_call_of_mpi_or_bincode_outside_its_place_is_found() {
    assert_eq!(violations("net/replay.rs", "let world = mpi::topology::SimpleCommunicator::world();").len(), 1);
    assert_eq!(violations("report/events.rs", "bincode::serde::encode_to_vec(value, config)").len(), 1);
    assert_eq!(violations("commands/replay.rs", "unsafe { free(pointer) }").len(), 1);
    assert!(violations("net/mpi/driver.rs", "use mpi::traits::*;").is_empty());
    assert!(violations("net/codec.rs", "bincode::config::standard()").is_empty());
}

#[test]
fn what_is_allowed_is_not_complained_of() {
    for (path, line) in [
        ("protocol/client/download.rs", "// No Instant, no HashMap, no f64: see DESIGN."),
        ("protocol/client/download.rs", "use crate::metainfo::{Bitfield, PieceIndex};"),
        ("protocol/client/download.rs", "use super::Instantaneous;"),
        ("sim/scenario.rs", "use crate::storage::Model;"),
        ("commands/soak.rs", "use crate::sim::soak::Soak; use crate::net::mpi;"),
        ("net/mod.rs", "pub mod mpi;"),
        ("fault.rs", "use std::collections::HashMap;"),
    ] {
        assert_eq!(violations(path, line), Vec::<String>::new(), "{path}: {line}");
    }
}
