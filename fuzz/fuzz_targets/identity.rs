#![no_main]

#[path = "../oracles/identity.rs"]
mod identity;

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::check(data));
