//! How a rank leaves: together with the others, or, after a panic, at once.

use std::time::Duration;

use log::warn;

use super::call;
use crate::protocol::Outcome;

/// How long `MPI_Finalize` may take. It can hang where a rank was lost, and by now every file is closed.
const FINALIZE: Duration = Duration::from_secs(5);

/// A panic unwinds into nothing that the other ranks could see: they would wait for ever. So it ends the job; in Open
/// MPI's recovery mode, where the others go on without this rank, only the rank.
pub(super) fn end_the_job_on_panic() {
    let report = std::panic::take_hook();
    let alone = std::env::var("OMPI_MCA_orte_enable_recovery").is_ok_and(|value| value == "1" || value == "true");
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        if alone {
            signal_hook::low_level::exit(i32::from(Outcome::Bug.code()));
        }
        call::abort(Outcome::Bug.code())
    }));
}

/// Leaves MPI and the process. Where MPI does not let go, the process leaves all the same, with the right code; what the
/// launcher makes of that is its own (Hydra of MPICH 4.0.2 may end with 1 or 9). The status file is told before.
pub(super) fn finalize_and_exit(code: u8) -> ! {
    let code = i32::from(code);
    let watchdog = std::thread::Builder::new().name("watchdog".into()).spawn(move || {
        // It wakes only where the process is still there by then.
        std::thread::sleep(FINALIZE);
        warn!("MPI_Finalize has not returned for {FINALIZE:?}; leaving without it");
        signal_hook::low_level::exit(code)
    });
    if let Err(error) = watchdog {
        warn!("no watchdog over MPI_Finalize: {error}");
    }
    if let Err(error) = call::finalize() {
        warn!("{error}");
    }
    std::process::exit(code)
}
