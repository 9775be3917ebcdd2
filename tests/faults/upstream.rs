//! Upstreams that refuse, disconnect, stall, and send nonsense.

use std::io::{Read as _, Write as _};

use crate::process::{
    Gate, MASTER_KEY, Upstream, answer, chat_on, config, head, nobody, read_until, reply, rest, until,
};

const DOWN: &str = "modelgate_upstream_failures_total{code=\"upstream_unreachable\"}";
const TIMEOUT: &str = "modelgate_upstream_failures_total{code=\"upstream_timeout\"}";
const BROKE_OFF: &str = "modelgate_upstream_failures_total{code=\"upstream_broke_off\"}";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn gate(upstream: &Upstream) -> Gate {
    Gate::start(&config(upstream.address, "", ""))
}

/// A chat that the upstream answers.
fn assert_works(gate: &Gate, upstream: &Upstream) {
    let mut client = gate.chat();
    let (mut stream, _) = upstream.arriving();
    // The connection is not kept, so that its end cannot affect the next request.
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello").unwrap();
    assert_eq!(answer(&mut client).body, "hello");
}

/// The caller gets a bad gateway error, and the log, the metrics and the decision log report it for the `nth` time.
fn assert_reported(gate: &Gate, client: &mut std::net::TcpStream, nth: usize) {
    assert_eq!(answer(client).told(), (502, "upstream_unreachable".to_owned()));
    gate.log.times("the upstream failed", nth);
    assert!((gate.metric(DOWN) - nth as f64).abs() < 0.1);
    // The lines of other requests may be written before.
    until(|| {
        let lines = gate.decisions(nth);
        let failed = lines.iter().filter(|line| line["verdict"] == "failed" && line["status"] == 502);
        (failed.count() == nth).then_some(())
    });
}

#[test]
fn an_upstream_that_refuses_is_told_of_with_the_reason() {
    let gate = Gate::start(&config(nobody(), "", ""));
    for nth in 1..=3 {
        assert_reported(&gate, &mut gate.chat(), nth);
    }
    let log = gate.stop();
    assert!(log.contains("connect=true") && log.contains("Connection refused"), "{log}");
}

#[test]
fn a_connection_that_is_reset_before_the_answer_fails_once_and_is_not_tried_again() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let mut client = gate.chat();
    let mut stream = upstream.accept();
    // Unread data turns the end into a reset.
    head(&mut stream);
    drop(stream);
    assert_reported(&gate, &mut client, 1);
    assert!(upstream.is_left_alone(), "a request that may have had an effect was sent twice");
    assert_works(&gate, &upstream);
}

#[test]
fn an_answer_that_breaks_off_never_looks_whole() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let long = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    // Ends with a reset and ordinarily: in the middle of a chunk, between two chunks, and before the declared length.
    let cases: [(&[u8], &[u8], bool); 4] = [
        (CHUNKED, b"5\r\nhello\r\n", true),
        (CHUNKED, b"5\r\nhello\r\n", false),
        (CHUNKED, b"9\r\nhello", false),
        (long, b"hello", false),
    ];
    for (nth, (begin, body, reset)) in cases.into_iter().enumerate() {
        let mut client = gate.chat();
        let mut stream = upstream.accept();
        head(&mut stream);
        if !reset {
            read_until(&mut stream, "}");
        }
        stream.write_all(begin).unwrap();
        stream.write_all(body).unwrap();
        let started = head(&mut client) + &read_until(&mut client, "hello");
        drop(stream);
        let ending = rest(&mut client);
        assert!(started.starts_with("HTTP/1.1 200"), "{started}");
        assert!(!ending.contains("0\r\n\r\n"), "case {nth} ends as if it were whole: {ending:?}");
        gate.log.times("the upstream's response ended early", nth + 1);
        assert!((gate.metric(BROKE_OFF) - (nth as f64 + 1.0)).abs() < 0.1);
        assert_eq!(gate.decisions(nth + 1)[nth]["verdict"], "allowed", "its answer had begun");
    }
    assert_works(&gate, &upstream);
}

#[test]
fn an_upstream_that_does_not_answer_is_given_up_after_the_deployments_timeout() {
    let upstream = Upstream::start();
    let gate = Gate::start(&config(upstream.address, "timeout: 1", ""));
    let mut client = gate.chat();
    let (mut stream, _) = upstream.arriving();
    assert_eq!(answer(&mut client).told(), (504, "upstream_timeout".to_owned()));
    assert_eq!(rest(&mut stream), "", "the upstream's call is ended");
    assert!((gate.metric(TIMEOUT) - 1.0).abs() < 0.1);
    assert_eq!(gate.decisions(1)[0]["code"], "upstream_timeout");
    let log = gate.stop();
    assert!(log.contains("refused: the upstream took too long"), "{log}");
}

#[test]
fn an_answer_that_stalls_holds_up_nobody_else_and_ends_with_its_caller() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let mut stalled = gate.chat();
    let (mut stream, _) = upstream.arriving();
    stream.write_all(CHUNKED).unwrap();
    stream.write_all(b"5\r\nhello\r\n").unwrap();
    let _ = head(&mut stalled) + &read_until(&mut stalled, "hello");
    for _ in 0..3 {
        assert_works(&gate, &upstream);
    }
    assert!((gate.metric("modelgate_requests_in_flight") - 1.0).abs() < 0.1);
    drop(stalled);
    assert_eq!(rest(&mut stream), "", "the upstream's call ends with its caller");
    gate.counts("modelgate_request_duration_seconds_count", 4.0);
    assert!(gate.metric("modelgate_requests_in_flight").abs() < 0.1);
    assert_eq!(gate.decisions(4).len(), 4);
}

