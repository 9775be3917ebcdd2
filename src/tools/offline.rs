//! Decides requests without a network. Claims are taken as given: no token is verified.
//!
//! ```
//! use modelgate::{config::Config, engine::Snapshot, offline::Question, request::RequestContext};
//!
//! let yaml = "
//! general_settings:
//!   enable_jwt_auth: true
//!   litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
//!   role_permissions: [{role: internal_user, models: [gpt-4o]}]
//! ";
//! let snapshot = Snapshot::build(Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None)?)?;
//! let question = Question {
//!     claims: serde_json::from_str(r#"{"roles": ["basic_user"]}"#)?,
//!     method: http::Method::POST,
//!     path: "/v1/chat/completions".to_owned(),
//!     headers: http::HeaderMap::new(),
//!     body: br#"{"model": "o3"}"#.to_vec(),
//!     request_context: RequestContext::default(),
//! };
//! let answer = question.answer(&snapshot);
//! assert_eq!((answer.allow, answer.status, answer.rule), (false, 403, Some("R2.model")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use crate::authn::VerifiedClaims;
use crate::engine::{Decision, Denied, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::{ApiCall, Malformed, RequestContext, RequestParts, classify};

/// A caller's claims and its request.
#[derive(Clone, Debug)]
pub struct Question {
    /// The claims of the token. No token is verified.
    pub claims: Map<String, Value>,
    /// The method.
    pub method: Method,
    /// The path, with its query if it has one.
    pub path: String,
    /// The headers that affect the decision: content type and encoding, and the team header.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
    /// The time and the address of the request.
    pub request_context: RequestContext,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether the request is allowed.
    pub allow: bool,
    /// The status that the gateway answers with. 200 stands for any status of the upstream.
    pub status: u16,
    /// The rule that denies, as answers and logs name it.
    pub rule: Option<&'static str>,
    /// The message for a denied caller.
    pub reason: Option<String>,
    /// Every model that the request names.
    pub models: Vec<ModelName>,
    /// The basis of the decision; `None` for a request that cannot be judged.
    pub decision: Option<Decision>,
}

impl Question {
    /// Parses the request.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged.
    pub fn call(&self) -> Result<ApiCall, Malformed> {
        let (path, query) = match self.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.path.as_str(), None),
        };
        let Self { method, headers, body, .. } = self;
        let call = classify(&RequestParts { method, path, query, headers, body })?;
        Ok(call.with_context(self.request_context))
    }

    /// The caller.
    #[must_use]
    pub fn caller(&self, snapshot: &Snapshot) -> Caller {
        snapshot.identify(&VerifiedClaims::dangerous_trust(self.claims.clone()))
    }

    /// Decides the request.
    #[must_use]
    pub fn answer(&self, snapshot: &Snapshot) -> Answer {
        let call = match self.call() {
            Ok(call) => call,
            Err(malformed) => return Answer::malformed(&malformed),
        };
        let models = call.models().cloned().collect();
        match snapshot.authorize(&self.caller(snapshot), call) {
            Ok(permit) => Answer::decided(Ok(permit.decision()), models),
            Err(denied) => Answer::decided(Err(&denied), models),
        }
    }
}

impl Answer {
    /// The answer to a request that cannot be judged.
    #[must_use]
    pub fn malformed(malformed: &Malformed) -> Self {
        Self {
            allow: false,
            status: if matches!(malformed, Malformed::Unsupported(_)) { 415 } else { 400 },
            rule: Some(if *malformed == Malformed::NoModel { NO_MODEL } else { MALFORMED }),
            reason: Some(malformed.to_string()),
            models: Vec::new(),
            decision: None,
        }
    }

    /// The answer for a decision.
    #[must_use]
    pub fn decided(outcome: Result<&Decision, &Denied>, models: Vec<ModelName>) -> Self {
        let (rule, reason) = outcome.err().map(|denied| (denied.rule.as_str(), denied.to_string())).unzip();
        Self {
            allow: rule.is_none(),
            status: if rule.is_none() { 200 } else { 403 },
            rule,
            reason,
            models,
            decision: Some(outcome.unwrap_or_else(|denied| &denied.decision).clone()),
        }
    }

    /// The ids of the policies that decided, sorted.
    #[must_use]
    pub fn policies(&self) -> &[Arc<str>] {
        self.decision.as_ref().map(|decision| &*decision.policies).unwrap_or_default()
    }
}

const NO_MODEL: &str = "D2.no_model";
const MALFORMED: &str = "D2.malformed";

/// The rules for requests that cannot be judged. Decisions do not name them.
pub(crate) const UNJUDGED: [&str; 2] = [NO_MODEL, MALFORMED];

/// Builds headers from names and values.
///
/// # Errors
///
/// The name of the first header that cannot be sent, or that is one too many.
pub fn headers<'h>(pairs: impl IntoIterator<Item = (&'h str, &'h str)>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let refused = || name.to_owned();
        let parsed = HeaderName::try_from(name).map_err(|_| refused())?;
        let value = HeaderValue::from_str(value).map_err(|_| refused())?;
        headers.try_append(parsed, value).map_err(|_| refused())?;
    }
    Ok(headers)
}

/// A body as JSON lines and case files write it: a string is sent verbatim, any other value as its JSON text.
#[must_use]
pub fn body(value: Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.into_bytes(),
        json => json.to_string().into_bytes(),
    }
}
