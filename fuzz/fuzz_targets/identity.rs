#![no_main]

#[path = "../oracles/identity.rs"]
mod identity;
#[path = "../oracles/plain.rs"]
mod plain;
#[path = "../../tests/support/reference.rs"]
mod reference;

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::check(data));