#[test]
fn what_is_no_http_is_a_bad_gateway() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let answers: [&[u8]; 9] = [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\0\x01\x02\xff\xfe\r\n\r\n",
        b"HTTP/1.1 2xx OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"<html>hello</html>\r\n\r\n",
        b"\r\n",
    ];
    for (nth, garbage) in answers.into_iter().enumerate() {
        let mut client = gate.chat();
        let (mut stream, _) = upstream.arriving();
        stream.write_all(garbage).unwrap();
        drop(stream);
        assert_reported(&gate, &mut client, nth + 1);
    }
    assert_works(&gate, &upstream);
}

#[test]
fn chunks_that_are_none_break_the_answer_off() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    for (nth, garbage) in ["zz\r\n", "fffffffffffffffff\r\n", "-1\r\n"].into_iter().enumerate() {
        let mut client = gate.chat();
        let (mut stream, _) = upstream.arriving();
        stream.write_all(CHUNKED).unwrap();
        stream.write_all(b"5\r\nhello\r\n").unwrap();
        let _ = head(&mut client) + &read_until(&mut client, "hello");
        stream.write_all(garbage.as_bytes()).unwrap();
        assert!(!rest(&mut client).contains("0\r\n\r\n"), "{garbage}");
        gate.counts(BROKE_OFF, nth as f64 + 1.0);
    }
    assert_works(&gate, &upstream);
}

#[test]
fn a_second_answer_to_one_request_is_nobodys() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst";
    let second = two.replace("first", "STRAY");
    let (mut client, mut used) = (gate.connect(), Vec::new());
    for _ in 0..5 {
        chat_on(&mut client, MASTER_KEY);
        // Each time on a new connection. The previous ones are not used again.
        let (mut stream, _) = upstream.arriving();
        stream.write_all((two.to_owned() + &second).as_bytes()).unwrap();
        used.push(stream);
        assert_eq!(answer(&mut client).body, "first");
    }
    assert_works(&gate, &upstream);
    for mut stream in used {
        assert_eq!(rest(&mut stream), "", "the gateway ends it");
    }
}

#[test]
fn a_head_without_an_end_is_not_kept_for_ever() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let mut client = gate.chat();
    let (mut stream, _) = upstream.arriving();
    stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
    let line = format!("x-{}: {}\r\n", "a".repeat(100), "b".repeat(8000));
    let mut sent = 0;
    while stream.write_all(line.as_bytes()).is_ok() {
        sent += line.len();
        assert!(sent < 64 * 1024 * 1024, "it is read for ever");
    }
    assert_reported(&gate, &mut client, 1);
    assert_works(&gate, &upstream);
}

#[test]
fn a_head_with_too_many_lines_is_a_bad_gateway() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let mut client = gate.chat();
    let (mut stream, _) = upstream.arriving();
    let lines: String = (0..5000).map(|n| format!("x-{n}: y\r\n")).collect();
    // The gateway may disconnect before everything is written.
    let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n").as_bytes());
    assert_reported(&gate, &mut client, 1);
}

#[test]
fn a_request_that_meets_the_end_of_a_kept_connection_is_served_by_another_or_told_of() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let (mut served, mut told) = (0, 0);
    for _ in 0..20 {
        let mut client = gate.chat();
        let (mut stream, _) = upstream.arriving();
        reply(&mut stream, "one");
        assert_eq!(answer(&mut client).body, "one");
        // The connection ends when the next request is sent, so the upstream cannot read it. If nothing of it was
        // sent, it is sent on another connection. Otherwise its caller gets an error.
        drop(stream);
        let mut client = gate.chat();
        let another = until(|| match upstream.next() {
            Some(stream) => Some(Some(stream)),
            None => has_answer(&client).then_some(None),
        });
        if let Some(mut stream) = another {
            answer(&mut stream);
            reply(&mut stream, "two");
            assert_eq!(answer(&mut client).body, "two");
            served += 1;
        } else {
            assert_eq!(answer(&mut client).told(), (502, "upstream_unreachable".to_owned()));
            told += 1;
        }
    }
    assert!(served > 0, "every request was lost to a connection that had ended");
    assert!((gate.metric(DOWN) - f64::from(told)).abs() < 0.1);
    assert_eq!(gate.decisions(40).len(), 40);
    assert!(upstream.is_left_alone());
}

fn has_answer(client: &std::net::TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    let is_there = client.peek(&mut [0]).is_ok();
    client.set_nonblocking(false).unwrap();
    is_there
}

#[test]
fn a_request_on_a_kept_connection_is_not_sent_again_once_it_was_read() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let mut client = gate.chat();
    let (mut stream, _) = upstream.arriving();
    reply(&mut stream, "one");
    assert_eq!(answer(&mut client).body, "one");
    let mut client = gate.chat();
    assert_eq!(answer(&mut stream).body, r#"{"model": "gpt"}"#, "the connection is used again");
    drop(stream);
    assert_reported(&gate, &mut client, 1);
    assert!(upstream.is_left_alone(), "a request that may have had an effect was sent twice");
    let mut nothing = [0];
    assert!(matches!(gate.connect().write_all(b"\r\n"), Ok(())));
    client.set_nonblocking(true).unwrap();
    assert!(client.read(&mut nothing).is_err(), "one answer and no more");
}
