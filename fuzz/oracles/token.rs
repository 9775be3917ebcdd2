//! Only signatures of the signer verify.
//!
//! An input is a compact JWS. The seeds `signed-*` are signed. Their private keys were destroyed.

use modelgate::authn::{KeySet, verify_signature};

const MAX_LEN: usize = 16 * 1024;

const KEYS: &[u8] = include_bytes!("keys.json");

const SIGNED: [&str; 2] =
    [include_str!("../seeds/token/signed-rs256"), include_str!("../seeds/token/signed-eddsa")];

pub(crate) fn check(data: &[u8]) {
    let Ok(compact) = std::str::from_utf8(data) else { return };
    if data.len() > MAX_LEN {
        return;
    }
    let keys = KeySet::parse(KEYS);
    assert!(keys.as_ref().is_ok_and(|keys| keys.refused().is_empty()), "the fixed keys cannot be read");
    let verified = keys.is_ok_and(|keys| verify_signature(compact, &keys).is_ok());
    assert_eq!(verified, SIGNED.contains(&compact), "{compact}");
}
