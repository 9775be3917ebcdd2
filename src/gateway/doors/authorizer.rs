//! Decisions in this process, without a listener.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response};
use http_body_util::BodyExt as _;
use tokio::task::JoinSet;

use super::ask::{Answered, Refused, ask};
use super::decide::Asked;
use super::seen_body::SeenBody;
use super::verdict::Verdict;
use crate::authn::VerifiedClaims;
use crate::config::WithoutBody;
use crate::engine::{Decision, Permit};
use crate::gateway::http::error_response::{Answer, REQUEST_ID, Refusal};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::pipeline::Gateway;
use crate::gateway::reload::reloader::Reloader;
use crate::reload::Status;

const ADVICE: &str = "pass it to the decision";

/// Decides requests by the steps of the gateway, up to the decision. Limits, metrics, shadow rules and the decision log apply.
///
/// A clone is cheap and shares everything. [`start`](Self::start) follows files, until the last clone is dropped.
///
/// ```no_run
/// use http::Request;
/// use modelgate::gateway::{Authorizer, AuthzRequest};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let authorizer = Authorizer::start("config.yaml").await?;
/// let request = Request::post("/v1/chat/completions").header("authorization", "Bearer …");
/// let (head, body) = request.body(r#"{"model": "gpt-4o"}"#.into())?.into_parts();
/// match authorizer.check(AuthzRequest { head, body: Some(body), peer: None, claims: None }).await {
///     Ok(authorized) => println!("allowed: {:?}", authorized.permit.model()),
///     Err(rejected) => println!("denied: {}", rejected.message),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Authorizer {
    gateway: Arc<Gateway>,
    background: Option<Arc<Background>>,
}

/// What keeps an authorizer up to date. The tasks end with it.
pub(super) struct Background {
    pub(super) reloader: Arc<Reloader>,
    pub(super) _tasks: JoinSet<()>,
}

/// A request to decide.
pub struct AuthzRequest {
    /// The method, the path with its query, and the headers. The credential is in a header, as for the gateway.
    pub head: Parts,
    /// The whole body; `None` if it is not known. Then a request whose body may name a model is denied.
    pub body: Option<Bytes>,
    /// The address of the peer, for `source` in policies. `X-Forwarded-For` is believed from `modelgate.trusted_proxies`.
    pub peer: Option<IpAddr>,
    /// Claims that the caller of this function has verified. They replace the credential, which is then not read.
    pub claims: Option<VerifiedClaims>,
}

/// A permitted request.
pub struct Authorized {
    /// What was permitted, and why.
    pub permit: Permit,
    /// The answer to a list of models, with the models of this caller alone. Send it instead of asking an upstream.
    pub listing: Option<Response<Bytes>>,
    /// The id of the request in the decision log.
    pub request_id: HeaderValue,
}

/// A request that is not permitted.
pub struct Rejected {
    /// The code of the error, as in the body of the response: `model_not_allowed`.
    pub code: &'static str,
    /// The message for the caller.
    pub message: String,
    /// The rule that denies, as answers and logs name it; `None` for a request that could not be judged.
    pub rule: Option<&'static str>,
    /// The grounds of the decision; `None` for a request that could not be judged.
    pub decision: Option<Decision>,
    /// The response of the gateway, in the format of the client's API.
    pub response: Response<Bytes>,
    /// The id of the request in the decision log.
    pub request_id: HeaderValue,
}

impl Authorizer {
    /// Decides by the rules of this gateway, which need not listen.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, background: None }
    }

    pub(super) fn with_background(self, background: Background) -> Self {
        Self { background: Some(Arc::new(background)), ..self }
    }

    /// The gateway whose rules decide.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// The state of reloading; `None` if this authorizer was not started on files.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.background.as_ref().map(|background| background.reloader.status())
    }

    /// The metrics, as an answer for Prometheus.
    pub async fn metrics(&self) -> Response<Bytes> {
        joined(self.gateway.metrics()).await
    }

    /// Writes what waits for the decision log and for traces, for up to 5 seconds each. Call it before the process ends.
    pub async fn flush(&self) {
        self.gateway.observers().flush().await;
    }

    /// Decides a request.
    ///
    /// # Errors
    ///
    /// [`Rejected`] for every request that the gateway would not forward.
    pub async fn check(&self, request: AuthzRequest) -> Result<Authorized, Box<Rejected>> {
        let generation = self.gateway.active();
        let AuthzRequest { head, body, peer, claims } = request;
        let seen = match &body {
            Some(body) if body.is_empty() => SeenBody::Empty,
            Some(_) => SeenBody::Whole,
            None => SeenBody::Nothing,
        };
        let asked = Asked {
            seen,
            without_body: WithoutBody::Deny,
            advice: ADVICE,
            trusted: &generation.snapshot().config().gateway.trusted_proxies,
            claims: claims.as_ref(),
            stated_use: None,
        };
        let mut incoming = IncomingRequest::whole(head, body.unwrap_or_default(), peer);
        let Answered { decided, request_id, .. } = ask(&self.gateway, &mut incoming, &asked, Ok(())).await;
        match decided {
            Ok(Verdict { permit, listing, .. }) => {
                let listing = match listing {
                    Some(answer) => Some(identified(answer, &request_id).await),
                    None => None,
                };
                Ok(Authorized { permit, listing, request_id })
            }
            Err(Refused { refusal, answer }) => {
                let denied = match &refusal {
                    Refusal::Denied(denied) => Some(denied),
                    _ => None,
                };
                Err(Box::new(Rejected {
                    code: refusal.code(),
                    message: refusal.to_string(),
                    rule: denied.map(|denied| denied.rule.as_str()),
                    decision: denied.map(|denied| (*denied.decision).clone()),
                    response: identified(answer, &request_id).await,
                    request_id,
                }))
            }
        }
    }
}

/// The response with the id of its request.
async fn identified(mut answer: Answer, request_id: &HeaderValue) -> Response<Bytes> {
    answer.headers_mut().insert(REQUEST_ID, request_id.clone());
    joined(answer).await
}

/// The response with its body in one piece. The bodies of our own answers are in memory.
async fn joined(answer: Answer) -> Response<Bytes> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Response::from_parts(head, body)
}
