#![no_main]

#[path = "../oracles/further.rs"]
mod further;
#[path = "../oracles/places.rs"]
mod places;

libfuzzer_sys::fuzz_target!(|data: &[u8]| places::check(data));
