//! What is known of a policy beside what it decides.

use std::sync::Arc;

use cedar_policy::Policy;

use super::Rule;

/// A policy's id and annotations, once for all requests.
#[derive(Debug)]
pub(super) struct PolicyFacts {
    pub(super) id: Arc<str>,
    pub(super) rule: Rule,
    pub(super) policy: Policy,
    /// `file:line`.
    pub(super) source: Option<String>,
}

impl PolicyFacts {
    pub(super) fn of(policy: &Policy) -> Self {
        Self {
            id: Arc::from(policy.id().to_string()),
            rule: policy.annotation("rule").and_then(Rule::from_name).unwrap_or(Rule::Policy),
            source: policy.annotation("source").map(str::to_owned),
            policy: policy.clone(),
        }
    }
}
