//! What is said and decided: the nodes of a swarm as pure state machines.
//!
//! Start with [`Node`], the seam: an event goes in, decisions come out. A [`Member`] is what a driver runs for a rank: a
//! [`Client`], made of the halves `Download` and `Upload`, and, on the rank that is tracker, a [`Tracker`]. Nothing here
//! reads a clock, sleeps, opens a file or touches the network.

mod calls;
mod client;
mod config;
mod event;
mod holdings;
#[cfg(test)]
mod hostile;
mod member;
mod message;
mod node;
mod observed;
mod outbox;
mod outcome;
mod own_time;
mod pace;
mod peer;
mod peers;
mod piece_picker;
mod rank;
mod seeded;
mod slot;
mod time;
mod track_record;
mod tracker;

pub use client::Client;
pub use config::{
    Announcing, Catalog, Config, Office, Owned, Patience, Picking, Policy, Preference, Prospects, Refusal, Sameness,
    Seeding,
};
pub use event::{Arrival, Event, StopCause, Traffic, Volume};
pub use member::Member;
pub use message::{
    About, Answer, Body, Call, Card, Change, Claim, Described, Ending, Finish, Lack, Manner, Message, More, Need, News,
    Pieces, Publication, Reason, Received, Report, Shortfall, Swarm, Version,
};
pub use node::Node;
pub use observed::{ClientSummary, Half, Observed, Summary};
pub use outbox::{Decision, Outbox};
pub use outcome::Outcome;
pub use rank::{Incarnation, Rank, TRACKER, Term};
pub use slot::Slot;
pub use time::Time;
pub use tracker::Tracker;
