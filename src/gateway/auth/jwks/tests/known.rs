//! The cache of verified tokens.

use super::provider::response;
use super::*;
use crate::authn::BorrowedClaims;
use crate::config::Config;
use crate::gateway::auth::token_cache::{TokenCache, Verification};
use crate::identity::Caller;

const PREFIX: &str = "https://idp.example/a/long/and/common/prefix/of/every/subject/there/is/";

/// A key store, and the cache of verified tokens.
struct Gate {
    store: KeyStore,
    known: TokenCache,
    rules: TokenRules,
    keeps_claims: bool,
}

impl Gate {
    fn of(provider: &Provider) -> Self {
        Self { store: store(&[&provider.url]), known: TokenCache::new(), rules: rules(), keeps_claims: false }
    }

    fn by(&self, now: Timestamp) -> Verification<'_> {
        Verification { store: &self.store, rules: &self.rules, now, keeps_claims: self.keeps_claims }
    }

    fn is_cached(&self, token: &str, now: Timestamp) -> bool {
        self.known.caller(token.as_bytes(), self.by(now)).is_ok()
    }

    /// The subject of a token, from the cache or by verification.
    async fn subject(&self, token: &str, now: Timestamp) -> Result<String, AuthnError> {
        let bearer = Bearer::new(token).unwrap();
        let identify = |claims: &BorrowedClaims<'_>| identify(claims, self.keeps_claims);
        let caller = match self.known.caller(token.as_bytes(), self.by(now)) {
            Ok((caller, _)) => caller,
            Err(unknown) => self.known.verify(&bearer, unknown, self.by(now), identify).await?.0,
        };
        assert!(caller.has_claims() || !self.keeps_claims);
        Ok(caller.subject.as_deref().unwrap().to_owned())
    }
}

/// The tests only compare the subject.
fn identify(claims: &BorrowedClaims<'_>, keeps_claims: bool) -> Caller {
    let yaml = "general_settings: {enable_jwt_auth: true}\nmodel_list: []\n";
    let config = Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None).unwrap();
    Caller::identify_borrowed(claims, config.jwt.as_ref(), keeps_claims)
}

fn token(issuer: &Issuer, claims: &serde_json::Value) -> String {
    issuer.signer.token("EdDSA", issuer.kid, claims)
}

fn wall(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp { wall: now.wall + Duration::from_secs(seconds), ..now }
}

#[tokio::test]
async fn two_tokens_with_a_long_common_prefix_are_distinct() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let of = |name: &str| json!({"aud": PREFIX, "exp": testing::NOW + 60, "sub": name});
    let tokens = ["alice", "bobby"].map(|name| token(&issuer, &of(name)));
    let common = tokens[0].bytes().zip(tokens[1].bytes()).take_while(|(a, b)| a == b).count();
    assert!(common > 150, "{common}");
    for _ in 0..3 {
        assert_eq!(gate.subject(&tokens[0], now).await.as_deref(), Ok("alice"));
        assert_eq!(gate.subject(&tokens[1], now).await.as_deref(), Ok("bobby"));
    }
    assert!(tokens.iter().all(|token| gate.is_cached(token, now)));
}

#[tokio::test]
async fn a_token_that_differs_from_a_known_one_only_in_its_signature_is_verified() {
    let (issuer, forger) = (Issuer::new("a"), Issuer::new("a"));
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let (good, forged) = (issuer.token(), forger.token());
    assert_eq!(
        good.rsplit_once('.').map(|(signed, _)| signed),
        forged.rsplit_once('.').map(|(signed, _)| signed)
    );
    assert!(gate.subject(&good, now).await.is_ok());
    for _ in 0..2 {
        assert_eq!(gate.subject(&forged, now).await, Err(TokenError::Signature.into()));
        assert!(!gate.is_cached(&forged, now), "only good tokens are kept");
    }
    assert!(gate.is_cached(&good, now));
}

