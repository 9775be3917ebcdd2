//! The disk of the decision log is full.

use std::process::Command;

use crate::process::{Gate, MASTER_KEY, Upstream, config, until};

const DROPPED: &str = "modelgate_decision_log_dropped_total";
const WRITTEN: &str = "modelgate_decision_log_lines_total";

fn limit(gate: &Gate, bytes: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &gate.pid().to_string(), &format!("--fsize={bytes}:")])
        .status();
    assert!(status.unwrap().success());
}

/// A limit on file sizes has the same effect as a full disk: a part of a line is written, and later writes fail.
#[test]
fn a_full_disk_costs_lines_and_no_request_and_the_next_line_says_how_many() {
    let upstream = Upstream::start();
    let gate = Gate::with(&["prlimit", "--fsize=2000:"], &config(upstream.address, "", ""), |_| {});
    let mut asked = 0;
    until(|| {
        assert_eq!(gate.models_as(MASTER_KEY).status(), 200, "a request suffers for the log");
        asked += 1;
        (gate.metric(DROPPED) >= 5.0).then_some(())
    });
    gate.log.times("the decision log cannot be written: File too large", 1);
    limit(&gate, "unlimited");
    assert_eq!(gate.models_as(MASTER_KEY).status(), 200);
    asked += 1;
    gate.log.times("the decision log is written again", 1);

    until(|| {
        let sum = gate.metric(DROPPED) + gate.metric(WRITTEN);
        (sum >= f64::from(asked) - 0.1).then_some(())
    });
    let (dropped, written) = (gate.metric(DROPPED), gate.metric(WRITTEN));
    assert!((dropped + written - f64::from(asked)).abs() < 0.1, "{dropped} and {written} of {asked}");
    let text = std::fs::read_to_string(gate.path("log")).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect();
    assert!((lines.len() as f64 - written).abs() < 0.1, "{text}");
    let told: u64 = lines.iter().filter_map(|line| line["dropped"].as_u64()).sum();
    assert!((told as f64 - dropped).abs() < 0.1, "{told} of {dropped} are told of: {text}");
    assert_eq!(gate.log.so_far().matches("cannot be written").count(), 1, "said once, not for each line");
}

#[test]
fn a_device_without_room_costs_every_line_and_no_request() {
    let upstream = Upstream::start();
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", directory.path().join("log")).unwrap();
    std::fs::write(directory.path().join("config.yaml"), config(upstream.address, "", "")).unwrap();
    let gate = Gate::at(&[], directory, |_| {});
    for _ in 0..5 {
        assert_eq!(gate.models_as(MASTER_KEY).status(), 200);
    }
    gate.counts(DROPPED, 5.0);
    assert!(gate.metric(WRITTEN).abs() < 0.1);
    let log = gate.stop();
    assert_eq!(
        log.matches("the decision log cannot be written: No space left on device").count(),
        1,
        "{log}"
    );
}
