//! How it travels in a model: the same nodes in virtual time, by the hundred thousand.
//!
//! A [`Scenario`] says who brings and wants what, on which [`Hardware`], and what goes wrong; a [`Simulation`] runs it to
//! its end, watched by the [`checkers`], each of which guards one invariant. Everything follows from the scenario: the same
//! one gives the same events at the same virtual times, on every machine.

mod calamities;
mod carry_out;
mod case;
pub mod checkers;
mod dice;
mod digest;
mod fired;
mod host;
mod judge;
mod network;
mod own_content;
mod queue;
mod scenario;
mod simulation;
pub mod soak;
mod synopsis;
#[cfg(test)]
mod toys;
mod trace;
mod truth;
mod watch;

pub use case::{Case, CaseError};
pub use digest::Digest;
pub use fired::{Fired, Kind};
pub use network::Hardware;
pub use scenario::{Occasion, Offer, Published, Scenario};
pub use simulation::{Report, Simulation, simulate};
pub use trace::Trace;
pub use truth::{Knowledge, Truth};
pub use watch::Watch;
