//! The requests that exchange a credential for an access token, and their answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::config::{EntraClient, GoogleCredentials, ServiceAccount, UpstreamCredential};

/// The scope of Google's tokens.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// RFC 7523 section 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The longest lifetime of an assertion that Google accepts.
const ASSERTION_SECONDS: u64 = 3600;
/// The lifetime of a token whose answer names none.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(300);

/// A request for a token, and the host that it goes to, for the log.
pub(super) fn request(
    credential: &UpstreamCredential,
    now: SystemTime,
) -> Result<(Request<Full<Bytes>>, String), String> {
    match credential {
        UpstreamCredential::Google(GoogleCredentials::ServiceAccount(account)) => {
            let assertion = assertion(account, now)?;
            form(&account.token_uri, &[("grant_type", JWT_BEARER), ("assertion", &assertion)])
        }
        UpstreamCredential::Google(GoogleCredentials::Metadata(host)) => {
            let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
            let request = Request::get(url).header("metadata-flavor", "Google").body(Full::default());
            request
                .map(|request| (request, host.clone()))
                .map_err(|_| "the host of the metadata server is invalid".to_owned())
        }
        UpstreamCredential::Google(GoogleCredentials::File(_)) => {
            Err("the file of the key was not read".to_owned())
        }
        UpstreamCredential::Entra(EntraClient { token_url, client_id, client_secret, scope }) => form(
            token_url,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", client_id),
                ("client_secret", client_secret.expose_secret()),
                ("scope", scope),
            ],
        ),
        UpstreamCredential::Aws(_) => Err("keys of AWS are not exchanged".to_owned()),
    }
}

fn form(url: &Url, pairs: &[(&str, &str)]) -> Result<(Request<Full<Bytes>>, String), String> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let request = Request::post(url.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .body(Full::from(body));
    let host = url.host_str().unwrap_or_default().to_owned();
    request
        .map(|request| (request, host))
        .map_err(|_| "the address of the token endpoint is invalid".to_owned())
}

/// The key pair in a service account's key.
///
/// # Errors
///
/// The reason, without a part of the key.
pub(super) fn signing_key(account: &ServiceAccount) -> Result<KeyPair, String> {
    let der = PrivateKeyDer::from_pem_slice(account.private_key.expose_secret().as_bytes())
        .map_err(|_| "`private_key` is not a private key in PEM form".to_owned())?;
    let pair = match &der {
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err("`private_key` is not an RSA key".to_owned()),
    };
    pair.map_err(|_| "`private_key` is not an RSA key".to_owned())
}

/// A signed token, which proves that the account has the key (RFC 7523).
fn assertion(account: &ServiceAccount, now: SystemTime) -> Result<String, String> {
    let key = signing_key(account)?;
    let now = now.duration_since(UNIX_EPOCH).map_err(|_| "the clock is before 1970".to_owned())?.as_secs();
    let header = match &account.private_key_id {
        Some(id) => json!({"alg": "RS256", "typ": "JWT", "kid": id}),
        None => json!({"alg": "RS256", "typ": "JWT"}),
    };
    let claims = json!({
        "iss": account.client_email, "scope": SCOPE, "aud": account.token_uri.as_str(),
        "iat": now, "exp": now + ASSERTION_SECONDS
    });
    let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encoded(&header), encoded(&claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .map_err(|_| "the assertion cannot be signed".to_owned())?;
    Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// The token in an answer as the header that presents it, and its lifetime.
///
/// # Errors
///
/// The reason, without a part of the answer, which may have the token.
pub(super) fn token(answer: &[u8]) -> Result<(HeaderValue, Duration), String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| "the response is not JSON".to_owned())?;
    let token = answer.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or("the response has no `access_token`")?;
    let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| "the token has a character that a header cannot have".to_owned())?;
    header.set_sensitive(true);
    // Older endpoints of Entra ID write the number as text.
    let seconds = answer.get("expires_in").and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    });
    Ok((header, seconds.map_or(UNKNOWN_LIFETIME, Duration::from_secs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_lifetime_that_its_answer_names() {
        for (answer, seconds) in [
            (r#"{"access_token": "t", "expires_in": 3599}"#, 3599),
            (r#"{"access_token": "t", "expires_in": "60"}"#, 60),
            (r#"{"access_token": "t"}"#, 300),
        ] {
            let (header, lifetime) = token(answer.as_bytes()).unwrap();
            assert_eq!((header.to_str().unwrap(), lifetime.as_secs()), ("Bearer t", seconds));
            assert!(header.is_sensitive());
        }
    }

    #[test]
    fn an_answer_without_a_usable_token_is_an_error_that_quotes_nothing() {
        for answer in
            [r#"{"access_token": "s3cret\n"}"#, r#"{"token": "s3cret"}"#, "s3cret", r#"{"access_token": ""}"#]
        {
            assert!(!token(answer.as_bytes()).unwrap_err().contains("s3cret"));
        }
    }
}