#[tokio::test]
async fn other_claims_with_the_signature_of_a_known_token_are_refused() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let of = |name: &str| token(&issuer, &json!({"exp": testing::NOW + 60, "sub": name}));
    let (good, other) = (of("alice"), of("bobby"));
    let (signature, signed) = (good.rsplit_once('.').unwrap().1, other.rsplit_once('.').unwrap().0);
    let forged = format!("{signed}.{signature}");
    assert!(gate.subject(&good, now).await.is_ok());
    for _ in 0..2 {
        assert!(!gate.is_cached(&forged, now));
        assert_eq!(gate.subject(&forged, now).await, Err(TokenError::Signature.into()));
    }
    assert!(gate.is_cached(&good, now));
}

#[tokio::test]
async fn a_known_token_dies_with_its_exp_and_is_not_valid_before_its_nbf() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (mut gate, now) = (Gate::of(&provider), start());
    let claims = json!({"sub": "alice", "nbf": testing::NOW, "exp": testing::NOW + 60});
    let token = token(&issuer, &claims);
    let ten_before = Timestamp { wall: now.wall - Duration::from_secs(10), ..now };
    for leeway in [0, 5] {
        gate.rules.leeway = Duration::from_secs(leeway);
        assert!(gate.subject(&token, wall(now, 59 + leeway)).await.is_ok());
        assert!(gate.is_cached(&token, wall(now, 59 + leeway)));
        assert_eq!(gate.subject(&token, wall(now, 60 + leeway)).await, Err(TokenError::Expired.into()));
        // Setting the clock back does not extend what the rules allow.
        assert!(gate.is_cached(&token, wall(now, 59)));
        let early = Err(TokenError::NotYetValid { claim: "nbf" }.into());
        assert_eq!(gate.subject(&token, ten_before).await, early);
    }
}

