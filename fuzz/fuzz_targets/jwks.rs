#![no_main]

#[path = "../oracles/jwks.rs"]
mod jwks;
#[path = "../oracles/plain.rs"]
mod plain;

libfuzzer_sys::fuzz_target!(|data: &[u8]| jwks::check(data));
