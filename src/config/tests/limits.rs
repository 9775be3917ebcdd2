//! `modelgate.limits`.

use std::time::Duration;

use super::{parse, problems};
use crate::config::Limits;

fn limits(block: &str) -> Limits {
    parse(&format!("modelgate: {block}")).unwrap().gateway.limits
}

#[test]
fn without_the_block_each_limit_has_its_default() {
    assert_eq!(limits("{}"), Limits::default());
    assert_eq!(limits("{limits: {}}"), Limits::default());
}

#[test]
fn what_the_block_sets_counts_and_times_may_have_fractions() {
    let set = limits("{limits: {connections: 7, header_bytes: 8192, idle_timeout: 0.5, json_depth: 20}}");
    let wanted = Limits {
        connections: 7,
        header_bytes: 8192,
        idle_timeout: Duration::from_millis(500),
        json_depth: 20,
        ..Limits::default()
    };
    assert_eq!(set, wanted);
}

#[test]
fn a_limit_that_is_out_of_range_is_refused_with_its_line() {
    let text = "modelgate:\n  limits:\n    header_bytes: 100\n    headers: 5\n    connections: 0\n    \
                json_depth: 128\n    body_timeout: 0\n    upstream_total_timeout: 1e9\n";
    assert_eq!(
        problems(text),
        [
            "3:19 `header_bytes` must be from 8192 to 1048576",
            "4:14 `headers` must be from 16 to 1024",
            "5:18 `connections` must be from 1 to 1000000",
            "6:17 `json_depth` must be from 4 to 127",
            "7:19 `body_timeout` must be from 0.1 to 3600 seconds",
            "8:29 `upstream_total_timeout` must be from 0.1 to 86400 seconds",
        ]
    );
}

#[test]
fn all_bodies_together_have_room_for_one() {
    assert_eq!(limits("{max_body_bytes: 1073741824}").body_bytes_in_flight, 1 << 30);
    assert_eq!(
        problems("modelgate: {max_body_bytes: 4096, limits: {body_bytes_in_flight: 4095}}"),
        ["1:66 `body_bytes_in_flight` must be at least `max_body_bytes`, which is 4096"]
    );
}

#[test]
fn an_unknown_limit_is_refused_with_what_may_be_meant() {
    assert_eq!(
        problems("modelgate: {limits: {header_timeouts: 5}}"),
        ["1:22 unknown key `header_timeouts` in `limits` | did you mean `header_timeout`?"]
    );
}
