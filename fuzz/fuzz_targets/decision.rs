#![no_main]

#[path = "../oracles/decision.rs"]
mod decision;
#[path = "../../tests/support/reference.rs"]
mod reference;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decision::check(data));
