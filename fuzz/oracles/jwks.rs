//! A key set accepts the same keys as its keys one by one, in any order. No accepted key is private, symmetric, or
//! for another use than signatures.
//!
//! An input is a JWKS document.

use modelgate::authn::{KeyRefusal, KeySet, KeySetError, RefusedKey, verify_signature};
use serde_json::{Value, json};

use crate::plain;

const MAX_LEN: usize = 16 * 1024;

/// The number of keys that are also checked one by one.
const MAX_KEYS: usize = 12;

const SIGNED: [&str; 2] =
    [include_str!("../seeds/token/signed-rs256"), include_str!("../seeds/token/signed-eddsa")];

/// The properties that each algorithm requires of a key.
const SIGNERS: &str = include_str!("keys.json");

pub(crate) fn check(data: &[u8]) {
    if data.len() > MAX_LEN {
        return;
    }
    let accepted = KeySet::parse(data);
    let Some((read, twice, depth)) = plain::read(data) else {
        assert!(accepted.is_err(), "a lenient reader refuses it");
        return;
    };
    if twice || depth > 32 {
        assert!(matches!(accepted, Err(KeySetError::Json(_))), "it has more than one reading");
        return;
    }
    let Some(list) = read["keys"].as_array() else {
        assert!(accepted.is_err(), "there is no list of keys");
        return;
    };
    if list.len() > MAX_KEYS {
        return;
    }
    let (usable, refused) = outcome(accepted);
    assert_eq!(usable + refused.len(), list.len(), "a key is neither usable nor refused");

    let alone: Vec<bool> = list.iter().map(|key| outcome(set(std::slice::from_ref(key))).0 == 1).collect();
    for (key, usable) in list.iter().zip(&alone) {
        assert!(!usable || may_verify(key), "{key} is usable");
    }
    let good: Vec<Value> =
        list.iter().zip(&alone).filter(|(_, usable)| **usable).map(|(key, _)| key.clone()).collect();
    let conflicting = refused.iter().filter(|key| key.reason == KeyRefusal::DuplicateId).count();
    assert_eq!(usable + conflicting, good.len(), "a key is spoiled by its neighbours");

    let verified = verified(&set(list));
    for (compact, signer) in SIGNED.iter().zip(signers()) {
        // Leading zeros of a modulus do not count. Members that the key's type does not have do not count either.
        let modulus = |key: &Value| key["n"].as_str().map(|n| n.trim_start_matches('A').to_owned());
        let is_signer = |key: &Value| match signer["kty"].as_str() {
            Some("RSA") => modulus(key) == modulus(&signer),
            _ => key["x"] == signer["x"],
        };
        let published = good.iter().any(|key| key["kty"] == signer["kty"] && is_signer(key));
        assert!(!verified.contains(compact) || published, "nobody published the key of {compact}");
    }
    let backwards: Vec<Value> = list.iter().rev().cloned().collect();
    for (other, without) in [(backwards, ""), (good, "without the refused keys ")] {
        let set = set(&other);
        assert_eq!(self::verified(&set), verified, "{without}other tokens verify");
        let (count, mut reasons) = outcome(set);
        let mut expected = refused.clone();
        expected.retain(|key| without.is_empty() || key.reason == KeyRefusal::DuplicateId);
        for refused in [&mut reasons, &mut expected] {
            refused.sort_by_key(|key| format!("{key:?}"));
        }
        assert_eq!((count, reasons), (usable, expected), "{without}other keys are usable");
    }
}

fn set(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes())
}

fn outcome(set: Result<KeySet, KeySetError>) -> (usize, Vec<RefusedKey>) {
    match set {
        Ok(set) => (set.count(), set.refused().to_vec()),
        Err(KeySetError::NoUsableKey { refused }) => (0, refused),
        Err(error) => panic!("a plain document is refused: {error}"),
    }
}

fn verified(set: &Result<KeySet, KeySetError>) -> Vec<&'static str> {
    let verifies = |compact: &&str| set.as_ref().is_ok_and(|set| verify_signature(compact, set).is_ok());
    SIGNED.into_iter().filter(verifies).collect()
}

fn signers() -> Vec<Value> {
    let document: Value = serde_json::from_str(SIGNERS).unwrap_or_default();
    document["keys"].as_array().cloned().unwrap_or_default()
}

/// The requirements of RFC 7517 and RFC 7518 for a public signature key, and of RFC 8725 for its algorithm.
fn may_verify(key: &Value) -> bool {
    let private =
        ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| key.get(member).is_some());
    let algorithms: &[&str] = match (key["kty"].as_str(), key["crv"].as_str()) {
        (Some("RSA"), _) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        (Some("EC"), Some("P-256")) => &["ES256"],
        (Some("EC"), Some("P-384")) => &["ES384"],
        (Some("OKP"), Some("Ed25519")) => &["EdDSA"],
        _ => &[],
    };
    let algorithm = match key.get("alg") {
        None => !algorithms.is_empty(),
        Some(name) => algorithms.iter().any(|known| name == known),
    };
    let operations =
        key.get("key_ops").is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.contains(&json!("verify"))));
    let purpose = key.get("use").is_none_or(|purpose| purpose == "sig");
    !private && algorithm && operations && purpose
}
