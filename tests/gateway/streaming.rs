//! Responses that arrive in pieces.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fixture::{Fixture, answer, read_until, soon};

const STREAM: &str = r#"{"model": "anthropic-claude", "stream": true}"#;
const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn an_event_arrives_before_the_next_is_sent() {
    let gate = Fixture::start().await;
    let mut client = gate.chat(&gate.token(&["basic_user"]), STREAM).await;
    let (mut upstream, _) = gate.arriving().await;
    soon(upstream.write_all(HEAD)).await.unwrap();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        // The second piece is written only after the first one was read at the other end.
        soon(upstream.write_all(format!("9\r\n{event}\r\n").as_bytes())).await.unwrap();
        soon(read_until(&mut client, event)).await;
    }
    soon(upstream.write_all(b"0\r\n\r\n")).await.unwrap();
    soon(read_until(&mut client, "0\r\n\r\n")).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_upstreams_call() {
    let gate = Fixture::start().await;
    let mut client = gate.chat(&gate.token(&["basic_user"]), STREAM).await;
    let (mut upstream, _) = gate.arriving().await;
    soon(upstream.write_all(HEAD)).await.unwrap();
    soon(upstream.write_all(b"9\r\ndata: 1\n\n\r\n")).await.unwrap();
    soon(read_until(&mut client, "data: 1\n\n")).await;
    drop(client);
    let end = soon(upstream.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "the upstream's connection stays open");
}

#[tokio::test]
async fn a_caller_that_goes_away_before_the_answer_ends_the_upstreams_call() {
    let gate = Fixture::start().await;
    let client = gate.chat(&gate.token(&["basic_user"]), STREAM).await;
    let (mut upstream, _) = gate.arriving().await;
    drop(client);
    let end = soon(upstream.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "the upstream's connection stays open");
}

#[tokio::test]
async fn http2_is_spoken_with_prior_knowledge() {
    let gate = Fixture::start().await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let request = Request::post(format!("http://{}/v1/chat/completions", gate.address))
        .header("authorization", format!("Bearer {}", gate.token(&["basic_user"])))
        .body(Full::new(Bytes::from_static(STREAM.as_bytes())))
        .unwrap();
    let answered = tokio::spawn(client.request(request));
    let (mut upstream, request) = gate.arriving().await;
    assert_eq!(request.header("content-length"), Some(STREAM.len().saturating_sub(4).to_string().as_str()));
    answer(&mut upstream, "hello").await;
    let response = soon(answered).await.unwrap().unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "hello");
}
