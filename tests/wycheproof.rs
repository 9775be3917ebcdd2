//! The JOSE vectors of project Wycheproof, decided as they say.
//!
//! A vector that is `valid` there but refused here stands in [`BY_POLICY`] or uses a symmetric key; nothing is skipped.
//!
//! | file | vectors | accepted | refused, as they say | refused by policy |
//! |---|---|---|---|---|
//! | `json_web_signature_test.json` | 401 | 32 | 355 | 14: symmetric 10, ES512 2, RSA key for another algorithm 2 |
//! | `json_web_key_test.json` | 26 | 1 | 21 | 4: symmetric |
//! | `json_web_crypto_test.json` | 83 | 2 | 77 | 4: symmetric 2, encrypted 2 |

#![cfg(feature = "gateway")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

use std::path::PathBuf;

use modelgate::authn::{KeySet, TokenError, verify_signature};
use serde_json::{Value, json};

/// Valid vectors of asymmetric keys that are refused, with the algorithm that their token names.
///
/// The keys of 346 and 350 say `PS256` and their tokens `PS384`: a key's `alg` pins the algorithm (RFC 8725 section 3.1).
const BY_POLICY: [(u64, &str); 4] = [(346, "PS384"), (347, "ES512"), (350, "PS384"), (351, "ES512")];

/// Symmetric vectors with a `?` between base64url characters, which the file calls valid.
const LOOSE_BASE64: [u64; 2] = [372, 373];

fn groups(file: &str) -> Vec<Value> {
    let directory = std::env::var_os("MODELGATE_WYCHEPROOF").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/wycheproof"),
        PathBuf::from,
    );
    let path = directory.join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "the vectors are missing: {}: {error}; MODELGATE_WYCHEPROOF can name their directory",
            path.display()
        )
    });
    let document: Value = serde_json::from_slice(&text).unwrap();
    let groups = document["testGroups"].as_array().unwrap().clone();
    let vectors: usize = groups.iter().map(|group| group["tests"].as_array().unwrap().len()).sum();
    assert_eq!(document["numberOfTests"], vectors);
    groups
}

/// The group's key as a key set; symmetric groups have a private one only.
fn key_set(group: &Value) -> Value {
    let key = group.get("public").unwrap_or(&group["private"]);
    if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) }
}

fn is_symmetric(keys: &Value) -> bool {
    keys["keys"].as_array().unwrap().iter().all(|key| key["kty"] == "oct")
}

fn text(jose: &Value) -> String {
    jose.as_str().map_or_else(|| jose.to_string(), str::to_owned)
}

/// Decides every vector of a file; gives how many were accepted, refused as they say, and refused by policy.
fn decide(file: &str) -> [usize; 3] {
    let any_key =
        KeySet::parse(key_set(&groups("json_web_signature_test.json")[1]).to_string().as_bytes()).unwrap();
    let (mut counts, mut wrong) = ([0; 3], Vec::new());
    for group in groups(file) {
        let keys = key_set(&group);
        let set = KeySet::parse(keys.to_string().as_bytes());
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            let jose = text(test.get("jws").unwrap_or_else(|| &test["jwe"]));
            let accepted = set.as_ref().is_ok_and(|set| verify_signature(&jose, set).is_ok());
            match (test["result"].as_str().unwrap(), accepted) {
                ("valid", true) => counts[0] += 1,
                ("invalid", false) => counts[1] += 1,
                ("valid", false) if is_refused_by_policy(test, id, &keys, &jose, &any_key) => counts[2] += 1,
                (expected, _) => wrong.push(format!("{id} ({}) should be {expected}", test["comment"])),
            }
            // A public key never stands in for a symmetric one.
            if is_symmetric(&keys) {
                assert!(verify_signature(&jose, &any_key).is_err(), "{id}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", file, wrong.join("\n"));
    counts
}

fn is_refused_by_policy(test: &Value, id: u64, keys: &Value, jose: &str, any_key: &KeySet) -> bool {
    let error = verify_signature(jose, any_key).unwrap_err();
    if test.get("jwe").is_some() {
        return error == TokenError::Shape;
    }
    if LOOSE_BASE64.contains(&id) {
        return error == TokenError::Shape;
    }
    if is_symmetric(keys) {
        return matches!(error, TokenError::Algorithm { name } if name.starts_with("HS"));
    }
    let Some((_, name)) = BY_POLICY.iter().find(|(listed, _)| *listed == id) else { return false };
    match KeySet::parse(keys.to_string().as_bytes()) {
        Ok(set) => verify_signature(jose, &set).unwrap_err() == TokenError::AlgorithmMismatch { name },
        Err(_) => error == TokenError::Algorithm { name: (*name).to_owned() },
    }
}

#[test]
fn signatures_are_decided_as_the_vectors_say() {
    assert_eq!(decide("json_web_signature_test.json"), [32, 355, 14]);
}

#[test]
fn keys_are_decided_as_the_vectors_say() {
    assert_eq!(decide("json_web_key_test.json"), [1, 21, 4]);
}

#[test]
fn mixed_vectors_are_decided_as_the_vectors_say() {
    assert_eq!(decide("json_web_crypto_test.json"), [2, 77, 4]);
}
