//! The identity provider. Its keys rotate, and it fails at times.

use std::io;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use crate::PATIENCE;
use crate::callers::Probe;
use crate::key::Key;
use crate::timeline::Timeline;
use crate::upstream;

/// A kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Signed by the permanent key.
    Steady,
    Expired,
    /// Signed by a key that was never published.
    Stray,
    /// Signed by another key than its key id names.
    Forged,
    Garbage,
    Absent,
    /// Signed by a rotating key that was, is, or will be published.
    Previous,
    Current,
    Next,
}

/// The number of the rotating key that is known to be active. During a rotation, the next key may be active too.
#[derive(Clone, Copy)]
pub(crate) struct Published {
    number: u64,
    settled: bool,
}

/// The response of the provider.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    Failing,
    Talking,
    Late,
    HangingUp,
}

/// The previous, the current and the next key.
struct Turns {
    number: u64,
    keys: [Key; 3],
    /// For each key, a token of each caller.
    tokens: [Vec<HeaderValue>; 3],
}

pub(crate) struct Provider {
    expiry: u64,
    callers: Vec<Map<String, Value>>,
    steady: Key,
    /// By caller: steady, expired, stray, forged.
    fixed: [Vec<HeaderValue>; 4],
    turns: RwLock<Turns>,
    pub(crate) published: Timeline<Published>,
    page: Arc<Mutex<(Mood, String)>>,
    pub(crate) url: String,
    serving: JoinHandle<()>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn key(number: u64) -> Key {
    Key::named(["turn-0", "turn-1", "turn-2", "turn-3"][usize::try_from(number % 4).unwrap()])
}

fn bearer(key: &Key, claims: &Map<String, Value>, expiry: u64) -> HeaderValue {
    let mut claims = claims.clone();
    claims.insert("exp".to_owned(), json!(expiry));
    HeaderValue::try_from(format!("Bearer {}", key.token(&Value::Object(claims)))).unwrap()
}

impl Provider {
    /// Makes tokens for these callers that are valid for this time.
    pub(crate) async fn start(callers: Vec<Map<String, Value>>, time: Duration) -> Self {
        let expiry = now() + time.as_secs() + 3600;
        let (steady, stray, forger) = (Key::named("steady"), Key::named("stray"), Key::named("steady"));
        let each =
            |key: &Key, expiry| callers.iter().map(|claims| bearer(key, claims, expiry)).collect::<Vec<_>>();
        let fixed =
            [each(&steady, expiry), each(&steady, now() - 60), each(&stray, expiry), each(&forger, expiry)];
        let keys = [key(0), key(1), key(2)];
        let tokens = [0, 1, 2].map(|at| each(&keys[at], expiry));
        let turns = RwLock::new(Turns { number: 1, keys, tokens });
        let page = Arc::new(Mutex::new((Mood::Well, String::new())));
        let listener = upstream::listener().await;
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let shown = Arc::clone(&page);
        let answer = move |_: Request<Incoming>| {
            let (mood, text) = shown.lock().unwrap().clone();
            answer(mood, text)
        };
        let serving = tokio::spawn(upstream::serve(listener, answer, false));
        let published = Timeline::new(Published { number: 1, settled: true });
        let provider = Self { expiry, callers, steady, fixed, turns, published, page, url, serving };
        provider.publish(1);
        provider
    }

    /// Publishes the permanent key and one of the rotating keys.
    fn publish(&self, at: usize) {
        let turns = self.turns.read().unwrap();
        let keys = [&self.steady, &turns.keys[at]].map(|key| key.jwks()["keys"][0].clone());
        self.page.lock().unwrap().1 = json!({"keys": keys}).to_string();
    }

    /// The header for a caller, and the number of its key if that rotates.
    pub(crate) fn credential(&self, token: Token, caller: usize) -> (Option<HeaderValue>, Option<u64>) {
        let fixed = |at: usize| (Some(self.fixed[at][caller].clone()), None);
        let in_turn = |at: usize| {
            let turns = self.turns.read().unwrap();
            (Some(turns.tokens[at][caller].clone()), Some(turns.number + at as u64 - 1))
        };
        match token {
            Token::Steady => fixed(0),
            Token::Expired => fixed(1),
            Token::Stray => fixed(2),
            Token::Forged => fixed(3),
            Token::Garbage => (Some(HeaderValue::from_static("Bearer e30.e30.e30")), None),
            Token::Absent => (None, None),
            Token::Previous => in_turn(0),
            Token::Current => in_turn(1),
            Token::Next => in_turn(2),
        }
    }

    /// Replaces the current key by the next one, and waits until its tokens are accepted.
    pub(crate) async fn rotate(&self, probe: &mut Probe) {
        let number = self.published.last().number;
        self.published.push(Published { number, settled: false });
        self.publish(2);
        let began = Instant::now();
        while !probe.is_accepted(self.credential(Token::Next, 0).0).await {
            assert!(began.elapsed() < PATIENCE, "key {} is not accepted", number + 1);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.published.push(Published { number: number + 1, settled: true });
        let next = key(number + 2);
        let tokens = self.callers.iter().map(|claims| bearer(&next, claims, self.expiry)).collect();
        let mut turns = self.turns.write().unwrap();
        turns.number = number + 1;
        turns.keys.rotate_left(1);
        turns.keys[2] = next;
        turns.tokens.rotate_left(1);
        turns.tokens[2] = tokens;
    }

    /// Fails for longer than the keys stay fresh, in one of four ways.
    pub(crate) async fn fail(&self, turn: u64) {
        let moods = [Mood::Failing, Mood::Talking, Mood::Late, Mood::HangingUp];
        self.page.lock().unwrap().0 = moods[usize::try_from(turn % 4).unwrap()];
        tokio::time::sleep(Duration::from_millis(2500)).await;
        self.page.lock().unwrap().0 = Mood::Well;
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mood: Mood, text: String) -> io::Result<Response<Full<Bytes>>> {
    let mut answer = Response::new(Full::from(text));
    match mood {
        Mood::Well => {}
        Mood::Failing => *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        Mood::Talking => *answer.body_mut() = Full::from("<p>Down for maintenance</p>"),
        Mood::Late => tokio::time::sleep(Duration::from_millis(300)).await,
        Mood::HangingUp => return Err(io::ErrorKind::ConnectionReset.into()),
    }
    Ok(answer)
}

/// Whether a token may have been accepted, and whether it may have been refused, while these keys were published.
pub(crate) fn validity(token: Token, number: Option<u64>, published: &[Published]) -> (bool, bool) {
    let Some(number) = number else { return (token == Token::Steady, token != Token::Steady) };
    let accepted = |at: &Published| number == at.number || (!at.settled && number == at.number + 1);
    let refused = |at: &Published| number != at.number || !at.settled;
    (published.iter().any(accepted), published.iter().any(refused))
}
