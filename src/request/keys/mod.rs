//! What the keys of bodies, queries and forms mean.
//!
//! What comes in: a key. What leaves: what its value is. [`members`] is the one table of places; the rule for keys that it does
//! not have is in [`naming`], and [`spelling`] finds keys that some readers take for others.

pub(super) mod api_members;
pub(super) mod members;
pub(super) mod naming;
pub(super) mod spelling;
mod table;
