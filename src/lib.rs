//! `tema3`: BitTorrent over MPI.
pub mod fault;
pub mod metainfo;
pub mod net;
pub mod protocol;
pub mod storage;
