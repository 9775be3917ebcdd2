//! The gateway keeps its promises while things around it break. `docs/internals/reliability.md` is the table of these tests.
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

#[path = "../gateway/key.rs"]
mod key;
