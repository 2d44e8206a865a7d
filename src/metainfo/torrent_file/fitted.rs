//! What of a tree on disk a `.torrent` can say.

use std::collections::{HashMap, HashSet};

use super::{MetainfoError, symlink_target, symlinks};
use crate::metainfo::{Entry, Legible, Manifest, Node, TreePath};

/// The modes of a file that is a program, and of one that is not: all that BEP 47 knows of modes.
pub(super) const PROGRAM: u32 = 0o755;
pub(super) const NO_PROGRAM: u32 = 0o644;

/// A tree as a `.torrent` can say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// The files and symbolic links, modes as far as BEP 47 knows them, without times.
    pub entries: Vec<Entry>,
    /// The empty folders, for which there is no place.
    pub empty_folders: Vec<TreePath>,
}

impl Fitted {
    /// Fits a tree: folders go without saying, a hard link becomes a file of its own, a symbolic link says the same in the
    /// fewest steps.
    ///
    /// # Errors
    /// Where a name is not UTF-8, or a symbolic link leads outside.
    pub fn of(entries: &[Entry]) -> Result<Self, MetainfoError> {
        let at: HashMap<_, _> = entries.iter().map(|entry| (&entry.path, entry)).collect();
        let filled: HashSet<_> = entries.iter().filter_map(|entry| entry.path.parent()).collect();
        let mut fitted = Self { entries: Vec::new(), empty_folders: Vec::new() };
        for entry in entries {
            if entry.path.as_path().to_str().is_none() {
                return Err(MetainfoError::NotText(entry.path.clone()));
            }
            match &entry.node {
                Node::Folder if filled.contains(&entry.path) => {}
                Node::Folder => fitted.empty_folders.push(entry.path.clone()),
                Node::Symlink { target } => fitted.entries.push(fit_symlink(&entry.path, target, &at)?),
                Node::HardLink { to } => {
                    let first = at.get(to).ok_or_else(|| MetainfoError::NoPlace(entry.path.clone()))?;
                    fitted.entries.push(Entry { path: entry.path.clone(), ..fit_file(first) });
                }
                Node::File { .. } => fitted.entries.push(fit_file(entry)),
                // They belong to an arrangement, and this comes before it.
                Node::Pad { .. } => {}
            }
        }
        Ok(fitted)
    }
}

impl Manifest {
    /// The manifest of a `.torrent` of the same pieces: as [`Fitted`], but for pads, which stay where they are.
    ///
    /// # Errors
    /// Where there can be none: where a hard link stands for bytes that the pieces have once, a name is not UTF-8, or a
    /// symbolic link leads outside.
    pub fn fitted(&self) -> Result<Self, MetainfoError> {
        if let Some(link) = self.entries.iter().find(|entry| matches!(entry.node, Node::HardLink { .. })) {
            return Err(MetainfoError::NoPlace(link.path.clone()));
        }
        let mut fitted = Fitted::of(&self.entries)?.entries.into_iter();
        let keeps_place = |entry: &&Entry| entry.node != Node::Folder;
        let entries = self.entries.iter().filter(keeps_place).filter_map(|entry| match entry.node {
            Node::Pad { .. } => Some(entry.clone()),
            _ => fitted.next(),
        });
        Ok(Self { piece_length: self.piece_length, entries: entries.collect() })
    }
}

fn fit_file(entry: &Entry) -> Entry {
    let mode = if entry.is_program() { PROGRAM } else { NO_PROGRAM };
    Entry { mode: Some(mode), modified: None, ..entry.clone() }
}

