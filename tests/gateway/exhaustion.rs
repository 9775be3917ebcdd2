//! Clients that hold a connection without sending a request. Other clients are not affected, and the resources are
//! limited.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::attacked::{Attacked, pump};
use crate::fixture::{Fixture, answer, read_message, read_until, soon};
use crate::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, chat_fields, connect, field, frame, next_frame, setting,
};

/// The number of connections of each kind.
const CLIENTS: usize = 50;
const CHAT: &str = r#"{"model": "anthropic-claude", "stream": true}"#;

/// Opens this number of connections, and sends these bytes on each.
async fn clients(attacked: &Attacked, bytes: &str) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = attacked.connect().await;
        soon(client.write_all(bytes.as_bytes())).await.unwrap();
        all.push(client);
    }
    all
}

#[tokio::test]
async fn clients_that_are_idle_slow_or_half_way_keep_nobody_from_being_served() {
    let attacked = Attacked::start().await;
    let idle = clients(&attacked, "").await;
    let slow_heads = clients(&attacked, "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nx-a").await;
    let slow_bodies = clients(&attacked, &format!("{}{{\"model\"", attacked.head(4096))).await;
    let preface_only = clients(&attacked, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    attacked.assert_serves_others().await;
    // Each connection sends one more byte. The other clients are still not affected.
    for client in slow_heads.iter().chain(&slow_bodies) {
        soon(client.writable()).await.unwrap();
        client.try_write(b":").unwrap();
    }
    attacked.assert_serves_others().await;
    attacked.assert_is_bounded();
    drop((idle, slow_heads, slow_bodies, preface_only));
    assert_eq!(attacked.stop().await, 2, "the other caller's");
}

/// Sends a byte now and then while the connection lasts, and returns the bytes that were received.
async fn drip(client: TcpStream) -> String {
    let (mut reading, mut writing) = client.into_split();
    let dripping = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        while writing.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
    });
    let mut answer = Vec::new();
    // The connection may also be reset.
    let _ = soon(reading.read_to_end(&mut answer)).await;
    dripping.abort();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn clients_that_drip_are_cut_off_all_the_same() {
    let attacked =
        Attacked::with("limits: {header_timeout: 0.5, body_timeout: 0.5, idle_timeout: 0.5}").await;
    let heads = clients(&attacked, "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nx-a: ").await;
    let bodies = clients(&attacked, &format!("{}{{\"model\": \"", attacked.head(4096))).await;
    let mut dripping = JoinSet::new();
    let with_heads = heads.into_iter().map(|client| (client, ""));
    let with_bodies = bodies.into_iter().map(|client| (client, "HTTP/1.1 408 "));
    for (client, begins) in with_heads.chain(with_bodies) {
        dripping.spawn(async move {
            let answer = drip(client).await;
            assert!(answer.starts_with(begins) && !answer.contains("200 OK"), "{answer}");
        });
    }
    attacked.assert_serves_others().await;
    while let Some(done) = dripping.join_next().await {
        done.unwrap();
    }
    attacked.assert_serves_others().await;
    assert_eq!(attacked.stop().await, 2, "the other caller's");
}

#[tokio::test]
async fn half_open_streams_are_answered_and_their_connection_ends() {
    const STREAMS: u32 = 256;
    let attacked = Attacked::with("limits: {body_timeout: 0.3, idle_timeout: 0.3}").await;
    let bearer = format!("Bearer {}", attacked.token);
    let block: Vec<u8> = chat_fields(&bearer).iter().flat_map(|(name, value)| field(name, value)).collect();
    let mut client = connect(attacked.address, &[]).await;
    let streams = (0..STREAMS).flat_map(|n| frame(HEADERS, END_HEADERS, 2 * n + 1, &block));
    soon(client.write_all(&streams.collect::<Vec<u8>>())).await.unwrap();
    attacked.assert_serves_others().await;
    let mut answered = BTreeSet::new();
    while let Some(frame) = soon(next_frame(&mut client)).await {
        if frame.kind == HEADERS {
            answered.insert(frame.stream);
        }
    }
    assert_eq!(answered.len(), 256);
    assert_eq!(attacked.stop().await, 1, "the other caller's");
}

const STREAMED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
/// A response that the upstream would send on request.
const ENOUGH: usize = 64 << 20;
/// The capacity of the buffers of two sockets and a connection.
const BUFFERED: usize = 24 << 20;

/// Sends a response without end, and returns the number of bytes that were accepted.
async fn answer_without_end(upstream: &mut TcpStream) -> usize {
    soon(upstream.write_all(STREAMED)).await.unwrap();
    pump(upstream, &[b'x'; 64 * 1024], ENOUGH).await
}

async fn assert_serves_others(gate: &Fixture) {
    let mut other = gate.chat(&gate.token(&["basic_user"]), CHAT).await;
    answer(&mut gate.arriving().await.0, "hello").await;
    assert_eq!(soon(read_message(&mut other)).await.body, "hello");
}

#[tokio::test]
async fn a_client_that_never_reads_holds_up_its_own_answer_alone() {
    let gate = Fixture::start().await;
    let mut client = gate.chat(&gate.token(&["basic_user"]), CHAT).await;
    let (mut upstream, _) = gate.arriving().await;
    let taken = answer_without_end(&mut upstream).await;
    assert!(taken < BUFFERED, "{taken} bytes were taken for a client that reads nothing");
    assert_serves_others(&gate).await;
    // A client that starts to read receives the delayed data.
    soon(read_until(&mut client, "\r\n\r\n")).await;
}

#[tokio::test]
async fn streams_without_a_window_hold_up_their_own_answers_alone() {
    const STREAMS: u32 = 8;
    let gate = Fixture::start().await;
    let bearer = format!("Bearer {}", gate.token(&["basic_user"]));
    let block: Vec<u8> = chat_fields(&bearer).iter().flat_map(|(name, value)| field(name, value)).collect();
    // SETTINGS_INITIAL_WINDOW_SIZE.
    let mut client = connect(gate.address, &setting(4, 0)).await;
    let mut upstreams = Vec::new();
    for n in 0..STREAMS {
        let stream = 2 * n + 1;
        let request =
            [frame(HEADERS, END_HEADERS, stream, &block), frame(DATA, END_STREAM, stream, CHAT.as_bytes())];
        soon(client.write_all(&request.concat())).await.unwrap();
        let (upstream, _) = gate.arriving().await;
        upstreams.push(upstream);
    }
    let mut taken = 0;
    for upstream in &mut upstreams {
        taken += answer_without_end(upstream).await;
    }
    let bound = BUFFERED * upstreams.len();
    assert!(taken < bound, "{taken} bytes were taken for streams that have no window");
    assert_serves_others(&gate).await;
}
