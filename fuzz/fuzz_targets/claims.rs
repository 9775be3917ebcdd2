#![no_main]

#[path = "../oracles/claims.rs"]
mod claims;

libfuzzer_sys::fuzz_target!(|data: &[u8]| claims::check(data));
