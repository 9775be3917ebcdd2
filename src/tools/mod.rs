//! Tools that try rules before they are active. They decide without a network.
//!
//! Input: a snapshot, and claims and requests as given. Output: the answers that the gateway would give. `offline`
//! decides one request. `cases` decides many and compares the answers with the expected ones. No token is verified
//! here, and nothing is forwarded.

pub mod cases;
pub mod offline;
