//! The callers. They send requests, and check each response against the possible ones.

pub(crate) mod cards;
mod verdict;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::PATIENCE;
use crate::provider::{Provider, Token, validity};
use crate::rules::{OPEN, Rules, Set};
use crate::upstream::Manner;
use cards::{Card, Conduct, LARGEST_BODY, mixed};
use verdict::{Answer, Expected};

/// A caller opens a new connection after this number of responses, or after this time without one.
const ANSWERS: u32 = 500;
const IDLE: Duration = Duration::from_secs(5);
/// With a longer body, the gateway may refuse a bad token before it has read the body, and end the connection.
const TAKEN_IN: usize = 4 * 1024;
/// The number of bytes that are checked at the beginning and at the end of a response.
const HEAD: usize = 4 * 1024;
const TAIL: usize = 16;

/// A connection.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    answers: u32,
    since: Instant,
}

impl Line {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        // The response shows whether the connection ended early.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Self { sender, driver, answers: 0, since: Instant::now() }
    }

    fn is_good(&self) -> bool {
        !self.sender.is_closed() && self.answers < ANSWERS && self.since.elapsed() < IDLE
    }

    pub(crate) async fn send(
        &mut self,
        method: &Method,
        target: &str,
        credential: Option<HeaderValue>,
        body: Bytes,
    ) -> hyper::Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(target).header("host", "gate");
        if let Some(credential) = credential {
            request = request.header("authorization", credential);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        self.sender.ready().await?;
        self.answers += 1;
        self.since = Instant::now();
        self.sender.send_request(request.body(Full::from(body)).unwrap()).await
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Reads a response, up to the point where this caller stops.
pub(crate) async fn read(response: Response<Incoming>, conduct: Conduct) -> Answer {
    let mut answer = Answer { status: response.status().as_u16(), ..Answer::default() };
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return answer };
        let Some(bytes) = frame.data_ref() else { continue };
        answer.length += bytes.len() as u64;
        answer.head.extend_from_slice(&bytes[..bytes.len().min(HEAD - answer.head.len())]);
        answer.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        answer.tail.drain(..answer.tail.len().saturating_sub(TAIL));
        match conduct {
            Conduct::LeavesMidStream if answer.status == 200 => return answer,
            Conduct::ReadsSlowly => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => {}
        }
    }
    answer.is_whole = true;
    answer
}

/// Calls the one model that is always allowed, and returns the rules that decided.
pub(crate) struct Probe {
    address: SocketAddr,
    credential: HeaderValue,
    line: Option<Line>,
}

impl Probe {
    pub(crate) fn new(address: SocketAddr, provider: &Provider) -> Self {
        Self { address, credential: provider.credential(Token::Steady, 0).0.unwrap(), line: None }
    }

    async fn ask(&mut self, credential: HeaderValue) -> Answer {
        let asked = async {
            let mut line = match self.line.take().filter(Line::is_good) {
                Some(line) => line,
                None => Line::open(self.address).await,
            };
            let body = Bytes::from(format!("{{\"model\": \"{OPEN}\"}}"));
            let response = line.send(&Method::POST, "/v1/chat/completions", Some(credential), body).await;
            let answer = read(response.unwrap(), Conduct::Stays).await;
            self.line = Some(line);
            answer
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("the gateway hangs")
    }

    /// The active rules.
    pub(crate) async fn set(&mut self) -> Set {
        let answer = self.ask(self.credential.clone()).await;
        let echo = String::from_utf8_lossy(&answer.head);
        let set = [Set::A, Set::B].into_iter().find(|set| echo.contains(&set.key()));
        assert_eq!(answer.status, 200, "{echo}");
        set.unwrap()
    }

    pub(crate) async fn is_accepted(&mut self, credential: Option<HeaderValue>) -> bool {
        let answer = self.ask(credential.unwrap()).await;
        assert!(matches!(answer.status, 200 | 401), "{answer:?}");
        answer.status == 200
    }
}

/// The state that the callers share.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) provider: Arc<Provider>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) deck: Arc<Vec<Card>>,
    /// The cards that are played.
    pub(crate) played: Vec<usize>,
    pub(crate) turn: AtomicU64,
    pub(crate) began: Instant,
    pub(crate) time: Duration,
    /// The pause between two requests. Zero: each caller sends the next request as soon as it has the response.
    pub(crate) pace: Duration,
}

/// The results of a caller's requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    pub(crate) wrong: Vec<String>,
    /// The latencies of plain responses.
    pub(crate) times: Vec<Duration>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        for (name, count) in other.outcomes {
            *self.outcomes.entry(name).or_default() += count;
        }
        self.wrong.extend(other.wrong);
        self.times.extend(other.times);
    }

    pub(crate) fn count(&self) -> u64 {
        self.outcomes.values().sum()
    }
}

