//! A gateway under attack, the requests that reach its upstream, and another caller who must not be affected.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, in_a_while, read_message, soon};
use crate::smuggling::record;

pub(crate) const BODY: &str = r#"{"model": "anthropic-claude"}"#;
/// The maximum wait of another caller on a busy machine. The attacks themselves would never end.
const AT_ONCE: Duration = Duration::from_secs(10);
/// The allowed growth of the whole test program during an attack, including tests that run in parallel. Each attacked
/// connection and stream has its own limit. Without a limit, these attacks need gigabytes.
const GROWTH_MIB: usize = 256;

pub(crate) struct Attacked {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    /// The key of another caller, so that limits for each caller do not affect it.
    other: String,
    arrived: Arc<Mutex<Vec<String>>>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    recorder: JoinHandle<()>,
    peak: Option<usize>,
    /// The directory with the keys.
    _directory: tempfile::TempDir,
}

impl Attacked {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// Adds settings to the block `modelgate`.
    pub(crate) async fn with(modelgate: &str) -> Self {
        let gate = Fixture::with(modelgate).await;
        let token = gate.token(&["basic_user"]);
        let other = json!({"sub": "other", "roles": ["basic_user"], "exp": in_a_while()});
        let other = gate.token_of(&other);
        let Fixture { upstream, address, stop, served, directory, .. } = gate;
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let recorder = tokio::spawn(record(upstream, Arc::clone(&arrived)));
        let peak = peak_mib();
        Self { address, token, other, arrived, stop, served, recorder, peak, _directory: directory }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.address)).await.unwrap()
    }

    /// A chat request with a complete head, and `length` bytes of body to follow.
    pub(crate) fn head(&self, length: usize) -> String {
        head(&self.token, length)
    }

    /// Checks that another caller gets a response during the attack.
    pub(crate) async fn assert_serves_others(&self) {
        let started = Instant::now();
        let mut client = self.connect().await;
        let request = format!("{}{BODY}", head(&self.other, BODY.len()));
        soon(client.write_all(request.as_bytes())).await.unwrap();
        assert_eq!(soon(read_message(&mut client)).await.status(), "200");
        assert!(started.elapsed() < AT_ONCE, "another caller waited for {:?}", started.elapsed());
    }

    /// Checks that memory has not grown beyond the limit.
    pub(crate) fn assert_is_bounded(&self) {
        let grown = peak_mib().zip(self.peak).map(|(now, before)| now - before);
        assert!(grown.is_none_or(|mib| mib < GROWTH_MIB), "{grown:?} MiB more than before the attack");
    }

    /// Stops everything, and returns the number of requests that reached the upstream.
    pub(crate) async fn stop(self) -> usize {
        self.stop.send(()).unwrap();
        soon(self.served).await.unwrap();
        self.recorder.abort();
        let arrived = self.arrived.lock().unwrap();
        arrived.len()
    }
}

fn head(token: &str, length: usize) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// The peak memory of the program, if the system reports it.
fn peak_mib() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? / 1024)
}

/// Sends a piece repeatedly while the other side reads it, up to `most` bytes. Returns the number of bytes that were
/// read.
///
/// If nothing is read for a while, either the other side has stopped reading, or the machine is so busy that less was
/// read than possible.
pub(crate) async fn pump(stream: &mut TcpStream, piece: &[u8], most: usize) -> usize {
    const A_WHILE: Duration = Duration::from_millis(500);
    let mut taken = 0;
    while taken < most {
        match tokio::time::timeout(A_WHILE, stream.write(&piece[taken % piece.len()..])).await {
            Ok(Ok(written)) => taken += written,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    taken
}
