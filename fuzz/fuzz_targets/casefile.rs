#![no_main]

#[path = "../oracles/casefile.rs"]
mod casefile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| casefile::check(data));
