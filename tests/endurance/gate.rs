//! The gateway, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::PATIENCE;

/// The unit of the times in `/proc`: a hundredth of a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Gate {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    panics: Arc<AtomicU64>,
}

/// The resources that the process uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) resident_kib: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
    /// User and system time of all threads.
    pub(crate) time: Duration,
}

impl Gate {
    /// Starts the process on free ports, and waits until it listens.
    pub(crate) fn start(config: &Path, keys: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config"])
            .arg(config)
            .env("JWT_PUBLIC_KEY_URL", keys)
            .env("RUST_LOG", "error,modelgate::cli=info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for name in ["JWT_AUDIENCE", "JWT_ISSUER", "LITELLM_MASTER_KEY", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
            command.env_remove(name);
        }
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut address = |text: &str| {
            let after = |line: String| line.split_once(text)?.1.parse().ok();
            lines.find_map(after).expect("it says where it listens")
        };
        let (admin, address) = (address("the admin listener is on http://"), address("listening on http://"));
        let panics = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&panics);
        std::thread::spawn(move || {
            for _ in lines.filter(|line| line.contains("panicked")).inspect(|line| eprintln!("{line}")) {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { process, address, admin, panics }
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn reading(&self) -> Reading {
        let proc = Path::new("/proc").join(self.process.id().to_string());
        let status = std::fs::read_to_string(proc.join("status")).unwrap();
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_end_matches("kB").trim().parse().unwrap()
        };
        let stat = std::fs::read_to_string(proc.join("stat")).unwrap();
        // The name in parentheses may contain spaces. The times are the 12th and 13th fields after it.
        let behind = stat.rsplit_once(')').unwrap().1.split_whitespace();
        let ticks: u32 = behind.skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum();
        Reading {
            resident_kib: number("VmRSS:"),
            descriptors: std::fs::read_dir(proc.join("fd")).unwrap().count(),
            threads: number("Threads:"),
            time: TICK * ticks,
        }
    }

    /// The response of the admin listener.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> String {
        let asked = async {
            let mut stream = TcpStream::connect(self.admin).await.unwrap();
            let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer.split_once("\r\n\r\n").unwrap().1.to_owned()
        };
        tokio::time::timeout(2 * PATIENCE, asked).await.expect("the admin listener hangs")
    }

    pub(crate) async fn snapshot(&self) -> Value {
        serde_json::from_str(&self.ask("GET", "/-/snapshot").await).unwrap()
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.ask("GET", "/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        assert!(
            Command::new("sh").args(["-c", &format!("kill {name} {process}")]).status().unwrap().success()
        );
    }

    /// Stops the process as an operator would.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // This fails if the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
