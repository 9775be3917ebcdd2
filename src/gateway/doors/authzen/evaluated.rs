//! The answer to a question.

use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::payload::PayloadError;
use crate::engine::Decision;
use crate::gateway::http::error_response::Refusal;

/// The answer to a question. It is a denial unless everything permits.
pub(super) struct Evaluated {
    pub(super) is_permitted: bool,
    context: Map<String, Value>,
}

impl Evaluated {
    /// A permitted request, with the models that it may use.
    pub(super) fn permitted(decision: &Decision, models: &[&str], request_id: &HeaderValue) -> Self {
        let mut context = Map::new();
        insert(&mut context, "request_id", request_id.to_str().ok());
        insert(&mut context, "role", decision.role.map(|role| role.as_str()));
        insert(&mut context, "user", decision.user_id.as_deref());
        insert(&mut context, "team", decision.team_id.as_deref());
        if !models.is_empty() {
            context.insert("models".to_owned(), json!(models));
        }
        context.insert("policies".to_owned(), json!(decision.policies));
        Self { is_permitted: true, context }
    }

    /// A denied or refused request. The status is the gateway's.
    pub(super) fn refused(refusal: &Refusal, status: StatusCode, request_id: &HeaderValue) -> Self {
        let message = refusal.to_string();
        let mut context = Map::new();
        insert(&mut context, "request_id", request_id.to_str().ok());
        insert(&mut context, "code", Some(refusal.code()));
        let mut for_admin = message.clone();
        if let Refusal::Denied(denied) = refusal {
            let policies: Vec<&str> = denied.decision.policies.iter().map(|id| &**id).collect();
            for_admin = match (&denied.error, policies.as_slice()) {
                (Some(error), _) => format!("{}: {error}", denied.rule),
                (None, []) => format!("{}: {message}", denied.rule),
                (None, policies) => format!("{}: {}", denied.rule, policies.join(", ")),
            };
            insert(&mut context, "rule", Some(denied.rule.as_str()));
            context.insert("policies".to_owned(), json!(policies));
        }
        let status = status.as_str();
        context.insert("reason_admin".to_owned(), json!({ status: for_admin }));
        context.insert("reason_user".to_owned(), json!({ status: message }));
        Self { is_permitted: false, context }
    }

    /// A question of a batch that cannot be read.
    pub(super) fn malformed(error: &PayloadError) -> Self {
        let mut context = Map::new();
        context.insert("error".to_owned(), json!({"status": 400, "message": error.to_string()}));
        Self { is_permitted: false, context }
    }

    /// The decision in AuthZEN's format.
    pub(super) fn to_json(&self) -> Value {
        json!({"decision": self.is_permitted, "context": self.context})
    }
}

fn insert(context: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    context.extend(text.map(|text| (name.to_owned(), Value::from(text))));
}
