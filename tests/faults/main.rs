//! The gateway behaves as documented while its surroundings fail. `docs/internals/reliability.md` has the table of
//! these tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod certificates;
mod descriptors;
mod disk;
mod egress_proxy;
mod files;
mod keys;
mod process;
mod secrets;
mod stopping;
mod upstream;
mod websockets;

#[path = "../support/key.rs"]
mod key;
