//! The same path with something else under it on two ranks.

use std::fmt;

use crate::metainfo::{Entry, Modified, Node, TreePath, counted};

/// Two views that cannot be put together: which of them is meant, only the user can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Where they differ.
    pub path: TreePath,
    /// Whose views, the lower rank first.
    pub ranks: (u32, u32),
    /// In what.
    pub difference: Difference,
}

/// In what two entries of the same path differ: the one's and the other's. The first that is found, so that those before it
/// are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// In what they are, with the article.
    Kind(&'static str, &'static str),
    /// In the number of their bytes.
    Length(u64, u64),
    /// In what the links say.
    Target(Vec<u8>, Vec<u8>),
    /// In the time of their last change.
    Modified(Option<Modified>, Option<Modified>),
    /// In their permissions.
    Mode(Option<u32>, Option<u32>),
}

impl Difference {
    /// In what two entries differ, if they do. Folders do not: what counts is what lies in them.
    #[must_use]
    pub fn between(one: &Entry, other: &Entry) -> Option<Self> {
        let target = |one: &[u8], other: &[u8]| (one != other).then(|| Self::Target(one.to_vec(), other.to_vec()));
        match (&one.node, &other.node) {
            (Node::Folder, Node::Folder) => return None,
            (Node::File { length: a }, Node::File { length: b }) => (a != b).then_some(Self::Length(*a, *b)),
            (Node::Symlink { target: a }, Node::Symlink { target: b }) => target(a, b),
            (Node::HardLink { to: a }, Node::HardLink { to: b }) => {
                target(a.to_string().as_bytes(), b.to_string().as_bytes())
            }
            (a, b) => Some(Self::Kind(kind(a), kind(b))),
        }
        .or_else(|| (one.modified != other.modified).then_some(Self::Modified(one.modified, other.modified)))
        .or_else(|| (one.mode != other.mode).then_some(Self::Mode(one.mode, other.mode)))
    }
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::File { .. } => "a file",
        Node::Pad { .. } => "a pad",
        Node::Symlink { .. } => "a symbolic link",
        Node::Folder => "a folder",
        Node::HardLink { .. } => "a hard link",
    }
}

impl std::error::Error for Conflict {}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, ranks: (one, other), difference } = self;
        write!(f, "{path} ")?;
        match difference {
            Difference::Kind(a, b) => write!(f, "is {a} on rank {one} and {b} on rank {other}"),
            Difference::Length(a, b) => write!(f, "has {} on rank {one} and {b} on rank {other}", counted(*a, "byte")),
            Difference::Target(a, b) => {
                let [a, b] = [a, b].map(|target| String::from_utf8_lossy(target));
                write!(f, "points to '{a}' on rank {one} and to '{b}' on rank {other}")
            }
            Difference::Modified(Some(a), Some(b)) if a < b => later(f, *a, *b, (*one, *other)),
            Difference::Modified(Some(a), Some(b)) => later(f, *b, *a, (*other, *one)),
            Difference::Modified(..) => {
                write!(f, "has a time of last change on only one of the ranks {one} and {other}")
            }
            Difference::Mode(a, b) => {
                let [a, b] = [a, b].map(|mode| mode.map_or("none".to_owned(), |mode| format!("{mode:o}")));
                write!(f, "has the mode {a} on rank {one} and {b} on rank {other}")
            }
        }?;
        write!(f, "; make them the same, or let only one of them be read (--from-ranks)")
    }
}

/// Says that `late`, a time on the second rank, is later than `early` on the first.
fn later(f: &mut fmt::Formatter<'_>, early: Modified, late: Modified, ranks: (u32, u32)) -> fmt::Result {
    let nanos = |time: Modified| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let apart = nanos(late) - nanos(early);
    let (seconds, rest) = (apart / 1_000_000_000, apart % 1_000_000_000);
    write!(f, "was last changed {seconds}.{rest:09} s later on rank {} than on rank {}", ranks.1, ranks.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(node: Node) -> Entry {
        let modified = Some(Modified { seconds: 10, nanos: 5 });
        Entry { path: TreePath::new(["tree", "it"]).unwrap(), node, mode: Some(0o644), modified }
    }

    fn file() -> Entry {
        entry(Node::File { length: 12 })
    }

    fn said(one: &Entry, other: &Entry) -> String {
        let difference = Difference::between(one, other).expect("they differ");
        let whole = Conflict { path: one.path.clone(), ranks: (1, 3), difference }.to_string();
        let (said, advice) = whole.split_once("; ").unwrap();
        assert_eq!(advice, "make them the same, or let only one of them be read (--from-ranks)");
        said.to_owned()
    }

    #[test]
    fn each_way_to_differ_is_one_sentence() {
        let link = |target: &str| entry(Node::Symlink { target: target.into() });
        let at = |seconds, nanos| Entry { modified: Some(Modified { seconds, nanos }), ..file() };
        for (one, other, sentence) in [
            (file(), entry(Node::Folder), "tree/it is a file on rank 1 and a folder on rank 3"),
            (file(), entry(Node::File { length: 13 }), "tree/it has 12 bytes on rank 1 and 13 on rank 3"),
            (link("a"), link("b"), "tree/it points to 'a' on rank 1 and to 'b' on rank 3"),
            (file(), at(11, 4), "tree/it was last changed 0.999999999 s later on rank 3 than on rank 1"),
            (file(), at(-3, 5), "tree/it was last changed 13.000000000 s later on rank 1 than on rank 3"),
            (
                file(),
                Entry { modified: None, ..file() },
                "tree/it has a time of last change on only one of the ranks 1 and 3",
            ),
            (file(), Entry { mode: Some(0o4755), ..file() }, "tree/it has the mode 644 on rank 1 and 4755 on rank 3"),
        ] {
            assert_eq!(said(&one, &other), sentence);
        }
    }

    #[test]
    fn folders_never_differ_and_the_same_does_not_either() {
        let folder = Entry { mode: Some(0o700), modified: None, ..entry(Node::Folder) };
        assert_eq!(Difference::between(&folder, &entry(Node::Folder)), None);
        assert_eq!(Difference::between(&file(), &file()), None);
    }
}
