#![no_main]

#[path = "../oracles/additional.rs"]
mod additional;
#[path = "../oracles/plain.rs"]
mod plain;
#[path = "../oracles/wire.rs"]
mod wire;

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::check(data));
