//! Removes from a request what does not matter.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value};

use super::Scenario;
use crate::request::ModelUse;

/// The number of attempts.
const MOST: usize = 2_000;

/// Paths that operators know, for a request with a model and for one without.
const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/embeddings", "/v1/responses"];
const WITHOUT_MODEL: [&str; 3] = ["/v1/models", "/v1/files", "/key/generate"];

impl Scenario {
    /// A smaller request that still shows what this one does. `names` are the models that the rules name. The search ends at
    /// a time.
    pub(in crate::prove) fn smaller(
        self,
        names: &[String],
        shows: &dyn Fn(&Self) -> bool,
        ends: Option<Instant>,
    ) -> Self {
        let mut smallest = self;
        let mut attempts = 0;
        let is_over = || ends.is_some_and(|ends| ends <= Instant::now());
        loop {
            let next = smallest.simpler(names).into_iter().find(|other| {
                attempts += 1;
                attempts < MOST && *other != smallest && !is_over() && shows(other)
            });
            match next {
                Some(next) => smallest = next,
                None => return smallest,
            }
        }
    }

    /// Requests with one thing less.
    fn simpler(&self, names: &[String]) -> Vec<Self> {
        let mut all = Vec::new();
        let mut with = |change: &dyn Fn(&mut Self)| {
            let mut other = self.clone();
            change(&mut other);
            all.push(other);
        };
        if self.team_header.is_some() {
            with(&|other| other.team_header = None);
        }
        let (paths, method) = if self.model.is_some() { (PATHS, "POST") } else { (WITHOUT_MODEL, "GET") };
        let better = paths.iter().take_while(|path| **path != self.path);
        better.for_each(|path| with(&|other| other.path = (*path).to_owned()));
        if self.method != method {
            with(&|other| other.method = method.to_owned());
        }
        if let Some(model) = &self.model {
            let better = names.iter().take_while(|name| *name != model);
            better.take(200).for_each(|name| with(&|other| other.model = Some(name.clone())));
        }
        let default = ModelUse::default();
        let used = self.model_use;
        for lesser in [
            ModelUse { stream: default.stream, ..used },
            ModelUse { max_tokens: None, ..used },
            ModelUse { n: None, ..used },
            ModelUse { temperature: None, ..used },
            ModelUse { tools: 0, ..used },
            ModelUse { tools: used.tools.min(1), ..used },
            ModelUse { images: false, ..used },
            ModelUse { audio: false, ..used },
        ] {
            if lesser != used {
                with(&|other| other.model_use = lesser);
            }
        }
        if self.body_bytes != 0 {
            with(&|other| other.body_bytes = 0);
        }
        if self.source.is_some() {
            with(&|other| other.source = None);
        }
        for time in times(self.time) {
            with(&|other| other.time = Some(time));
        }
        if let Some(claims) = &self.claims {
            for smaller in without_one(claims) {
                with(&|other| other.claims = Some(smaller.clone()));
            }
        }
        all
    }
}

/// Better known times: a Monday and a Saturday at noon, then the full hour and minute.
fn times(time: Option<SystemTime>) -> Vec<SystemTime> {
    const KNOWN: [u64; 2] = [1_767_614_400, 1_767_441_600];
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let Some(since) = since else { return Vec::new() };
    let rounded = [3600, 60, 1].map(|unit| since.as_secs() / unit * unit);
    let better = KNOWN.into_iter().take_while(|known| *known != since.as_secs());
    let is_known = KNOWN.contains(&since.as_secs());
    let rounded = rounded.into_iter().filter(|_| !is_known).map(at);
    better.map(at).chain(rounded).filter(|other| Some(*other) != time).collect()
}

/// The claims without one of them, or without one value of a list.
fn without_one(claims: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut all = Vec::new();
    for (name, value) in claims {
        let mut smaller = claims.clone();
        smaller.remove(name);
        all.push(smaller);
        let lesser: Vec<Value> = match value {
            Value::Array(values) if values.len() == 1 => {
                values.iter().filter(|value| value.is_string()).cloned().collect()
            }
            Value::Array(values) => (0..values.len())
                .map(|left_out| {
                    let kept = values.iter().enumerate().filter(|(at, _)| *at != left_out);
                    Value::Array(kept.map(|(_, value)| value.clone()).collect())
                })
                .collect(),
            Value::Object(members) => without_one(members).into_iter().map(Value::Object).collect(),
            Value::String(text) if !["somebody", ""].contains(&text.as_str()) && !text.contains(' ') => {
                vec!["somebody".into()]
            }
            _ => Vec::new(),
        };
        for value in lesser {
            let mut smaller = claims.clone();
            smaller.insert(name.clone(), value);
            all.push(smaller);
        }
    }
    all
}
