//! The wall clock changes, forwards and backwards.

use super::*;

/// Several months, so that the clock passes every date in a token.
const JUMP: Duration = Duration::from_secs(100 * 24 * 3600);

fn ahead(now: Timestamp) -> Timestamp {
    Timestamp { wall: now.wall + JUMP, ..now }
}

fn behind(now: Timestamp) -> Timestamp {
    Timestamp { wall: now.wall - JUMP, ..now }
}

#[tokio::test]
async fn keys_do_not_age_with_the_time_of_day() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
    for jumped in [ahead(now), behind(now), ahead(later(now, 300)), behind(later(now, 599))] {
        assert_eq!(store.missing(&rules(), jumped.monotonic), 0);
        // The token may be expired or not yet valid then. Its key is known nevertheless.
        let verdict = judge(&store, &issuer.token(), jumped).await;
        assert!(!matches!(verdict, Err(AuthnError::KeysUnavailable)), "{verdict:?}");
    }
    assert!(judge(&store, &issuer.token(), later(now, 599)).await.is_ok());
    assert_eq!(provider.hits(), 1, "nobody asks for keys again because a clock was set");
}

#[tokio::test]
async fn a_clock_that_stands_still_does_not_keep_keys_young() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
    // `later` does not change the wall clock.
    assert!(judge(&store, &issuer.token(), later(now, 601)).await.is_ok());
    assert_eq!(provider.hits(), 2);
}

#[tokio::test]
async fn a_token_lives_and_dies_by_the_time_of_day() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (store, now) = (store(&[&provider.url]), start());
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
    assert_eq!(judge(&store, &issuer.token(), ahead(now)).await, Err(TokenError::Expired.into()));
    // When the clock is set back again, the same token is accepted again: refusals are not cached.
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
}
