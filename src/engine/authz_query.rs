//! Decides requests that exist only as facts: recorded or hypothetical ones.

#[cfg(feature = "prove")]
use std::sync::Arc;

#[cfg(feature = "prove")]
use super::authz_context::AuthzContext;
use super::policy::asked::Asked;
use super::policy::context::Facts;
#[cfg(feature = "prove")]
use super::policy::questions::{Matched, Verdict};
use super::{Decision, Denied, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::{ModelUse, RequestContext};

/// The facts of a request that was recorded or made up.
#[derive(Clone, Debug, Default)]
pub struct AuthzQuery {
    /// The HTTP method.
    pub method: String,
    /// The path in the normalized form that decisions use.
    pub route: String,
    /// The value of the header `x-litellm-team-id`.
    pub team_header: Option<String>,
    /// Every model that the request names.
    pub models: Vec<ModelName>,
    /// How it uses them.
    pub model_use: ModelUse,
    /// The length of its body.
    pub body_bytes: usize,
    /// The time of the request and the client address.
    pub request_context: RequestContext,
}

impl Snapshot {
    /// Decides such a request like [`Snapshot::decide`], and ignores the mode. There is no [`Permit`](super::Permit),
    /// because there is no request to forward.
    ///
    /// # Errors
    ///
    /// [`Denied`] with the first rule that denies.
    pub fn decide_query(&self, caller: &Caller, query: &AuthzQuery) -> Result<Decision, Box<Denied>> {
        let models: Vec<&ModelName> = query.models.iter().collect();
        let is_open = self.allows_references();
        self.decide_asked(caller, &Asked::new(query.facts(), query.team_header.as_deref(), &models, is_open))
    }

    /// The policies that hold, for each question of such a request: about its route first, then about its models. `None` if an
    /// evaluation fails.
    #[cfg(feature = "prove")]
    pub(crate) fn matched(&self, caller: &Caller, query: &AuthzQuery) -> Option<Vec<MatchedPolicies>> {
        let models: Vec<&ModelName> = query.models.iter().collect();
        let is_open = self.allows_references();
        let asked = Asked::new(query.facts(), query.team_header.as_deref(), &models, is_open);
        let key = self.key(caller, super::team::select(self, caller, &asked), &asked);
        let authz_context = AuthzContext::new(self, key).ok()?;
        let questions = authz_context.ask().ok()?;
        let verdicts = questions.verdicts(&self.policies, &asked.facts).ok()?;
        let ids = |matched: &Matched| matched.iter().map(|facts| Arc::clone(&facts.id)).collect();
        let of = |verdict: &Verdict| MatchedPolicies {
            permits: ids(&verdict.live.permits),
            forbids: ids(&verdict.live.forbids),
        };
        Some(verdicts.iter().map(|verdict| of(verdict)).collect())
    }
}

/// The ids of the policies in force that hold for one question.
#[cfg(feature = "prove")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MatchedPolicies {
    pub(crate) permits: Vec<Arc<str>>,
    pub(crate) forbids: Vec<Arc<str>>,
}

#[cfg(feature = "prove")]
impl MatchedPolicies {
    /// Whether they answer with yes.
    pub(crate) fn allow(&self) -> bool {
        !self.permits.is_empty() && self.forbids.is_empty()
    }
}

impl AuthzQuery {
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            method: &self.method,
            route: &self.route,
            body_bytes: self.body_bytes,
            request_context: self.request_context,
            model_use: self.model_use,
        }
    }
}
