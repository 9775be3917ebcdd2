//! Changes what a request says about itself: its time, its address, its size and how it uses the model.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};

use super::expression::Part;
use super::guide::Guide;
use crate::prove::scenario::Scenario;

const DAY: i64 = 86_400_000;

impl Guide<'_> {
    /// The read value is below or above a limit.
    pub(super) fn ordered(
        &self,
        from: &Scenario,
        read: &Part<'_>,
        limit: &Part<'_>,
        is_below: bool,
        is_inclusive: bool,
    ) -> Vec<Scenario> {
        let step = match (is_inclusive, is_below) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let fits = |value: i64, limit: i64| match is_below {
            true => value < limit || (is_inclusive && value == limit),
            false => value > limit || (is_inclusive && value == limit),
        };
        let now = millis(from);
        match (read, limit) {
            (Part::Context(name), Part::Number(limit)) => match number(from, name) {
                Some(known) if fits(known, *limit) => vec![from.clone()],
                _ => limit.checked_add(step).map_or(Vec::new(), |value| with_number(from, name, value)),
            },
            (Part::TimeOfDay, Part::Made("duration", text)) => match duration(text) {
                Some(limit) if fits(now.rem_euclid(DAY), limit) => vec![from.clone()],
                Some(limit) => {
                    // A whole hour or minute is read more easily than a moment beside the limit.
                    let own = limit + step;
                    let round = [3_600_000, 60_000, 1_000].map(|unit| match is_below {
                        true => own.div_euclid(unit) * unit,
                        false => (own + unit - 1).div_euclid(unit) * unit,
                    });
                    let times = round.into_iter().chain([own]).filter(|time| (0..DAY).contains(time));
                    times.map(|time| at(from, now.div_euclid(DAY) * DAY + time)).collect()
                }
                None => vec![from.clone()],
            },
            (Part::Context("time"), Part::Made("datetime", text)) => match moment(text) {
                Some(limit) if fits(now, limit) => vec![from.clone()],
                Some(limit) => vec![at(from, limit + step * DAY / 2), at(from, limit + step)],
                None => vec![from.clone()],
            },
            _ => vec![from.clone()],
        }
    }

    /// The request has an optional value.
    pub(super) fn present(&self, from: &Scenario, name: &str, wanted: bool) -> Vec<Scenario> {
        let mut other = from.clone();
        match (name, wanted) {
            ("source", true) => _ = other.source.get_or_insert(OUTSIDE[0]),
            ("source", false) => other.source = None,
            ("max_tokens", true) => _ = other.model_use.max_tokens.get_or_insert(1),
            ("max_tokens", false) => other.model_use.max_tokens = None,
            ("n", true) => _ = other.model_use.n.get_or_insert(1),
            ("n", false) => other.model_use.n = None,
            ("temperature", true) => _ = other.model_use.temperature.get_or_insert(0.0),
            ("temperature", false) => other.model_use.temperature = None,
            _ => {}
        }
        vec![other]
    }

    /// The request has a value, or another one.
    pub(super) fn with_value(
        &self,
        from: &Scenario,
        name: &str,
        value: &Part<'_>,
        wanted: bool,
    ) -> Vec<Scenario> {
        let mut other = from.clone();
        match (name, value) {
            ("stream", Part::Flag(flag)) => other.model_use.stream = *flag == wanted,
            ("images", Part::Flag(flag)) => other.model_use.images = *flag == wanted,
            ("audio", Part::Flag(flag)) => other.model_use.audio = *flag == wanted,
            ("method", Part::Text(method)) if (from.method == *method) != wanted => {
                other.method = if wanted { (*method).to_owned() } else { "POST".to_owned() };
            }
            ("weekday", Part::Text(day)) => return on(from, day, wanted),
            ("time", Part::Made("datetime", text)) => match moment(text) {
                Some(time) if (millis(from) == time) != wanted => {
                    other = at(from, if wanted { time } else { time + DAY });
                }
                _ => {}
            },
            ("source", Part::Made("ip", range)) => return from_address(from, range, wanted),
            (name, Part::Number(value)) if (number(from, name) == Some(*value)) != wanted => {
                return with_number(from, name, if wanted { *value } else { value.saturating_add(1) });
            }
            _ => {}
        }
        vec![other]
    }

    /// A function of a value is true.
    pub(super) fn called(
        &self,
        from: &Scenario,
        function: &str,
        read: &Part<'_>,
        argument: &Part<'_>,
        wanted: bool,
    ) -> Vec<Scenario> {
        match (function, read, argument) {
            ("isInRange", Part::Context("source"), Part::Made("ip", range)) => {
                from_address(from, range, wanted)
            }
            ("isLoopback", Part::Context("source"), _) => from_address(from, "127.0.0.0/8", wanted),
            ("isIpv4", Part::Context("source"), _) => from_address(from, "0.0.0.0/0", wanted),
            ("isIpv6", Part::Context("source"), _) => from_address(from, "::/0", wanted),
            ("isMulticast", Part::Context("source"), _) => from_address(from, "224.0.0.0/4", wanted),
            (name, Part::Context("temperature"), Part::Made("decimal", limit)) => {
                let Ok(limit) = limit.parse::<f64>() else { return vec![from.clone()] };
                // Cedar's decimals have four places, and the last digit of a longer one is changed.
                let is_below = name.starts_with("less") == wanted;
                let mut other = from.clone();
                other.model_use.temperature = Some(if is_below { limit - 0.5 } else { limit + 0.5 });
                vec![other]
            }
            _ => vec![from.clone()],
        }
    }
}

