use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use super::*;
use crate::authn::testing::{NOW, now, rules};
use crate::gateway::auth::jwks::fetch::native_tls;

/// An endpoint that gives the same response for every token, after its semaphore allows it.
struct Endpoint {
    url: Url,
    hits: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    reply: Arc<Mutex<String>>,
}

impl Endpoint {
    async fn start(body: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let endpoint = Self {
            url,
            hits: Arc::default(),
            gate: Arc::new(Semaphore::new(1000)),
            reply: Arc::new(Mutex::new(String::new())),
        };
        endpoint.set_response("200 OK", "application/json", &body.to_string());
        let (hits, gate, reply) = (endpoint.hits.clone(), endpoint.gate.clone(), endpoint.reply.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                hits.fetch_add(1, Ordering::SeqCst);
                let reply = reply.lock().unwrap().clone();
                tokio::spawn(answer(stream, gate.clone(), reply));
            }
        });
        endpoint
    }

    fn set_response(&self, status: &str, kind: &str, body: &str) {
        let length = body.len();
        *self.reply.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    fn userinfo(&self) -> OpaqueTokens {
        OpaqueTokens::Userinfo { endpoint: self.url.clone(), cache_ttl: Duration::from_secs(300) }
    }

    fn introspection(&self) -> OpaqueTokens {
        OpaqueTokens::Introspection {
            endpoint: self.url.clone(),
            client_id: "gate".to_owned(),
            client_secret: "secret".into(),
            cache_ttl: Duration::from_secs(60),
        }
    }
}

async fn answer(mut stream: TcpStream, gate: Arc<Semaphore>, reply: String) -> std::io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    let _ = stream.read(&mut buffer).await?;
    let _permit = gate.acquire().await;
    stream.write_all(reply.as_bytes()).await
}

fn store() -> OpaqueStore {
    OpaqueStore::new(native_tls().unwrap())
}

fn start() -> Timestamp {
    Timestamp { wall: now(), monotonic: Instant::now() }
}

async fn judge(
    store: &OpaqueStore,
    token: &str,
    provider: &OpaqueTokens,
    now: Timestamp,
) -> Result<VerifiedClaims, AuthnError> {
    store.verify(&Bearer::new(token).unwrap(), provider, &rules(), now).await
}

#[tokio::test]
async fn an_answer_serves_until_its_time_is_over() {
    let endpoint = Endpoint::start(&json!({"sub": "u"})).await;
    let (store, now, provider) = (store(), start(), endpoint.userinfo());
    for (seconds, hits) in [(0, 1), (1, 1), (299, 1), (300, 2), (599, 2)] {
        let moment = Timestamp { monotonic: now.monotonic + Duration::from_secs(seconds), ..now };
        assert!(judge(&store, "t", &provider, moment).await.is_ok(), "{seconds}");
        assert_eq!(endpoint.hits(), hits, "{seconds}");
    }
}

#[tokio::test]
async fn a_cached_opaque_token_dies_with_its_exp() {
    let endpoint = Endpoint::start(&json!({"active": true, "exp": NOW + 5})).await;
    let (store, now, provider) = (store(), start(), endpoint.introspection());
    assert!(judge(&store, "t", &provider, now).await.is_ok());
    let dead = judge(&store, "t", &provider, now.after(Duration::from_secs(5))).await;
    assert_eq!(dead, Err(TokenError::Expired.into()));
    assert_eq!(endpoint.hits(), 1);
}

#[tokio::test]
async fn an_answer_of_another_provider_is_not_used() {
    let (one, other) =
        (Endpoint::start(&json!({"sub": "a"})).await, Endpoint::start(&json!({"sub": "b"})).await);
    let (store, now) = (store(), start());
    for (endpoint, subject) in [(&one, "a"), (&other, "b"), (&one, "a")] {
        let claims = judge(&store, "t", &endpoint.userinfo(), now).await.unwrap();
        assert_eq!(claims.as_map()["sub"], subject);
    }
    assert_eq!((one.hits(), other.hits()), (1, 1));
}

