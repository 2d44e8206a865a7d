//! The program under a real mpirun.
//!
//! `MPIRUN` chooses the launcher, which must be of the MPI that the program was built with; `TEMA3_REPEATS` (2) says how
//! often a run that must always end alike is repeated. One job runs at a time, whatever the number of test threads.

#![cfg(feature = "mpi")]

mod alike;
mod bad_input;
mod course_tests;
#[path = "../job/mod.rs"]
mod job;
mod program;
mod reports;
mod resumed;
mod stories;
mod swarm_folder;
mod usage;
