//! Thousands of slow clients, an upstream that hangs, and one well-behaved client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::PATIENCE;
use crate::callers::cards::Conduct;
use crate::callers::{Line, read};
use crate::gate::Gate;
use crate::provider::{Provider, Token};
use crate::rules::{OPEN, Set, callers};
use crate::slow::{Habit, head, run_slow_client};
use crate::upstream::Upstreams;

const SLOW: [(Habit, usize); 5] = [
    (Habit::SlowHead, 1500),
    (Habit::SlowBody, 1000),
    (Habit::Idle, 1500),
    (Habit::NeverReads, 500),
    (Habit::Waits, 500),
];
/// The number of these clients with a request in flight.
const IN_FLIGHT: f64 = 2000.0;
/// The callers of the slow clients, so that none exceeds its own limit.
const NAMES: usize = 10;
const REQUESTS: usize = 2500;
/// The number of additional clients when there is room for a quarter of them, or for half of them after the clients
/// that never read were disconnected.
const TOO_MANY: usize = 2000;
/// The number of them that must be turned away: fewer than the number without room.
const SHED: usize = 900;
/// The test takes the 99th percentile of each window, and the median of the windows. Other load on the machine does
/// not affect most windows.
const WINDOWS: usize = 7;
const WINDOW: Duration = Duration::from_secs(2);
const CALM: usize = 4;
const REST: Duration = Duration::from_millis(5);
/// The allowed slowdown of the well-behaved client.
const SLOWER: f64 = 2.0;
/// The memory for each connected client, with buffers. The formula of the documentation allows 80 KiB for a
/// connection with these limits and 192 KiB more for a request. The actual size is less while heads are short and
/// responses are passed on piece by piece.
const KIB_PER_CLIENT: u64 = 64;

fn limits() -> Value {
    json!({
        "connections": 8000, "requests": REQUESTS, "requests_per_caller": 500,
        "header_bytes": 16 * 1024, "body_bytes_in_flight": 64 * 1024 * 1024,
        "header_timeout": 20, "body_timeout": 60, "idle_timeout": 300, "write_timeout": 30,
    })
}

fn everybody() -> Vec<Map<String, Value>> {
    let slow = |at: usize| json!({"sub": format!("slow-{at}"), "roles": ["basic"], "scope": "all"});
    let slow = (0..NAMES).map(|at| serde_json::from_value(slow(at)).unwrap());
    callers().into_iter().take(1).chain(slow).collect()
}

struct Stage {
    gate: Gate,
    provider: Provider,
    _upstreams: Upstreams,
    _directory: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (upstreams, provider) =
            (Upstreams::start().await, Provider::start(everybody(), Duration::ZERO).await);
        let mut config = Set::A.config(&upstreams);
        config["general_settings"]["litellm_jwtauth"]["public_key_ttl"] = json!(600);
        config["modelgate"] = json!({"limits": limits()});
        let file = directory.path().join("config.yaml");
        std::fs::write(&file, config.to_string()).unwrap();
        let gate = Gate::start(&file, &provider.url);
        Self { gate, provider, _upstreams: upstreams, _directory: directory }
    }

    fn credential(&self, caller: usize) -> HeaderValue {
        self.provider.credential(Token::Steady, caller).0.unwrap()
    }

    /// The name of one slow client, in turn.
    fn slow_credential(&self, turn: usize) -> HeaderValue {
        self.credential(1 + turn % NAMES)
    }

    async fn wait_for(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !is_so().await {
            assert!(began.elapsed() < 3 * PATIENCE, "{what}: never");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Separate threads, so that the measuring clients wait only for the gateway.
fn apart() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The 99th percentile of a well-behaved client: the median of several windows.
async fn well_behaved_p99(address: SocketAddr, credential: HeaderValue, count: usize) -> Duration {
    let mut windows = Vec::with_capacity(count);
    for _ in 0..count {
        let clients: Vec<_> = (0..CALM).map(|_| tokio::spawn(window(address, credential.clone()))).collect();
        let mut times = Vec::new();
        for client in clients {
            times.extend(client.await.unwrap());
        }
        times.sort_unstable();
        windows.push(times[times.len() * 99 / 100]);
    }
    windows.sort_unstable();
    windows[count / 2]
}

async fn window(address: SocketAddr, credential: HeaderValue) -> Vec<Duration> {
    let (mut line, began, mut times) = (Line::open(address).await, Instant::now(), Vec::new());
    let body = Bytes::from(format!("{{\"model\": \"{OPEN}\"}}"));
    while began.elapsed() < WINDOW {
        tokio::time::sleep(REST).await;
        let sent = Instant::now();
        let asked = line.send(&Method::POST, "/v1/chat/completions", Some(credential.clone()), body.clone());
        let answer = read(asked.await.unwrap(), Conduct::Stays).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.head));
        times.push(sent.elapsed());
    }
    times
}

