//! The process runs out of file descriptors.

use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

use crate::process::{
    Answer, Gate, MASTER_KEY, Upstream, answer, config, connect, reply, send_on, until, value_of,
};

const FAILURES: &str = "modelgate_accept_failures_total";

/// Sends a request on a connection that is kept.
fn on(stream: &mut TcpStream, path: &str) -> Answer {
    send_on(stream, "GET", path, &format!("authorization: Bearer {MASTER_KEY}\r\n"), "");
    answer(stream)
}

/// The processor time of a process in ticks, which are hundredths of a second.
fn ticks(gate: &Gate) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gate.pid())).unwrap();
    // After the name, which may contain any character. User and system time are the 14th and 15th fields.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn without_file_descriptors_it_goes_on_and_comes_back() {
    let upstream = Upstream::start();
    let yaml = config(upstream.address, "", "");
    let gate = Gate::start(&yaml);
    let (mut admin, mut kept) = (connect(gate.admin), gate.connect());
    assert_eq!(on(&mut admin, "/metrics").status(), 200);
    assert_eq!(on(&mut kept, "/v1/models").status(), 200);
    // The limit is set only now, after the listener has looked at it, so that the process cannot prepare for it.
    let limit = ["--pid", &gate.pid().to_string(), "--nofile=64:"];
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    let open = |admin: &mut TcpStream| value_of(&on(admin, "/metrics").body, "process_open_fds");
    let before = open(&mut admin);
    let crowd: Vec<TcpStream> = (0..100).map(|_| gate.connect()).collect();
    let failures = |admin: &mut TcpStream| value_of(&on(admin, "/metrics").body, FAILURES);
    until(|| (failures(&mut admin) >= 1.0).then_some(()));
    let (began, spent) = (Instant::now(), ticks(&gate));
    until(|| {
        // Connected callers are served the whole time.
        assert_eq!(on(&mut kept, "/v1/models").status(), 200);
        (failures(&mut admin) >= 30.0).then_some(())
    });
    let (took, spent) = (began.elapsed(), ticks(&gate) - spent);
    // The requests above also use time. A busy loop would use a whole core.
    assert!(spent as f64 / 100.0 < took.as_secs_f64() * 0.8, "{spent} hundredths of a second in {took:?}");
    // A call to the upstream also needs a descriptor.
    let headers = format!("authorization: Bearer {MASTER_KEY}\r\n");
    send_on(&mut kept, "POST", "/v1/chat/completions", &headers, crate::process::CHAT);
    assert_eq!(answer(&mut kept).told(), (502, "upstream_unreachable".to_owned()));

    drop(crowd);
    // Some of the crowd are still to be accepted, before whoever comes now.
    let mut last = gate.connect();
    assert_eq!(on(&mut last, "/v1/models").status(), 200);
    until(|| (open(&mut admin) <= before + 3.0).then_some(()));
    let mut client = gate.chat();
    let (mut stream, _) = upstream.arriving();
    reply(&mut stream, "hello");
    assert_eq!(answer(&mut client).body, "hello");
    assert!(gate.decisions(3).iter().any(|line| line["verdict"] == "failed"));
    let said = gate.log.so_far();
    let times = said.matches("connections cannot be accepted").count();
    let allowed = 2 + usize::try_from(began.elapsed().as_secs() / 10).unwrap();
    assert!((1..=allowed).contains(&times) && said.contains("Too many open files"), "{said}");
}
