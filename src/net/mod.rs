//! How it travels for real: messages as bytes, MPI, and the record of what a node heard.
//!
//! Without the feature `mpi` all but the driver is still here: a record is replayed where there is no MPI.

pub mod codec;
mod excerpt;
#[cfg(feature = "mpi")]
pub mod mpi;
pub mod record;
pub mod replay;
pub mod shaping;
