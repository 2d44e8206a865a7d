//! How it travels for real: messages as bytes, MPI, and the record of what a node heard.
//!
//! Without the feature `mpi` all but [`mpi`] is still here: a record is replayed where there is no MPI.

pub mod codec;
