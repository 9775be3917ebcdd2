#![no_main]

#[path = "../oracles/choices.rs"]
mod choices;
#[path = "../oracles/slices.rs"]
mod slices;

libfuzzer_sys::fuzz_target!(|data: &[u8]| slices::check(data));
