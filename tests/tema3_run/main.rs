//! `scripts/tema3-run` with a real mpirun, and with an srun that only pretends to be one.
//!
//! `MPIRUN` chooses the launcher, which must be of the MPI that the program was built with.

#![cfg(feature = "mpi")]

mod codes;
#[path = "../job/mod.rs"]
#[allow(dead_code, reason = "these stories start the script, which starts the ranks")]
mod job;
mod script;
mod signals;
mod slurm;
mod usage;