/// Plays cards until the time is over.
pub(crate) async fn call(load: Arc<Load>) -> Tally {
    let (mut tally, mut line) = (Tally::default(), None);
    loop {
        let turn = load.turn.fetch_add(1, Ordering::Relaxed);
        let due = load.pace.mul_f64(turn as f64);
        if due.max(load.began.elapsed()) >= load.time {
            return tally;
        }
        tokio::time::sleep_until((load.began + due).into()).await;
        let at = load.played[usize::try_from(mixed(turn) % load.played.len() as u64).unwrap()];
        let (card, sent) = (&load.deck[at], Instant::now());
        let outcome = match tokio::time::timeout(PATIENCE, load.play(card, &mut line)).await {
            Ok(outcome) => outcome,
            Err(_) => Err("is stuck".to_owned()),
        };
        match outcome {
            Ok(name) => {
                *tally.outcomes.entry(name).or_default() += 1;
                let is_plain = matches!(card.expected[0], Expected::Forwarded(Manner::Plain, _));
                if is_plain && name.starts_with("200") && turn.is_multiple_of(8) {
                    tally.times.push(sent.elapsed());
                }
            }
            Err(why) => {
                let Card { caller, token, conduct, target, body, expected, .. } = card;
                let text = format!(
                    "{:?}: {why}: caller {caller}, {token:?}, {conduct:?}, {target}, {} bytes, expected {expected:?}",
                    load.began.elapsed(),
                    body.len()
                );
                eprintln!("{text}");
                tally.wrong.push(text);
                line = None;
            }
        }
    }
}

impl Load {
    /// The name of the result, or the error.
    async fn play(&self, card: &Card, kept: &mut Option<Line>) -> Result<&'static str, String> {
        let (rules, keys) = (self.rules.active.now(), self.provider.published.now());
        let (credential, number) = self.provider.credential(card.token, card.caller);
        let answer = match card.conduct {
            Conduct::LeavesMidRequest => {
                // A refusal may have ended the connection before.
                let _ = self.write(card, credential, card.body.len()).await;
                return Ok("left in mid-request");
            }
            Conduct::AnnouncesTooMuch => {
                self.send_partially(card, credential).await.map_err(|error| error.to_string())?
            }
            _ => match self.exchange(card, credential, kept).await? {
                Some(answer) => answer,
                None => return Ok("left before the answer"),
            },
        };
        let published = self.provider.published.since(keys);
        let (may_be_accepted, may_be_refused) = validity(card.token, number, &published);
        if may_be_refused && answer.is_refusal(401, "authentication_error") {
            return Ok("401, no valid token");
        }
        let sets = self.rules.active.since(rules);
        // The upstream closed a kept connection at that moment, and nothing of the request was sent.
        let is_changing = sets.iter().copied().flatten().count() > 1;
        if is_changing && answer.is_refusal(503, "api_error") && answer.has_code("rules_changed") {
            return Ok("503, the rules changed while the upstream closed");
        }
        let expected = sets.iter().copied().flatten().map(|set| &card.expected[*set as usize]);
        match expected.clone().find(|expected| may_be_accepted && expected.fits(&answer)) {
            Some(expected) => Ok(expected.name()),
            None => Err(format!(
                "wrong: {}, {} bytes, whole: {}, {}; rules {sets:?}, token valid {may_be_accepted}, invalid {may_be_refused}",
                answer.status,
                answer.length,
                answer.is_whole,
                String::from_utf8_lossy(&answer.head),
            )),
        }
    }

    /// `None` if the caller disconnected first.
    async fn exchange(
        &self,
        card: &Card,
        credential: Option<HeaderValue>,
        kept: &mut Option<Line>,
    ) -> Result<Option<Answer>, String> {
        let mut line = match kept.take().filter(Line::is_good) {
            Some(line) => line,
            None => Line::open(self.address).await,
        };
        let answering = line.send(&card.method, &card.target, credential, card.body.clone());
        let response = if card.conduct == Conduct::LeavesBeforeTheAnswer {
            match tokio::time::timeout(Duration::from_millis(50), answering).await {
                Ok(response) => response,
                Err(_) => return Ok(None),
            }
        } else {
            answering.await
        };
        let response = response.map_err(|error| format!("no answer: {error:?}"))?;
        let answer = read(response, card.conduct).await;
        let was_taken_in = answer.status != 401 || card.body.len() <= TAKEN_IN;
        if answer.is_whole && was_taken_in {
            *kept = Some(line);
        }
        Ok(Some(answer))
    }

    /// Writes the head of a request, and half of its announced body.
    async fn write(
        &self,
        card: &Card,
        credential: Option<HeaderValue>,
        announced: usize,
    ) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await?;
        let credential = credential
            .map_or_else(String::new, |value| format!("authorization: {}\r\n", value.to_str().unwrap()));
        let (method, target) = (&card.method, &card.target);
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\n{credential}content-length: {announced}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        if announced <= LARGEST_BODY {
            stream.write_all(&card.body[..card.body.len() / 2]).await?;
        }
        Ok(stream)
    }

    async fn send_partially(&self, card: &Card, credential: Option<HeaderValue>) -> std::io::Result<Answer> {
        let mut stream = self.write(card, credential, LARGEST_BODY + 1).await?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await?;
        let text = String::from_utf8_lossy(&text);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Ok(Answer { status, head: body.into(), tail: Vec::new(), length: body.len() as u64, is_whole: true })
    }
}
