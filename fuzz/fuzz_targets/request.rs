#![no_main]

#[path = "../oracles/further.rs"]
mod further;
#[path = "../oracles/plain.rs"]
mod plain;
#[path = "../oracles/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| request::check(data));
