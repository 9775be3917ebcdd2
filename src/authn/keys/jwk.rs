//! A JSON Web Key (RFC 7517) that can verify signatures.

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::refusal::KeyRefusal;
use super::rsa;
use crate::authn::algorithm::{self, Algorithm, MAX_KEY_ID_BYTES, Named};
use crate::authn::sanitize::sanitize;

/// Members that only private and symmetric keys have (RFC 7518 sections 6.2.2, 6.3.2, 6.4).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key for verifying signatures, with the algorithms it supports.
pub(in crate::authn) struct Key {
    pub(super) kid: Option<String>,
    algorithms: &'static [Named],
    material: Material,
    /// The key, parsed for each algorithm.
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
}

/// The numbers of a public key, big-endian.
#[derive(PartialEq, Eq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point in its uncompressed form, or an Ed25519 key.
    Curve(Vec<u8>),
}

impl Key {
    /// Parses a member of a key set.
    pub(super) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyRefusal> {
        if PRIVATE_MEMBERS.iter().any(|name| member(jwk, name).is_some()) {
            return Err(KeyRefusal::Private);
        }
        check_purpose(jwk)?;
        let (family, material): (&'static [Named], _) =
            match text(jwk, "kty")?.ok_or(KeyRefusal::Member { name: "kty" })? {
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
        let parsed = algorithms.iter().map(|(_, algorithm)| Ok((*algorithm, material.parse(*algorithm)?)));
        let parsed = parsed.collect::<Result<_, KeyRefusal>>()?;
        Ok(Self { kid: kid.map(str::to_owned), algorithms, material, parsed })
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
        // Keys of two curves have points of different lengths.
        self.material == other.material
    }

    /// Whether this key made `signature` for `message`.
    pub(in crate::authn) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let parsed = self.parsed.iter().find(|(parsed, _)| *parsed == algorithm);
        parsed.is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok())
    }
}

impl Material {
    fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyRefusal> {
        let parsed = match self {
            Self::Rsa { n, e } => algorithm
                .rsa()
                .map(|parameters| RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)),
            // For a point, this checks that it is on the curve.
            Self::Curve(bytes) => {
                algorithm.of_curve().map(|algorithm| ParsedPublicKey::new(algorithm, bytes))
            }
        };
        parsed.and_then(Result::ok).ok_or(KeyRefusal::Material)
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

fn rsa_key(jwk: &Map<String, Value>) -> Result<(&'static [Named], Material), KeyRefusal> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let (n, e) = (rsa::without_leading_zeros(&n).to_owned(), rsa::without_leading_zeros(&e).to_owned());
    rsa::check(&n, &e)?;
    Ok((&algorithm::RSA, Material::Rsa { n, e }))
}

fn ec_key(jwk: &Map<String, Value>) -> Result<(&'static [Named], Material), KeyRefusal> {
    let (family, size): (&'static [Named], _) =
        match text(jwk, "crv")?.ok_or(KeyRefusal::Member { name: "crv" })? {
            "P-256" => (&algorithm::P256, 32),
            "P-384" => (&algorithm::P384, 48),
            other => return Err(KeyRefusal::Curve { name: sanitize(other) }),
        };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != size || y.len() != size {
        return Err(KeyRefusal::Material);
    }
    // The uncompressed form of SEC 1 section 2.3.3.
    Ok((family, Material::Curve([&[4], &*x, &*y].concat())))
}

fn okp_key(jwk: &Map<String, Value>) -> Result<(&'static [Named], Material), KeyRefusal> {
    match text(jwk, "crv")?.ok_or(KeyRefusal::Member { name: "crv" })? {
        "Ed25519" => {}
        other => return Err(KeyRefusal::Curve { name: sanitize(other) }),
    }
    let x = bytes(jwk, "x")?;
    if x.len() != 32 {
        return Err(KeyRefusal::Material);
    }
    Ok((&algorithm::ED25519, Material::Curve(x)))
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
