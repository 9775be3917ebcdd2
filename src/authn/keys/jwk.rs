//! A JSON Web Key (RFC 7517) that can verify signatures.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde_json::{Map, Value};

use super::refusal::KeyRefusal;
use super::rsa;
use crate::authn::algorithm::{self, MAX_KEY_ID_BYTES, Named};
use crate::authn::sanitize::sanitize;

/// Members that only private and symmetric keys have (RFC 7518 sections 6.2.2, 6.3.2, 6.4).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key for verifying signatures, with the algorithms it supports.
pub(in crate::authn) struct Key {
    pub(super) kid: Option<String>,
    algorithms: &'static [Named],
    public: DecodingKey,
}

impl Key {
    /// Parses a member of a key set.
    pub(super) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyRefusal> {
        if PRIVATE_MEMBERS.iter().any(|name| member(jwk, name).is_some()) {
            return Err(KeyRefusal::Private);
        }
        check_purpose(jwk)?;
        let (family, public) = match text(jwk, "kty")?.ok_or(KeyRefusal::Member { name: "kty" })? {
            "RSA" => rsa_key(jwk)?,
            "EC" => ec_key(jwk)?,
            "OKP" => okp_key(jwk)?,
            other => return Err(KeyRefusal::Type { name: sanitize(other) }),
        };
        let kid = text(jwk, "kid")?;
        if kid.is_some_and(|kid| kid.len() > MAX_KEY_ID_BYTES) {
            return Err(KeyRefusal::Member { name: "kid" });
        }
        let algorithms = match text(jwk, "alg")? {
            None => family,
            Some(name) => family
                .iter()
                .find(|(fitting, _)| *fitting == name)
                .map(std::slice::from_ref)
                .ok_or_else(|| KeyRefusal::Algorithm { name: sanitize(name) })?,
        };
        Ok(Self { kid: kid.map(str::to_owned), algorithms, public })
    }

    /// Whether the key supports this algorithm.
    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.iter().any(|(_, allowed)| *allowed == algorithm)
    }

    /// Whether the keys support a common algorithm.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.algorithms.iter().any(|(_, algorithm)| other.allows(*algorithm))
    }

    /// Whether the keys are equal, with the same id and the same algorithms.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.kid == other.kid && self.algorithms == other.algorithms && self.is_same_material(other)
    }

    /// Whether the public keys are equal.
    pub(super) fn is_same_material(&self, other: &Self) -> bool {
        use DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
        match (self.public.kind(), other.public.kind()) {
            (SecretOrDer(a), SecretOrDer(b)) => self.public.family() == other.public.family() && a == b,
            (RsaModulusExponent { n: a, e: f }, RsaModulusExponent { n: b, e: g }) => a == b && f == g,
            _ => false,
        }
    }

    /// Whether this key made `signature` for `message`.
    pub(in crate::authn) fn verifies(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> bool {
        // Uses the backend directly. The process-wide provider of jsonwebtoken panics if another crate enables a second
        // backend.
        self.allows(algorithm)
            && (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &self.public)
                .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

fn check_purpose(jwk: &Map<String, Value>) -> Result<(), KeyRefusal> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(KeyRefusal::Purpose);
    }
    match member(jwk, "key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().all(Value::is_string) => {
            if operations.iter().any(|operation| operation == "verify") {
                Ok(())
            } else {
                Err(KeyRefusal::Purpose)
            }
        }
        Some(_) => Err(KeyRefusal::Member { name: "key_ops" }),
    }
}

fn rsa_key(jwk: &Map<String, Value>) -> Result<(&'static [Named], DecodingKey), KeyRefusal> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let (n, e) = (rsa::without_leading_zeros(&n), rsa::without_leading_zeros(&e));
    rsa::check(n, e)?;
    Ok((&algorithm::RSA, DecodingKey::from_rsa_raw_components(n, e)))
}

fn ec_key(jwk: &Map<String, Value>) -> Result<(&'static [Named], DecodingKey), KeyRefusal> {
    let (family, verification, size): (&'static [Named], &'static dyn VerificationAlgorithm, _) =
        match text(jwk, "crv")?.ok_or(KeyRefusal::Member { name: "crv" })? {
            "P-256" => (&algorithm::P256, &ECDSA_P256_SHA256_FIXED, 32),
            "P-384" => (&algorithm::P384, &ECDSA_P384_SHA384_FIXED, 48),
            other => return Err(KeyRefusal::Curve { name: sanitize(other) }),
        };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != size || y.len() != size {
        return Err(KeyRefusal::Material);
    }
    // The uncompressed form of SEC 1 section 2.3.3. Parsing it once checks that the point is on the curve.
    let point = [&[4], &*x, &*y].concat();
    ParsedPublicKey::new(verification, &point).map_err(|_| KeyRefusal::Material)?;
    Ok((family, DecodingKey::from_ec_der(&point)))
}

fn okp_key(jwk: &Map<String, Value>) -> Result<(&'static [Named], DecodingKey), KeyRefusal> {
    match text(jwk, "crv")?.ok_or(KeyRefusal::Member { name: "crv" })? {
        "Ed25519" => {}
        other => return Err(KeyRefusal::Curve { name: sanitize(other) }),
    }
    let x = bytes(jwk, "x")?;
    if x.len() != 32 {
        return Err(KeyRefusal::Material);
    }
    ParsedPublicKey::new(&ED25519, &x).map_err(|_| KeyRefusal::Material)?;
    Ok((&algorithm::ED25519, DecodingKey::from_ed_der(&x)))
}

/// A member of the key. Some providers write `null` for members that a key does not have.
fn member<'j>(jwk: &'j Map<String, Value>, name: &str) -> Option<&'j Value> {
    jwk.get(name).filter(|value| !value.is_null())
}

fn text<'j>(jwk: &'j Map<String, Value>, name: &'static str) -> Result<Option<&'j str>, KeyRefusal> {
    match member(jwk, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyRefusal::Member { name }),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyRefusal> {
    let encoded = text(jwk, name)?.ok_or(KeyRefusal::Member { name })?;
    BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| KeyRefusal::Member { name })
}