fn fit_symlink(path: &TreePath, said: &[u8], at: &HashMap<&TreePath, &Entry>) -> Result<Entry, MetainfoError> {
    let is_folder = |path: &TreePath| at.get(path).is_some_and(|entry| entry.node == Node::Folder);
    let target = symlink_target(path, said, is_folder).map_err(|fault| MetainfoError::Symlink {
        path: path.clone(),
        target: Legible(&String::from_utf8_lossy(said)).to_string(),
        fault,
    })?;
    if target.as_path().to_str().is_none() {
        return Err(MetainfoError::NotText(target));
    }
    let node = Node::Symlink { target: symlinks::relative(path, &target) };
    Ok(Entry { path: path.clone(), node, mode: None, modified: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{Modified, SymlinkFault};

    fn path(text: &str) -> TreePath {
        TreePath::new(text.split('/')).unwrap()
    }

    fn entry(at: &str, node: Node, mode: u32) -> Entry {
        Entry { path: path(at), node, mode: Some(mode), modified: Some(Modified { seconds: 5, nanos: 6 }) }
    }

    fn symlink(at: &str, target: &str) -> Entry {
        entry(at, Node::Symlink { target: target.into() }, 0o777)
    }

    #[test]
    fn folders_go_and_hard_links_become_files_of_the_same_kind() {
        let fitted = Fitted::of(&[
            entry("t", Node::Folder, 0o700),
            entry("t/a", Node::File { length: 7 }, 0o4750),
            entry("t/e", Node::Folder, 0o755),
            entry("t/f", Node::Folder, 0o755),
            entry("t/f/h", Node::HardLink { to: path("t/a") }, 0),
            entry("t/g", Node::File { length: 1 }, 0o640),
        ])
        .unwrap();
        let of =
            |at, length, mode| Entry { path: path(at), node: Node::File { length }, mode: Some(mode), modified: None };
        assert_eq!(fitted.entries, [of("t/a", 7, 0o755), of("t/f/h", 7, 0o755), of("t/g", 1, 0o644)]);
        assert_eq!(fitted.empty_folders, [path("t/e")]);
    }

    #[test]
    fn symbolic_links_say_the_same_in_the_fewest_steps() {
        let folder = |at| entry(at, Node::Folder, 0o755);
        let fitted = Fitted::of(&[folder("t"), folder("t/d"), symlink("t/d/l", "./../d/../x"), symlink("t/m", "l/")]);
        let said: Vec<_> = fitted.unwrap().entries.into_iter().map(|entry| entry.node).collect();
        assert_eq!(said, ["../x", "l"].map(|target| Node::Symlink { target: target.into() }));
    }

    #[test]
    fn a_fitted_manifest_has_the_same_pieces() {
        let staged = [
            entry("t", Node::Folder, 0o700),
            entry("t/a", Node::File { length: 7 }, 0o640),
            entry("t/b", Node::Folder, 0o700),
            Entry::pad(b"t", 3),
            entry("t/b/c", Node::File { length: 20 }, 0o4750),
        ];
        let manifest = Manifest { piece_length: 10, entries: staged.to_vec() };
        let fitted = manifest.fitted().unwrap();
        let said: Vec<_> = fitted.entries.iter().map(|entry| (entry.path.to_string(), entry.mode)).collect();
        let pad = Entry::pad(b"t", 3);
        assert_eq!(
            said,
            [("t/a".into(), Some(0o644)), (pad.path.to_string(), pad.mode), ("t/b/c".into(), Some(0o755))]
        );
        assert_eq!(fitted.piece_map().total(), manifest.piece_map().total());

        let link = entry("t/l", Node::HardLink { to: path("t/a") }, 0);
        let linked = Manifest { entries: [&staged[..], &[link]].concat(), ..manifest };
        assert_eq!(linked.fitted(), Err(MetainfoError::NoPlace(path("t/l"))));
    }

    #[test]
    fn what_leads_outside_or_has_no_legible_name_is_refused_by_name() {
        let refused = Fitted::of(&[symlink("t/l", "../../x")]).unwrap_err();
        assert!(matches!(refused, MetainfoError::Symlink { fault: SymlinkFault::LeadsOutside, .. }));
        assert!(
            refused.to_string().starts_with("t/l is a symbolic link to '../../x', which leads outside"),
            "{refused}"
        );
        let through_another = [symlink("t/l", "m/../f"), symlink("t/m", "somewhere")];
        let refused = Fitted::of(&through_another).unwrap_err();
        assert!(matches!(refused, MetainfoError::Symlink { fault: SymlinkFault::GoesBack, .. }));

        let odd = TreePath::new([&b"t"[..], b"\xff"]).unwrap();
        let unnamed = Entry { path: odd.clone(), ..entry("t", Node::File { length: 0 }, 0) };
        assert_eq!(Fitted::of(&[unnamed]), Err(MetainfoError::NotText(odd)));
    }
}
