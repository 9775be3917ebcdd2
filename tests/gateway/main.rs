//! The gateway over real sockets: a client and an upstream that speak raw bytes, and a provider whose keys are a file.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod admin;
mod fixture;
mod forwarding;
mod issuers;
mod key;
mod opaque;
mod places;
mod refusing;
mod reload;
mod sequences;
mod streaming;
mod tls;
