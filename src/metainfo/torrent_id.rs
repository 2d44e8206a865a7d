//! The short number that stands for a torrent on the wire.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a torrent between the ranks of one swarm. The tracker gives it; it is derived from the torrent's name, so that a
/// tracker that takes over gives the same one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct TorrentId(pub u32);

impl fmt::Display for TorrentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "torrent {:08x}", self.0)
    }
}
