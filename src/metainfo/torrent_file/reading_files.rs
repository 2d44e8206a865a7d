//! Reads the files of a `.torrent`: one, or a list.

use bendy::decoding::Object;

use super::fitted::{NO_PROGRAM, PROGRAM};
use super::reading::next;
use super::{MetainfoError, symlink_target, symlinks};
use crate::metainfo::bencode::{Fields, Items, bytes, fields, items, number};
use crate::metainfo::{BencodeError, Entry, Legible, Modified, Node, TreePath, TreePathError};

/// What BEP 47 and libtorrent say of a file beside its length.
#[derive(Clone, Copy, Default)]
pub(super) struct Attributes {
    is_program: bool,
    is_pad: bool,
    is_symlink: bool,
    modified: Option<Modified>,
}

impl Attributes {
    /// Takes what stands under a key, where it knows it; tells whether it does.
    pub(super) fn take(&mut self, key: &[u8], value: Object<'_, '_>) -> Result<bool, BencodeError> {
        match key {
            b"attr" => {
                let letters = bytes(value, "attr")?;
                self.is_program = letters.contains(&b'x');
                self.is_pad = letters.contains(&b'p');
                self.is_symlink = letters.contains(&b'l');
            }
            b"mtime" => self.modified = Some(Modified { seconds: number(value, "mtime")?, nanos: 0 }),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn mode(self) -> u32 {
        if self.is_program { PROGRAM } else { NO_PROGRAM }
    }
}

/// The only file of a torrent.
pub(super) fn single(name: &[u8], length: i64, attributes: Attributes) -> Result<Entry, MetainfoError> {
    let path = TreePath::new([name]).map_err(|fault| MetainfoError::Path { place: "'name'".into(), fault })?;
    let node = Node::File { length: unsigned(&path, length)? };
    Ok(Entry { path, node, mode: Some(attributes.mode()), modified: attributes.modified })
}

/// The files of a torrent of several.
pub(super) fn several(name: &[u8], mut list: Items<'_, '_>) -> Result<Vec<Entry>, MetainfoError> {
    let top = TreePath::new([name]).map_err(|fault| MetainfoError::Path { place: "'name'".into(), fault })?;
    let (mut entries, mut links) = (Vec::new(), Vec::new());
    while let Some(file) = list.next_object().map_err(BencodeError::from)? {
        let file = Listed::read(fields(file, "files")?)?;
        if file.attributes.is_symlink {
            links.push((entries.len(), file.target.clone().ok_or(MetainfoError::Missing("symlink path"))?));
        }
        entries.push(file.entry(&top, entries.len())?);
    }
    if entries.is_empty() {
        return Err(MetainfoError::NoFiles);
    }
    // Where a link leads can be told once all is known that it could lead to.
    let targets = link_targets(&top, &entries, &links)?;
    for ((place, _), target) in links.iter().zip(targets) {
        entries[*place].node = Node::Symlink { target };
    }
    Ok(entries)
}

/// What these links say on a disk, of which the torrent says these names.
fn link_targets(
    top: &TreePath,
    entries: &[Entry],
    links: &[(usize, Vec<&[u8]>)],
) -> Result<Vec<Vec<u8>>, MetainfoError> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let there = There::of(entries);
    let target = |(place, names): &(usize, Vec<&[u8]>)| {
        let link = &entries[*place].path;
        Ok(symlinks::relative(link, &link_target(top, link, names, &there)?))
    };
    links.iter().map(target).collect()
}

/// Where a link leads. BEP 47 says that from the top; libtorrent reads and writes it from the link's own folder too.
fn link_target(top: &TreePath, link: &TreePath, names: &[&[u8]], there: &There<'_>) -> Result<TreePath, MetainfoError> {
    let place = || format!("'symlink path' of {link}");
    for name in names.iter().filter(|name| **name != b"..") {
        TreePath::new([name]).map_err(|fault| MetainfoError::Path { place: place(), fault })?;
    }
    let from_top = within(top, names, place);
    if from_top.as_ref().is_ok_and(|target| there.has(target)) {
        return from_top;
    }
    let said = names.join(&b'/');
    match symlink_target(link, &said, |_| false) {
        Ok(target) if from_top.is_err() || there.has(&target) => Ok(target),
        Err(fault) if names.contains(&&b".."[..]) => {
            let target = Legible(&String::from_utf8_lossy(&said)).to_string();
            Err(MetainfoError::Symlink { path: link.clone(), target, fault })
        }
        // Through another link, or to what is not there.
        _ => from_top,
    }
}

/// What is in a torrent.
struct There<'e> {
    paths: Vec<&'e TreePath>,
}

