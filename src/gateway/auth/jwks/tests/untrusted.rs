use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::provider::{Reply, response};
use super::*;
use crate::gateway::auth::jwks::fetch::Fetcher;
use crate::gateway::auth::jwks::fetch_error::FetchError;

/// The reason why this response gives no keys.
async fn refusal(reply: Reply) -> FetchError {
    refusal_within(Duration::from_secs(30), reply).await
}

async fn refusal_within(timeout: Duration, reply: Reply) -> FetchError {
    let provider = Provider::start(reply).await;
    let fetcher = Fetcher::new(native_tls().unwrap(), FetchLimits { timeout, max_bytes: 64 * 1024 });
    fetcher.key_set(&provider.url, None).await.unwrap_err()
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let issuer = Issuer::new("a");
    let target = Provider::start(ok(&issuer.jwks())).await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("location: {}\r\n", target.url);
        let error = refusal(response(status, &location, &issuer.jwks())).await;
        assert!(matches!(error, FetchError::Status(_)), "{status}: {error}");
    }
    assert_eq!(target.hits(), 0);
}

#[tokio::test]
async fn only_status_200_counts() {
    let jwks = Issuer::new("a").jwks();
    for status in ["201 Created", "206 Partial Content", "401 Unauthorized", "404 Not Found", "500 Oops"] {
        let error = refusal(response(status, "", &jwks)).await;
        assert!(matches!(error, FetchError::Status(_)), "{status}: {error}");
    }
}

#[tokio::test]
async fn an_encoded_answer_is_refused_unread() {
    for encoding in ["gzip", "br", "zstd", "deflate", "identity, gzip", "identity\r\ncontent-encoding: gzip"]
    {
        let header = format!("content-encoding: {encoding}\r\n");
        let error = refusal(response("200 OK", &header, "\u{1f}")).await;
        assert!(matches!(error, FetchError::Encoding), "{encoding}: {error}");
    }
}

/// 4 MiB of blanks in a few kilobytes, which must not be decompressed.
pub(super) fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&vec![b' '; 4 << 20]).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_bomb_is_never_unpacked() {
    let bomb = bomb();
    assert!(bomb.len() < 64 * 1024, "{}", bomb.len());
    let error = refusal(Reply::Bytes("content-encoding: gzip\r\n", bomb.clone())).await;
    assert!(matches!(error, FetchError::Encoding), "{error}");
    // Without the header, it is text that is not JSON.
    let start = bomb[..4096].to_vec();
    let error = refusal(Reply::Bytes("content-type: application/json\r\n", start)).await;
    assert!(matches!(error, FetchError::Json(_)), "{error}");
    assert!(matches!(refusal(Reply::Bytes("", bomb)).await, FetchError::TooLarge | FetchError::Json(_)));
}

#[tokio::test]
async fn what_is_no_key_set_is_refused() {
    for document in ["", "<!doctype html><title>Sign in</title>", "null", "[]", r#"{"keys": [], "keys": []}"#]
    {
        let error = refusal(ok(document)).await;
        assert!(matches!(error, FetchError::Json(_)), "{document}: {error}");
    }
    for document in [r#"{"keys": []}"#, r#"{"keys": {}}"#, r#"{"keys": [{"kty": "oct", "k": "AA"}]}"#] {
        let error = refusal(ok(document)).await;
        assert!(matches!(error, FetchError::KeySet(_)), "{document}: {error}");
    }
    for document in ["{}", r#"{"jwks_uri": 1}"#] {
        let error = refusal(ok(document)).await;
        assert!(matches!(error, FetchError::NoKeys), "{document}: {error}");
    }
}

#[tokio::test]
async fn discovery_leads_nowhere_but_to_the_web() {
    for place in ["not a URL", "file:///etc/passwd", "ftp://127.0.0.1/keys", "data:,{}", "/keys"] {
        let error = refusal(ok(&json!({"jwks_uri": place}).to_string())).await;
        assert!(matches!(error, FetchError::JwksUri), "{place}: {error}");
    }
}

#[tokio::test]
async fn a_document_over_the_limit_is_refused() {
    let padded = Issuer::new("a").jwks() + &" ".repeat(64 * 1024);
    for reply in [ok(&padded), Reply::Endless] {
        assert!(matches!(refusal(reply).await, FetchError::TooLarge));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_refused() {
    let jwks = Issuer::new("a").jwks();
    let heads =
        ["HTTP/1.1 200 OK\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"];
    for raw in heads.map(|head| format!("{head}{jwks}")).into_iter().chain([String::new()]) {
        let error = refusal(Reply::Raw(raw.clone())).await;
        assert!(matches!(error, FetchError::Connection(_)), "{raw}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    for reply in [Reply::Hang, Reply::Dripping] {
        assert!(matches!(refusal_within(Duration::from_millis(50), reply).await, FetchError::Timeout));
    }
}

#[tokio::test]
async fn keys_and_addresses_in_a_token_are_never_fetched() {
    let (issuer, forger) = (Issuer::new("a"), Issuer::new("a"));
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let elsewhere = Provider::start(ok(&forger.jwks())).await;
    let url = elsewhere.url.as_str();
    let header = json!({"alg": "EdDSA", "kid": "a", "jku": url, "x5u": url, "jwk": forger.signer.jwk(),
        "x5c": [url], "iss": url});
    let payload = json!({"sub": "alice", "exp": testing::NOW + 60, "iss": url, "jwks_uri": url}).to_string();
    let token = forger.signer.token_of(&header.to_string(), payload.as_bytes());
    let judged = judge(&store(&[&provider.url]), &token, start()).await;
    assert_eq!(judged, Err(TokenError::Signature.into()));
    assert_eq!((provider.hits(), elsewhere.hits()), (1, 0));
}

#[tokio::test]
async fn a_key_id_changes_nothing_of_what_is_fetched() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    // The provider asserts that only `/keys` is requested.
    for (round, kid) in
        ["../../etc/passwd", "?x=1", "a\r\nhost: b", "' OR 1=1 --", "\0"].into_iter().enumerate()
    {
        let token = issuer.signer.token("EdDSA", kid, &claims());
        let judged = judge(&store, &token, later(now, 40 * round as u64)).await;
        assert!(matches!(judged, Err(AuthnError::Token(TokenError::UnknownKey { .. }))), "{judged:?}");
        assert_eq!(provider.hits(), round + 1);
    }
}

#[tokio::test]
async fn discovery_leads_one_step_and_no_further() {
    let issuer = Issuer::new("a");
    let keys = Provider::start(ok(&issuer.jwks())).await;
    let second = Provider::start(ok(&json!({"jwks_uri": keys.url.as_str()}).to_string())).await;
    let error = refusal(ok(&json!({"jwks_uri": second.url.as_str()}).to_string())).await;
    assert!(matches!(error, FetchError::KeySet(_)), "{error}");
    assert_eq!((second.hits(), keys.hits()), (1, 0));
}

#[tokio::test]
async fn a_bad_answer_leaves_the_good_keys_in_place() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
    provider.set_reply(ok(r#"{"keys": []}"#));
    assert_eq!(judge(&store, &Issuer::new("b").token(), later(now, 40)).await, Err(unknown("b")));
    assert_eq!(provider.hits(), 2);
    assert!(judge(&store, &issuer.token(), later(now, 41)).await.is_ok());
}
