#![no_main]

#[path = "../oracles/decision.rs"]
mod decision;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decision::check(data));
