#![no_main]

#[path = "../oracles/log.rs"]
mod log;

libfuzzer_sys::fuzz_target!(|data: &[u8]| log::check(data));
