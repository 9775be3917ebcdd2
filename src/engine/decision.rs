//! The outcomes of a decision.

use std::fmt;
use std::sync::Arc;

use crate::names::{ModelName, Role};
use crate::request::ApiCall;

/// What a decision was based on, for answers and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// R1.
    pub role: Option<Role>,
    /// R4.
    pub user_id: Option<String>,
    /// The team that was selected (R6).
    pub team_id: Option<String>,
    /// The ids of the policies that decided, sorted.
    pub policies: Vec<Arc<str>>,
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
#[error("{reason}")]
pub struct Denied {
    /// The first rule, in the order of the rules, that denies.
    pub rule: Rule,
    /// What the caller is told. Never lists what is allowed.
    pub reason: String,
    /// What the decision was based on.
    pub decision: Box<Decision>,
}

/// The rule that denies, in the order in which rules are reported when several do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Cedar could not evaluate a policy.
    Evaluation,
    /// The token belongs to nobody.
    Unmatched,
}

impl Rule {
    /// The rule's name in answers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation",
            Self::Unmatched => "R2.unmatched",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
