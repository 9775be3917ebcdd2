//! Keys and tokens for tests, created when the tests run.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::config::TokenRules;

/// The time at which test tokens are verified.
pub(crate) const NOW: u64 = 1_800_000_000;

/// The same time as a `SystemTime`.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

/// Rules with no optional checks.
pub(crate) fn rules() -> TokenRules {
    TokenRules {
        key_urls: Vec::new(),
        audience: None,
        issuer: None,
        issuers: Vec::new(),
        opaque: None,
        leeway: Duration::ZERO,
        early_leeway: Duration::ZERO,
        public_key_ttl: Duration::from_secs(600),
        public_key_stale_ttl: Duration::from_secs(3600),
        public_key_cooldown: Duration::from_secs(30),
    }
}

/// Claims that pass every check.
pub(crate) fn claims() -> Value {
    json!({"sub": "alice", "exp": NOW + 60})
}

pub(crate) enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// Two RSA keys, created once because creating them is slow.
pub(crate) static RSA: LazyLock<[Signer; 2]> =
    LazyLock::new(|| [(); 2].map(|()| Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())));

impl Signer {
    pub(crate) fn p256() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn p384() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    /// The public key as a JWK with only the required members.
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "n": b64(&public.n), "e": b64(&public.e)})
            }
            Self::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": crv, "x": b64(x), "y": b64(y)})
            }
            Self::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())}),
        }
    }

    /// The JWK with additional members.
    pub(crate) fn jwk_with(&self, members: Value) -> Value {
        let mut jwk = self.jwk();
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        jwk
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match alg {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut made).unwrap();
                made
            }
            Self::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A compact JWS of any header and payload, signed with the algorithm in the header.
    pub(crate) fn token_of(&self, header: &str, payload: &[u8]) -> String {
        let signed = format!("{}.{}", b64(header.as_bytes()), b64(payload));
        let alg = serde_json::from_str::<Value>(header)
            .map_or(String::new(), |header| header["alg"].as_str().unwrap_or_default().to_owned());
        let signature = self.sign(&alg, signed.as_bytes());
        format!("{signed}.{}", b64(&signature))
    }

    /// A token with a key id.
    pub(crate) fn token(&self, alg: &str, kid: &str, claims: &Value) -> String {
        self.token_of(&json!({"alg": alg, "kid": kid}).to_string(), claims.to_string().as_bytes())
    }
}

/// A JWKS document.
pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
