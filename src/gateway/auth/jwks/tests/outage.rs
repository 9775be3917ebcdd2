use tokio::task::JoinSet;

use super::provider::{Reply, response};
use super::untrusted::bomb;
use super::*;

fn broken() -> Reply {
    response("500 Internal Server Error", "", "{}")
}

#[tokio::test]
async fn the_last_good_keys_serve_while_the_provider_fails_and_not_longer() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
    provider.set_reply(broken());
    for seconds in [601, 700, 2000, 4199] {
        assert!(judge(&store, &issuer.token(), later(now, seconds)).await.is_ok(), "{seconds}");
    }
    assert_eq!(judge(&store, &issuer.token(), later(now, 4300)).await, Err(AuthnError::KeysUnavailable));
    provider.set_reply(ok(&issuer.jwks()));
    assert!(judge(&store, &issuer.token(), later(now, 4400)).await.is_ok());
}

/// Every kind of bad response of a provider, by name.
fn bad_answers() -> Vec<(&'static str, Reply)> {
    let json = "content-type: application/json\r\n";
    vec![
        ("redirect", response("302 Found", "location: /elsewhere\r\n", "")),
        ("huge", ok(&" ".repeat(65 * 1024))),
        ("endless", Reply::Endless),
        ("silent", Reply::Hang),
        ("slow", Reply::Dripping),
        ("gzip bomb", Reply::Bytes("content-encoding: gzip\r\n", bomb())),
        ("HTML", response("200 OK", "content-type: text/html\r\n", "<!doctype html><title>Sign in</title>")),
        ("empty", response("200 OK", json, "")),
        ("no keys", ok(r#"{"keys": []}"#)),
        ("500", broken()),
        ("cut off", Reply::Raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_owned())),
    ]
}

#[tokio::test]
async fn whatever_the_provider_answers_the_good_keys_serve_for_a_bounded_time() {
    let mut cases = JoinSet::new();
    for (name, reply) in bad_answers() {
        cases.spawn(async move {
            let issuer = Issuer::new("a");
            let provider = Provider::start(ok(&issuer.jwks())).await;
            let limits = FetchLimits { timeout: Duration::from_secs(2), max_bytes: 64 * 1024 };
            let (store, now) = (store_with(&[&provider.url], limits), start());
            assert!(judge(&store, &issuer.token(), now).await.is_ok(), "{name}");
            provider.set_reply(reply);
            assert!(judge(&store, &issuer.token(), later(now, 700)).await.is_ok(), "{name}");
            let judged = judge(&store, &issuer.token(), later(now, 4300)).await;
            assert_eq!(judged, Err(AuthnError::KeysUnavailable), "{name}");
            assert_eq!(provider.hits(), 3, "{name}");
        });
    }
    while let Some(done) = cases.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_failing_provider_is_asked_at_most_once_in_a_cooldown() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(broken()).await;
    let (store, now) = (store(&[&provider.url]), start());
    for seconds in [0, 1, 2, 28] {
        let result = judge(&store, &issuer.token(), later(now, seconds)).await;
        assert_eq!(result, Err(AuthnError::KeysUnavailable));
    }
    assert_eq!(provider.hits(), 1);
    provider.set_reply(ok(&issuer.jwks()));
    assert!(judge(&store, &issuer.token(), later(now, 40)).await.is_ok());
    assert_eq!(provider.hits(), 2);
}

#[tokio::test]
async fn a_silent_provider_never_blocks_the_tokens_of_another() {
    let issuer = Issuer::new("a");
    let live = Provider::start(ok(&issuer.jwks())).await;
    let silent = Provider::start(Reply::Hang).await;
    let (store, now) = (store(&[&silent.url, &live.url]), start());
    // Cold, fresh, stale, and too old: `judge` gives up before the silent provider's minute is over.
    for seconds in [0, 1, 700, 90_000] {
        assert!(judge(&store, &issuer.token(), later(now, seconds)).await.is_ok(), "{seconds}");
    }
}

#[tokio::test]
async fn a_provider_that_falls_silent_never_blocks_the_tokens_of_another() {
    let (a, b) = (Issuer::new("a"), Issuer::new("b"));
    let live = Provider::start(ok(&a.jwks())).await;
    let silent = Provider::start(ok(&b.jwks())).await;
    let (store, now) = (store(&[&silent.url, &live.url]), start());
    assert!(store.warm_up(&rules(), now).await);
    silent.set_reply(Reply::Hang);
    for seconds in [700, 1400] {
        assert!(judge(&store, &a.token(), later(now, seconds)).await.is_ok(), "{seconds}");
    }
}

#[tokio::test]
async fn with_a_dead_provider_an_unknown_key_is_not_the_tokens_fault() {
    let (issuer, other) = (Issuer::new("a"), Issuer::new("b"));
    let live = Provider::start(ok(&issuer.jwks())).await;
    let dead = Provider::start(broken()).await;
    let (store, now) = (store(&[&live.url, &dead.url]), start());
    assert_eq!(judge(&store, &other.token(), now).await, Err(AuthnError::KeysUnavailable));
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
    let forged = Issuer::new("a").token();
    assert_eq!(judge(&store, &forged, now).await, Err(TokenError::Signature.into()));
}
