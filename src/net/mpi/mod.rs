//! The MPI driver: runs one node a rank, by point-to-point messages on one communication thread.

mod backoff;
mod blocks;
mod call;
mod carry_out;
mod crowd;
mod driver;
mod incoming;
mod leave;
mod outgoing;
mod passages;
mod pool;
mod sending;
mod transport;

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mpi::Threading;
use mpi::environment::Universe;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

use self::call::Comm;
pub use self::call::MpiError;
use self::driver::Driver;
use super::codec::CodecError;
use super::shaping::Limits;
use crate::fault::Faults;
use crate::protocol::{Node, Observed, Rank, Time, Traffic};
use crate::storage::Depot;

/// Why the driver cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// MPI refused a call.
    #[error(transparent)]
    Mpi(#[from] MpiError),
    /// The node said what cannot be sent: a mistake of our own.
    #[error("a message cannot be sent: {0}")]
    Message(#[from] CodecError),
    /// MPI runs already.
    #[error("MPI is initialised already")]
    Twice,
    /// Workers beside the communication thread are not allowed.
    #[error("this MPI does not allow threads: MPI_THREAD_FUNNELED is needed")]
    Threads,
    /// Each rank believes that it is alone: launcher and MPI do not fit.
    #[error(
        "the launcher started {launched} ranks, but MPI shows only one: this tema3 was built with {library}, and {launcher} \
         seems to be of another MPI; start it with the mpirun of {library}, or build it for the other (make MPI=openmpi \
         or make MPI=mpich)"
    )]
    Singletons {
        /// How many there should be.
        launched: u32,
        /// Who says so.
        launcher: &'static str,
        /// The MPI that is used here.
        library: String,
    },
    /// The operating system refused a signal handler.
    #[error("signals cannot be caught: {0}")]
    Signals(#[from] std::io::Error),
}

/// How a rank's run differs from a plain one. The default is a plain one.
#[derive(Clone, Debug)]
pub struct Options {
    /// How fast its line is.
    pub limits: Limits,
    /// What goes wrong on it.
    pub faults: Faults,
    /// When it stops early.
    pub time_limit: Option<Duration>,
    /// How many bytes the blocks on their way in and out may take.
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: Limits::default(), faults: Faults::default(), time_limit: None, memory: 64 << 20 }
    }
}

/// Hears each step that a node tells of, and when.
pub type Observer<'a> = dyn FnMut(Time, &Observed) + 'a;

/// This process's place in the job. It stays on the thread that made it; leaving without [`World::finalize`] ends the
/// job for all.
pub struct World {
    comm: Comm,
    rank: Rank,
    size: u32,
    stop_signal: Arc<AtomicBool>,
    /// Kept from its destructor, which would finalize MPI in the middle of a panic.
    _universe: ManuallyDrop<Universe>,
    _one_thread: PhantomData<*const ()>,
}

/// Joins the job. From here on a panic on any thread ends it for all.
///
/// # Errors
/// Where MPI cannot be used.
pub fn init() -> Result<World, NetError> {
    let stop_signal = Arc::new(AtomicBool::new(false));
    for signal in [SIGUSR1, SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop_signal))?;
    }
    transport::choose();
    let (universe, provided) = mpi::initialize_with_threading(Threading::Funneled).ok_or(NetError::Twice)?;
    let universe = ManuallyDrop::new(universe);
    leave::end_the_job_on_panic();
    if provided < Threading::Funneled {
        return Err(NetError::Threads);
    }
    let comm = Comm::world()?;
    let (rank, size) = comm.rank_and_size()?;
    if size == 1
        && let Some((launched, launcher)) = crowd::launched()
    {
        return Err(NetError::Singletons { launched, launcher, library: library() });
    }
    Ok(World { comm, rank: Rank(rank), size, stop_signal, _universe: universe, _one_thread: PhantomData })
}

/// The MPI that this program was built with, and its version.
fn library() -> String {
    let whole = mpi::environment::library_version().unwrap_or_else(|_| "an unknown MPI".to_owned());
    let first = whole.split([',', '\n']).next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ").replace(" Version:", "")
}

impl World {
    /// This process's rank.
    #[must_use]
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// How many ranks there are.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// How many of the ranks share this machine.
    #[must_use]
    pub fn local_ranks(&self) -> u32 {
        crowd::local_ranks(self.size)
    }

    /// Runs a node until it has left; tells what it has sent. SIGUSR1, SIGTERM and SIGINT become
    /// [`crate::protocol::Event::Stop`].
    ///
    /// # Errors
    /// Where MPI fails, or the node says what cannot be sent. The job is then best ended by [`World::abort`].
    pub fn drive(
        &mut self,
        node: &mut dyn Node,
        depot: &mut dyn Depot,
        observer: &mut Observer<'_>,
        options: &Options,
    ) -> Result<Traffic, NetError> {
        Driver::new(&self.comm, (self.rank, self.size), depot, observer, &self.stop_signal, options).run(node)
    }

    /// Leaves the job together with all other ranks, and the process with this code: one on which all ranks agree, since
    /// launchers kill the rest when one fails. Call it when every file is closed; it takes 5 s at most.
    pub fn finalize(self, code: u8) -> ! {
        leave::finalize_and_exit(code)
    }

    /// Ends the job for all ranks at once.
    pub fn abort(self, code: u8) -> ! {
        call::abort(code)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.rank, self.size)
    }
}
