//! Builds the `context` that policies read.

use std::net::IpAddr;
use std::time::SystemTime;

use cedar_policy::{Context, RestrictedExpression as Value};
use chrono::{DateTime, Datelike as _, SecondsFormat, Utc, Weekday};

use super::reads::Names;
use crate::request::{ModelUse, RequestContext};

/// The facts of a request other than its caller, its route and its models.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Facts<'a> {
    pub(in crate::engine) method: &'a str,
    pub(in crate::engine) route: &'a str,
    pub(in crate::engine) body_bytes: usize,
    pub(in crate::engine) request_context: RequestContext,
    pub(in crate::engine) model_use: ModelUse,
}

impl Facts<'_> {
    /// Keeps only the facts in `read`.
    pub(in crate::engine) fn only(&self, read: &Names) -> Self {
        let (used, RequestContext { time, source }) = (&self.model_use, self.request_context);
        let is_read = |name: &str| read.contains(name);
        let text = |name, text| if is_read(name) { text } else { "" };
        Self {
            method: text("method", self.method),
            route: text("route", self.route),
            body_bytes: if is_read("body_bytes") { self.body_bytes } else { 0 },
            request_context: RequestContext {
                time: time.filter(|_| is_read("time") || is_read("weekday")),
                source: source.filter(|_| is_read("source")),
            },
            model_use: ModelUse {
                stream: used.stream && is_read("stream"),
                max_tokens: used.max_tokens.filter(|_| is_read("max_tokens")),
                n: used.n.filter(|_| is_read("n")),
                temperature: used.temperature.filter(|_| is_read("temperature")),
                tools: if is_read("tools") { used.tools } else { 0 },
                images: used.images && is_read("images"),
                audio: used.audio && is_read("audio"),
            },
        }
    }

    /// The facts as a cache key, or `None` if the answer depends on a fact that rarely repeats.
    pub(in crate::engine) fn recurring(&self) -> Option<Recurring> {
        // Every field is named, so that the compiler reports a new one that is not compared.
        let Self { method, route, body_bytes, request_context: RequestContext { time, source }, model_use } =
            *self;
        let ModelUse { stream, max_tokens, n, temperature, tools, images, audio } = model_use;
        let recurs = time.is_none() && body_bytes == 0;
        recurs.then(|| Recurring {
            texts: [method.to_owned(), route.to_owned()],
            source,
            flags: [stream, images, audio],
            numbers: [max_tokens, n, Some(tools)],
            temperature: temperature.map(f64::to_bits),
        })
    }

    /// Builds the context of `call_route` from the facts in `read`.
    pub(in crate::engine) fn of_route(&self, read: &Names) -> Result<Context, String> {
        let mut pairs = Pairs { read, all: Vec::new() };
        self.add_common(&mut pairs);
        pairs.context()
    }

    /// Builds the context of `use_model` from the facts in `read`.
    pub(in crate::engine) fn of_model(&self, read: &Names) -> Result<Context, String> {
        let used = &self.model_use;
        let mut pairs = Pairs { read, all: Vec::new() };
        self.add_common(&mut pairs);
        pairs.add("stream", Some(used.stream), Value::new_bool);
        pairs.add("tools", Some(used.tools), Value::new_long);
        pairs.add("images", Some(used.images), Value::new_bool);
        pairs.add("audio", Some(used.audio), Value::new_bool);
        pairs.add("max_tokens", used.max_tokens, Value::new_long);
        pairs.add("n", used.n, Value::new_long);
        pairs.add("temperature", used.temperature, |t| Value::new_decimal(decimal(t)));
        pairs.context()
    }

    fn add_common(&self, pairs: &mut Pairs<'_>) {
        let time = self.request_context.time.map(DateTime::<Utc>::from);
        pairs.add("method", Some(self.method), |method| Value::new_string(method.to_owned()));
        pairs.add("route", Some(self.route), |route| Value::new_string(route.to_owned()));
        pairs.add("body_bytes", Some(self.body_bytes), |bytes| {
            Value::new_long(i64::try_from(bytes).unwrap_or(i64::MAX))
        });
        pairs
            .add("time", time, |time| Value::new_datetime(time.to_rfc3339_opts(SecondsFormat::Millis, true)));
        pairs.add("weekday", time, |time| Value::new_string(weekday(time.weekday()).to_owned()));
        pairs.add("source", self.request_context.source, |ip| Value::new_ip(ip.to_string()));
    }
}

/// Facts that are likely to repeat.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in crate::engine) struct Recurring {
    texts: [String; 2],
    source: Option<IpAddr>,
    flags: [bool; 3],
    numbers: [Option<i64>; 3],
    temperature: Option<u64>,
}

/// Collects the context attributes that are known and read.
struct Pairs<'r> {
    read: &'r Names,
    all: Vec<(String, Value)>,
}

impl Pairs<'_> {
    fn add<T>(&mut self, name: &str, known: Option<T>, value: impl FnOnce(T) -> Value) {
        if self.read.contains(name) {
            self.all.extend(known.map(|known| (name.to_owned(), value(known))));
        }
    }

    fn context(self) -> Result<Context, String> {
        Context::from_pairs(self.all).map_err(|error| error.to_string())
    }
}

/// Formats a number as Cedar's decimal, which has four fractional digits. A longer number is cut, not rounded, and its
/// last digit becomes odd. So a number keeps its side of any limit with at most three fractional digits: `1.00001 >
/// 1.0` and `0.49999 < 0.5` hold.
fn decimal(number: f64) -> String {
    // The largest value that fits Cedar's decimal and that a float represents with four digits.
    const LARGEST: f64 = 922_337_203_685_477.0;
    let written = number.clamp(-LARGEST, LARGEST).to_string();
    let (whole, places) = written.split_once('.').unwrap_or((&written, ""));
    let kept = places.get(..4).unwrap_or(places);
    let is_cut = places.bytes().skip(4).any(|digit| digit != b'0');
    let last = match kept.as_bytes().get(3) {
        Some(digit) if is_cut => char::from(digit | 1),
        _ => return format!("{whole}.{kept:0<4}"),
    };
    format!("{whole}.{}{last}", kept.get(..3).unwrap_or_default())
}

/// The time and its weekday, in UTC, as policies write them.
pub(in crate::engine) fn clock(time: SystemTime) -> (String, &'static str) {
    let time = DateTime::<Utc>::from(time);
    (time.to_rfc3339_opts(SecondsFormat::Millis, true), weekday(time.weekday()))
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "monday",
        Weekday::Tue => "tuesday",
        Weekday::Wed => "wednesday",
        Weekday::Thu => "thursday",
        Weekday::Fri => "friday",
        Weekday::Sat => "saturday",
        Weekday::Sun => "sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_beyond_four_places_stays_on_its_side_of_a_limit() {
        for (number, written) in [
            (0.0, "0.0000"),
            (1.0, "1.0000"),
            (0.7, "0.7000"),
            (0.1234, "0.1234"),
            (1.00001, "1.0001"),
            (0.49999, "0.4999"),
            (1.000_000_000_1, "1.0001"),
            (0.999_999_99, "0.9999"),
            (-0.49999, "-0.4999"),
            (-1.00001, "-1.0001"),
            (1e-300, "0.0001"),
            (1e300, "922337203685477.0000"),
            (-1e300, "-922337203685477.0000"),
            (2.0, "2.0000"),
        ] {
            assert_eq!(decimal(number), written, "{number}");
        }
    }
}
