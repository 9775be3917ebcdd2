//! A line of the log as plain data.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::request::ModelUse;

/// Longer names are cut. Otherwise callers, who choose model names, could fill the memory with the log.
const LONGEST_NAME: usize = 512;

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Forwarded, or answered by the gateway.
    Allowed,
    /// Denied by a rule.
    Denied,
    /// No decision was made, for example because there was no valid token.
    Refused,
    /// Allowed, but no upstream answered.
    Failed,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Denied, Self::Refused, Self::Failed];

    /// The verdict's name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A logged decision. `docs/reference/decision-log.md` describes each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The time when the request arrived.
    #[serde(with = "rfc3339")]
    pub time: SystemTime,
    /// The request id of the answer.
    pub request_id: String,
    /// The result of the request.
    pub verdict: Verdict,
    /// The status of the answer; `None` if the caller disconnected before the answer.
    pub status: Option<u16>,
    /// The `error.code` of the answer.
    pub code: Option<Cow<'static, str>>,
    /// The rule that denied.
    pub rule: Option<Cow<'static, str>>,
    /// The reason why the token was refused.
    pub reason: Option<Cow<'static, str>>,
    /// The ids of the policies that decided.
    pub policies: Vec<Arc<str>>,
    /// The ids of the shadow policies that would have decided otherwise.
    pub shadow: Vec<Arc<str>>,
    /// The generation of the snapshot.
    pub generation: u64,
    /// The duration of the decision, in microseconds.
    pub decision_us: Option<u64>,
    /// The caller, once it is known.
    pub caller: Option<LoggedCaller>,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub route: String,
    /// The models that the request names.
    pub models: Vec<String>,
    /// `log_only` if `modelgate.mode` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Cow<'static, str>>,
    /// The rule that denies but is not enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unenforced: Option<Cow<'static, str>>,
    /// The decision of the shadow rules, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_config: Option<ShadowDecision>,
    /// The share of lines like this one that is logged, if it is less than all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// What served the request, if there was a choice: several deployments of the model, retries or fallbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Box<Served>>,
    /// The number of lines that were lost directly before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// The action and the resource, if the question was not about a request of an LLM API (AuthZEN).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Box<LoggedAccess>>,
    /// The input of the decision; `None` if it is not logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<Input>>,
}

/// What served a request, or was tried last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The name of the model: the one that the request asks for, or a fallback.
    pub model: String,
    /// The deployment: `model_info.id`, or the model's name and the number of the entry among those with this name.
    pub deployment: String,
    /// How many times the request was sent.
    pub attempts: u32,
    /// The ids of the policies that permit the fallback; empty if the model is the one that the request asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Arc<str>>,
}

/// A question about a resource of a type that operators declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedAccess {
    /// The name of the action.
    pub action: String,
    /// The type of the resource.
    pub resource_type: String,
    /// The id of the resource.
    pub resource: String,
}

/// The decision of the shadow rules (`--shadow-config`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowDecision {
    /// `allowed` or `denied`.
    pub verdict: Verdict,
    /// The rule that denies.
    pub rule: Option<Cow<'static, str>>,
    /// The ids of the policies that decide.
    pub policies: Vec<Arc<str>>,
}

/// The caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedCaller {
    /// The claim `sub`.
    pub subject: Option<String>,
    /// The claim `iss`.
    pub issuer: Option<String>,
    /// The user id (R4).
    pub user_id: Option<String>,
    /// The role (R1).
    pub role: Option<Cow<'static, str>>,
    /// The team that was selected (R6).
    pub team: Option<String>,
    /// The teams that the token claims (R6).
    pub teams: Vec<String>,
    /// Whether this is the master key.
    pub master_key: bool,
}

/// The input of a decision. `Debug` leaves the claims out: only `replayable` lines show them.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The token's claims; `None` for the master key.
    pub claims: Option<Arc<Map<String, Value>>>,
    /// The method.
    pub method: String,
    /// The path that was judged.
    pub path: String,
    /// The header `x-litellm-team-id`.
    pub team_header: Option<String>,
    /// The model that the request asks for.
    pub model: Option<String>,
    /// The additional models.
    pub additional_models: Vec<String>,
    /// How the request uses its model.
    pub model_use: ModelUse,
    /// The length of the body, in bytes.
    pub body_bytes: u64,
    /// The caller's address.
    pub source: Option<String>,
    /// The time, as policies see it.
    #[serde(with = "rfc3339::optional")]
    pub time: Option<SystemTime>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut input = f.debug_struct("Input");
        input.field("method", &self.method).field("path", &self.path).field("model", &self.model);
        input.finish_non_exhaustive()
    }
}

/// A name of at most 512 bytes. A longer one is cut and ends with `…`.
#[must_use]
pub fn cut(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let end = (0..=LONGEST_NAME).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", name.get(..end).unwrap_or_default())
}

/// Formats times as RFC 3339 does, in UTC, to the microsecond.
mod rfc3339 {
    use std::time::SystemTime;

    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de};

    fn text(time: SystemTime) -> String {
        DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    fn time<E: de::Error>(text: &str) -> Result<SystemTime, E> {
        DateTime::parse_from_rfc3339(text).map(SystemTime::from).map_err(E::custom)
    }

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        time(&String::deserialize(deserializer)?)
    }

    pub(super) mod optional {
        use super::{Deserialize, Deserializer, Serializer, SystemTime};

        pub(in super::super) fn serialize<S: Serializer>(
            time: &Option<SystemTime>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<SystemTime>, D::Error> {
            Option::<String>::deserialize(deserializer)?.map(|text| super::time(&text)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        assert_eq!(cut("short"), "short");
        let long = format!("a{}", "é".repeat(300));
        assert_eq!(cut(&long), format!("a{}…", "é".repeat(255)));
    }
}
