//! What policies read as `context`.

use cedar_policy::{Context, RestrictedExpression as Value};
use chrono::{DateTime, Datelike as _, SecondsFormat, Utc, Weekday};

use crate::request::{Circumstances, ModelUse};

/// What a request says beside its caller, its route and its models.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts<'a> {
    pub(super) method: &'a str,
    pub(super) route: &'a str,
    pub(super) body_bytes: usize,
    pub(super) circumstances: Circumstances,
    pub(super) model_use: ModelUse,
}

impl Facts<'_> {
    /// The context of `call_route`.
    pub(super) fn of_route(&self) -> Result<Context, String> {
        context(self.common())
    }

    /// The context of `use_model`.
    pub(super) fn of_model(&self) -> Result<Context, String> {
        let used = &self.model_use;
        let mut pairs = self.common();
        pairs.extend([
            ("stream", Value::new_bool(used.stream)),
            ("tools", Value::new_long(used.tools)),
            ("images", Value::new_bool(used.images)),
            ("audio", Value::new_bool(used.audio)),
        ]);
        pairs.extend(used.max_tokens.map(|tokens| ("max_tokens", Value::new_long(tokens))));
        pairs.extend(used.n.map(|n| ("n", Value::new_long(n))));
        pairs.extend(used.temperature.map(|t| ("temperature", Value::new_decimal(format!("{t:.4}")))));
        context(pairs)
    }

    fn common(&self) -> Vec<(&'static str, Value)> {
        let bytes = i64::try_from(self.body_bytes).unwrap_or(i64::MAX);
        let mut pairs = vec![
            ("method", Value::new_string(self.method.to_owned())),
            ("route", Value::new_string(self.route.to_owned())),
            ("body_bytes", Value::new_long(bytes)),
        ];
        if let Some(time) = self.circumstances.time {
            let time = DateTime::<Utc>::from(time);
            pairs.push(("time", Value::new_datetime(time.to_rfc3339_opts(SecondsFormat::Millis, true))));
            pairs.push(("weekday", Value::new_string(weekday(time.weekday()).to_owned())));
        }
        pairs.extend(self.circumstances.source.map(|ip| ("source", Value::new_ip(ip.to_string()))));
        pairs
    }
}

fn context(pairs: Vec<(&'static str, Value)>) -> Result<Context, String> {
    let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
    Context::from_pairs(pairs).map_err(|error| error.to_string())
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
