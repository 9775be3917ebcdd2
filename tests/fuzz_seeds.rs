//! Checks every committed fuzz input with the oracle of its target, so that targets and findings stay valid.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

#[path = "../fuzz/oracles/additional.rs"]
mod additional;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/bundle.rs"]
mod bundle;
#[path = "../fuzz/oracles/casefile.rs"]
mod casefile;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/choices.rs"]
mod choices;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/claims.rs"]
mod claims;
#[path = "../fuzz/oracles/config.rs"]
mod config;
#[path = "../fuzz/oracles/decision.rs"]
mod decision;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/dropins.rs"]
mod dropins;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/headers.rs"]
mod headers;
#[path = "../fuzz/oracles/identity.rs"]
mod identity;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/jwks.rs"]
mod jwks;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/log.rs"]
mod log;
#[path = "../fuzz/oracles/pattern.rs"]
mod pattern;
#[path = "../fuzz/oracles/places.rs"]
mod places;
#[path = "../fuzz/oracles/plain.rs"]
mod plain;
#[cfg(all(feature = "gateway", feature = "prove"))]
#[path = "../fuzz/oracles/proof.rs"]
mod proof;
#[path = "support/reference.rs"]
mod reference;
#[path = "../fuzz/oracles/request.rs"]
mod request;
#[cfg(all(feature = "gateway", feature = "prove"))]
#[path = "support/skip.rs"]
mod skip;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/slices.rs"]
mod slices;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/token.rs"]
mod token;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/wire.rs"]
mod wire;
#[cfg(feature = "gateway")]
#[path = "../fuzz/oracles/world.rs"]
mod world;

fn replay(target: &str, oracle: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        // This is shown if the oracle panics.
        println!("{}", entry.path().display());
        oracle(&fs::read(entry.path()).unwrap_or_default());
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[cfg(feature = "gateway")]
#[test]
fn bundle_seeds_hold() {
    replay("bundle", bundle::check);
}

#[test]
fn casefile_seeds_hold() {
    replay("casefile", casefile::check);
}

#[cfg(feature = "gateway")]
#[test]
fn claims_seeds_hold() {
    replay("claims", claims::check);
}

#[test]
fn config_seeds_hold() {
    replay("config", config::check);
}

#[test]
fn decision_seeds_hold() {
    replay("decision", decision::check);
}

#[cfg(feature = "gateway")]
#[test]
fn dropins_seeds_hold() {
    replay("dropins", dropins::check);
}

#[cfg(feature = "gateway")]
#[test]
fn headers_seeds_hold() {
    replay("headers", headers::check);
}

#[test]
fn identity_seeds_hold() {
    replay("identity", identity::check);
}

#[cfg(feature = "gateway")]
#[test]
fn jwks_seeds_hold() {
    replay("jwks", jwks::check);
}

#[cfg(feature = "gateway")]
#[test]
fn log_seeds_hold() {
    replay("log", log::check);
}

#[test]
fn pattern_seeds_hold() {
    replay("pattern", pattern::check);
}

#[test]
fn places_seeds_hold() {
    replay("places", places::check);
}

/// Every key at the top level, and below every other key.
#[test]
fn every_place_is_judged_refused_or_free() {
    for inner in 0..93 {
        for route in 0..6 {
            (0..3).for_each(|form| places::check(&[route, form, inner]));
        }
        for outer in 0..93 {
            places::check(&[0, 0, inner, outer]);
            places::check(&[1, 1, inner, 255, outer]);
        }
    }
}

#[cfg(all(feature = "gateway", feature = "prove"))]
#[test]
fn proof_seeds_hold() {
    match modelgate::prove::Prover::new(modelgate::prove::Limits::default()) {
        Err(modelgate::prove::ProveError::NoSolver) => {
            skip::skip("proof_seeds_hold", "cvc5 is not installed")
        }
        _ => replay("proof", proof::check),
    }
}

#[test]
fn request_seeds_hold() {
    replay("request", request::check);
}

#[cfg(feature = "gateway")]
#[test]
fn slices_seeds_hold() {
    replay("slices", slices::check);
}

#[cfg(feature = "gateway")]
#[test]
fn token_seeds_hold() {
    replay("token", token::check);
}

#[cfg(feature = "gateway")]
#[test]
fn wire_seeds_hold() {
    replay("wire", wire::check);
}

#[cfg(feature = "gateway")]
#[test]
fn world_seeds_hold() {
    replay("world", world::check);
}
