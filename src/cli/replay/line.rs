//! A line of the decision log, as far as it takes to decide again. `docs/operating.md` has the whole.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::authn::VerifiedClaims;
use crate::engine::{Inquiry, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::{Circumstances, ModelUse};

/// What stands in the place of a value that was masked.
const MASKED: &str = "***";
/// What a name ends with that was too long for the log.
const CUT: char = '…';

#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) request_id: String,
    verdict: String,
    pub(super) rule: Option<String>,
    caller: Option<LoggedCaller>,
    #[serde(default)]
    input: Value,
}

#[derive(Deserialize)]
struct LoggedCaller {
    role: Option<String>,
}

#[derive(Deserialize)]
struct Input {
    claims: Option<Map<String, Value>>,
    method: String,
    path: String,
    team_header: Option<String>,
    model: Option<String>,
    further: Vec<String>,
    model_use: LoggedUse,
    body_bytes: u64,
    source: Option<String>,
    time: Option<String>,
}

#[derive(Deserialize)]
struct LoggedUse {
    stream: bool,
    tools: i64,
    images: bool,
    audio: bool,
    max_tokens: Option<i64>,
    n: Option<i64>,
    temperature: Option<f64>,
}

/// What was asked, and by whom.
pub(super) struct Asked {
    /// `None`: the master key.
    claims: Option<Map<String, Value>>,
    pub(super) inquiry: Inquiry,
}

/// Why a line cannot be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Left {
    /// `decision_log.replayable` was not set.
    WithoutInput,
    /// There was no caller, or no request that could be judged.
    Undecided,
    /// What was asked is not in the log as it was.
    Masked,
}

impl Line {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Whether the request was allowed, whatever the upstream said then.
    pub(super) fn allowed(&self) -> bool {
        matches!(self.verdict.as_str(), "allowed" | "failed")
    }

    pub(super) fn role(&self) -> Option<&str> {
        self.caller.as_ref()?.role.as_deref()
    }

    /// What was asked, or why that is not known.
    ///
    /// # Errors
    ///
    /// What is wrong with an `input` that is there.
    pub(super) fn asked(&self) -> Result<Result<Asked, Left>, String> {
        if self.verdict != "denied" && !self.allowed() {
            return Ok(Err(Left::Undecided));
        }
        if self.input.is_null() {
            return Ok(Err(Left::WithoutInput));
        }
        if is_masked(&self.input) {
            return Ok(Err(Left::Masked));
        }
        let input = Input::deserialize(&self.input).map_err(|error| format!("`input`: {error}"))?;
        input.asked().map(Ok)
    }
}

fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(MASKED) || text.ends_with(CUT),
        Value::Array(list) => list.iter().any(is_masked),
        Value::Object(object) => object.values().any(is_masked),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

impl Input {
    fn asked(self) -> Result<Asked, String> {
        let LoggedUse { stream, tools, images, audio, max_tokens, n, temperature } = self.model_use;
        let names =
            self.model.iter().chain(self.further.iter().filter(|name| Some(*name) != self.model.as_ref()));
        let models = names.map(|name| ModelName::new(name)).collect::<Result<_, _>>();
        let source = self.source.map(|text| text.parse().map_err(|_| format!("`{text}` is not an address")));
        let inquiry = Inquiry {
            method: self.method,
            route: self.path,
            team_header: self.team_header,
            models: models.map_err(|error| error.to_string())?,
            model_use: ModelUse { stream, max_tokens, n, temperature, tools, images, audio },
            body_bytes: usize::try_from(self.body_bytes).unwrap_or(usize::MAX),
            circumstances: Circumstances {
                time: self.time.as_deref().map(instant).transpose()?,
                source: source.transpose()?,
            },
        };
        Ok(Asked { claims: self.claims, inquiry })
    }
}

fn instant(text: &str) -> Result<SystemTime, String> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| format!("`{text}` is not a time"))?;
    Ok(time.with_timezone(&Utc).into())
}

impl Asked {
    /// The caller, as this configuration reads the claims; `None` for a master key where there is none.
    pub(super) fn caller(&self, snapshot: &Snapshot) -> Option<Caller> {
        match &self.claims {
            Some(claims) => Some(snapshot.identify(&VerifiedClaims::dangerous_trust(claims.clone()))),
            None => snapshot.config().master_key.is_some().then(Caller::master_key),
        }
    }
}
