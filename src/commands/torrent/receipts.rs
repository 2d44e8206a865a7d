//! Which places a receipt asks to look at.

use std::path::{Path, PathBuf};

use super::Trouble;
use crate::commands::pattern::Pattern;
use crate::metainfo::TreePath;
use crate::report::{Receipt, ReceiptNode};

/// A place to look at, and what of the tree belongs there.
#[derive(Debug)]
pub(super) struct ReceiptPlace {
    pub(super) folder: PathBuf,
    /// All, where there are none.
    patterns: Option<Vec<Pattern>>,
}

impl ReceiptPlace {
    fn of(node: &ReceiptNode) -> Option<Self> {
        // A pattern that is none takes nothing.
        let patterns = node.want.as_ref().map(|want| want.iter().flat_map(|text| Pattern::new(text)).collect());
        Some(Self { folder: node.place.as_ref()?.into(), patterns })
    }

    /// Whether something belongs there.
    pub(super) fn wants(&self, path: &TreePath) -> bool {
        self.patterns.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.takes(path)))
    }
}

/// The places of this machine, each once; or the folder that was asked for, with what was put there, else with all.
///
/// # Errors
/// Where nothing was put on this machine, or the folder is not there.
pub(super) fn places(receipt: &Receipt, file: &Path, folder: Option<&Path>) -> Result<Vec<ReceiptPlace>, Trouble> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let here = receipt.nodes.iter().filter(|node| node.host == host).filter_map(ReceiptPlace::of);
    let mut places: Vec<ReceiptPlace> = Vec::new();
    for place in here {
        if places.iter().all(|known| known.folder != place.folder) {
            places.push(place);
        }
    }
    match folder {
        Some(folder) => {
            let whole = folder.canonicalize().map_err(Trouble::io(folder))?;
            let known = places.into_iter().find(|place| place.folder == whole);
            Ok(vec![known.unwrap_or(ReceiptPlace { folder: whole, patterns: None })])
        }
        None if places.is_empty() => Err(Trouble::NotHere { path: file.to_owned(), host }),
        None => Ok(places),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{Manifest, PieceHashes};
    use crate::report::ReceiptOf;

    fn receipt(nodes: &[(&str, &str, Option<&str>)]) -> Receipt {
        let node = |&(host, place, want): &(&str, &str, Option<&str>)| ReceiptNode {
            host: host.into(),
            place: Some(place.into()),
            want: want.map(|want| vec![want.into()]),
            ..ReceiptNode::default()
        };
        let (ended, nodes) = (String::new(), nodes.iter().map(node).collect());
        let of = ReceiptOf { code: 0, ended, took_ms: 0, info_hash: None, nodes };
        Receipt::new(of, &Manifest::default(), &PieceHashes::new())
    }

    #[test]
    fn each_place_of_this_machine_is_looked_at_once_and_those_of_others_are_not() {
        let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let receipt =
            receipt(&[(&here, "/a", None), ("elsewhere", "/b", None), (&here, "/c", None), (&here, "/a", None)]);
        let places = places(&receipt, Path::new("r"), None).unwrap();
        assert_eq!(places.iter().map(|place| place.folder.to_str().unwrap()).collect::<Vec<_>>(), ["/a", "/c"]);
    }

    #[test]
    fn where_nothing_was_put_on_this_machine_it_is_said_unless_a_folder_is_named() {
        let receipt = receipt(&[("elsewhere", "/b", Some("t/a"))]);
        let refused = places(&receipt, Path::new("r.json"), None).unwrap_err().to_string();
        assert!(refused.starts_with("r.json: nothing was put on this machine ("), "{refused}");
        let folder = tempfile::tempdir().unwrap();
        let places = places(&receipt, Path::new("r.json"), Some(folder.path())).unwrap();
        assert!(places[0].wants(&TreePath::new(["t", "b"]).unwrap()));
    }

    #[test]
    fn a_place_wants_what_was_put_there() {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path();
        let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let place = folder.canonicalize().unwrap();
        let receipt = receipt(&[(&here, place.to_str().unwrap(), Some("t/a"))]);
        let places = places(&receipt, Path::new("r"), Some(folder)).unwrap();
        let wants = |name: &str| places[0].wants(&TreePath::new(["t", name]).unwrap());
        assert!(wants("a") && !wants("b"));
    }
}
