//! Symbolic links: on a disk their targets are relative to the folder in which they lie, in BEP 47 to the top of the torrent.
//!
//! Whatever a `.torrent` says, no way through its links leads out of it. A target of BEP 47 is made of plain names; what is
//! written on a disk for it climbs from the link's own folder at most to the top. That folder and those above it are real
//! ones, for nothing lies in a link ([`Manifest::check`](crate::metainfo::Manifest::check)). And where a plain name of a
//! target is itself a link, the same holds for that.

use super::SymlinkFault;
use crate::metainfo::TreePath;

/// What a link must say on a disk to lead there. Both paths begin with the shared name.
pub(super) fn relative(link: &TreePath, target: &TreePath) -> Vec<u8> {
    let folders = link.depth() - 1;
    let shared = link.names().take(folders).zip(target.names()).take_while(|(one, other)| one == other).count();
    let climbs = std::iter::repeat_n(&b".."[..], folders - shared);
    let said = climbs.chain(target.names().skip(shared)).collect::<Vec<_>>().join(&b'/');
    if said.is_empty() { b".".to_vec() } else { said }
}

/// Where in a torrent a symbolic link leads that says this on a disk. `is_folder` tells of a path in the torrent whether a real
/// folder is there: only from such a one does `..` lead back to where the path came from.
///
/// # Errors
/// Where a `.torrent` could not say it.
pub fn symlink_target(
    link: &TreePath,
    said: &[u8],
    is_folder: impl Fn(&TreePath) -> bool,
) -> Result<TreePath, SymlinkFault> {
    if said.starts_with(b"/") {
        return Err(SymlinkFault::LeadsOutside);
    }
    let mut reached = link.parent().ok_or(SymlinkFault::LeadsOutside)?;
    // The link's own folder and those above it are real ones.
    let mut descended = false;
    for name in said.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if descended && !is_folder(&reached) => return Err(SymlinkFault::GoesBack),
            b".." => reached = reached.parent().ok_or(SymlinkFault::LeadsOutside)?,
            name => {
                reached = reached.join(name).map_err(|_| SymlinkFault::LeadsOutside)?;
                descended = true;
            }
        }
    }
    if reached.depth() == 1 { Err(SymlinkFault::IsTheWhole) } else { Ok(reached) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.split('/')).unwrap()
    }

    #[test]
    fn a_target_comes_back_as_it_was_said() {
        for (link, said, leads_to) in [
            ("t/l", "f", "t/f"),
            ("t/a/l", "f", "t/a/f"),
            ("t/a/l", "../f", "t/f"),
            ("t/a/b/l", "../../c/d", "t/c/d"),
            ("t/a/b/l", "../b2/f", "t/a/b2/f"),
            ("t/a/b/l", ".", "t/a/b"),
            ("t/a/b/l", "..", "t/a"),
            ("t/a/l", "l", "t/a/l"),
        ] {
            assert_eq!(symlink_target(&path(link), said.as_bytes(), |_| false), Ok(path(leads_to)), "{link} -> {said}");
            assert_eq!(relative(&path(link), &path(leads_to)), said.as_bytes(), "{link} -> {leads_to}");
        }
    }

    #[test]
    fn what_leads_outside_is_refused() {
        for said in ["/etc/passwd", "/", "../..", "../../t/f", "../../../x", "f/../../..", "a//../../.."] {
            assert_eq!(
                symlink_target(&path("t/a/l"), said.as_bytes(), |_| true),
                Err(SymlinkFault::LeadsOutside),
                "{said}"
            );
        }
        assert_eq!(symlink_target(&path("l"), b"f", |_| true), Err(SymlinkFault::LeadsOutside));
    }

    #[test]
    fn superfluous_steps_are_left_out() {
        let is_folder = |found: &TreePath| *found == path("t/a/b");
        let target = |said: &str| symlink_target(&path("t/a/l"), said.as_bytes(), is_folder);
        assert_eq!(target("./b//c/"), Ok(path("t/a/b/c")));
        assert_eq!(target("b/../f"), Ok(path("t/a/f")));
        assert_eq!(target("link/../f"), Err(SymlinkFault::GoesBack));
        assert_eq!(target(".."), Err(SymlinkFault::IsTheWhole));
    }
}
