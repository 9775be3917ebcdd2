//! The results of a decision.

use std::sync::Arc;

use crate::names::{ModelName, Role};
use crate::request::ApiCall;
use crate::rules::Rule;

/// The grounds of a decision, for responses and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The caller's role (R1).
    pub role: Option<Role>,
    /// The caller's user id (R4).
    pub user_id: Option<Arc<str>>,
    /// The team that was selected (R6).
    pub team_id: Option<Arc<str>>,
    /// The ids of the policies that decided, sorted.
    pub policies: Arc<[Arc<str>]>,
    /// The ids of the shadow policies (`@shadow`) that would have changed the decision, sorted.
    pub shadow: Arc<[Arc<str>]>,
    /// The rule that denies but is not enforced under `modelgate.mode: log_only`.
    pub unenforced: Option<Rule>,
    /// The snapshot's generation.
    pub generation: u64,
}

/// Proof that a request was allowed. Only the engine creates one.
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

    /// The model that the request uses, or `None` if it names no model.
    #[must_use]
    pub fn model(&self) -> Option<&ModelName> {
        self.call.model()
    }

    /// The grounds of the decision.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// A request was denied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", reason.as_deref().unwrap_or_else(|| rule.reason()))]
pub struct Denied {
    /// The first rule that denies, in the order of the rules.
    pub rule: Rule,
    /// The message for the caller if it differs from the rule's own reason: the `@reason` of the dropped-in policy that
    /// denies, or a note that the request names no model.
    pub reason: Option<Arc<str>>,
    /// Cedar's message about a policy whose evaluation failed. For the operator, not for the caller.
    pub error: Option<String>,
    /// Whether R9 denies too, or might. Such a denial is enforced in every mode.
    pub is_floor: bool,
    /// The grounds of the decision.
    pub decision: Box<Decision>,
}

impl Denied {
    pub(super) fn new(rule: Rule, decision: Decision) -> Self {
        Self { rule, reason: None, error: None, is_floor: false, decision: Box::new(decision) }
    }
}
