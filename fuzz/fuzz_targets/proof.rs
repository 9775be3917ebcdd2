#![no_main]

#[path = "../oracles/choices.rs"]
mod choices;
#[path = "../oracles/proof.rs"]
mod proof;

libfuzzer_sys::fuzz_target!(|data: &[u8]| proof::check(data));
