//! The process stops while requests are in flight.

use std::io::Write as _;
use std::net::TcpStream;

use crate::process::{Gate, MASTER_KEY, Upstream, answer, ask, config, head, read_until, rest, until};

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";

/// A stream that has started at both ends.
fn streaming(gate: &Gate, upstream: &Upstream) -> (TcpStream, TcpStream) {
    let mut client = gate.chat();
    let (mut stream, _) = upstream.arriving();
    stream.write_all(CHUNKED).unwrap();
    let _ = head(&mut client) + &read_until(&mut client, "hello\r\n");
    (client, stream)
}

fn wait_until_draining(gate: &Gate) {
    until(|| {
        let ready = ask(gate.admin, "GET", "/health/readiness", "", "");
        (ready.status() == 503 && ready.body.contains("draining")).then_some(())
    });
    until(|| TcpStream::connect(gate.address).is_err().then_some(()));
}

#[test]
fn a_stream_that_is_open_at_the_end_is_finished() {
    let upstream = Upstream::start();
    let mut gate = Gate::start(&config(upstream.address, "", ""));
    let (mut client, mut stream) = streaming(&gate, &upstream);
    let mut idle = gate.connect();
    gate.signal("-TERM");
    wait_until_draining(&gate);
    assert_eq!(rest(&mut idle), "", "a connection without a request is ended");
    stream.write_all(b"5\r\nworld\r\n0\r\n\r\n").unwrap();
    assert_eq!(read_until(&mut client, "0\r\n\r\n"), "5\r\nworld\r\n0\r\n\r\n");
    assert_eq!(rest(&mut client), "");
    assert_eq!(gate.ended().code(), Some(0));
    assert!(gate.log.so_far().contains("stopped") && !gate.log.so_far().contains("cut off"));
    assert_eq!(gate.decisions(1).len(), 1);
}

#[test]
fn a_stream_that_does_not_end_is_cut_off_when_the_drain_time_is_over() {
    let upstream = Upstream::start();
    let mut gate = Gate::start(&config(upstream.address, "", "limits: {drain_timeout: 1}"));
    let (mut client, stream) = streaming(&gate, &upstream);
    // In addition to the stream: a request without a response, and one whose body has not arrived.
    let mut waiting = gate.chat();
    let (_unanswered, _) = upstream.arriving();
    let mut half = gate.connect();
    let text = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {MASTER_KEY}\r\ncontent-length: 99\r\n\r\n{{"
    );
    half.write_all(text.as_bytes()).unwrap();
    gate.counts("modelgate_requests_in_flight", 3.0);
    gate.signal("-TERM");
    wait_until_draining(&gate);
    assert_eq!(gate.ended().code(), Some(0));
    gate.log.times("requests were still in flight when the drain time ran out, and are cut off", 1);
    assert!(!rest(&mut client).contains("0\r\n\r\n"), "it does not look whole");
    assert!(rest(&mut waiting).is_empty() && rest(&mut half).is_empty());
    drop(stream);
    assert_eq!(gate.decisions(1)[0]["verdict"], "allowed");
}

#[test]
fn an_interrupt_stops_it_too_and_what_was_decided_is_written() {
    let upstream = Upstream::start();
    let mut gate = Gate::start(&config(upstream.address, "", ""));
    for _ in 0..50 {
        assert_eq!(gate.models_as(MASTER_KEY).status(), 200);
    }
    gate.signal("-INT");
    assert_eq!(gate.ended().code(), Some(0));
    assert_eq!(gate.decisions(50).len(), 50);
}

#[test]
fn a_request_that_comes_with_the_end_is_answered_or_never_accepted() {
    let upstream = Upstream::start();
    let gate = Gate::start(&config(upstream.address, "", ""));
    let mut clients: Vec<TcpStream> = (0..20).map(|_| gate.chat()).collect();
    let streams: Vec<TcpStream> = clients.iter().map(|_| upstream.arriving().0).collect();
    gate.signal("-TERM");
    for mut stream in streams {
        crate::process::reply(&mut stream, "hello");
    }
    for client in &mut clients {
        assert_eq!(answer(client).body, "hello");
    }
    let mut gate = gate;
    assert_eq!(gate.ended().code(), Some(0));
    assert_eq!(gate.decisions(20).len(), 20);
}
