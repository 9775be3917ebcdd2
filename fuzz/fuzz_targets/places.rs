#![no_main]

#[path = "../oracles/additional.rs"]
mod additional;
#[path = "../oracles/places.rs"]
mod places;

libfuzzer_sys::fuzz_target!(|data: &[u8]| places::check(data));
