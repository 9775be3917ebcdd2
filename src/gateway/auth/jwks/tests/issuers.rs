use serde_json::Value;

use super::provider::Reply;
use super::*;
use crate::config;

const A: &str = "https://a.example";
const B: &str = "https://b.example/realm";

fn entry(issuer: &str, key_url: &Url) -> config::Issuer {
    config::Issuer {
        issuer: issuer.to_owned(),
        key_url: key_url.clone(),
        audience: None,
        team_id_jwt_field: None,
        team_ids_jwt_field: None,
        user_id_jwt_field: None,
        user_email_jwt_field: None,
    }
}

fn listing(entries: &[(&str, &Url)]) -> TokenRules {
    TokenRules { issuers: entries.iter().map(|(issuer, url)| entry(issuer, url)).collect(), ..rules() }
}

fn store_for(rules: &TokenRules) -> KeyStore {
    let limits = FetchLimits { timeout: Duration::from_secs(60), max_bytes: 64 * 1024 };
    KeyStore::with(rules, native_tls().unwrap(), limits)
}

/// A token with this `iss`, signed by this key.
fn token_by(key: &Issuer, iss: &str) -> String {
    let mut claims = claims();
    claims["iss"] = Value::from(iss);
    key.signer.token("EdDSA", key.kid, &claims)
}

async fn judge_by(
    store: &KeyStore,
    rules: &TokenRules,
    token: &str,
    now: Timestamp,
) -> Result<VerifiedClaims, AuthnError> {
    let bearer = Bearer::new(token).unwrap();
    tokio::time::timeout(Duration::from_secs(30), store.verify(&bearer, rules, now)).await.expect("it waits")
}

#[tokio::test]
async fn a_token_of_issuer_a_signed_with_issuer_bs_key_is_refused() {
    // Both issuers use the same key id, so only the binding to the issuer separates their keys.
    let (a, b) = (Issuer::new("same"), Issuer::new("same"));
    let providers = [Provider::start(ok(&a.jwks())).await, Provider::start(ok(&b.jwks())).await];
    let rules = listing(&[(A, &providers[0].url), (B, &providers[1].url)]);
    let (store, now) = (store_for(&rules), start());
    for (key, iss, good) in [(&a, A, true), (&b, B, true), (&b, A, false), (&a, B, false)] {
        let judged = judge_by(&store, &rules, &token_by(key, iss), now).await;
        if good {
            assert!(judged.is_ok(), "{iss}: {judged:?}");
        } else {
            assert_eq!(judged, Err(TokenError::Signature.into()), "{iss}");
        }
    }
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_at_its_issuer_alone() {
    let (a, b) = (Issuer::new("a"), Issuer::new("b"));
    let providers = [Provider::start(ok(&a.jwks())).await, Provider::start(ok(&b.jwks())).await];
    let rules = listing(&[(A, &providers[0].url), (B, &providers[1].url)]);
    let (store, now) = (store_for(&rules), start());
    assert!(store.warm_up(&rules, now).await);
    // `b` is a key, but not a key of A.
    assert_eq!(judge_by(&store, &rules, &token_by(&b, A), later(now, 40)).await, Err(unknown("b")));
    assert_eq!((providers[0].hits(), providers[1].hits()), (2, 1));
}

#[tokio::test]
async fn a_dead_issuer_never_blocks_the_tokens_of_another() {
    let (a, b) = (Issuer::new("a"), Issuer::new("b"));
    let live = Provider::start(ok(&a.jwks())).await;
    let silent = Provider::start(Reply::Hang).await;
    let rules = listing(&[(B, &silent.url), (A, &live.url)]);
    let (store, now) = (store_for(&rules), start());
    for seconds in [0, 700, 90_000] {
        assert!(judge_by(&store, &rules, &token_by(&a, A), later(now, seconds)).await.is_ok(), "{seconds}");
    }
    assert_eq!(judge_by(&store, &rules, &token_by(&b, A), later(now, 90_100)).await, Err(unknown("b")));
    assert_eq!(silent.hits(), 0, "A's tokens are no reason to ask B");
}

#[tokio::test]
async fn the_keys_of_an_issuer_that_cannot_be_reached_are_unavailable() {
    let (a, b) = (Issuer::new("a"), Issuer::new("b"));
    let live = Provider::start(ok(&a.jwks())).await;
    let dead = Provider::start(super::provider::response("500 Oops", "", "{}")).await;
    let rules = listing(&[(A, &live.url), (B, &dead.url)]);
    let store = store_for(&rules);
    let judged = judge_by(&store, &rules, &token_by(&b, B), start()).await;
    assert_eq!(judged, Err(AuthnError::KeysUnavailable));
}

#[tokio::test]
async fn an_unlisted_issuer_is_refused_unless_the_global_check_names_it() {
    let (a, global) = (Issuer::new("a"), Issuer::new("g"));
    let providers = [Provider::start(ok(&a.jwks())).await, Provider::start(ok(&global.jwks())).await];
    let closed =
        TokenRules { key_urls: vec![providers[1].url.clone()], ..listing(&[(A, &providers[0].url)]) };
    let named = TokenRules { issuer: Some(B.to_owned()), ..closed.clone() };
    let (store, now) = (store_for(&closed), start());
    for iss in [B, "https://a.example/", "https://A.example", ""] {
        let judged = judge_by(&store, &closed, &token_by(&global, iss), now).await;
        assert_eq!(judged, Err(TokenError::UnknownIssuer.into()), "{iss}");
    }
    let missing = judge_by(&store, &closed, &global.token(), now).await;
    assert_eq!(missing, Err(TokenError::ClaimMissing { claim: "iss" }.into()));
    assert_eq!(providers[1].hits(), 0);
    assert!(judge_by(&store, &named, &token_by(&global, B), now).await.is_ok());
    // The global keys are also a group of their own.
    let crossed = judge_by(&store, &named, &token_by(&a, B), later(now, 40)).await;
    assert_eq!(crossed, Err(unknown("a")));
}

#[tokio::test]
async fn an_issuers_own_audience_counts() {
    let a = Issuer::new("a");
    let provider = Provider::start(ok(&a.jwks())).await;
    let mut rules = listing(&[(A, &provider.url)]);
    rules.audience = Some("global".to_owned());
    rules.issuers[0].audience = Some(vec!["one".to_owned(), "two".to_owned()]);
    let (store, now) = (store_for(&rules), start());
    for (aud, good) in [("two", true), ("global", false)] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend([("iss".into(), A.into()), ("aud".into(), aud.into())]);
        let judged = judge_by(&store, &rules, &a.signer.token("EdDSA", "a", &claims), now).await;
        let expected = TokenError::Audience { expected: "one` or `two".to_owned() };
        assert_eq!(judged.map(|_| ()), if good { Ok(()) } else { Err(expected.into()) }, "{aud}");
    }
}

