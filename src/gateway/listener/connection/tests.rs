//! Connections that give their buffers back whenever they are idle.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Either};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::server::serve_until;
use super::*;
use crate::gateway::auth::stats::OpaqueStats;
use crate::gateway::http::error_response::body_of;
use crate::gateway::http::incoming::UnreadBody;
use crate::gateway::limits::admission::AdmissionControl;

const REQUEST: &str = "POST /1 HTTP/1.1\r\nhost: g\r\ncontent-length: 2\r\n\r\n{}";

/// A server that answers with the path and the body of a request. `/echo` switches to a protocol that returns what it gets.
struct Live {
    address: SocketAddr,
    common: Arc<Common>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Live {
    async fn start(limits: Limits) -> Self {
        let observers = Arc::new(Observers::new().unwrap());
        let common = Common { keepers: 0, ..Common::new(move || limits, Counter::default(), observers) };
        let (common, (stop, stopped)) = (Arc::new(common), oneshot::channel::<()>());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = serve_until(listener, None, Arc::clone(&common), async { drop(stopped.await) }, answer);
        Self { address, common, stop, served: tokio::spawn(serving) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Waits until this number of connections is open.
    async fn has(&self, connections: usize) {
        within(async {
            while self.common.connections.taken() != connections {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// A connection that has had one answer, and is idle.
    async fn idle(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        assert_answer(&mut stream, "/1 {}").await;
        stream
    }

    fn hits(&self, limit: Limit) -> bool {
        let (load, cache) = (AdmissionControl::default(), OpaqueStats::default());
        let text = self.common.observers.scrape(0, &[], cache, &load, 0, &[]).unwrap();
        text.contains(&format!("modelgate_limits_total{{limit=\"{}\"}} 1\n", limit.as_str()))
    }
}

async fn answer(mut incoming: IncomingRequest) -> Answer {
    if let Some(upgrade) = incoming.upgrade.take().filter(|_| incoming.head.uri.path() == "/echo") {
        tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(upgrade.await.unwrap());
            tokio::io::copy(&mut read, &mut write).await
        });
        let mut answer = Answer::new(body_of(Bytes::new()));
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        return answer;
    }
    if incoming.head.uri.path() == "/refused" {
        let mut answer = Answer::new(body_of(Bytes::from("refused")));
        answer.extensions_mut().insert(UnreadBody);
        return answer;
    }
    let Either::Left(body) = incoming.body else { panic!("the body arrives on this connection") };
    let body = body.collect().await.unwrap().to_bytes();
    let text = [incoming.head.uri.path().as_bytes(), b" ", &body].concat();
    Answer::new(body_of(Bytes::from(text)))
}

async fn within<F: Future>(step: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), step).await.expect("a step hangs")
}

/// Reads up to and including `end`.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(within(stream.read_u8()).await.expect("the connection ends early"));
    }
    String::from_utf8(text).unwrap()
}

async fn assert_answer(stream: &mut TcpStream, body: &str) {
    let head = read_until(stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(read_until(stream, body).await, body);
}

/// Whether the server closes the connection without another byte.
async fn is_closed(stream: &mut TcpStream) -> bool {
    within(stream.read(&mut [0])).await.is_ok_and(|bytes| bytes == 0)
}

#[tokio::test]
async fn an_idle_connection_serves_the_next_request_and_the_ones_after_it() {
    let live = Live::start(Limits::default()).await;
    let mut stream = live.idle().await;
    for _ in 0..10 {
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        assert_answer(&mut stream, "/1 {}").await;
    }
}

#[tokio::test]
async fn bytes_of_the_next_request_that_arrive_with_the_last_one_are_not_lost() {
    let live = Live::start(Limits::default()).await;
    for cut in 1..REQUEST.len() {
        let mut stream = live.connect().await;
        let (first, second) = REQUEST.split_at(cut);
        stream.write_all([REQUEST, first].concat().as_bytes()).await.unwrap();
        assert_answer(&mut stream, "/1 {}").await;
        stream.write_all([second, REQUEST].concat().as_bytes()).await.unwrap();
        assert_answer(&mut stream, "/1 {}").await;
        assert_answer(&mut stream, "/1 {}").await;
    }
}

#[tokio::test]
async fn a_head_that_began_with_the_last_request_must_go_on_in_time() {
    let limits = Limits { header_timeout: Duration::from_millis(100), ..Limits::default() };
    let live = Live::start(limits).await;
    let mut stream = live.connect().await;
    stream.write_all(format!("{REQUEST}GET").as_bytes()).await.unwrap();
    assert_answer(&mut stream, "/1 {}").await;
    assert!(is_closed(&mut stream).await);
    assert!(live.hits(Limit::HeaderTimeout));
}

#[tokio::test]
async fn a_head_that_begins_after_a_rest_must_go_on_in_time() {
    let limits = Limits { header_timeout: Duration::from_millis(100), ..Limits::default() };
    let live = Live::start(limits).await;
    let mut stream = live.idle().await;
    stream.write_all(b"GET").await.unwrap();
    assert!(is_closed(&mut stream).await);
    assert!(live.hits(Limit::HeaderTimeout));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let live = Live::start(Limits { idle_timeout: Duration::from_millis(100), ..Limits::default() }).await;
    let mut stream = live.idle().await;
    assert!(is_closed(&mut stream).await);
    assert!(live.hits(Limit::Idle));
    live.has(0).await;
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_idle_connections() {
    let live = Live::start(Limits::default()).await;
    let mut streams = [live.idle().await, live.connect().await];
    live.has(2).await;
    drop(live.stop);
    within(live.served).await.unwrap();
    for stream in &mut streams {
        assert!(is_closed(stream).await);
    }
}

#[tokio::test]
async fn a_caller_that_leaves_ends_its_idle_connection() {
    let live = Live::start(Limits::default()).await;
    drop(live.idle().await);
    live.has(0).await;
}

#[tokio::test]
async fn a_caller_that_wants_no_further_answer_gets_none() {
    let live = Live::start(Limits::default()).await;
    let mut stream = live.idle().await;
    stream.write_all(b"GET /2 HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n").await.unwrap();
    assert_answer(&mut stream, "/2 ").await;
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn an_idle_connection_may_switch_its_protocol() {
    let live = Live::start(Limits::default()).await;
    let mut stream = live.idle().await;
    let upgrade = "GET /echo HTTP/1.1\r\nhost: g\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    // The last bytes are read with the head, and belong to the new protocol.
    stream.write_all(format!("{upgrade}early").as_bytes()).await.unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 101 "));
    assert_eq!(read_until(&mut stream, "early").await, "early");
    stream.write_all(b"later").await.unwrap();
    assert_eq!(read_until(&mut stream, "later").await, "later");
}

#[tokio::test]
async fn an_idle_connection_has_little_more_than_its_socket() {
    let live = Live::start(Limits::default()).await;
    let (stream, _draining) = (live.connect().await, watch::channel(()));
    let place = live.common.connections.take_one(10).unwrap();
    let connection = Connection { limits: Limits::default(), common: Arc::clone(&live.common), place };
    let accepted = Accepted { stream, peer: live.address.ip(), tls: None, draining: _draining.1.clone() };
    let bytes = std::mem::size_of_val(&connection.run(accepted, answer));
    assert!(bytes <= 2048, "the task of a connection has {bytes} bytes");
}

#[tokio::test]
async fn a_connection_whose_body_was_not_read_is_closed() {
    let live = Live::start(Limits::default()).await;
    for sent in ["", "{}"] {
        let mut stream = live.idle().await;
        let head = "POST /refused HTTP/1.1\r\nhost: g\r\ncontent-length: 1000000\r\n\r\n";
        stream.write_all([head, sent].concat().as_bytes()).await.unwrap();
        let mut text = String::new();
        within(stream.read_to_string(&mut text)).await.unwrap();
        assert!(text.ends_with("refused"), "{text}");
        drop(stream);
        live.has(0).await;
    }
}
