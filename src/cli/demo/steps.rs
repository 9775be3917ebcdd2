//! The requests of the demo, and the purpose of each.

use http::StatusCode;

/// A role that the example allows, and an unknown role.
pub(super) const ROLE: &str = "basic_user";
pub(super) const OTHER_ROLE: &str = "guest";
/// A model that the role may use, and a model that it may not use.
pub(super) const ALLOWED: &str = "anthropic-claude";
pub(super) const DENIED: &str = "openai-gpt-4o";
/// A policy that denies every request.
pub(super) const CLOSING: &str =
    "@reason(\"closed by hand\") forbid (principal, action == Action::\"use_model\", resource);\n";

pub(super) const CHAT: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";

/// The token that a step sends.
#[derive(Clone, Copy)]
pub(super) enum Sender {
    Member,
    Guest,
    Nobody,
}

/// A request with its expected status and an explanation.
pub(super) struct Step {
    pub(super) shows: &'static str,
    pub(super) sender: Sender,
    pub(super) path: &'static str,
    pub(super) body: Option<String>,
    pub(super) expected: StatusCode,
    pub(super) why: &'static str,
    /// Whether the output of `modelgate explain` follows.
    pub(super) explained: bool,
}

/// The requests that use the initial rules.
pub(super) fn requests() -> [Step; 6] {
    [
        Step {
            shows: "The models that a caller may use",
            sender: Sender::Member,
            path: MODELS,
            body: None,
            expected: StatusCode::OK,
            why: "The list has the models that the caller may use, and no others.",
            explained: false,
        },
        Step {
            shows: "An allowed model",
            sender: Sender::Member,
            path: CHAT,
            body: Some(chat(ALLOWED, false)),
            expected: StatusCode::OK,
            why: "The token has the role `basic_user`, and the configuration lists this model for it.",
            explained: false,
        },
        Step {
            shows: "A denied model",
            sender: Sender::Member,
            path: CHAT,
            body: Some(chat(DENIED, false)),
            expected: StatusCode::FORBIDDEN,
            why: "The configuration does not list this model for the role. The upstream never saw the request.",
            explained: true,
        },
        Step {
            shows: "A streamed answer",
            sender: Sender::Member,
            path: CHAT,
            body: Some(chat(ALLOWED, true)),
            expected: StatusCode::OK,
            why: "modelgate passes each piece on as it comes.",
            explained: false,
        },
        Step {
            shows: "A token without the role",
            sender: Sender::Guest,
            path: CHAT,
            body: Some(chat(ALLOWED, false)),
            expected: StatusCode::FORBIDDEN,
            why: "The token is valid, but the configuration has no role `guest`.",
            explained: false,
        },
        Step {
            shows: "No token",
            sender: Sender::Nobody,
            path: MODELS,
            body: None,
            expected: StatusCode::UNAUTHORIZED,
            why: "Without a token, there is no caller to decide for.",
            explained: false,
        },
    ]
}

fn chat(model: &str, stream: bool) -> String {
    let stream = if stream { ", \"stream\": true" } else { "" };
    format!(r#"{{"model": "{model}"{stream}, "messages": [{{"role": "user", "content": "Hello"}}]}}"#)
}

/// The request that a policy denies and then permits again.
pub(super) fn allowed() -> Step {
    Step {
        shows: "",
        sender: Sender::Member,
        path: CHAT,
        body: Some(chat(ALLOWED, false)),
        expected: StatusCode::OK,
        why: "",
        explained: false,
    }
}
