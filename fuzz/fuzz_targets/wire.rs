#![no_main]

#[path = "../oracles/further.rs"]
mod further;
#[path = "../oracles/plain.rs"]
mod plain;
#[path = "../oracles/wire.rs"]
mod wire;

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::check(data));
