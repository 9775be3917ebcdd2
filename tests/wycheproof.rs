//! Checks the JOSE vectors of project Wycheproof.
//!
//! A vector that is `valid` there but refused here is in [`BY_POLICY`]. No vector is skipped. `docs/security.md` has
//! a table of the counts, and these tests check it.

#![cfg(feature = "gateway")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

#[path = "support/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};

use modelgate::authn::{KeySet, KeySetError, TokenError, verify_signature};
use serde_json::{Value, json};

/// The reason for refusing a valid vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// HS256 and similar algorithms: a shared secret is not a provider's key.
    Symmetric,
    /// P-521, which no provider uses for signatures.
    Es512,
    /// The keys say `PS256` and their tokens `PS384`: a key's `alg` pins the algorithm (RFC 8725 section 3.1).
    Pinned,
    /// A JWE: not a signature.
    Encrypted,
}

impl Policy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Symmetric => "symmetric",
            Self::Es512 => "ES512",
            Self::Pinned => "an RSA key pinned to another algorithm",
            Self::Encrypted => "encrypted",
        }
    }
}

/// Every vector that is refused by policy, by its `tcId`.
const BY_POLICY: [(&str, Policy, &[u64]); 6] = [
    (SIGNATURE, Policy::Symmetric, &[1, 348, 352, 357, 358, 359, 372, 373, 376, 377]),
    (SIGNATURE, Policy::Es512, &[347, 351]),
    (SIGNATURE, Policy::Pinned, &[346, 350]),
    (KEY, Policy::Symmetric, &[2, 13, 14, 15]),
    (CRYPTO, Policy::Symmetric, &[1, 48]),
    (CRYPTO, Policy::Encrypted, &[50, 67]),
];

/// Symmetric vectors with a `?` between base64url characters, which the file calls valid.
const LOOSE_BASE64: [u64; 2] = [372, 373];

const SIGNATURE: &str = "json_web_signature_test.json";
const KEY: &str = "json_web_key_test.json";
const CRYPTO: &str = "json_web_crypto_test.json";

const MISSING: &str = "the vectors are not here: `MODELGATE_WYCHEPROOF` names a directory with the JOSE vectors of C2SP/wycheproof";

/// The directory of the vectors: from the environment, in the repository, or next to it.
fn directory() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("MODELGATE_WYCHEPROOF") {
        return Some(named.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["tests/data/wycheproof", "../shared/wycheproof"].map(|place| root.join(place));
    places.into_iter().find(|place| place.join(SIGNATURE).exists())
}

fn groups(directory: &Path, file: &str) -> Vec<Value> {
    let path = directory.join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document: Value = serde_json::from_slice(&text).unwrap();
    let groups = document["testGroups"].as_array().unwrap().clone();
    let vectors: usize = groups.iter().map(|group| group["tests"].as_array().unwrap().len()).sum();
    assert_eq!(document["numberOfTests"], vectors);
    groups
}

/// The group's key as a key set. Symmetric groups only have a private key.
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

/// The results for the vectors of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    accepted: usize,
    refused: usize,
    by_policy: usize,
}

/// Checks every vector of a file against its expected result.
fn decide(directory: &Path, file: &str) -> Counts {
    let any_key = KeySet::parse(key_set(&groups(directory, SIGNATURE)[1]).to_string().as_bytes()).unwrap();
    let (mut counts, mut wrong) = (Counts::default(), Vec::new());
    for group in groups(directory, file) {
        let keys = key_set(&group);
        let set = KeySet::parse(keys.to_string().as_bytes());
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            let jose = text(test.get("jws").unwrap_or_else(|| &test["jwe"]));
            let judged = set.as_ref().ok().map(|set| verify_signature(&jose, set));
            let accepted = matches!(judged, Some(Ok(_)));
            match (test["result"].as_str().unwrap(), accepted, policy(file, id)) {
                ("valid", true, None) => counts.accepted += 1,
                ("invalid", false, None) => counts.refused += 1,
                ("valid", false, Some(policy)) if is_refused_by(policy, id, &jose, &set, &any_key) => {
                    counts.by_policy += 1;
                }
                (expected, ..) => wrong.push(format!("{id} ({}) should be {expected}", test["comment"])),
            }
            // A public key never replaces a symmetric one.
            if is_symmetric(&keys) {
                assert!(verify_signature(&jose, &any_key).is_err(), "{id}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", file, wrong.join("\n"));
    counts
}

fn policy(file: &str, id: u64) -> Option<Policy> {
    let listed = |(of, _, ids): &&(&str, Policy, &[u64])| *of == file && ids.contains(&id);
    BY_POLICY.iter().find(listed).map(|(_, policy, _)| *policy)
}

/// Whether the vector is refused for exactly this reason.
fn is_refused_by(
    policy: Policy,
    id: u64,
    jose: &str,
    set: &Result<KeySet, KeySetError>,
    any_key: &KeySet,
) -> bool {
    let error = verify_signature(jose, any_key).unwrap_err();
    match policy {
        Policy::Symmetric if LOOSE_BASE64.contains(&id) => error == TokenError::Shape,
        Policy::Symmetric => matches!(error, TokenError::Algorithm { name } if name.starts_with("HS")),
        Policy::Es512 => error == TokenError::Algorithm { name: "ES512".to_owned() },
        Policy::Encrypted => error == TokenError::Shape,
        Policy::Pinned => set.as_ref().is_ok_and(|set| {
            verify_signature(jose, set).unwrap_err() == TokenError::AlgorithmMismatch { name: "PS384" }
        }),
    }
}

/// The file's row in the table of `docs/security.md`.
fn row(file: &str, counts: &Counts) -> String {
    let Counts { accepted, refused, by_policy } = counts;
    let of_file = BY_POLICY.iter().filter(|(of, ..)| *of == file);
    let why: Vec<_> = of_file.map(|(_, policy, ids)| format!("{} {}", policy.as_str(), ids.len())).collect();
    let vectors = accepted + refused + by_policy;
    format!("| `{file}` | {vectors} | {accepted} | {refused} | {by_policy}: {} |", why.join(", "))
}

fn assert_decided(test: &str, file: &str, expected: &Counts) {
    let Some(directory) = directory() else { return skip::skip(test, MISSING) };
    let counts = decide(&directory, file);
    assert_eq!(counts, *expected);
    let listed: usize = BY_POLICY.iter().filter(|(of, ..)| *of == file).map(|(.., ids)| ids.len()).sum();
    assert_eq!(counts.by_policy, listed, "a listed vector is not in the file");
    let page = include_str!("../docs/security.md");
    let row = row(file, &counts);
    assert!(page.lines().any(|line| line == row), "docs/security.md should say\n{row}");
}

#[test]
fn signatures_are_decided_as_the_vectors_say() {
    assert_decided(
        "signatures_are_decided_as_the_vectors_say",
        SIGNATURE,
        &Counts { accepted: 32, refused: 355, by_policy: 14 },
    );
}

#[test]
fn keys_are_decided_as_the_vectors_say() {
    assert_decided(
        "keys_are_decided_as_the_vectors_say",
        KEY,
        &Counts { accepted: 1, refused: 21, by_policy: 4 },
    );
}

#[test]
fn mixed_vectors_are_decided_as_the_vectors_say() {
    assert_decided(
        "mixed_vectors_are_decided_as_the_vectors_say",
        CRYPTO,
        &Counts { accepted: 2, refused: 77, by_policy: 4 },
    );
}
