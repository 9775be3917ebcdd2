//! What operators ask of rules before those are in force: decisions without a network.
//!
//! In come a snapshot, and claims and requests as they are given. Out go the answers that the gateway would give. `offline` asks
//! one question, `cases` many, with the answers that are expected. No token is verified here, and nothing is forwarded.

pub mod cases;
pub mod offline;
