//! `tema3`: BitTorrent over MPI.
pub mod metainfo;
pub mod protocol;
pub mod report;
pub mod storage;