/// Addresses for documentation, which no range of an operator has.
const OUTSIDE: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)];

/// The request comes from an address of a range, or from another one.
fn from_address(from: &Scenario, range: &str, wanted: bool) -> Vec<Scenario> {
    let (first, length) = match range.split_once('/') {
        Some((first, length)) => (first, length.parse().unwrap_or(128)),
        None => (range, 128_u32),
    };
    let Ok(first) = first.parse::<IpAddr>() else { return vec![from.clone()] };
    let is_in = |address: IpAddr| match (address, first) {
        (IpAddr::V4(own), IpAddr::V4(first)) => {
            (own.to_bits() ^ first.to_bits()).leading_zeros() >= length.min(32)
        }
        (IpAddr::V6(own), IpAddr::V6(first)) => (own.to_bits() ^ first.to_bits()).leading_zeros() >= length,
        _ => false,
    };
    if from.source.is_some_and(|own| is_in(own) == wanted) {
        return vec![from.clone()];
    }
    let with = |address: IpAddr| Scenario { source: Some(address), ..from.clone() };
    if wanted {
        vec![with(first)]
    } else {
        OUTSIDE.into_iter().filter(|own| !is_in(*own)).map(with).collect()
    }
}

/// The time in milliseconds.
fn millis(from: &Scenario) -> i64 {
    from.time.map_or(0, |time| DateTime::<Utc>::from(time).timestamp_millis())
}

fn at(from: &Scenario, millis: i64) -> Scenario {
    let since = u64::try_from(millis).ok().map(Duration::from_millis);
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    Scenario { time: time.or(from.time), ..from.clone() }
}

/// The same time on a weekday, or on another one.
fn on(from: &Scenario, weekday: &str, wanted: bool) -> Vec<Scenario> {
    let now = millis(from);
    let is = |millis: i64| {
        let day = DateTime::<Utc>::from_timestamp_millis(millis).map(|time| time.weekday().to_string());
        day.is_some_and(|day| weekday.starts_with(&day.to_lowercase()))
    };
    let days = (0..7).map(|days| now + days * DAY).find(|time| is(*time) == wanted);
    days.map(|time| if time == now { from.clone() } else { at(from, time) }).into_iter().collect()
}

fn number(from: &Scenario, name: &str) -> Option<i64> {
    match name {
        "tools" => Some(from.model_use.tools),
        "max_tokens" => from.model_use.max_tokens,
        "n" => from.model_use.n,
        "body_bytes" => i64::try_from(from.body_bytes).ok(),
        _ => None,
    }
}

fn with_number(from: &Scenario, name: &str, value: i64) -> Vec<Scenario> {
    let mut other = from.clone();
    match name {
        "tools" if value >= 0 => other.model_use.tools = value,
        "max_tokens" => other.model_use.max_tokens = Some(value),
        "n" => other.model_use.n = Some(value),
        "body_bytes" => match usize::try_from(value) {
            Ok(value) => other.body_bytes = value,
            Err(_) => return Vec::new(),
        },
        _ => return Vec::new(),
    }
    vec![other]
}

/// A duration as Cedar writes it, such as `1h30m`, in milliseconds.
fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut all = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, tail) = rest.split_at_checked(digits)?;
        let units = [("ms", 1), ("d", DAY), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        let (unit, millis) = units.into_iter().find(|(unit, _)| tail.starts_with(unit))?;
        all = all.checked_add(count.parse::<i64>().ok()?.checked_mul(millis)?)?;
        rest = tail.strip_prefix(unit)?;
    }
    all.checked_mul(sign)
}

/// A date or a time as Cedar writes it, in milliseconds.
fn moment(text: &str) -> Option<i64> {
    let parsed = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .map(|time| time.timestamp_millis());
    let date = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis());
    parsed.ok().or_else(date)
}
