#![no_main]

#[path = "../oracles/choices.rs"]
mod choices;
#[path = "../oracles/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| world::check(data));
