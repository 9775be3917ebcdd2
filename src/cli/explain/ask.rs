//! Explains a request of a caller, who is known by a token, by claims, or from the decision log.

use http::{HeaderMap, Method};
use serde_json::{Map, Value};

use super::caller::Who;
use super::report::{Asked, Report};
use crate::authn::{Bearer, BearerError, VerifiedClaims, is_master_key};
use crate::decision_log::Line;
use crate::engine::{AuthzQuery, Snapshot};
use crate::gateway::TokenVerifier;
use crate::gateway::keys::AuthnError;
use crate::identity::Caller;
use crate::request::{RequestContext, RequestParts, classify};

/// A request without its caller.
pub(in crate::cli) struct Request {
    pub(in crate::cli) method: Method,
    /// The path, with the query if there is one.
    pub(in crate::cli) path: String,
    pub(in crate::cli) headers: HeaderMap,
    pub(in crate::cli) body: Vec<u8>,
    pub(in crate::cli) context: RequestContext,
}

/// A token cannot be judged.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ExplainError {
    #[error(transparent)]
    Bearer(#[from] BearerError),
    #[error("no token is accepted: `general_settings.enable_jwt_auth` is not true")]
    NoTokens,
    #[error("the identity provider's keys cannot be fetched")]
    KeysUnavailable,
    #[error("the provider could not be asked about the token")]
    ProviderUnavailable,
}

/// The answer to a caller with these claims, which are not verified.
pub(in crate::cli) fn claims(snapshot: &Snapshot, claims: Map<String, Value>, request: &Request) -> Report {
    let claims = VerifiedClaims::dangerous_trust(claims);
    explain(snapshot, &snapshot.identify(&claims), Some(&claims), request)
}

/// The answer to a caller with this token, which is verified.
pub(in crate::cli) async fn token(
    snapshot: &Snapshot,
    verifier: Option<&TokenVerifier>,
    token: &str,
    request: &Request,
) -> Result<Report, ExplainError> {
    let token = token.trim();
    let bearer = Bearer::new(token)?;
    let config = snapshot.config();
    if config.master_key.as_ref().is_some_and(|key| is_master_key(&bearer, key)) {
        return Ok(explain(snapshot, &Caller::master_key(), None, request));
    }
    let (Some(jwt), Some(verifier)) = (&config.jwt, verifier) else { return Err(ExplainError::NoTokens) };
    match verifier.verify(&bearer, &jwt.tokens).await {
        Ok(claims) => Ok(explain(snapshot, &snapshot.identify(&claims), Some(&claims), request)),
        Err(AuthnError::Token(error)) => Ok(Report::refused_token(&error, token)),
        Err(AuthnError::KeysUnavailable) => Err(ExplainError::KeysUnavailable),
        Err(AuthnError::ProviderUnavailable) => Err(ExplainError::ProviderUnavailable),
    }
}

/// A recorded request, decided again. `claims` are those of its token, or `None` for the master key.
pub(in crate::cli) fn replayed(
    snapshot: &Snapshot,
    caller: &Caller,
    claims: Option<&VerifiedClaims>,
    query: &AuthzQuery,
) -> Report {
    let who = Who::new(snapshot, caller, claims);
    let asked = Asked::of(snapshot, &query.method, &query.route, &query.models);
    Report::decided(snapshot, asked, who, snapshot.explain_query(caller, query))
}

/// What was recorded about a request whose input was not. `decided` are the policies that decided, with their places.
pub(in crate::cli) fn recorded<'p>(
    line: &Line,
    decided: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> Report {
    let decided = decided.into_iter().map(|(id, place)| (id.to_owned(), place.to_owned()));
    Report::recorded(line, decided.collect())
}

/// `claims` are the claims of the token, or `None` for the master key.
fn explain(
    snapshot: &Snapshot,
    caller: &Caller,
    claims: Option<&VerifiedClaims>,
    request: &Request,
) -> Report {
    let who = Who::new(snapshot, caller, claims);
    let Request { method, path, headers, body, context } = request;
    let (path, query) =
        path.split_once('?').map_or((path.as_str(), None), |(path, query)| (path, Some(query)));
    match classify(&RequestParts { method, path, query, headers, body }) {
        Ok(call) => {
            let call = call.with_context(*context);
            let models: Vec<_> = call.models().cloned().collect();
            let asked = Asked::of(snapshot, call.method().as_str(), call.route().as_str(), &models);
            Report::decided(snapshot, asked, who, snapshot.explain(caller, &call))
        }
        Err(malformed) => Report::malformed(who, &malformed),
    }
}
