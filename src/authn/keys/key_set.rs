//! The keys that a provider publishes (RFC 7517 section 5).

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::jwk::Key;
use super::refusal::KeyRefusal;
use crate::authn::json::{self, JsonError};
use crate::authn::shown::shown;

/// The most keys that a set may hold; the largest providers publish about ten.
const MAX_KEYS: usize = 256;

/// The usable keys of one provider.
///
/// A key that can't be used is left out, with its reason, and does not spoil the others. Two different keys of one id
/// that some algorithm could be used with are both left out: which of them a token means would depend on their order.
/// Keys that share an id but no algorithm, such as RSA beside EC (RFC 7517 section 4.5), and one key listed several times,
/// are fine.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    refused: Vec<RefusedKey>,
}

/// A key that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedKey {
    /// Its id, if it has one, in characters fit for a log.
    pub kid: Option<String>,
    /// What is wrong with it.
    pub reason: KeyRefusal,
}

impl KeySet {
    /// Reads a JWKS document.
    ///
    /// # Errors
    ///
    /// [`KeySetError`] when the document is not a key set, or holds no usable key.
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
                        kid: member.get("kid").and_then(Value::as_str).map(shown),
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
                refused
                    .push(RefusedKey { kid: key.kid.as_deref().map(shown), reason: KeyRefusal::DuplicateId });
            } else {
                kept.push(key);
            }
        }
        if kept.is_empty() {
            Err(KeySetError::NoUsableKey { refused })
        } else {
            Ok(Self { keys: kept, refused })
        }
    }

    /// Whether both have the same keys for the same uses, in the same order.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len()
            && self.refused == other.refused
            && self.keys.iter().zip(&other.keys).all(|(key, other)| key.is_same(other))
    }

    /// How many keys tokens are verified with.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The keys that the provider publishes but nothing is verified with.
    #[must_use]
    pub fn refused(&self) -> &[RefusedKey] {
        &self.refused
    }

    /// The key for a token that names `kid` and `algorithm`; without `kid`, the only key that fits the algorithm.
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

/// What a set has for a token.
pub(in crate::authn) enum Found<'k> {
    Key(&'k Key),
    Several,
    OtherAlgorithm,
    Nothing,
}

fn conflict(a: &Key, b: &Key) -> bool {
    a.kid.is_some() && a.kid == b.kid && a.overlaps(b) && !a.is_same_material(b)
}

/// Why a document gives no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not one strict JSON object; a member that stands twice, even in one key, condemns the document.
    #[error("the key set is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// No list `keys`.
    #[error("the document has no list `keys`")]
    NoList,
    /// Too many keys to be a provider's.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// Every key was refused, or there is none.
    #[error("the key set has no usable key{}", .refused.first().map(|key| format!(": {}", key.reason)).unwrap_or_default())]
    NoUsableKey {
        /// The keys that were refused.
        refused: Vec<RefusedKey>,
    },
}

#[cfg(test)]
mod tests;
