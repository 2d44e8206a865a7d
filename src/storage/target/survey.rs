//! What lies already where the tree is meant to go.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use rustix::fs::{FileType, Stat};

use super::outline::{FolderId, Outline};
use super::shelf::Shelf;
use super::target_error::At;
use super::{Existing, Stamp, TargetError, disk};
use crate::metainfo::Node;

/// How many names are said of those that are in the way.
const NAMED: usize = 5;

/// The old tree, as far as it has the names of the new one.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Files that lie where a file of the tree belongs, wanted or not.
    pub(super) files: HashMap<usize, Stamp>,
    /// Links that are as they should be; a hard link, as long as the file that it is a name of stays.
    pub(super) same_links: HashSet<usize>,
    /// The names at the top that something has.
    pub(super) tops: BTreeSet<Vec<u8>>,
    /// Files that have several names, in the tree or out of it.
    many_named: Vec<usize>,
    /// Files that are to be files of their own, and are another name of one of the tree: they do not stay.
    other_names: BTreeMap<usize, usize>,
    differ: Vec<PathBuf>,
}

impl Survey {
    /// Looks at the old tree, without reading any file.
    ///
    /// # Errors
    /// Where a folder is in a file's place or the other way round, always; where something else differs and is to stay.
    pub(super) fn of(old: &Shelf, outline: &Outline, existing: Existing) -> Result<Self, TargetError> {
        let mut survey = Self::default();
        for top in outline.tops() {
            let found = disk::stat(old.root(), top).at("look at", || old.path().to_owned())?;
            survey.tops.extend(found.map(|_| top.to_vec()));
        }
        if survey.tops.is_empty() {
            return Ok(survey);
        }
        for (id, _) in outline.needed_folders() {
            old.folder(outline, id)?;
        }
        for entry in 0..outline.manifest().entries.len() {
            survey.look_at(entry, old, outline)?;
        }
        survey.find_other_names(outline);
        if existing == Existing::Keep && !survey.differ.is_empty() {
            let more = survey.differ.len().saturating_sub(NAMED);
            survey.differ.truncate(NAMED);
            return Err(TargetError::Differs { paths: survey.differ, more });
        }
        if let (Existing::Keep, Some((&other, &first))) = (existing, survey.other_names.first_key_value()) {
            let [path, first] = [other, first].map(|entry| old.path_of(&outline.entry(entry).path));
            return Err(TargetError::OneFile { path, first });
        }
        Ok(survey)
    }

    fn look_at(&mut self, entry: usize, old: &Shelf, outline: &Outline) -> Result<(), TargetError> {
        let (path, node) = (&outline.entry(entry).path, &outline.entry(entry).node);
        if matches!(node, Node::Folder | Node::Pad { .. }) {
            return Ok(());
        }
        let is_wanted = outline.is_wanted(entry);
        let Some((folder, found)) =
            find(entry, old, outline).or_else(|error| if is_wanted { Err(error) } else { Ok(None) })?
        else {
            return Ok(());
        };
        let kind = FileType::from_raw_mode(found.st_mode);
        if kind.is_dir() && is_wanted {
            return Err(TargetError::InTheWay { path: old.path_of(path), found: "a folder", wanted: kind_of(node) });
        }
        let same = match node {
            Node::File { length } if kind.is_file() => {
                self.files.insert(entry, Stamp::of(&found));
                if found.st_nlink > 1 {
                    self.many_named.push(entry);
                }
                found.st_size as u64 == *length
            }
            Node::Symlink { target } if kind.is_symlink() => {
                let says = disk::read_link(&folder, outline.name(entry)).at("read", || old.path_of(path))?;
                says == *target
            }
            Node::HardLink { .. } if kind.is_file() => {
                let first = outline.linked(entry).and_then(|file| self.files.get(&file));
                first.is_some_and(|first| first.is_same_file(&Stamp::of(&found)))
            }
            _ => false,
        };
        if same && matches!(node, Node::Symlink { .. } | Node::HardLink { .. }) {
            self.same_links.insert(entry);
        }
        if !same && is_wanted {
            self.differ.push(old.path_of(path));
        }
        Ok(())
    }

    /// What is done to one of two names of a file is done to the other. Where the tree has two files there one of the names
    /// stays: the first, or one that is not wanted, for that is not ours to touch.
    fn find_other_names(&mut self, outline: &Outline) {
        let mut names: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
        for entry in std::mem::take(&mut self.many_named) {
            names.entry(self.files[&entry].file()).or_default().push(entry);
        }
        for entries in names.values_mut() {
            entries.sort_unstable_by_key(|&entry| (outline.is_wanted(entry), entry));
            let others = entries[1..].iter().filter(|&&entry| outline.is_wanted(entry));
            self.other_names.extend(others.map(|&other| (other, entries[0])));
        }
    }

    /// Whether a wanted file may be there as it should be.
    pub(super) fn may_stay(&self, entry: usize, outline: &Outline) -> bool {
        let has_its_length = self.files.get(&entry).is_some_and(|stamp| stamp.size == outline.length(entry));
        has_its_length && !self.other_names.contains_key(&entry)
    }
}

type Found = Option<(std::sync::Arc<std::os::fd::OwnedFd>, Stat)>;

/// What has an entry's name, and the folder that it lies in.
fn find(entry: usize, old: &Shelf, outline: &Outline) -> Result<Found, TargetError> {
    let id: FolderId = outline.folder_of(entry);
    let Some(folder) = old.folder(outline, id)? else { return Ok(None) };
    let found = disk::stat(&folder, outline.name(entry)).at("look at", || old.path_of(&outline.entry(entry).path))?;
    Ok(found.map(|found| (folder, found)))
}

fn kind_of(node: &Node) -> &'static str {
    match node {
        Node::File { .. } | Node::Pad { .. } => "a file",
        Node::Symlink { .. } => "a symbolic link",
        Node::HardLink { .. } => "a hard link",
        Node::Folder => "a folder",
    }
}
