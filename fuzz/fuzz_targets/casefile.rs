#![no_main]

#[path = "../oracles/casefile.rs"]
mod casefile;
#[path = "../oracles/plain.rs"]
mod plain;

libfuzzer_sys::fuzz_target!(|data: &[u8]| casefile::check(data));
