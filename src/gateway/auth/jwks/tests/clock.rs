//! A clock that is set, forwards and backwards.

use super::*;

/// Months, so that every date in a token is on the other side.
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
        // The token may be out of its time then; its key is known all the same.
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
    // `later` leaves the time of day where it is.
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
    // Set back again, the same token is good again: nothing remembers that it was refused.
    assert!(judge(&store, &issuer.token(), now).await.is_ok());
}
