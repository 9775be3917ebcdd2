//! `modelgate.limits`: the limits for resources and times.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::context::Context;
use crate::config::problem::Problem;
use crate::config::raw;

const PATH: &str = "modelgate.limits";

/// Files and sockets are counted in thousands, so the limit is far below the counter's range.
const COUNT: RangeInclusive<u64> = 1..=1_000_000;
/// hyper requires a buffer of at least this size.
const HEADER_BYTES: RangeInclusive<u64> = 8 * 1024..=1024 * 1024;
const HEADERS: RangeInclusive<u64> = 16..=1024;
const BODIES: RangeInclusive<u64> = 1024..=1 << 40;
const STREAMS: RangeInclusive<u64> = 1..=10_000;
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// `modelgate.limits`: the limits of the gateway. `docs/reference/limits.md` says what happens at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum size of a request head, in bytes.
    pub header_bytes: u32,
    /// The maximum number of headers of a request.
    pub headers: usize,
    /// The maximum number of client connections.
    pub connections: usize,
    /// The maximum number of requests in flight.
    pub requests: usize,
    /// The maximum number of requests in flight for one caller.
    pub requests_per_caller: usize,
    /// The maximum size of all bodies that are being read, judged or sent, in bytes.
    pub body_bytes_in_flight: usize,
    /// The maximum nesting depth of arrays and objects in a JSON body.
    pub json_depth: usize,
    /// The maximum number of concurrent requests on one HTTP/2 connection.
    pub streams_per_connection: u32,
    /// The maximum number of ids that `modelgate.references: remember` keeps.
    pub references: usize,
    /// How long such an id is kept.
    pub reference_ttl: Duration,
    /// The time limit for a request head. It starts with the connection, and for later heads with their first byte.
    pub header_timeout: Duration,
    /// The time limit for a request body, starting after the head. The size of the body adds to it.
    pub body_timeout: Duration,
    /// The time limit for a connection without a request.
    pub idle_timeout: Duration,
    /// The time limit for a caller that does not read its answer.
    pub write_timeout: Duration,
    /// The time limit for connecting to an upstream.
    pub upstream_connect_timeout: Duration,
    /// The time limit until an upstream's answer begins. `litellm_params.timeout` overrides it.
    pub upstream_first_byte_timeout: Duration,
    /// The time limit until an upstream's answer ends.
    pub upstream_total_timeout: Duration,
    /// The time limit for requests in flight after the signal to stop.
    pub drain_timeout: Duration,
}

impl Limits {
    /// The depth limit of the JSON reader. [`Limits::json_depth`] can only be lower.
    pub const JSON_DEPTH: usize = 127;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 64 * 1024,
            headers: 100,
            connections: 10_000,
            requests: 10_000,
            requests_per_caller: 1_000,
            body_bytes_in_flight: 512 * 1024 * 1024,
            json_depth: Self::JSON_DEPTH,
            streams_per_connection: 256,
            references: 100_000,
            reference_ttl: Duration::from_secs(30 * 86_400),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(30),
            upstream_connect_timeout: Duration::from_secs(10),
            upstream_first_byte_timeout: Duration::from_secs(600),
            upstream_total_timeout: Duration::from_secs(3600),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Returns the configured limits, with defaults for the others. The default limit of all
/// bodies together always has room for one of the maximum size.
pub(in crate::config) fn settings(cx: &mut Context<'_>, block: raw::Limits, max_body_bytes: usize) -> Limits {
    let raw::Limits {
        header_bytes,
        headers,
        connections,
        requests,
        requests_per_caller,
        body_bytes_in_flight,
        json_depth,
        streams_per_connection,
        references,
        reference_ttl,
        header_timeout,
        body_timeout,
        idle_timeout,
        write_timeout,
        upstream_connect_timeout,
        upstream_first_byte_timeout,
        upstream_total_timeout,
        drain_timeout,
    } = block;
    let unset = Limits::default();
    // A larger body limit raises this default too, so that no second key is needed.
    let bodies = body_bytes_in_flight.unwrap_or((unset.body_bytes_in_flight.max(max_body_bytes)) as u64);
    let limits = Limits {
        header_bytes: whole(cx, "header_bytes", header_bytes, HEADER_BYTES, unset.header_bytes),
        headers: whole(cx, "headers", headers, HEADERS, unset.headers),
        connections: whole(cx, "connections", connections, COUNT, unset.connections),
        requests: whole(cx, "requests", requests, COUNT, unset.requests),
        requests_per_caller: whole(
            cx,
            "requests_per_caller",
            requests_per_caller,
            COUNT,
            unset.requests_per_caller,
        ),
        body_bytes_in_flight: whole(cx, "body_bytes_in_flight", Some(bodies), BODIES, max_body_bytes),
        json_depth: whole(cx, "json_depth", json_depth, 4..=Limits::JSON_DEPTH as u64, unset.json_depth),
        streams_per_connection: whole(
            cx,
            "streams_per_connection",
            streams_per_connection,
            STREAMS,
            unset.streams_per_connection,
        ),
        references: whole(cx, "references", references, COUNT, unset.references),
        reference_ttl: time(cx, "reference_ttl", reference_ttl, 366.0 * DAY, unset.reference_ttl),
        header_timeout: time(cx, "header_timeout", header_timeout, HOUR, unset.header_timeout),
        body_timeout: time(cx, "body_timeout", body_timeout, HOUR, unset.body_timeout),
        idle_timeout: time(cx, "idle_timeout", idle_timeout, HOUR, unset.idle_timeout),
        write_timeout: time(cx, "write_timeout", write_timeout, HOUR, unset.write_timeout),
        upstream_connect_timeout: time(
            cx,
            "upstream_connect_timeout",
            upstream_connect_timeout,
            HOUR,
            unset.upstream_connect_timeout,
        ),
        upstream_first_byte_timeout: time(
            cx,
            "upstream_first_byte_timeout",
            upstream_first_byte_timeout,
            DAY,
            unset.upstream_first_byte_timeout,
        ),
        upstream_total_timeout: time(
            cx,
            "upstream_total_timeout",
            upstream_total_timeout,
            DAY,
            unset.upstream_total_timeout,
        ),
        drain_timeout: time(cx, "drain_timeout", drain_timeout, HOUR, unset.drain_timeout),
    };
    if limits.body_bytes_in_flight < max_body_bytes {
        refuse(cx, "body_bytes_in_flight", format!("at least `max_body_bytes`, which is {max_body_bytes}"));
    }
    limits
}

fn whole<N: TryFrom<u64>>(
    cx: &mut Context<'_>,
    key: &str,
    value: Option<u64>,
    range: RangeInclusive<u64>,
    default: N,
) -> N {
    let Some(value) = value else { return default };
    if !range.contains(&value) {
        refuse(cx, key, format!("from {} to {}", range.start(), range.end()));
        return default;
    }
    N::try_from(value).unwrap_or(default)
}

/// A time in seconds, which may have a fraction.
fn time(cx: &mut Context<'_>, key: &str, value: Option<f64>, longest: f64, default: Duration) -> Duration {
    const SHORTEST: f64 = 0.1;
    let Some(value) = value else { return default };
    if !(SHORTEST..=longest).contains(&value) {
        refuse(cx, key, format!("from {SHORTEST} to {longest} seconds"));
        return default;
    }
    Duration::try_from_secs_f64(value).unwrap_or(default)
}

fn refuse(cx: &mut Context<'_>, key: &str, range: String) {
    cx.refuse(&format!("{PATH}.{key}"), Problem::OutOfRange { key: key.to_owned(), range });
}
