//! Parameters of a deployment that go into a request's body where the caller does not set them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

/// The parameters of a deployment, for one operation.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::gateway) struct Defaults<'d> {
    kind: Kind,
    /// Names, and values as JSON.
    parameters: &'d [(String, String)],
}

/// What an operation takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// No parameters of a deployment.
    #[default]
    Nothing,
    /// All of them.
    Chat,
    /// Those that Anthropic's interface has too.
    Messages,
    /// Those that the interface for responses has too.
    Responses,
    /// Those that are not about chats.
    Other,
}

/// Parameters of chats that have the same name and meaning elsewhere.
const MESSAGES: [&str; 10] = [
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_p",
];
const RESPONSES: [&str; 14] = [
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
];
const OTHER: [&str; 4] = ["n", "response_format", "service_tier", "user"];

/// Two names of one parameter: a request that sets one of them does not get the other.
const SYNONYMS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

impl<'d> Defaults<'d> {
    /// The parameters for an operation, such as `chat/completions`.
    pub(in crate::gateway) fn new(operation: &str, parameters: &'d [(String, String)]) -> Self {
        let kind = match operation {
            "chat/completions" | "completions" => Kind::Chat,
            "messages" => Kind::Messages,
            "responses" => Kind::Responses,
            "embeddings" | "images/generations" | "audio/speech" | "rerank" => Kind::Other,
            _ => Kind::Nothing,
        };
        Self { kind, parameters }
    }

    /// What is to be inserted into a JSON object, and where. The body is read only if there may be something to insert.
    pub(in crate::gateway) fn members_for(&self, body: &[u8]) -> Option<(usize, String)> {
        let wanted = self.parameters.iter().filter(|(name, _)| self.kind.takes(name));
        wanted.clone().next()?;
        let start = body.iter().position(|byte| !byte.is_ascii_whitespace())?;
        if body.get(start) != Some(&b'{') {
            return None;
        }
        let keys = keys(body)?;
        let is_set = |name: &str| keys.iter().any(|key| key == name);
        let mut members = String::new();
        for (name, value) in wanted {
            let has_synonym =
                SYNONYMS.contains(&name.as_str()) && SYNONYMS.iter().any(|synonym| is_set(synonym));
            if !is_set(name) && !has_synonym {
                let name = serde_json::Value::from(name.as_str());
                members.push_str(&format!("{name}:{value},"));
            }
        }
        if keys.is_empty() {
            members.pop();
        }
        (!members.is_empty()).then_some((start + 1, members))
    }
}

impl Kind {
    fn takes(self, name: &str) -> bool {
        let shared: &[&str] = match self {
            Self::Nothing => return false,
            Self::Chat => return true,
            Self::Messages => &MESSAGES,
            Self::Responses => &RESPONSES,
            Self::Other => &OTHER,
        };
        shared.contains(&name) || !crate::config::is_request_parameter(name)
    }
}

/// The keys of an object. What cannot be read was refused before; then there is nothing to insert.
fn keys(body: &[u8]) -> Option<Vec<Cow<'_, str>>> {
    struct Keys;

    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<Cow<'de, str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut keys = Vec::new();
            while let Some(Key(key)) = map.next_key()? {
                map.next_value::<IgnoredAny>()?;
                keys.push(key);
            }
            Ok(keys)
        }
    }

    #[derive(serde::Deserialize)]
    struct Key<'k>(#[serde(borrow)] Cow<'k, str>);

    serde_json::Deserializer::from_slice(body).deserialize_map(Keys).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inserted(operation: &str, parameters: &[(&str, &str)], body: &str) -> String {
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        match Defaults::new(operation, &parameters).members_for(body.as_bytes()) {
            Some((at, members)) => {
                let mut body = body.to_owned();
                body.insert_str(at, &members);
                body
            }
            None => body.to_owned(),
        }
    }

    #[test]
    fn a_parameter_is_added_where_the_request_does_not_set_it() {
        let parameters = [("temperature", "0.2"), ("top_k", "5")];
        for (body, expected) in [
            (r#"{"model":"a"}"#, r#"{"temperature":0.2,"top_k":5,"model":"a"}"#),
            (r#" { "temperature" : 1 }"#, r#" {"top_k":5, "temperature" : 1 }"#),
            (r#"{"temperature":null,"top\u005fk":1}"#, r#"{"temperature":null,"top\u005fk":1}"#),
            ("{}", r#"{"temperature":0.2,"top_k":5}"#),
            ("[]", "[]"),
            ("--x", "--x"),
        ] {
            assert_eq!(inserted("chat/completions", &parameters, body), expected);
        }
    }

    #[test]
    fn a_parameter_with_two_names_is_sent_once() {
        let body = r#"{"max_completion_tokens":1}"#;
        assert_eq!(inserted("chat/completions", &[("max_tokens", "9")], body), body);
    }

    #[test]
    fn an_operation_gets_only_what_it_takes() {
        let parameters = [("reasoning_effort", "\"low\""), ("temperature", "0"), ("dimensions", "8")];
        for (operation, expected) in [
            ("messages", r#"{"temperature":0,"dimensions":8,"model":"a"}"#),
            ("responses", r#"{"temperature":0,"dimensions":8,"model":"a"}"#),
            ("embeddings", r#"{"dimensions":8,"model":"a"}"#),
            ("audio/transcriptions", r#"{"model":"a"}"#),
        ] {
            assert_eq!(inserted(operation, &parameters, r#"{"model":"a"}"#), expected, "{operation}");
        }
    }
}
