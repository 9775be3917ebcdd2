//! The key set that a provider publishes (RFC 7517 section 5).

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use super::jwk::Key;
use super::refusal::KeyRefusal;
use crate::authn::algorithm::Algorithm;
use crate::authn::json::{self, JsonError};
use crate::authn::sanitize::sanitize;

/// The maximum number of keys in a set. The largest providers publish about ten.
const MAX_KEYS: usize = 256;

/// The usable keys of one provider.
///
/// Unusable keys are left out, with the reason, and do not affect the others. Two different keys with the same id and a
/// common algorithm are both left out, because the meaning of a token would depend on their order. Keys with the same
/// id but no common algorithm are accepted, such as RSA and EC keys (RFC 7517 section 4.5). A key that is listed
/// several times is accepted too.
#[derive(Debug)]
pub struct KeySet {
    /// A number that no other set of this process has.
    id: u64,
    keys: Vec<Key>,
    refused: Vec<RefusedKey>,
}

static IDS: AtomicU64 = AtomicU64::new(0);

/// A refused key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedKey {
    /// The key id, if there is one, reduced to characters that are safe to log.
    pub kid: Option<String>,
    /// The reason.
    pub reason: KeyRefusal,
}

impl KeySet {
    /// Parses a JWKS document.
    ///
    /// ```
    /// use modelgate::authn::KeySet;
    ///
    /// let jwks = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a",
    ///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// assert_eq!(KeySet::parse(jwks.as_bytes())?.count(), 1);
    /// # Ok::<(), modelgate::authn::KeySetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeySetError`] if the document is not a key set, or contains no usable key.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        Self::from_object(&json::object(json)?)
    }

    pub(crate) fn from_object(document: &Map<String, Value>) -> Result<Self, KeySetError> {
        let Some(Value::Array(members)) = document.get("keys") else { return Err(KeySetError::NoList) };
        if members.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let (mut keys, mut refused) = (Vec::new(), Vec::new());
        for member in members {
            match member.as_object().ok_or(KeyRefusal::NotAnObject).and_then(Key::from_jwk) {
                Ok(key) => keys.push(key),
                Err(reason) => {
                    refused.push(RefusedKey {
                        kid: member.get("kid").and_then(Value::as_str).map(sanitize),
                        reason,
                    });
                }
            }
        }
        let conflicting: Vec<bool> =
            keys.iter().map(|key| keys.iter().any(|other| conflict(key, other))).collect();
        let mut kept = Vec::new();
        for (key, conflicting) in keys.into_iter().zip(conflicting) {
            if conflicting {
                refused.push(RefusedKey {
                    kid: key.kid.as_deref().map(sanitize),
                    reason: KeyRefusal::DuplicateId,
                });
            } else {
                kept.push(key);
            }
        }
        if kept.is_empty() {
            Err(KeySetError::NoUsableKey { refused })
        } else {
            Ok(Self { id: IDS.fetch_add(1, Ordering::Relaxed), keys: kept, refused })
        }
    }

    /// Whether both sets have the same keys for the same uses, in the same order.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len()
            && self.refused == other.refused
            && self.keys.iter().zip(&other.keys).all(|(key, other)| key.is_same(other))
    }

    /// The number of this set. A set that is parsed again has another one, even if the keys are the same.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The number of usable keys.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The published keys that were refused.
    #[must_use]
    pub fn refused(&self) -> &[RefusedKey] {
        &self.refused
    }

    /// Finds the key for `kid` and `algorithm`. Without `kid`, finds the only key that supports the algorithm.
    pub(in crate::authn) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let mut named = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid).peekable();
        let any = named.peek().is_some();
        let mut fitting = named.filter(|key| key.allows(algorithm));
        match fitting.next() {
            Some(key) if fitting.all(|other| other.is_same_material(key)) => Found::Key(key),
            Some(_) => Found::Several,
            None if any && kid.is_some() => Found::OtherAlgorithm,
            None => Found::Nothing,
        }
    }
}

/// The result of looking up a key.
pub(in crate::authn) enum Found<'k> {
    Key(&'k Key),
    Several,
    OtherAlgorithm,
    Nothing,
}

fn conflict(a: &Key, b: &Key) -> bool {
    a.kid.is_some() && a.kid == b.kid && a.overlaps(b) && !a.is_same_material(b)
}

/// The reason why a document contains no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The document is not one strict JSON object. A duplicate member anywhere, even in one key, invalidates the
    /// document.
    #[error("the key set is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// The list `keys` is missing.
    #[error("the document has no list `keys`")]
    NoList,
    /// There are too many keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// Every key was refused, or there are no keys.
    #[error("the key set has no usable key{}", .refused.first().map(|key| format!(": {}", key.reason)).unwrap_or_default())]
    NoUsableKey {
        /// The keys that were refused.
        refused: Vec<RefusedKey>,
    },
}

#[cfg(test)]
mod tests;
