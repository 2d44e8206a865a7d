//! A manifest as it is put on a disk: its folders, and what of it is wanted here.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::TargetError;
use crate::metainfo::{Entry, Manifest, Node, PieceIndex, PieceMap, Span, TreePath};

/// Which folder of the tree is meant, as its place in [`Outline::folders`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FolderId(u32);

/// The folder that the tree is put into.
pub(super) const ROOT: FolderId = FolderId(0);

/// A folder that something in the tree lies in, or that is named by the manifest.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where it lies; nothing for the root.
    pub(super) path: Option<TreePath>,
    /// The folder that it lies in.
    pub(super) parent: FolderId,
    /// Where the manifest names it.
    entry: Option<usize>,
    /// Whether it is wanted, or something in it is.
    pub(super) needed: bool,
}

/// The tree that is wanted here.
#[derive(Debug)]
pub(super) struct Outline {
    manifest: Arc<Manifest>,
    map: PieceMap,
    wanted: Vec<bool>,
    /// Outer folders before inner ones.
    folders: Vec<Folder>,
    /// The folder that each entry lies in.
    folder_of: Vec<FolderId>,
    /// Hard links and the files that they are names of.
    links: HashMap<usize, usize>,
}

impl Outline {
    /// The outline of a manifest of which these entries are wanted.
    pub(super) fn new(manifest: Arc<Manifest>, wanted: &BTreeSet<usize>) -> Result<Self, TargetError> {
        let root = Folder { path: None, parent: ROOT, entry: None, needed: true };
        let mut outline = Self {
            map: manifest.piece_map(),
            wanted: manifest.entries.iter().enumerate().map(|(at, it)| wanted.contains(&at) && !is_pad(it)).collect(),
            folders: vec![root],
            folder_of: Vec::with_capacity(manifest.entries.len()),
            links: links(&manifest),
            manifest,
        };
        outline.find_folders();
        for (&link, &file) in &outline.links {
            if outline.wanted[link] && !outline.wanted[file] {
                let [link, to] = [link, file].map(|entry| outline.entry(entry).path.clone());
                return Err(TargetError::LinkAlone { link, to });
            }
        }
        Ok(outline)
    }

    fn find_folders(&mut self) {
        let mut ids = HashMap::new();
        let manifest = Arc::clone(&self.manifest);
        for (index, entry) in manifest.entries.iter().enumerate() {
            // A pad lies in no folder: its path is a mere name.
            let parent = entry.path.parent().filter(|_| !is_pad(entry));
            let parent = parent.map_or(ROOT, |path| self.folder_at(&mut ids, &path));
            self.folder_of.push(parent);
            let mut needed = self.wanted[index].then_some(parent);
            if matches!(entry.node, Node::Folder) {
                let id = self.folder_at(&mut ids, &entry.path);
                self.folders[id.0 as usize].entry = Some(index);
                needed = needed.and(Some(id));
            }
            while let Some(id) = needed.filter(|id| !self.folders[id.0 as usize].needed) {
                self.folders[id.0 as usize].needed = true;
                needed = Some(self.folders[id.0 as usize].parent);
            }
        }
    }

    fn folder_at(&mut self, ids: &mut HashMap<TreePath, FolderId>, path: &TreePath) -> FolderId {
        if let Some(&id) = ids.get(path) {
            return id;
        }
        let parent = path.parent().map_or(ROOT, |parent| self.folder_at(ids, &parent));
        let id = FolderId(self.folders.len() as u32);
        self.folders.push(Folder { path: Some(path.clone()), parent, entry: None, needed: false });
        ids.insert(path.clone(), id);
        id
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) fn map(&self) -> &PieceMap {
        &self.map
    }

    pub(super) fn entry(&self, entry: usize) -> &Entry {
        &self.manifest.entries[entry]
    }

    /// An entry's name in its folder.
    pub(super) fn name(&self, entry: usize) -> &[u8] {
        last_name(&self.entry(entry).path)
    }

    /// The folder that an entry lies in.
    pub(super) fn folder_of(&self, entry: usize) -> FolderId {
        self.folder_of[entry]
    }

    /// The file that a hard link is another name of.
    pub(super) fn linked(&self, link: usize) -> Option<usize> {
        self.links.get(&link).copied()
    }

    pub(super) fn is_wanted(&self, entry: usize) -> bool {
        self.wanted[entry]
    }

