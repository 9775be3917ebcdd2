//! Every committed fuzz input, judged by the oracle of its target, so that targets and findings cannot rot.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

#[path = "../fuzz/oracles/config.rs"]
mod config;
#[path = "../fuzz/oracles/decision.rs"]
mod decision;
#[path = "../fuzz/oracles/pattern.rs"]
mod pattern;
#[path = "../fuzz/oracles/request.rs"]
mod request;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/token.rs"]
mod token;

fn replay(target: &str, oracle: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        // Shown when the oracle panics.
        println!("{}", entry.path().display());
        oracle(&fs::read(entry.path()).unwrap_or_default());
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn config_seeds_hold() {
    replay("config", config::check);
}

#[test]
fn decision_seeds_hold() {
    replay("decision", decision::check);
}

#[test]
fn pattern_seeds_hold() {
    replay("pattern", pattern::check);
}

#[test]
fn request_seeds_hold() {
    replay("request", request::check);
}

#[cfg(feature = "gateway")]
#[test]
fn token_seeds_hold() {
    replay("token", token::check);
}
