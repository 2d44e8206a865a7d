//! `tema3`: BitTorrent over MPI.
pub mod fault;
pub mod metainfo;
pub mod protocol;
pub mod sim;
pub mod storage;
