//! Reads the files of a `.torrent`: one, or a list.

use bendy::decoding::Object;

use super::fitted::{IsProgram, mode};
use super::reading::next;
use super::{MetainfoError, symlinks};
use crate::metainfo::bencode::{Fields, Items, bytes, fields, items, number};
use crate::metainfo::{BencodeError, Entry, Modified, Node, TreePath, TreePathError};

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
        mode(if self.is_program { IsProgram::Yes } else { IsProgram::No })
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
    let mut entries = Vec::new();
    while let Some(file) = list.next_object().map_err(BencodeError::from)? {
        let file = Listed::read(fields(file, "files")?)?;
        entries.push(file.entry(&top, entries.len())?);
    }
    if entries.is_empty() { Err(MetainfoError::NoFiles) } else { Ok(entries) }
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
            let names = self.target.as_deref().ok_or(MetainfoError::Missing("symlink path"))?;
            let target = within(top, names, || format!("'symlink path' of {path}"))?;
            let node = Node::Symlink { target: symlinks::relative(&path, &target) };
            return Ok(Entry { path, node, mode: None, modified });
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
