//! Runs the fuzz target `world` with random inputs: policies decide as plain Cedar does when it gets every entity and
//! every policy.
#![cfg(feature = "gateway")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../fuzz/oracles/choices.rs"]
mod choices;
#[path = "../fuzz/oracles/world.rs"]
mod world;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 400, cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn policies_decide_as_cedar_does_on_the_whole_world(data in proptest::collection::vec(any::<u8>(), 300..1000)) {
        world::check(&data);
    }
}