#[tokio::test]
async fn concurrent_look_ups_of_one_token_are_one_request() {
    let endpoint = Endpoint::start(&json!({"sub": "u"})).await;
    endpoint.gate.forget_permits(1000);
    let (store, now) = (Arc::new(store()), start());
    let mut waiting = JoinSet::new();
    for _ in 0..50 {
        let (store, provider) = (store.clone(), endpoint.userinfo());
        waiting.spawn(async move { judge(&store, "t", &provider, now).await.is_ok() });
    }
    while endpoint.hits() == 0 {
        tokio::task::yield_now().await;
    }
    endpoint.gate.add_permits(1000);
    while let Some(accepted) = waiting.join_next().await {
        assert!(accepted.unwrap());
    }
    assert_eq!(endpoint.hits(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_stop_the_look_up() {
    let endpoint = Endpoint::start(&json!({"sub": "u"})).await;
    endpoint.gate.forget_permits(1000);
    let (store, now, provider) = (store(), start(), endpoint.userinfo());
    tokio::select! {
        _ = judge(&store, "t", &provider, now) => panic!("the gate is closed"),
        () = async { while endpoint.hits() == 0 { tokio::task::yield_now().await } } => {}
    }
    endpoint.gate.add_permits(1);
    assert!(judge(&store, "t", &provider, now).await.is_ok());
    assert_eq!(endpoint.hits(), 1);
}

#[tokio::test]
async fn more_tokens_at_once_than_a_provider_is_asked_about_are_not_judged() {
    let endpoint = Endpoint::start(&json!({"sub": "u"})).await;
    let (store, now, provider) = (store(), start(), endpoint.userinfo());
    let taken = store.shared.slots.clone().try_acquire_many_owned(MAX_ASKING as u32).unwrap();
    assert_eq!(judge(&store, "t", &provider, now).await, Err(AuthnError::ProviderUnavailable));
    drop(taken);
    assert!(judge(&store, "t", &provider, now).await.is_ok());
}

#[tokio::test]
async fn a_full_cache_gives_up_the_oldest_answer() {
    let store = store();
    let (start, ttl) = (Instant::now(), Duration::from_secs(300));
    let assertion = Arc::new(Assertion::from_userinfo(br#"{"sub": "u"}"#).unwrap());
    let name = |n: usize| {
        let mut fingerprint = Fingerprint::default();
        fingerprint[..8].copy_from_slice(&n.to_be_bytes());
        fingerprint
    };
    for n in 0..=MAX_KNOWN {
        store.shared.settle(name(n), &Ok(assertion.clone()), start + Duration::from_millis(n as u64), ttl);
    }
    let tokens = store.shared.tokens();
    assert_eq!(tokens.known.len(), MAX_KNOWN);
    assert!(!tokens.known.contains_key(&name(0)) && tokens.known.contains_key(&name(MAX_KNOWN)));
}

#[tokio::test]
async fn only_the_provider_says_that_a_token_is_bad() {
    let refused = Err(AuthnError::Token(TokenError::NotAccepted));
    let unavailable = Err(AuthnError::ProviderUnavailable);
    let cases = [
        ("401 Unauthorized", "application/json", "{}", &refused, &unavailable),
        ("403 Forbidden", "text/html", "", &refused, &unavailable),
        ("400 Bad Request", "application/json", "{}", &unavailable, &unavailable),
        (
            "302 Found\r\nlocation: /",
            "application/json",
            r#"{"sub": "u", "active": true}"#,
            &unavailable,
            &unavailable,
        ),
        ("500 Oops", "application/json", r#"{"sub": "u", "active": true}"#, &unavailable, &unavailable),
        ("200 OK", "application/jwt", r#"{"sub": "u", "active": true}"#, &unavailable, &unavailable),
        ("200 OK", "text/html", "<html>", &unavailable, &unavailable),
        ("200 OK", "application/json", "<html>", &unavailable, &unavailable),
        ("200 OK", "application/json", "{}", &unavailable, &unavailable),
        (
            "200 OK",
            "Application/JSON ; charset=utf-8",
            r#"{"active": false, "sub": 1}"#,
            &unavailable,
            &refused,
        ),
    ];
    let endpoint = Endpoint::start(&json!({})).await;
    let (store, now) = (store(), start());
    for (status, kind, body, userinfo, introspection) in cases {
        endpoint.set_response(status, kind, body);
        assert_eq!(&judge(&store, "t", &endpoint.userinfo(), now).await, userinfo, "{status} {kind} {body}");
        let introspected = judge(&store, "t", &endpoint.introspection(), now).await;
        assert_eq!(&introspected, introspection, "{status} {kind} {body}");
    }
    // None of these was cached.
    endpoint.set_response("200 OK", "application/json", r#"{"sub": "u", "active": true}"#);
    for provider in [endpoint.userinfo(), endpoint.introspection()] {
        assert!(judge(&store, "t", &provider, now).await.is_ok());
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_never_ends_is_not_waited_for() {
    let endpoint = Endpoint::start(&json!({"sub": "u"})).await;
    endpoint.gate.forget_permits(1000);
    let limits = FetchLimits { timeout: Duration::from_millis(50), max_bytes: 1024 };
    let store = OpaqueStore::with(Arc::new(Fetcher::new(native_tls().unwrap(), limits)));
    let judged = judge(&store, "t", &endpoint.userinfo(), start()).await;
    assert_eq!(judged, Err(AuthnError::ProviderUnavailable));

    let large = Endpoint::start(&json!({"sub": "u", "x": "x".repeat(LIMITS.max_bytes)})).await;
    let judged = judge(&self::store(), "t", &large.userinfo(), start()).await;
    assert_eq!(judged, Err(AuthnError::ProviderUnavailable));
}

#[tokio::test]
async fn a_clock_that_is_set_neither_keeps_nor_loses_what_was_said_of_a_token() {
    const JUMP: Duration = Duration::from_secs(1_000_000);
    let endpoint = Endpoint::start(&json!({"active": true, "exp": NOW + 600})).await;
    let (store, now, provider) = (store(), start(), endpoint.introspection());
    assert!(judge(&store, "t", &provider, now).await.is_ok());
    // Backwards: the response stays valid for its minute, not for a million seconds more.
    let back = Timestamp { wall: now.wall - JUMP, ..now };
    for (seconds, hits) in [(0, 1), (59, 1), (60, 2)] {
        let moment = Timestamp { monotonic: now.monotonic + Duration::from_secs(seconds), ..back };
        assert!(judge(&store, "t", &provider, moment).await.is_ok(), "{seconds}");
        assert_eq!(endpoint.hits(), hits, "{seconds}");
    }
    // Forwards: the token has expired. The response stays cached, in case the clock is set back.
    let ahead = Timestamp { wall: now.wall + JUMP, monotonic: now.monotonic + Duration::from_secs(61) };
    assert_eq!(judge(&store, "t", &provider, ahead).await, Err(TokenError::Expired.into()));
    let again = Timestamp { wall: now.wall, ..ahead };
    assert!(judge(&store, "t", &provider, again).await.is_ok());
    assert_eq!(endpoint.hits(), 2);
}