#[tokio::test]
async fn a_key_removed_by_its_provider_ends_the_tokens_that_it_verified() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let provider = Provider::start(ok(&old.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let token = old.token();
    assert!(gate.subject(&token, now).await.is_ok());
    provider.set_reply(ok(&new.jwks()));
    assert!(gate.is_cached(&token, later(now, 599)));
    assert!(!gate.is_cached(&token, later(now, 602)), "the keys are to be fetched first");
    assert_eq!(gate.subject(&token, later(now, 602)).await, Err(unknown("old")));
    assert_eq!(gate.subject(&token, later(now, 603)).await, Err(unknown("old")));
}

#[tokio::test]
async fn a_key_that_takes_the_id_of_another_ends_the_tokens_of_that_one() {
    let (old, new) = (Issuer::new("a"), Issuer::new("a"));
    let provider = Provider::start(ok(&old.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let (first, second) = (old.token(), new.token());
    assert!(gate.subject(&first, now).await.is_ok());
    provider.set_reply(ok(&new.jwks()));
    assert!(gate.subject(&second, later(now, 602)).await.is_ok());
    assert!(gate.is_cached(&second, later(now, 603)) && !gate.is_cached(&first, later(now, 603)));
    assert_eq!(gate.subject(&first, later(now, 603)).await, Err(TokenError::Signature.into()));
}

#[tokio::test]
async fn keys_that_are_fetched_again_and_are_the_same_leave_tokens_known() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let (first, second) = (issuer.token(), token(&issuer, &json!({"sub": "b", "exp": testing::NOW + 60})));
    assert!(gate.subject(&first, now).await.is_ok());
    assert!(gate.subject(&second, later(now, 602)).await.is_ok());
    assert_eq!(provider.hits(), 2);
    assert!(gate.is_cached(&first, later(now, 602)));
}

#[tokio::test]
async fn a_known_token_gets_what_an_unknown_one_gets_when_keys_are_too_old() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let token = issuer.token();
    assert!(gate.subject(&token, now).await.is_ok());
    provider.set_reply(response("500 Internal Server Error", "", "{}"));
    for seconds in [601, 2000, 4199] {
        assert!(gate.subject(&token, later(now, seconds)).await.is_ok(), "{seconds}");
    }
    assert!(gate.is_cached(&token, later(now, 4199)));
    for _ in 0..2 {
        assert_eq!(gate.subject(&token, later(now, 4300)).await, Err(AuthnError::KeysUnavailable));
        assert_eq!(judge(&gate.store, &token, later(now, 4300)).await, Err(AuthnError::KeysUnavailable));
    }
}

#[tokio::test]
async fn known_tokens_that_need_stale_keys_have_the_provider_asked_again() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let token = issuer.token();
    assert!(gate.subject(&token, now).await.is_ok());
    provider.set_reply(response("500 Internal Server Error", "", "{}"));
    assert!(gate.subject(&token, later(now, 601)).await.is_ok());
    assert_eq!(provider.hits(), 2);
    assert!(gate.is_cached(&token, later(now, 700)));
    let asked = async {
        while provider.hits() < 3 {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("nobody asks the provider");
}

#[tokio::test]
async fn only_so_many_tokens_are_known_and_no_long_ones() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (mut gate, now) = (Gate::of(&provider), start());
    gate.known = TokenCache::with_capacity(64 * 400);
    let of = |n: usize| token(&issuer, &json!({"sub": n.to_string(), "exp": testing::NOW + 60}));
    let tokens: Vec<_> = (0..300).map(of).collect();
    for token in &tokens {
        assert!(gate.subject(token, now).await.is_ok());
    }
    let known = tokens.iter().filter(|token| gate.is_cached(token, now)).count();
    assert!((1..=64).contains(&known), "{known}");
    assert!(gate.is_cached(tokens.last().unwrap(), now));

    let long = token(&issuer, &json!({"sub": "x", "exp": testing::NOW + 60, "pad": "x".repeat(5000)}));
    assert!(gate.subject(&long, now).await.is_ok() && !gate.is_cached(&long, now));
}

#[tokio::test]
async fn a_token_is_verified_again_if_its_claims_are_needed_and_were_not_kept() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (mut gate, now) = (Gate::of(&provider), start());
    let token = issuer.token();
    for keeps_claims in [false, true] {
        gate.keeps_claims = keeps_claims;
        assert!(!gate.is_cached(&token, now), "{keeps_claims}");
        assert!(gate.subject(&token, now).await.is_ok());
        assert!(gate.is_cached(&token, now), "{keeps_claims}");
    }
}

#[tokio::test]
async fn callers_of_one_kind_share_their_membership_and_keep_their_subjects() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let of = |name: &str, scope: &str| {
        token(&issuer, &json!({"sub": name, "scope": scope, "exp": testing::NOW + 60}))
    };
    let tokens = [of("alice", "a b"), of("bobby", "a b"), of("carol", "a")];
    for (token, name) in tokens.iter().zip(["alice", "bobby", "carol"]) {
        assert_eq!(gate.subject(token, now).await.as_deref(), Ok(name));
    }
    let callers = tokens.map(|token| gate.known.caller(token.as_bytes(), gate.by(now)).unwrap().0);
    let membership = |n: usize| &callers[n].membership;
    assert!(Arc::ptr_eq(membership(0), membership(1)));
    assert_eq!(
        (&*membership(0).scopes, &*membership(2).scopes),
        (&["a".to_owned(), "b".to_owned()][..], &["a".to_owned()][..])
    );
}

#[tokio::test]
async fn a_token_in_frequent_use_stays_known_to_its_last_byte() {
    let issuer = Issuer::new("a");
    let provider = Provider::start(ok(&issuer.jwks())).await;
    let (gate, now) = (Gate::of(&provider), start());
    let token = issuer.token();
    assert!(gate.subject(&token, now).await.is_ok());
    for _ in 0..20 {
        assert!(gate.is_cached(&token, now));
    }
    for position in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[position] ^= 1;
        assert!(gate.known.caller(&other, gate.by(now)).is_err(), "{position}");
    }
    assert!(gate.known.caller(&token.as_bytes()[..token.len() - 1], gate.by(now)).is_err());
}
