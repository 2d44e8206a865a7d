//! Writes a `.torrent`: canonical, keys in order, paths in UTF-8.

use super::{About, Info, MetainfoError, SymlinkFault, symlink_target};
use crate::metainfo::bencode::{Dict, Value};
use crate::metainfo::{Entry, Legible, Node, TreePath};

/// The whole file around an `info` dictionary.
pub(super) fn whole(about: &About, raw_info: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Value::at_end_of(&mut out).dict(|dict| {
        if let Some(first) = about.trackers.iter().flatten().next() {
            dict.key("announce").bytes(first);
        }
        if about.trackers.iter().flatten().count() > 1 {
            dict.key("announce-list")
                .list(&about.trackers, |tier, urls| tier.list(urls, |value, url| value.bytes(url)));
        }
        if let Some(comment) = &about.comment {
            dict.key("comment").bytes(comment);
        }
        if let Some(program) = &about.created_by {
            dict.key("created by").bytes(program);
        }
        if let Some(seconds) = about.creation_date {
            dict.key("creation date").number(seconds);
        }
        dict.key("info").encoded(raw_info);
    });
    out
}

/// The `info` dictionary.
pub(super) fn raw_info(info: &Info) -> Result<Vec<u8>, MetainfoError> {
    info.manifest.check()?;
    if info.manifest.content_length() == 0 {
        return Err(MetainfoError::NoContent);
    }
    let mut out = Vec::new();
    match &info.manifest.entries[..] {
        [only] if only.path.depth() == 1 => single(info, only, &mut out)?,
        entries => several(info, entries, &mut out)?,
    }
    Ok(out)
}

fn single(info: &Info, file: &Entry, out: &mut Vec<u8>) -> Result<(), MetainfoError> {
    let Node::File { length } = file.node else { return Err(MetainfoError::NoPlace(file.path.clone())) };
    let name = text(&file.path)?;
    Value::at_end_of(out).dict(|dict| {
        write_attributes(dict, file);
        dict.key("length").number(length);
        write_time(dict, file);
        write_rest(dict, info, name);
    });
    Ok(())
}

fn several(info: &Info, entries: &[Entry], out: &mut Vec<u8>) -> Result<(), MetainfoError> {
    // There is content, so there is a file.
    let top = entries[0].path.first_name();
    let files = entries.iter().map(|entry| Listed::of(entry, top)).collect::<Result<Vec<_>, _>>()?;
    let name = str::from_utf8(top).map_err(|_| MetainfoError::NotText(entries[0].path.clone()))?;
    Value::at_end_of(out).dict(|dict| {
        dict.key("files").list(files, |value, file| value.dict(|dict| file.write(dict)));
        write_rest(dict, info, name);
    });
    Ok(())
}

/// A file of several.
struct Listed<'e> {
    entry: &'e Entry,
    length: u64,
    /// Where it leads, where it is a symbolic link.
    target: Option<TreePath>,
}

impl<'e> Listed<'e> {
    fn of(entry: &'e Entry, top: &[u8]) -> Result<Self, MetainfoError> {
        let (length, target) = match &entry.node {
            Node::File { length } | Node::Pad { length } => (*length, None),
            Node::Symlink { target } => (0, Some(leads_to(&entry.path, target)?)),
            Node::Folder | Node::HardLink { .. } => return Err(MetainfoError::NoPlace(entry.path.clone())),
        };
        if entry.path.depth() == 1 || entry.path.first_name() != top {
            return Err(MetainfoError::NoPlace(entry.path.clone()));
        }
        text(&entry.path)?;
        Ok(Self { entry, length, target })
    }

    fn write(&self, dict: &mut Dict<'_>) {
        write_attributes(dict, self.entry);
        dict.key("length").number(self.length);
        write_time(dict, self.entry);
        dict.key("path").list(self.entry.path.names().skip(1), |value, name| value.bytes(name));
        if let Some(target) = &self.target {
            dict.key("symlink path").list(target.names().skip(1), |value, name| value.bytes(name));
        }
    }
}

/// Where a link leads that says so in the fewest steps, as [`Fitted`](super::Fitted) has it.
fn leads_to(link: &TreePath, said: &[u8]) -> Result<TreePath, MetainfoError> {
    let refused = |fault: SymlinkFault| MetainfoError::Symlink {
        path: link.clone(),
        target: Legible(&String::from_utf8_lossy(said)).to_string(),
        fault,
    };
    let target = symlink_target(link, said, |_| false).map_err(refused)?;
    text(&target)?;
    Ok(target)
}

fn text(path: &TreePath) -> Result<&str, MetainfoError> {
    path.as_path().to_str().ok_or_else(|| MetainfoError::NotText(path.clone()))
}

fn write_attributes(dict: &mut Dict<'_>, entry: &Entry) {
    let attributes = match entry.node {
        Node::Pad { .. } => "p",
        Node::Symlink { .. } => "l",
        _ if entry.is_program() => "x",
        _ => return,
    };
    dict.key("attr").bytes(attributes);
}

fn write_time(dict: &mut Dict<'_>, entry: &Entry) {
    if let Some(modified) = entry.modified {
        dict.key("mtime").number(modified.seconds);
    }
}

fn write_rest(dict: &mut Dict<'_>, info: &Info, name: &str) {
    dict.key("name").bytes(name);
    dict.key("piece length").number(info.manifest.piece_length);
    dict.key("pieces").bytes(info.piece_hashes.iter().collect::<Vec<_>>().concat());
    if info.private {
        dict.key("private").number(1);
    }
    if let Some(source) = &info.source {
        dict.key("source").bytes(source);
    }
}