impl<'e> There<'e> {
    fn of(entries: &'e [Entry]) -> Self {
        let lying = entries.iter().filter(|entry| !matches!(entry.node, Node::Pad { .. }));
        let mut paths: Vec<_> = lying.map(|entry| &entry.path).collect();
        paths.sort_unstable();
        Self { paths }
    }

    /// Whether there is such a file, link or folder.
    fn has(&self, path: &TreePath) -> bool {
        let at = self.paths.partition_point(|found| *found < path);
        self.paths.get(at).is_some_and(|found| *found == path || found.is_within(path))
    }
}

/// A file as it stands in the list.
#[derive(Default)]
struct Listed<'s> {
    length: Option<i64>,
    names: Option<Vec<&'s [u8]>>,
    target: Option<Vec<&'s [u8]>>,
    attributes: Attributes,
}

impl<'s> Listed<'s> {
    fn read(mut file: Fields<'_, 's>) -> Result<Self, MetainfoError> {
        let mut listed = Self::default();
        while let Some((key, value)) = next(&mut file)? {
            match key {
                b"length" => listed.length = Some(number(value, "length")?),
                // The second comes later and counts, where somebody thought that the first might not be UTF-8.
                b"path" | b"path.utf-8" => listed.names = Some(names(value, "path")?),
                b"symlink path" => listed.target = Some(names(value, "symlink path")?),
                other => _ = listed.attributes.take(other, value)?,
            }
        }
        Ok(listed)
    }

    fn entry(&self, top: &TreePath, place: usize) -> Result<Entry, MetainfoError> {
        let Attributes { is_symlink, is_pad, modified, .. } = self.attributes;
        if is_pad && !is_symlink {
            return self.pad(top);
        }
        let names = self.names.as_deref().ok_or(MetainfoError::Missing("path"))?;
        let path = within(top, names, || format!("'path' of file {}", place + 1))?;
        if is_symlink {
            // What it says is filled in once all files are known.
            return Ok(Entry { path, node: Node::Symlink { target: Vec::new() }, mode: None, modified });
        }
        let node = Node::File { length: unsigned(&path, self.length.ok_or(MetainfoError::Missing("length"))?)? };
        Ok(Entry { path, node, mode: Some(self.attributes.mode()), modified })
    }

    /// Nobody writes a pad anywhere, so whatever it is called, it has the usual name here.
    fn pad(&self, top: &TreePath) -> Result<Entry, MetainfoError> {
        let length = unsigned(top, self.length.ok_or(MetainfoError::Missing("length"))?)?;
        Ok(Entry::pad(top.first_name(), length))
    }
}

fn names<'s>(value: Object<'_, 's>, key: &'static str) -> Result<Vec<&'s [u8]>, BencodeError> {
    let (mut names, mut list) = (Vec::new(), items(value, key)?);
    while let Some(name) = list.next_object()? {
        names.push(bytes(name, key)?);
    }
    Ok(names)
}

/// The path of these names in the top folder, of which there must be some.
fn within(top: &TreePath, names: &[&[u8]], place: impl Fn() -> String) -> Result<TreePath, MetainfoError> {
    let path = match names {
        [] => Err(TreePathError::Empty),
        _ => TreePath::new(top.names().chain(names.iter().copied())),
    };
    path.map_err(|fault| MetainfoError::Path { place: place(), fault })
}

fn unsigned(path: &TreePath, length: i64) -> Result<u64, MetainfoError> {
    u64::try_from(length).map_err(|_| MetainfoError::Length { path: path.clone(), length })
}
