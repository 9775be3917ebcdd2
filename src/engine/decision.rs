//! The outcomes of a decision.

use std::sync::Arc;

use crate::names::{ModelName, Role};
use crate::request::ApiCall;
use crate::rules::Rule;

/// What a decision was based on, for answers and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// R1.
    pub role: Option<Role>,
    /// R4.
    pub user_id: Option<Arc<str>>,
    /// The team that was selected (R6).
    pub team_id: Option<Arc<str>>,
    /// The ids of the policies that decided, sorted.
    pub policies: Arc<[Arc<str>]>,
    /// The ids of the policies under trial (`@shadow`) that would have decided otherwise, sorted.
    pub shadow: Arc<[Arc<str>]>,
    /// The rule that denies and is not enforced, under `modelgate.mode: log_only`.
    pub unenforced: Option<Rule>,
    /// The snapshot's generation.
    pub generation: u64,
}

/// Proof that a request was allowed. Only the engine makes one.
#[derive(Debug)]
pub struct Permit {
    pub(super) call: ApiCall,
    pub(super) decision: Decision,
}

impl Permit {
    /// The request that was allowed.
    #[must_use]
    pub fn call(&self) -> &ApiCall {
        &self.call
    }

    /// The model that the request may use; `None` for a request without one.
    #[must_use]
    pub fn model(&self) -> Option<&ModelName> {
        self.call.model()
    }

    /// What the decision was based on.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// A request was denied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", reason.as_deref().unwrap_or_else(|| rule.reason()))]
pub struct Denied {
    /// The first rule, in the order of the rules, that denies.
    pub rule: Rule,
    /// What the caller is told instead of the rule's own reason: the `@reason` of the dropped-in policy that denies, or that the
    /// request names no model.
    pub reason: Option<Arc<str>>,
    /// What Cedar says of a policy whose evaluation failed; for the operator, not for the caller.
    pub error: Option<String>,
    /// R9 denies too, or may: the denial holds in every mode.
    pub is_floor: bool,
    /// What the decision was based on.
    pub decision: Box<Decision>,
}

impl Denied {
    pub(super) fn new(rule: Rule, decision: Decision) -> Self {
        Self { rule, reason: None, error: None, is_floor: false, decision: Box::new(decision) }
    }
}
