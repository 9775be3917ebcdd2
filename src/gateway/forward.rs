//! Sends what was permitted, as it was judged.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::request;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::Pieces;
use super::deployments::{self, Target};
use super::headers;
use super::observe::Observation;
use super::respond::{Answer, Refusal};
use crate::engine::{Permit, Snapshot};
use crate::request::ApiCall;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// A request as the caller sent it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) head: request::Parts,
    /// The body, in pieces.
    pub(super) body: Vec<Bytes>,
}

/// The connections to upstreams.
#[derive(Debug)]
pub(super) struct Forwarder {
    client: Client<HttpsConnector<HttpConnector>, Pieces>,
}

impl Forwarder {
    pub(super) fn new() -> std::io::Result<Self> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .build(connector()?);
        Ok(Self { client })
    }

    /// Forwards a permitted request and streams the answer back.
    ///
    /// Dropping the answer, as happens when the caller goes away, ends the upstream's call.
    pub(super) async fn forward(
        &self,
        snapshot: &Snapshot,
        permit: Permit,
        sent: Sent,
        seen: &mut Observation,
    ) -> Result<Answer, Refusal> {
        let call = permit.call();
        let target = deployments::target(snapshot.config(), call, sent.head.uri.query())?;
        tracing::debug!(model = ?permit.model(), host = target.uri.host(), policies = ?permit.decision().policies, "permitted");
        let mut sent = sent;
        headers::upstream(&mut sent.head.headers);
        seen.calls(call, &target, &mut sent.head.headers);
        let timeout = target.timeout;
        let request = upstream_request(call, target, sent);

        let answered = self.relay(request, timeout).await;
        seen.upstream(answered.as_ref().map(Response::status));
        answered
    }

    /// The upstream's answer with the headers that go back, its body still to come. `timeout` bounds the wait for it.
    pub(super) async fn relay(
        &self,
        request: Request<Pieces>,
        timeout: Option<Duration>,
    ) -> Result<Answer, Refusal> {
        let (mut head, body) = self.send(request, timeout).await?.into_parts();
        headers::downstream(&mut head.headers);
        head.version = http::Version::default();
        head.extensions.clear();
        Ok(Answer::from_parts(head, body.boxed_unsync()))
    }

    async fn send(
        &self,
        request: Request<Pieces>,
        timeout: Option<Duration>,
    ) -> Result<Response<Incoming>, Refusal> {
        let answering = self.client.request(request);
        let answered = match timeout {
            Some(limit) => {
                tokio::time::timeout(limit, answering).await.map_err(|_| Refusal::UpstreamTimeout)?
            }
            None => answering.await,
        };
        answered.map_err(|error| {
            tracing::warn!(connect = error.is_connect(), "the upstream failed: {error}");
            Refusal::UpstreamDown
        })
    }
}

/// Connections that trust the certificates which this machine trusts.
pub(super) fn connector() -> std::io::Result<HttpsConnector<HttpConnector>> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Ok(HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(connector))
}

/// The headers are those that pass.
fn upstream_request(call: &ApiCall, target: Target, sent: Sent) -> Request<Pieces> {
    let mut request = Request::new(upstream_body(call, target.model.as_deref(), sent.body));
    *request.method_mut() = sent.head.method;
    *request.uri_mut() = target.uri;
    let headers = request.headers_mut();
    *headers = sent.head.headers;
    let is_anthropic = target.headers.iter().any(|(name, _)| name == "x-api-key");
    if is_anthropic && !headers.contains_key(&ANTHROPIC_VERSION.0) {
        headers.insert(ANTHROPIC_VERSION.0, ANTHROPIC_VERSION.1);
    }
    for (name, value) in target.headers {
        headers.insert(name, value);
    }
    request
}

/// The body with the deployment's model in the place of the caller's; where only the path named the model, it is added.
fn upstream_body(call: &ApiCall, model: Option<&str>, body: Vec<Bytes>) -> Pieces {
    match model.and_then(|model| call.renamed_body(model)) {
        Some((range, text)) => Pieces::replaced(body, range, Bytes::from(text)),
        None => Pieces::whole(body),
    }
}
