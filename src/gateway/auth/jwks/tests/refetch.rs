use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::provider::Reply;
use super::*;

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_in_a_cooldown_however_many_tokens_name_it() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (Arc::new(store(&[&provider.url])), start());
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
    for (round, seconds) in [40, 80, 120].into_iter().enumerate() {
        let mut flood = JoinSet::new();
        for n in 0..100 {
            let (store, signer) = (store.clone(), Signer::ed25519());
            flood.spawn(async move {
                let kid = format!("made-up-{n}");
                let result =
                    judge(&store, &signer.token("EdDSA", &kid, &claims()), later(now, seconds)).await;
                assert_eq!(result, Err(unknown(&kid)));
            });
        }
        while let Some(done) = flood.join_next().await {
            done.unwrap();
        }
        assert_eq!(provider.hits(), 2 + round);
    }
}

#[tokio::test]
async fn a_new_key_is_found_once_the_cooldown_has_passed() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let provider = Provider::start(ok(&old.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    assert!(judge(&store, &old.token(), now).await.is_ok());
    provider.set_reply(ok(&new.jwks()));
    assert_eq!(judge(&store, &new.token(), later(now, 10)).await, Err(unknown("new")));
    assert!(judge(&store, &new.token(), later(now, 40)).await.is_ok());
    assert_eq!(judge(&store, &old.token(), later(now, 41)).await, Err(unknown("old")));
    assert_eq!(provider.hits(), 2);
}

#[tokio::test]
async fn a_key_removed_by_its_provider_stops_at_the_end_of_its_lifetime() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let provider = Provider::start(ok(&old.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    assert!(judge(&store, &old.token(), now).await.is_ok());
    provider.set_reply(ok(&new.jwks()));
    assert!(judge(&store, &old.token(), later(now, 599)).await.is_ok());
    assert_eq!(judge(&store, &old.token(), later(now, 602)).await, Err(unknown("old")));
}

#[tokio::test]
async fn a_forged_signature_is_no_reason_to_fetch() {
    let (issuer, forger) = (Issuer::new("a"), Issuer::new("a"));
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    for seconds in [0, 100, 200] {
        let result = judge(&store, &forger.token(), later(now, seconds)).await;
        assert_eq!(result, Err(TokenError::Signature.into()));
    }
    assert_eq!(provider.hits(), 1);
}

#[tokio::test]
async fn tokens_that_need_the_same_keys_wait_for_one_fetch() {
    let issuer = Arc::new(Issuer::new("a"));
    let gate = Arc::new(Semaphore::new(0));
    let provider = Provider::start(Reply::Gated(gate.clone(), issuer.jwks())).await;
    let (store, now) = (Arc::new(store(&[&provider.url])), start());
    let mut waiting = JoinSet::new();
    for _ in 0..50 {
        let (store, issuer) = (store.clone(), issuer.clone());
        waiting.spawn(async move { judge(&store, &issuer.token(), now).await.is_ok() });
    }
    while provider.hits() == 0 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1000);
    while let Some(accepted) = waiting.join_next().await {
        assert!(accepted.unwrap());
    }
    assert_eq!(provider.hits(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_stop_the_fetch() {
    let issuer = Issuer::new("a");
    let gate = Arc::new(Semaphore::new(0));
    let provider = Provider::start(Reply::Gated(gate.clone(), issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    let token = issuer.token();
    tokio::select! {
        _ = judge(&store, &token, now) => panic!("the gate is closed"),
        () = async { while provider.hits() == 0 { tokio::task::yield_now().await } } => {}
    }
    gate.add_permits(1);
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
    assert_eq!(provider.hits(), 1);
}
