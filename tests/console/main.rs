//! The console and the API of the admin listener, by a gateway that runs as a process.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod access;
mod attacked;
mod files;
mod live;
mod operators;
mod playground;
mod process;
mod why;

#[path = "../support/key.rs"]
mod key;