    /// What is wanted, in order; folders too.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.manifest.entries.iter().enumerate().filter(|&(entry, _)| self.wanted[entry])
    }

    /// The files that are wanted, and their lengths.
    pub(super) fn wanted_files(&self) -> impl Iterator<Item = (usize, u64)> {
        self.wanted().filter_map(|(entry, it)| match it.node {
            Node::File { length } => Some((entry, length)),
            _ => None,
        })
    }

    /// The length of a file, 0 of what is none.
    pub(super) fn length(&self, entry: usize) -> u64 {
        if let Node::File { length } = self.entry(entry).node { length } else { 0 }
    }

    /// Whether a file comes as a part of one piece, so that it is written in one go.
    pub(super) fn comes_at_once(&self, entry: usize) -> bool {
        self.map.pieces_of(entry).len() <= 1
    }

    pub(super) fn spans(&self, piece: PieceIndex) -> Vec<Span> {
        self.map.spans(piece).collect()
    }

    /// Whether something wanted has a part in a piece.
    pub(super) fn wants(&self, piece: PieceIndex) -> bool {
        self.map.spans(piece).any(|span| self.wanted[span.entry])
    }

    pub(super) fn folder(&self, id: FolderId) -> &Folder {
        &self.folders[id.0 as usize]
    }

    /// What the manifest says of a folder.
    pub(super) fn folder_entry(&self, id: FolderId) -> Option<&Entry> {
        self.folder(id).entry.map(|entry| self.entry(entry))
    }

    /// A folder's name in the one that it lies in; the root has none.
    pub(super) fn folder_name(&self, id: FolderId) -> &[u8] {
        self.folder(id).path.as_ref().map_or(b".", last_name)
    }

    /// The folders that are needed, outer ones before inner ones, without the root.
    pub(super) fn needed_folders(&self) -> impl DoubleEndedIterator<Item = (FolderId, &TreePath)> {
        let named = self.folders.iter().enumerate().filter(|(_, folder)| folder.needed);
        named.filter_map(|(index, folder)| Some((FolderId(index as u32), folder.path.as_ref()?)))
    }

    /// The names at the top of the whole tree, wanted or not, in order.
    pub(super) fn tops(&self) -> BTreeSet<&[u8]> {
        self.manifest.entries.iter().filter(|entry| !is_pad(entry)).map(|entry| entry.path.first_name()).collect()
    }
}

fn is_pad(entry: &Entry) -> bool {
    matches!(entry.node, Node::Pad { .. })
}

fn links(manifest: &Manifest) -> HashMap<usize, usize> {
    let is_link = |entry: &&Entry| matches!(entry.node, Node::HardLink { .. });
    if !manifest.entries.iter().any(|entry| is_link(&entry)) {
        return HashMap::new();
    }
    let by_path: HashMap<_, _> =
        manifest.entries.iter().enumerate().map(|(index, entry)| (&entry.path, index)).collect();
    let all = manifest.entries.iter().enumerate();
    all.filter_map(|(index, entry)| match &entry.node {
        Node::HardLink { to } => Some((index, *by_path.get(to)?)),
        _ => None,
    })
    .collect()
}

/// The innermost name of a path.
pub(super) fn last_name(path: &TreePath) -> &[u8] {
    path.names().next_back().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(wanted: &[usize]) -> Result<Outline, TargetError> {
        let entry = |path: &str, node| Entry {
            path: TreePath::new(path.split('/')).unwrap(),
            node,
            mode: None,
            modified: None,
        };
        let file = |path, length| entry(path, Node::File { length });
        let entries = vec![
            file("t/a/b/one", 12),
            file("t/two", 5),
            entry("t/a/link", Node::HardLink { to: TreePath::new(["t", "two"]).unwrap() }),
            entry("t/a", Node::Folder),
            entry("t/empty", Node::Folder),
            file("u", 1),
            Entry::pad(b"v", 2),
            Entry::pad(b"v", 2),
        ];
        Outline::new(Arc::new(Manifest { piece_length: 10, entries }), &wanted.iter().copied().collect())
    }

    fn needed(wanted: &[usize]) -> Vec<String> {
        outline(wanted).unwrap().needed_folders().map(|(_, path)| path.to_string()).collect()
    }

    #[test]
    fn a_folder_is_needed_where_it_or_something_in_it_is_wanted() {
        assert_eq!(needed(&[0]), ["t", "t/a", "t/a/b"]);
        assert_eq!(needed(&[1]), ["t"]);
        assert_eq!(needed(&[4]), ["t", "t/empty"]);
        assert_eq!(needed(&[5]), [""; 0]);
        assert_eq!(needed(&[5, 6, 7]), [""; 0], "a pad is no file");
    }

    #[test]
    fn a_piece_is_wanted_where_a_wanted_file_has_a_part_in_it() {
        let outline = outline(&[1]).unwrap();
        assert_eq!([0, 1, 2].map(|piece| outline.wants(PieceIndex(piece))), [false, true, false]);
        assert!(!self::outline(&[6, 7]).unwrap().wants(PieceIndex(1)));
        assert_eq!([0, 1].map(|entry| outline.comes_at_once(entry)), [false, true]);
    }

    #[test]
    fn a_hard_link_without_its_file_is_refused() {
        assert!(matches!(outline(&[2]), Err(TargetError::LinkAlone { .. })));
        assert_eq!(outline(&[1, 2]).unwrap().linked(2), Some(1));
        assert_eq!(outline(&[]).unwrap().tops(), BTreeSet::from([&b"t"[..], &b"u"[..]]));
    }
}
