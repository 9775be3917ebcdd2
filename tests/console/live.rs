//! `GET /api/v1/decisions` and `GET /api/v1/metrics/recent`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::process::{Gate, ask, open};

const EVENTS: &str = "accept: text/event-stream\r\n";

/// The events of a stream.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(gate: &Gate, query: &str) -> Self {
        let stream = open(gate.admin, "GET", &format!("/api/v1/decisions{query}"), EVENTS, "");
        let mut events = Self(BufReader::new(stream));
        let mut line = String::new();
        while line != ": decisions" {
            line = events.line();
        }
        events
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    /// The next event with this name.
    fn next(&mut self, name: &str) -> Value {
        while self.line() != format!("event: {name}") {}
        serde_json::from_str(self.line().strip_prefix("data: ").unwrap()).unwrap()
    }
}

#[test]
fn decisions_are_listed_newest_first_and_filtered() {
    let gate = Gate::start("");
    assert_eq!(gate.chat(&["basic_user"], "claude").0, 200);
    assert_eq!(gate.chat(&["basic_user"], "gpt").0, 403);
    assert_eq!(gate.chat(&["other"], "claude").0, 403);
    let rules = |query: &str| -> Vec<Value> {
        let listed = gate.get(&format!("/api/v1/decisions{query}"));
        listed["decisions"].as_array().unwrap().iter().map(|decision| decision["rule"].clone()).collect()
    };
    assert_eq!(rules(""), [json!("R2.unmatched"), json!("R2.model"), Value::Null]);
    assert_eq!(rules("?verdict=denied&role=internal_user"), [json!("R2.model")]);
    assert_eq!(rules("?model=claude"), [json!("R2.unmatched"), Value::Null]);
    assert_eq!(rules("?rule=R2.model"), [json!("R2.model")]);
    assert_eq!(rules("?team=none"), Vec::<Value>::new());
    let first = gate.get("/api/v1/decisions?limit=1");
    assert_eq!(first["decisions"][0]["rule"], "R2.unmatched");
    let next = first["next"].as_str().unwrap();
    assert_eq!(rules(&format!("?limit=1&before={next}")), [json!("R2.model")]);
    for query in ["?verdict=maybe", "?limit=0", "?before=a", "?before=99999999999999999999999", "?other=1"] {
        assert_eq!(gate.ask("GET", &format!("/api/v1/decisions{query}"), "", "").status(), 400, "{query}");
    }
}

#[test]
fn decisions_show_no_more_than_the_decision_log() {
    let gate = Gate::start("decision_log: {file: log, mask: [caller.subject, caller.user_id, models]}");
    gate.chat(&["basic_user"], "a-hidden-model");
    let listed = gate.get("/api/v1/decisions");
    assert_eq!(listed["decisions"][0]["models"], json!(["***"]));
    let text = listed.to_string();
    assert!(!text.contains("ada") && !text.contains("a-hidden-model"), "{text}");
    let mut events = Events::open(&gate, "");
    gate.chat(&["basic_user"], "sk-looks-like-a-key");
    let shown = events.next("decision").to_string();
    assert!(!shown.contains("ada") && !shown.contains("looks-like-a-key"), "{shown}");
}

#[test]
fn a_stream_shows_decisions_and_reloads_as_they_happen() {
    let gate = Gate::start("");
    gate.chat(&["basic_user"], "claude");
    let mut all = Events::open(&gate, "");
    let mut denied = Events::open(&gate, "?verdict=denied");
    gate.chat(&["basic_user"], "claude");
    let (_, id) = gate.chat(&["basic_user"], "gpt");
    assert_eq!(all.next("decision")["verdict"], "allowed");
    assert_eq!(all.next("decision")["id"], json!(id));
    assert_eq!(denied.next("decision")["id"], json!(id));
    std::fs::write(gate.directory.path().join("policies/a.cedar"), "forbid (").unwrap();
    let reload = all.next("reload");
    assert_eq!(reload["outcome"], "refused");
}

#[test]
fn streams_are_bounded_and_end_with_their_client() {
    let gate = Gate::start("");
    let streams: Vec<Events> = (0..8).map(|_| Events::open(&gate, "")).collect();
    let ninth = gate.ask("GET", "/api/v1/decisions", EVENTS, "");
    assert_eq!(ninth.status(), 503);
    assert!(ninth.json()["error"].is_string());
    // The page is no stream.
    assert_eq!(gate.ask("GET", "/api/v1/decisions", "", "").status(), 200);
    drop(streams);
    crate::process::until(|| {
        let mut stream = open(gate.admin, "GET", "/api/v1/decisions", EVENTS, "");
        let mut beginning = [0; 12];
        stream.read_exact(&mut beginning).unwrap();
        (&beginning == b"HTTP/1.1 200").then_some(())
    });
}

#[test]
fn many_decisions_are_sampled_and_the_stream_says_so() {
    let gate = Gate::start("");
    let mut events = Events::open(&gate, "");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let sampled = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(gate.gateway).unwrap();
                let request = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(20);
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::io::Write::write_all(&mut stream, &request).unwrap();
                    let mut seen = 0;
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let mut line = String::new();
                    while seen < 20 {
                        line.clear();
                        if reader.read_line(&mut line).unwrap() == 0 {
                            stream = TcpStream::connect(gate.gateway).unwrap();
                            break;
                        }
                        seen += line.matches("HTTP/1.1 401").count();
                    }
                }
            });
        }
        let sampled = events.next("sampled");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        sampled
    });
    let (seen, sent) = (sampled["seen"].as_u64().unwrap(), sampled["sent"].as_u64().unwrap());
    assert!(seen > 200, "{sampled}");
    // A second of the stream may have the beginnings of two seconds of the sample.
    assert!(sent <= 2 * 210 && sent <= seen, "{sampled}");
}

#[test]
fn a_stopped_gateway_does_not_wait_for_streams() {
    let mut gate = Gate::start("");
    let mut events = Events::open(&gate, "");
    gate.terminate();
    let mut rest = String::new();
    events.0.read_to_string(&mut rest).unwrap();
    assert!(gate.ended());
}

#[test]
fn the_last_hour_comes_from_the_counters() {
    let gate = Gate::start("");
    gate.chat(&["basic_user"], "gpt");
    let recent = gate.get("/api/v1/metrics/recent");
    assert_eq!(recent["interval_seconds"], json!(10));
    let lengths: Vec<usize> = ["allowed", "denied", "errors", "p50_ms", "p99_ms"]
        .iter()
        .map(|series| recent["series"][series].as_array().unwrap().len())
        .collect();
    assert!(lengths.iter().all(|length| *length == lengths[0]), "{recent}");
    let metrics = ask(gate.admin, "GET", "/metrics", "", "").text();
    assert!(metrics.contains("modelgate_denials_total{rule=\"R2.model\"} 1"), "{metrics}");
}
