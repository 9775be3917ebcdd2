#![no_main]

#[path = "../oracles/dropins.rs"]
mod dropins;

libfuzzer_sys::fuzz_target!(|data: &[u8]| dropins::check(data));
