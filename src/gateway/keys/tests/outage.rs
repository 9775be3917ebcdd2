use super::provider::{Reply, response};
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
    provider.now_replies(broken());
    for seconds in [601, 700, 2000, 4199] {
        assert!(judge(&store, &issuer.token(), later(now, seconds)).await.is_ok(), "{seconds}");
    }
    assert_eq!(judge(&store, &issuer.token(), later(now, 4300)).await, Err(AuthnError::KeysUnavailable));
    provider.now_replies(ok(&issuer.jwks()));
    assert!(judge(&store, &issuer.token(), later(now, 4400)).await.is_ok());
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
    provider.now_replies(ok(&issuer.jwks()));
    assert!(judge(&store, &issuer.token(), later(now, 40)).await.is_ok());
    assert_eq!(provider.hits(), 2);
}

#[tokio::test]
async fn a_silent_provider_never_blocks_the_tokens_of_another() {
    let issuer = Issuer::new("a");
    let live = Provider::start(ok(&issuer.jwks())).await;
    let silent = Provider::start(Reply::Hang).await;
    let (store, now) = (store(&[&silent.url, &live.url]), start());
    // Cold, fresh, too old, and far too old: `judge` gives up before the silent provider's minute is over.
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
    silent.now_replies(Reply::Hang);
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
