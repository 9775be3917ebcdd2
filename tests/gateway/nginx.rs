//! Repeats the cases of smuggling and line breaks with nginx as a second parser between the gateway and the upstream.
//! nginx finds exactly the judged requests.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, soon};
use crate::http2::{LINE_BREAKS, send_fields};
use crate::skip::skip;
use crate::smuggling::{Case, assert_as_judged, cases, judged_body, record, statuses_of};

/// Debian installs it in a directory that is only in root's path.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];
const MISSING: &str = "nginx is not installed (Debian: `apt-get install nginx`)";

/// The number of attempts to start nginx, in case another process takes its port.
const ATTEMPTS: usize = 5;
const POLL: Duration = Duration::from_millis(5);

/// An nginx in front of an upstream. It ends with the test.
struct Nginx {
    process: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // One process without workers, so that nothing of it remains.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Nginx {
    async fn start(upstream: SocketAddr) -> Self {
        for _ in 0..ATTEMPTS {
            if let Some(nginx) = Self::try_start(upstream).await {
                return nginx;
            }
        }
        panic!("nginx found no free port in {ATTEMPTS} attempts");
    }

    /// `None` if nginx ends, for example because its port was taken.
    async fn try_start(upstream: SocketAddr) -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("nginx.conf"), configuration(address, upstream)).unwrap();
        let mut nginx = Self { process: spawn(directory.path()), address, directory };
        soon(async {
            while nginx.process.try_wait().unwrap().is_none() {
                if TcpStream::connect(address).await.is_ok() {
                    return Some(nginx);
                }
                tokio::time::sleep(POLL).await;
            }
            None
        })
        .await
    }

    /// Its log: a line for each request that it parsed.
    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.directory.path().join("requests.log")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn spawn(directory: &Path) -> Child {
    let found = PROGRAMS.iter().find_map(|program| {
        let mut command = Command::new(program);
        command.arg("-p").arg(directory).arg("-c").arg(directory.join("nginx.conf"));
        command.arg("-e").arg(directory.join("error.log"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    });
    found.expect("nginx is installed, but cannot be started")
}

/// Whether nginx is installed.
fn is_installed() -> bool {
    let version = |program| Command::new(program).arg("-v").stderr(Stdio::null()).status();
    PROGRAMS.iter().any(|program| version(program).is_ok())
}

fn configuration(address: SocketAddr, upstream: SocketAddr) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind};\n"))
        .concat();
    format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 256; }}
http {{
{temporary}
log_format requests escape=json '{{"request":"$request","length":"$http_content_length",'
    '"coding":"$http_transfer_encoding","body":"$request_body","status":"$status"}}';
access_log requests.log requests;
client_body_buffer_size 1m;
client_body_in_single_buffer on;
server {{
    listen {address};
    location / {{
        proxy_pass http://{upstream};
        proxy_http_version 1.1;
        proxy_set_header connection "";
    }}
}}
}}
"#
    )
}

/// A gateway in front of an nginx in front of an upstream that records requests.
struct Chain {
    gate: Fixture,
    nginx: Nginx,
    arrived: Arc<Mutex<Vec<String>>>,
    recorder: JoinHandle<()>,
    seen: usize,
}

impl Chain {
    async fn start() -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nginx = Nginx::start(upstream.local_addr().unwrap()).await;
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let recorder = tokio::spawn(record(upstream, Arc::clone(&arrived)));
        let gate = Fixture::before(nginx.address).await;
        Self { gate, nginx, arrived, recorder, seen: 0 }
    }

    /// The requests that arrived and that nginx found since the last time. The request after them has a response of
    /// its own, so nothing remains that could be confused with it.
    async fn since(&mut self) -> (Vec<String>, Vec<Value>) {
        let fence = format!(r#"{{"model": "anthropic-claude", "fence": {}}}"#, self.seen);
        let mut client = self.gate.chat(&self.gate.token(&["basic_user"]), &fence).await;
        assert_eq!(soon(crate::fixture::read_message(&mut client)).await.status(), "200");
        let is_fence = |line: &Value| line["body"].as_str().is_some_and(|body| body.contains("fence"));
        let lines = soon(async {
            loop {
                let lines = self.nginx.lines().split_off(self.seen);
                if lines.iter().any(is_fence) {
                    return lines;
                }
                tokio::time::sleep(POLL).await;
            }
        })
        .await;
        self.seen += lines.len();
        let mut arrived = std::mem::take(&mut *self.arrived.lock().unwrap());
        assert_eq!(arrived.len(), lines.len(), "nginx and the upstream differ: {lines:?} {arrived:?}");
        arrived.retain(|request| !request.contains("fence"));
        let lines: Vec<Value> = lines.into_iter().filter(|line| !is_fence(line)).collect();
        (arrived, lines)
    }

    async fn stop(self) {
        self.gate.stop.send(()).unwrap();
        soon(self.gate.served).await.unwrap();
        self.recorder.abort();
    }
}

#[tokio::test]
async fn nginx_behind_the_gateway_finds_the_requests_that_were_judged() {
    if !is_installed() {
        return skip("nginx_behind_the_gateway_finds_the_requests_that_were_judged", MISSING);
    }
    let mut chain = Chain::start().await;
    let token = chain.gate.token(&["basic_user"]);
    for Case { name, bytes, passes } in cases() {
        statuses_of(chain.gate.address, &bytes.replace("TOKEN", &token)).await;
        let (arrived, lines) = chain.since().await;
        assert_as_judged(&name, &arrived, passes);
        for line in lines {
            assert_eq!(line["request"], "POST /v1/chat/completions HTTP/1.1", "{name}: {line}");
            assert_eq!(line["body"], *judged_body(), "{name}");
            assert_eq!(line["length"], *judged_body().len().to_string(), "{name}");
            assert_eq!((&line["coding"], &line["status"]), (&"".into(), &"200".into()), "{name}");
        }
    }
    chain.stop().await;
}

#[tokio::test]
async fn line_breaks_in_an_http2_value_never_reach_nginx() {
    if !is_installed() {
        return skip("line_breaks_in_an_http2_value_never_reach_nginx", MISSING);
    }
    let mut chain = Chain::start().await;
    let token = chain.gate.token(&["basic_user"]);
    for (name, value) in LINE_BREAKS {
        send_fields(chain.gate.address, &token, &[(name, value)]).await;
        let (arrived, lines) = chain.since().await;
        assert!(arrived.is_empty() && lines.is_empty(), "{name}: {value:?}: {arrived:?}");
    }
    send_fields(chain.gate.address, &token, &[]).await;
    assert_as_judged("a plain request", &chain.since().await.0, 1);
    chain.stop().await;
}
