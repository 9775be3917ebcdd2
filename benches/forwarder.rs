//! Forwarders for comparison with the gateway: only its forwarding code, or bare hyper. They run until they
//! are stopped.
//!
//! `cargo bench --bench forwarder -- own 127.0.0.1:4100 http://127.0.0.1:9000`
//! `cargo bench --bench forwarder -- bare 127.0.0.1:4100 http://127.0.0.1:9000`
#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::net::SocketAddr;

use http::header::{HOST, HeaderValue};
use http::{Request, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use modelgate::gateway::forward_everything;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [mode @ ("own" | "bare"), address, upstream] = *arguments else {
        // `cargo bench` runs this program without arguments.
        eprintln!("usage: forwarder own|bare ADDRESS UPSTREAM");
        return;
    };
    let address: SocketAddr = address.parse().expect("an address");
    let upstream: Uri = upstream.parse().expect("an upstream");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if mode == "own" {
            forward_everything(address, upstream).await.expect("a server");
        } else {
            bare(address, &upstream).await.expect("a server");
        }
    });
}

/// The minimum with hyper: one upstream connection for each caller's connection, and unchanged bodies and
/// headers.
async fn bare(address: SocketAddr, upstream: &Uri) -> std::io::Result<()> {
    let authority = upstream.authority().expect("an upstream with a host").to_string();
    let host = HeaderValue::try_from(&authority).expect("a host");
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (authority, host) = (authority.clone(), host.clone());
        tokio::spawn(async move {
            let sender = Mutex::new(connect(&authority).await);
            let service = service_fn(|mut request: Request<Incoming>| {
                request.headers_mut().insert(HOST, host.clone());
                async {
                    let mut sender = sender.lock().await;
                    if sender.ready().await.is_err() {
                        *sender = connect(&authority).await;
                    }
                    sender.send_request(request).await
                }
            });
            let served = hyper::server::conn::http1::Builder::new();
            if let Err(error) = served.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("a connection ended early: {error}");
            }
        });
    }
}

async fn connect(authority: &str) -> SendRequest<Incoming> {
    let stream = TcpStream::connect(authority).await.expect("the upstream");
    stream.set_nodelay(true).expect("a socket");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}
