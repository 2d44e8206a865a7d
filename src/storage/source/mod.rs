//! What an origin reads: which sources it sees, what lies in them, and the pieces that they are made of.

mod conflict;
mod merged;
mod roots;
mod view;

pub use conflict::{Conflict, Difference};
pub use merged::Merged;
pub use roots::Roots;
pub use view::{Identity, Look, View, ViewError};