/// Sends a request that the upstream never answers. Returns the gateway's response if it responds before the time is
/// over.
async fn send_hanging_request(
    address: SocketAddr,
    credential: HeaderValue,
    over: Arc<AtomicBool>,
    told: Arc<AtomicUsize>,
) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = r#"{"model": "hanging"}"#;
    stream.write_all((head(&credential, body.len()) + body).as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    while !over.load(Ordering::Relaxed) {
        let reading = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut answer));
        if let Ok(read) = reading.await {
            told.fetch_add(1, Ordering::Relaxed);
            return Some(String::from_utf8_lossy(&answer[..read.unwrap()]).into_owned());
        }
    }
    None
}

pub(crate) async fn overload() {
    let (stage, measuring, crowd) = (Stage::set().await, apart(), apart());
    let address = stage.gate.address;
    let measured = |windows| {
        let measured = measuring.spawn(well_behaved_p99(address, stage.credential(0), windows));
        async move { measured.await.unwrap() }
    };
    // The first window fills caches.
    measured(1).await;
    let quiet = measured(WINDOWS).await;
    let before = stage.gate.reading().resident_kib;

    let habits = SLOW.into_iter().flat_map(|(habit, count)| std::iter::repeat_n(habit, count));
    let mut slow = 0;
    for (at, habit) in habits.enumerate() {
        // The clients connect within 15 seconds, not all at once.
        let delay = Duration::from_millis(3 * u64::try_from(at).unwrap());
        crowd.spawn(run_slow_client(address, stage.slow_credential(at), habit, delay));
        slow += 1;
    }
    let in_flight = async || stage.gate.metric("modelgate_requests_in_flight").await;
    let connections = async || stage.gate.metric("modelgate_connections").await;
    stage
        .wait_for("all are there", async || {
            in_flight().await >= IN_FLIGHT * 0.95 && connections().await >= slow as f64 * 0.9
        })
        .await;
    let resident = || stage.gate.reading().resident_kib;
    let at_first = resident();
    let (held, crowded) = (connections().await, measured(WINDOWS).await);
    let beside = resident().max(at_first);

    let (over, told) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let pressing: Vec<_> = (0..TOO_MANY)
        .map(|at| {
            crowd.spawn(send_hanging_request(
                address,
                stage.slow_credential(at),
                Arc::clone(&over),
                Arc::clone(&told),
            ))
        })
        .collect();
    stage.wait_for("there is no room", async || told.load(Ordering::Relaxed) >= SHED).await;
    let pressed = resident();
    over.store(true, Ordering::Relaxed);
    let mut shed = 0;
    for client in pressing {
        let Some(answer) = client.await.unwrap() else { continue };
        let answer = answer.to_lowercase();
        assert!(answer.starts_with("http/1.1 503") && answer.contains("retry-after: "), "{answer}");
        shed += 1;
    }

    crowd.shutdown_background();
    stage.wait_for("all are gone", async || in_flight().await == 0.0 && connections().await < 10.0).await;
    measured(1).await;
    measuring.shutdown_background();
    let after = resident();
    let panics = stage.gate.panics();
    assert!(stage.gate.stop().await.success());

    let factor = crowded.as_secs_f64() / quiet.as_secs_f64();
    let mib = |kib: u64| kib as f64 / 1024.0;
    println!("| measured | |\n|---|---|");
    println!("| slow clients | {slow}, {held:.0} connections at once |");
    println!(
        "| 99th percentile of a client that behaves | {quiet:?} in quiet, {crowded:?} beside them: {factor:.2} times |"
    );
    println!(
        "| resident memory | {:.1} MiB in quiet, {:.1} MiB beside them, {:.1} MiB with those over the limit, {:.1} MiB afterwards |",
        mib(before),
        mib(beside),
        mib(pressed),
        mib(after)
    );
    println!(
        "| requests over the limit | {shed} of {TOO_MANY} told to come back later, the others waiting |"
    );
    assert_eq!(panics, 0);
    for (kib, clients) in [(beside, slow), (pressed, slow + TOO_MANY as u64)] {
        let bound = before + KIB_PER_CLIENT * clients;
        assert!(kib <= bound, "{kib} KiB for {clients} clients, the bound is {bound} KiB");
    }
    assert!(factor <= SLOWER, "{factor:.2} times slower");
}
