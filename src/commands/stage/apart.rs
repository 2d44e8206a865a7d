//! What must lie apart from what is staged: the target, and what a run writes beside it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::commands::outputs::Asked;
use crate::protocol::{Outcome, Rank};
use crate::storage::source::View;

/// A target that lies in what is staged would be staged itself, half made. It is told as it was typed, so that all ranks say
/// the same.
pub(super) fn check_apart(folder: &Path, typed: &Path, view: Option<&View>) -> Result<(), (Outcome, String)> {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    // Not all of it needs to be there already.
    let Some(there) = whole.ancestors().find_map(|place| place.canonicalize().ok()) else { return Ok(()) };
    let holds = |source: &&Path| source.canonicalize().is_ok_and(|source| there.starts_with(source));
    match view.and_then(|view| view.roots.paths().find(holds)) {
        None => Ok(()),
        Some(source) => {
            let (typed, source) = (typed.display(), source.display());
            Err((Outcome::BadInput, format!("{typed} lies in {source}, which is staged; choose another --to")))
        }
    }
}

/// What is to be written where a file of the source lies, or one that is staged: it would take its place.
pub(super) fn misplaced(
    asked: Asked<'_>,
    rank: Rank,
    trees: &[PathBuf],
    targets: &BTreeSet<PathBuf>,
) -> Option<String> {
    let mut files = asked.files(rank).peekable();
    files.peek()?;
    let sources = trees.iter().filter_map(|tree| {
        let told = format!("{}, which is staged", tree.display());
        Some((tree.canonicalize().ok()?, told))
    });
    let copy = |target: &PathBuf, tree: &PathBuf| {
        let name = name_of(tree)?;
        let told = format!("{}, where {} is staged to", target.join(&name).display(), tree.display());
        Some((whole(target).join(name), told))
    };
    let copies = targets.iter().flat_map(|target| trees.iter().filter_map(move |tree| copy(target, tree)));
    let kept: Vec<(PathBuf, String)> = sources.chain(copies).collect();
    files.find_map(|(option, typed, file)| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A link in its own place is replaced, not followed.
        let place = whole(folder).join(file.file_name()?);
        let (_, told) = kept.iter().find(|(tree, _)| place.starts_with(tree))?;
        Some(format!("{option} {} would change {told}: give another place", typed.display()))
    })
}

/// The name by which a tree is staged.
fn name_of(tree: &Path) -> Option<OsString> {
    let name = tree.file_name().map(ToOwned::to_owned);
    name.or_else(|| Some(tree.canonicalize().ok()?.file_name()?.to_owned()))
}

/// A place by the folders that it lies in, links followed, as far as they are there.
fn whole(place: &Path) -> PathBuf {
    let place = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
    let there = place.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there {
        Some((above, canonical)) => canonical.join(place.strip_prefix(above).unwrap_or(Path::new(""))),
        None => place,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_lies_in_the_source_or_where_that_goes_is_misplaced_and_what_lies_beside_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("src/sub")).unwrap();
        fs::write(at("big"), "").unwrap();
        symlink("src/sub", at("way")).unwrap();
        symlink("src/sub", at("out")).unwrap();
        let told = |file: &str, to: &str| {
            let (status, trees) = (at(file), [at("src"), at("big")]);
            let asked = Asked { status: Some(&status), ..Asked::default() };
            misplaced(asked, Rank(0), &trees, &[at(to)].into())
        };
        for (file, tree) in [("src/x", "src"), ("src/none/x", "src"), ("way/x", "src"), ("big", "big")] {
            let tree = at(tree).display().to_string();
            assert!(told(file, "to").unwrap().contains(&format!("would change {tree}, which is staged: ")), "{file}");
        }
        for file in ["to/src", "to/src/x", "to/big"] {
            let told = told(file, "to").unwrap();
            assert!(told.starts_with("--status ") && told.contains(" is staged to: "), "{told}");
        }
        for (file, to) in [("x", "to"), ("to/x", "to"), ("srcs", "to"), ("to/srcs", "to"), ("way", "out")] {
            assert_eq!(told(file, to), None, "{file} {to}");
        }
    }
}
