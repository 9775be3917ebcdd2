#![no_main]

#[path = "../oracles/additional.rs"]
mod additional;
#[path = "../oracles/plain.rs"]
mod plain;
#[path = "../oracles/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| request::check(data));
