//! `tema3`: BitTorrent over MPI.
pub mod assignment;
pub mod cli;
pub mod commands;
pub mod fault;
pub mod metainfo;
pub mod net;
pub mod protocol;
pub mod report;
pub mod sim;
pub mod storage;
