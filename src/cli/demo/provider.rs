//! An identity provider: a discovery document, a key set, and tokens.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::upstream::{Reply, listen, text};

/// The audience of the demo's tokens.
pub(super) const AUDIENCE: &str = "modelgate-demo";
const KEY_ID: &str = "demo-1";
const LIFETIME_SECONDS: u64 = 3600;

/// The identity provider and its signing key.
#[derive(Debug)]
pub(super) struct Provider {
    address: SocketAddr,
    key: EcdsaKeyPair,
}

impl Provider {
    /// Generates a key and listens on a free port.
    pub(super) async fn start() -> Result<Self, String> {
        let key =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| "no key could be made")?;
        // An uncompressed point is the byte 4, then both coordinates.
        let (x, y) = key
            .public_key()
            .as_ref()
            .get(1..65)
            .and_then(|p| p.split_at_checked(32))
            .ok_or("no public key")?;
        let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY_ID,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}]});
        let address = listen(move |request, address| {
            let answer = document(&request, address, &jwks);
            async move { answer }
        });
        Ok(Self { address: address.await.map_err(|error| error.to_string())?, key })
    }

    pub(super) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.issuer())
    }

    /// A token with these roles.
    pub(super) fn token(&self, roles: &[&str]) -> Result<String, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?.as_secs();
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": KEY_ID});
        let claims = json!({"iss": self.issuer(), "aud": AUDIENCE, "sub": "demo-user", "iat": now,
            "exp": now + LIFETIME_SECONDS, "roles": roles});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| "the token could not be signed")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

fn document(request: &Request<Incoming>, address: SocketAddr, jwks: &Value) -> Response<Reply> {
    let issuer = format!("http://{address}");
    match request.uri().path() {
        "/.well-known/openid-configuration" => text(
            StatusCode::OK,
            "application/json",
            json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")}).to_string(),
        ),
        "/jwks" => text(StatusCode::OK, "application/json", jwks.to_string()),
        _ => text(StatusCode::NOT_FOUND, "text/plain", "not found".to_owned()),
    }
}
