//! Bencode: the form of everything in BEP 3. Reading trusts nothing: first the whole is gone through, within limits and
//! without keeping any of it, then its meaning is read.

mod fields;
mod limits;
mod writer;

pub(super) use fields::{Fields, Items, bytes, fields, items, number, text};
pub use limits::BencodeError;
pub(super) use limits::{Limits, check};
pub(super) use writer::{Dict, Value};