#[tokio::test]
async fn a_renewed_store_does_not_give_an_issuer_the_keys_of_another() {
    let (a, b) = (Issuer::new("k"), Issuer::new("k"));
    let providers = [Provider::start(ok(&a.jwks())).await, Provider::start(ok(&b.jwks())).await];
    let [at_a, at_b] = providers.each_ref().map(|provider| &provider.url);
    let (before, after) = (listing(&[(A, at_a), (B, at_b)]), listing(&[(A, at_b), (B, at_a)]));
    let (store, now) = (store_for(&before), start());
    for (key, iss) in [(&a, A), (&b, B)] {
        assert!(judge_by(&store, &before, &token_by(key, iss), now).await.is_ok());
    }
    let swapped = store.renewed(&after, &KeyFiles::new());
    for (key, iss, good) in [(&a, A, false), (&b, B, false), (&b, A, true), (&a, B, true)] {
        assert_eq!(judge_by(&swapped, &after, &token_by(key, iss), now).await.is_ok(), good, "{iss}");
    }
}

fn discovery(issuer: &str, keys: &Provider) -> Reply {
    ok(&json!({"issuer": issuer, "jwks_uri": keys.url.as_str()}).to_string())
}

#[tokio::test]
async fn the_keys_of_another_issuers_document_are_not_used() {
    let key = Issuer::new("k");
    let keys = Provider::start(ok(&key.jwks())).await;
    for (found, good) in [(A, true), (B, false), ("https://a.example.evil", false)] {
        let provider = Provider::start(discovery(found, &keys)).await;
        let global = TokenRules { issuer: Some(A.to_owned()), ..rules_for(&[&provider.url]) };
        for rules in [listing(&[(A, &provider.url)]), global] {
            let before = keys.hits();
            let judged = judge_by(&store_for(&rules), &rules, &token_by(&key, A), start()).await;
            assert_eq!(judged.is_ok(), good, "{found}: {judged:?}");
            assert_eq!(keys.hits() > before, good, "{found}");
            if !good {
                assert_eq!(judged, Err(AuthnError::KeysUnavailable));
            }
        }
    }
}

#[tokio::test]
async fn another_configured_issuer_has_the_document_looked_at_again() {
    let key = Issuer::new("k");
    let keys = Provider::start(ok(&key.jwks())).await;
    let provider = Provider::start(discovery(A, &keys)).await;
    let of = |issuer: &str| TokenRules { issuer: Some(issuer.to_owned()), ..rules_for(&[&provider.url]) };
    let store = store_for(&of(A));
    assert!(judge_by(&store, &of(A), &token_by(&key, A), start()).await.is_ok());
    let renewed = store.renewed(&of(B), &KeyFiles::new());
    let judged = judge_by(&renewed, &of(B), &token_by(&key, B), start()).await;
    assert_eq!(judged, Err(AuthnError::KeysUnavailable));
}
