#![no_main]

#[path = "../oracles/pattern.rs"]
mod pattern;

libfuzzer_sys::fuzz_target!(|data: &[u8]| pattern::check(data));
