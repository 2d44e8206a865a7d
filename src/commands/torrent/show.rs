//! `torrent show`: what is in a `.torrent`, for people and for programs.

use std::time::{Duration, UNIX_EPOCH};

use comfy_table::CellAlignment::{Left, Right};
use serde_json::{Value, json};

use super::{Trouble, counted, entries_of, read, say, sized, table};
use crate::cli::ShowArgs;
use crate::commands::Exit;
use crate::metainfo::{Entry, Legible, Metainfo, Node};
use crate::protocol::Outcome;

/// The form of what programs read.
const VERSION: u32 = 1;
/// The end of the year 9999, after which no date is written as one.
const LAST_DATE: u64 = 253_402_300_799;

/// Reads the `.torrent` and prints what is in it.
pub(super) fn run(args: &ShowArgs) -> Result<Exit, Trouble> {
    let metainfo = read(&args.file)?;
    if args.json {
        say(in_json(&metainfo))?;
    } else {
        say(format_args!("{}\n\n{}", head(&metainfo), files(&metainfo)))?;
    }
    Ok(Exit::Ran(Outcome::Complete))
}

/// What is said of the whole, a line each.
fn head(metainfo: &Metainfo) -> String {
    let (info, about) = (metainfo.info(), metainfo.about());
    let manifest = &info.manifest;
    let content = manifest.content_length();
    let pieces = counted(manifest.piece_map().pieces(), "piece");
    let mut lines = vec![
        ("name", metainfo.name().to_string()),
        ("info hash", metainfo.info_hash().to_string()),
        ("content", format!("{}, {} ({content} bytes)", entries_of(manifest), sized(content))),
        ("pieces", format!("{pieces} of {}", sized(u64::from(manifest.piece_length)))),
    ];
    let pads = manifest.entries.iter().filter_map(|entry| match entry.node {
        Node::Pad { length } => Some(length),
        _ => None,
    });
    if pads.clone().next().is_some() {
        let (count, bytes) = (counted(pads.clone().count(), "pad"), sized(pads.sum()));
        lines.push(("pads", format!("{count}, {bytes} of zeros that nobody has to send")));
    }
    if info.private {
        lines.push(("private", String::from("peers come from the trackers alone")));
    }
    for (number, tier) in about.trackers.iter().enumerate() {
        let key = if number == 0 { "trackers" } else { "" };
        lines.extend(tier.iter().enumerate().map(|(place, url)| {
            let said = if place == 0 { Legible(url).to_string() } else { format!("{} (same tier)", Legible(url)) };
            (if place == 0 { key } else { "" }, said)
        }));
    }
    let said = |text: &Option<String>| text.as_deref().map(|text| Legible(text).to_string());
    lines.extend(said(&about.comment).map(|text| ("comment", text)));
    lines.extend(said(&info.source).map(|text| ("source", text)));
    lines.extend(said(&about.created_by).map(|text| ("created by", text)));
    lines.extend(about.creation_date.map(|seconds| ("created", date(seconds))));
    lines.iter().map(|(key, said)| format!("{key:<12}{said}")).collect::<Vec<_>>().join("\n")
}

fn date(seconds: i64) -> String {
    match u64::try_from(seconds) {
        Ok(seconds) if seconds <= LAST_DATE => {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
        }
        _ => format!("{seconds} seconds after 1970"),
    }
}

/// A line for each file and link.
fn files(metainfo: &Metainfo) -> String {
    let mut table = table([("length", Right), ("path", Left)]);
    for entry in &metainfo.info().manifest.entries {
        let path = &entry.path;
        match &entry.node {
            Node::File { length } => {
                let kind = if entry.is_program() { " (program)" } else { "" };
                table.add_row([length.to_string(), format!("{path}{kind}")]);
            }
            Node::Symlink { target } => {
                let target = String::from_utf8_lossy(target);
                table.add_row([String::from("link"), format!("{path} -> {}", Legible(&target))]);
            }
            Node::Pad { .. } | Node::Folder | Node::HardLink { .. } => {}
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// All of it for programs, on one line.
fn in_json(metainfo: &Metainfo) -> Value {
    let (info, about) = (metainfo.info(), metainfo.about());
    let manifest = &info.manifest;
    json!({
        "v": VERSION,
        "name": metainfo.name().as_path().to_string_lossy(),
        "info_hash": metainfo.info_hash().to_string(),
        "piece_length": manifest.piece_length,
        "pieces": manifest.piece_map().pieces(),
        "length": manifest.content_length(),
        "files": manifest.entries.iter().filter_map(file_in_json).collect::<Vec<_>>(),
        "private": info.private,
        "source": info.source,
        "trackers": about.trackers,
        "comment": about.comment,
        "created_by": about.created_by,
        "creation_date": about.creation_date,
    })
}

fn file_in_json(entry: &Entry) -> Option<Value> {
    let path = entry.path.as_path().to_string_lossy();
    Some(match &entry.node {
        Node::File { length } => {
            let kind = if entry.is_program() { "program" } else { "file" };
            json!({ "path": path, "kind": kind, "length": length })
        }
        Node::Pad { length } => json!({ "path": path, "kind": "pad", "length": length }),
        Node::Symlink { target } => {
            json!({ "path": path, "kind": "symlink", "target": String::from_utf8_lossy(target) })
        }
        Node::Folder | Node::HardLink { .. } => return None,
    })
}
