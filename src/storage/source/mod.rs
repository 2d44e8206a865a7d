//! What an origin reads: which sources it sees, what lies in them, and the pieces that they are made of.

mod roots;
mod view;

pub use roots::Roots;
pub use view::{Identity, Look, View, ViewError};
