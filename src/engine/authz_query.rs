//! Decides requests that exist only as facts: recorded or hypothetical ones.

use super::policy::asked::Asked;
use super::policy::context::Facts;
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
        let facts = Facts {
            method: &query.method,
            route: &query.route,
            body_bytes: query.body_bytes,
            request_context: query.request_context,
            model_use: query.model_use,
        };
        let is_open = self.allows_references();
        self.decide_asked(caller, &Asked::new(facts, query.team_header.as_deref(), &models, is_open))
    }
}
