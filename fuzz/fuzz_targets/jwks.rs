#![no_main]

#[path = "../oracles/jwks.rs"]
mod jwks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| jwks::check(data));
