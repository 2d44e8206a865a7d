//! `tema3 stage` under a real mpirun: small trees that are made here, staged, and compared.
//!
//! `MPIRUN` chooses the launcher, which must be of the MPI that the program was built with.

#![cfg(feature = "mpi")]

mod again;
mod as_it_was;
mod compared;
mod disk_trouble;
mod from_torrent;
mod interrupted;
#[path = "../job/mod.rs"]
#[allow(dead_code, reason = "these stories wait for what is written, not for what is said")]
mod job;
mod mounted;
mod one_place;
mod plan;
mod planted;
mod program;
mod progress;
mod receipt;
mod trees;
mod usage;
mod who_reads;
