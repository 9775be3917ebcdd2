mod clock;
mod issuers;
mod known;
mod outage;
mod provider;
mod refetch;
mod tls;
mod untrusted;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use url::Url;

use self::provider::{Provider, ok};
use super::fetch::native_tls;
use super::files::{KeyFile, KeyFiles};
use super::*;
use crate::authn::testing::{self, Signer, claims, jwks, rules};
use crate::authn::{Bearer, TokenError, VerifiedClaims};
use crate::config::TokenRules;

/// A provider's signing key.
struct Issuer {
    signer: Signer,
    kid: &'static str,
}

impl Issuer {
    fn new(kid: &'static str) -> Self {
        Self { signer: Signer::ed25519(), kid }
    }

    fn jwks(&self) -> String {
        jwks(&[self.signer.jwk_with(json!({"kid": self.kid}))])
    }

    fn token(&self) -> String {
        self.signer.token("EdDSA", self.kid, &claims())
    }
}

fn rules_for(urls: &[&Url]) -> TokenRules {
    TokenRules { key_urls: urls.iter().map(|url| (*url).clone()).collect(), ..rules() }
}

fn store(urls: &[&Url]) -> KeyStore {
    store_with(urls, FetchLimits { timeout: Duration::from_secs(60), max_bytes: 64 * 1024 })
}

fn store_with(urls: &[&Url], limits: FetchLimits) -> KeyStore {
    KeyStore::with(&rules_for(urls), native_tls().unwrap(), limits)
}

fn start() -> Timestamp {
    Timestamp { wall: testing::now(), monotonic: Instant::now() }
}

/// That many seconds later on the monotonic clock only: keys age, test tokens do not.
fn later(start: Timestamp, seconds: u64) -> Timestamp {
    Timestamp { wall: start.wall, monotonic: start.monotonic + Duration::from_secs(seconds) }
}

/// Verifies a token. A minute without a result counts as a hang.
async fn judge(store: &KeyStore, token: &str, now: Timestamp) -> Result<VerifiedClaims, AuthnError> {
    let bearer = Bearer::new(token).unwrap();
    tokio::time::timeout(Duration::from_secs(30), store.verify(&bearer, &rules(), now))
        .await
        .expect("it waits")
}

fn unknown(kid: &str) -> AuthnError {
    AuthnError::Token(TokenError::UnknownKey { kid: Some(kid.to_owned()) })
}

#[tokio::test]
async fn keys_are_fetched_once_for_many_tokens() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    for second in [0, 1, 300, 599] {
        let verified = judge(&store, &issuer.token(), later(now, second)).await.unwrap();
        assert_eq!(verified.as_map(), claims().as_object().unwrap());
    }
    assert_eq!(provider.hits(), 1);
}

