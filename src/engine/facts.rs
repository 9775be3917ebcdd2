//! What is known of a policy beside what it decides.

use std::sync::Arc;

use cedar_policy::Policy;

use super::Rule;
use crate::dropins::DropIn;

/// A policy's id and annotations, once for all requests.
#[derive(Debug)]
pub(super) struct PolicyFacts {
    pub(super) id: Arc<str>,
    pub(super) rule: Rule,
    pub(super) policy: Policy,
    /// `file:line`.
    pub(super) source: Option<String>,
    /// `@reason`: what a caller is told whom the policy denies.
    pub(super) reason: Option<Arc<str>>,
    /// `@shadow`: evaluated and reported, never enforced.
    pub(super) shadow: bool,
}

impl PolicyFacts {
    pub(super) fn of_translated(policy: &Policy) -> Self {
        Self {
            id: Arc::from(policy.id().to_string()),
            rule: policy.annotation("rule").and_then(Rule::from_name).unwrap_or(Rule::Policy),
            source: policy.annotation("source").map(str::to_owned),
            policy: policy.clone(),
            reason: None,
            shadow: false,
        }
    }

    pub(super) fn of_dropped(dropin: &DropIn) -> Self {
        let policy = &dropin.policy;
        Self {
            id: Arc::from(policy.id().to_string()),
            rule: Rule::Policy,
            source: Some(dropin.source()),
            policy: policy.clone(),
            reason: policy.annotation("reason").filter(|reason| !reason.is_empty()).map(Arc::from),
            shadow: policy.annotation("shadow").is_some(),
        }
    }
}
