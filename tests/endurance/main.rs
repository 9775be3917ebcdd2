//! Tests the command under load for a long time, and under overload. Use the build for deployment:
//! `cargo test --profile dist --test endurance -- --ignored --test-threads 1 --nocapture`.
//!
//! | file | content |
//! |---|---|
//! | `gate.rs` | the gateway: a process of its own, so that its memory, descriptors and time are its own |
//! | `rules.rs`, `provider.rs` | the changes during the test: two sets of rules, and keys that rotate |
//! | `timeline.rs` | the active state at each time |
//! | `upstream.rs` | upstreams that answer, stream, stall, break off and refuse |
//! | `callers` | the callers; `cards`, `verdict`: the requests, and the reference's response to each |
//! | `memory.rs` | whether memory grows |
//! | `slow.rs` | slow clients |
//! | `reloads.rs` | 500 reloads while 2,000 requests arrive each second, in this process |
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/key.rs"]
mod key;
#[path = "../support/reference.rs"]
mod reference;

mod callers;
mod gate;
mod half_load;
mod memory;
mod overload;
mod provider;
mod reloads;
mod rules;
mod slow;
mod timeline;
mod upstream;

use std::time::Duration;

/// Longer than any step takes, so that a hang fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
#[ignore = "half an hour of load, or `MODELGATE_SOAK_SECONDS`; for builds with `--profile dist`"]
fn nothing_leaks_and_nothing_is_decided_wrongly() {
    run(half_load::soak());
}

#[test]
#[ignore = "a minute of load; for builds with `--profile dist` on a machine that does nothing else"]
fn five_thousand_slow_clients_are_nothing_to_the_others() {
    run(overload::overload());
}

#[test]
#[ignore = "half a minute of full load; for builds with `--profile dist`"]
fn requests_do_not_notice_reloads() {
    run(reloads::reload_under_load());
}