#[tokio::test]
async fn the_shape_and_claims_of_a_token_are_judged_without_fetching() {
    let provider = Provider::start(ok("{}")).await;
    let store = store(&[&provider.url]);
    assert_eq!(judge(&store, "sk-1234", start()).await, Err(TokenError::Shape.into()));
    let token = format!("{}.e30.AA", testing::b64(br#"{"alg":"HS256"}"#));
    assert_eq!(judge(&store, &token, start()).await.unwrap_err().reason(), "token_algorithm");
    assert_eq!(provider.hits(), 0);
}

#[tokio::test]
async fn a_discovery_document_leads_to_the_keys() {
    let issuer = Issuer::new("a");
    let keys = Provider::start(ok(&issuer.jwks())).await;
    let document = json!({"issuer": "https://idp.example", "jwks_uri": keys.url.as_str()}).to_string();
    let discovery = Provider::start(ok(&document)).await;
    assert!(judge(&store(&[&discovery.url]), &issuer.token(), start()).await.is_ok());
    assert_eq!((discovery.hits(), keys.hits()), (1, 1));
}

#[tokio::test]
async fn warming_up_fetches_from_every_provider() {
    let (a, b) = (Issuer::new("a"), Issuer::new("b"));
    let providers = [Provider::start(ok(&a.jwks())).await, Provider::start(ok(&b.jwks())).await];
    let (store, now) = (store(&[&providers[0].url, &providers[1].url]), start());
    assert_eq!(store.missing(&rules(), now.monotonic), 2);
    assert!(store.warm_up(&rules(), now).await);
    assert!(judge(&store, &a.token(), now).await.is_ok() && judge(&store, &b.token(), now).await.is_ok());
    assert_eq!(providers.map(|provider| provider.hits()), [1, 1]);
}

#[tokio::test]
async fn a_file_is_read_within_the_limit() {
    let issuer = Issuer::new("a");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    let url = Url::from_file_path(&path).unwrap();
    assert_eq!(judge(&store(&[&url]), &issuer.token(), start()).await, Err(AuthnError::KeysUnavailable));
    std::fs::write(&path, issuer.jwks()).unwrap();
    assert!(judge(&store(&[&url]), &issuer.token(), start()).await.is_ok());
    std::fs::write(&path, issuer.jwks() + &" ".repeat(64 * 1024)).unwrap();
    assert_eq!(judge(&store(&[&url]), &issuer.token(), start()).await, Err(AuthnError::KeysUnavailable));
}

#[tokio::test]
async fn a_renewed_store_goes_on_with_the_keys_of_urls_that_stay() {
    let (a, b) = (Issuer::new("a"), Issuer::new("b"));
    let providers = [Provider::start(ok(&a.jwks())).await, Provider::start(ok(&b.jwks())).await];
    let now = start();
    let first = store(&[&providers[0].url]);
    assert!(judge(&first, &a.token(), now).await.is_ok());
    let second = first.renewed(&rules_for(&[&providers[1].url, &providers[0].url]), &KeyFiles::new());
    assert!(judge(&second, &a.token(), now).await.is_ok() && judge(&second, &b.token(), now).await.is_ok());
    let third = second.renewed(&rules_for(&[&providers[1].url]), &KeyFiles::new());
    assert!(judge(&third, &b.token(), now).await.is_ok());
    assert_eq!(judge(&third, &a.token(), now).await, Err(unknown("a")), "a key whose provider went away");
    assert_eq!(providers.map(|provider| provider.hits()), [1, 1]);
}

#[tokio::test]
async fn keys_that_were_read_with_the_configuration_change_with_it_alone() {
    let (a, b) = (Issuer::new("a"), Issuer::new("b"));
    let directory = tempfile::tempdir().unwrap();
    let url = Url::from_file_path(directory.path().join("jwks.json")).unwrap();
    let read = |issuer: &Issuer| {
        KeyFiles::from([(url.clone(), KeyFile::parse(&url, None, issuer.jwks().as_bytes()).unwrap())])
    };
    let (rules, now) = (rules_for(&[&url]), start());
    let first = store(&[&url]).renewed(&rules, &read(&a));
    std::fs::write(directory.path().join("jwks.json"), b.jwks()).unwrap();
    for second in [0, 31, 100_000] {
        assert!(judge(&first, &a.token(), later(now, second)).await.is_ok(), "after {second} s");
        assert_eq!(judge(&first, &b.token(), later(now, second)).await, Err(unknown("b")));
    }
    let second = first.renewed(&rules, &read(&b));
    assert!(judge(&second, &b.token(), now).await.is_ok());
    assert_eq!(judge(&second, &a.token(), now).await, Err(unknown("a")));
}

#[tokio::test]
async fn a_discovery_document_in_a_file_leads_to_keys_that_are_fetched() {
    let a = Issuer::new("a");
    let provider = Provider::start(ok(&a.jwks())).await;
    let (url, document) = ("file:///k".parse().unwrap(), json!({"jwks_uri": provider.url.as_str()}));
    let files = KeyFiles::from([(
        Url::clone(&url),
        KeyFile::parse(&url, None, document.to_string().as_bytes()).unwrap(),
    )]);
    let store = store(&[&url]).renewed(&rules_for(&[&url]), &files);
    assert!(judge(&store, &a.token(), start()).await.is_ok());
    let again = store.renewed(&rules_for(&[&url]), &files);
    assert!(judge(&again, &a.token(), start()).await.is_ok());
    assert_eq!(provider.hits(), 1);
}

#[tokio::test]
async fn the_verifier_can_be_spawned() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let store = Arc::new(store(&[&provider.url]));
    let judged = tokio::spawn(async move { judge(&store, &issuer.token(), start()).await });
    assert!(judged.await.unwrap().is_ok());
}
