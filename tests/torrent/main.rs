//! `.torrent` files, with the programs that everybody uses as judges.
//!
//! `scripts/setup --tests` installs them: Transmission, aria2, libtorrent for Python, mktorrent. Where one is not there, what
//! needs it fails and says so.

mod made_elsewhere;
mod made_here;
mod programs;
mod refused;
mod trees;
mod verified;
