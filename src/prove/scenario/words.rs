//! Says in operators' words what a request is.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::Scenario;

impl Scenario {
    /// The request as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        let mut add = |name: &str, value: Value| {
            if !value.is_null() {
                json.insert(name.to_owned(), value);
            }
        };
        match &self.claims {
            None => add("master_key", true.into()),
            Some(claims) => add("claims", Value::Object(claims.clone())),
        }
        add("method", json!(self.method));
        add("path", json!(self.path));
        add("model", json!(self.model));
        add("team_header", json!(self.team_header));
        add("time", json!(self.time().map(|(time, _)| time)));
        add("weekday", json!(self.time().map(|(_, day)| day)));
        add("source", json!(self.source));
        add("body_bytes", if self.body_bytes == 0 { Value::Null } else { json!(self.body_bytes) });
        let used = json!(self.model_use);
        let said = used
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null() && **value != json!(false) && **value != json!(0));
        said.for_each(|(name, value)| add(name, value.clone()));
        Value::Object(json)
    }

    /// The time and its weekday.
    fn time(&self) -> Option<(String, String)> {
        let time = DateTime::<Utc>::from(self.time?);
        Some((time.to_rfc3339_opts(SecondsFormat::AutoSi, true), time.format("%A").to_string()))
    }
}

impl fmt::Display for Scenario {
    /// A caller, what it asks for, and when.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.claims {
            None => f.write_str("the master key")?,
            Some(claims) if claims.is_empty() => f.write_str("a token without claims")?,
            Some(claims) => write!(f, "a token with {}", Value::Object(claims.clone()))?,
        }
        write!(f, ": {} {}", self.method, self.path)?;
        match self.model.as_deref() {
            None => {}
            Some("") => f.write_str(", naming no model")?,
            Some(model) => write!(f, " for `{model}`")?,
        }
        if let Some(team) = &self.team_header {
            write!(f, ", `x-litellm-team-id: {team}`")?;
        }
        let used = json!(self.model_use);
        for (name, value) in used.as_object().into_iter().flatten() {
            if !value.is_null() && *value != json!(false) && *value != json!(0) {
                write!(f, ", {name} {value}")?;
            }
        }
        if self.body_bytes > 0 {
            write!(f, ", {} bytes", self.body_bytes)?;
        }
        if let Some(source) = self.source {
            write!(f, ", from {source}")?;
        }
        match self.time() {
            Some((time, day)) => write!(f, ", on {day}, {time}"),
            None => Ok(()),
        }
    }
}
