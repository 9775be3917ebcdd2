#![no_main]

#[path = "../oracles/claims.rs"]
mod claims;
#[path = "../oracles/plain.rs"]
mod plain;

libfuzzer_sys::fuzz_target!(|data: &[u8]| claims::check(data));
