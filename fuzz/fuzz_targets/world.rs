#![no_main]

#[path = "../oracles/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| world::check(data));
