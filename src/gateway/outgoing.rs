//! Builds the request that the upstream gets.

use std::time::SystemTime;

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Scheme;
use http::{Request, Uri};

use super::http::error_response::Refusal;
use super::http::segmented_body::SegmentedBody;
use super::http::{credential, headers};
use super::loading::generation::Generation;
use super::target::{Served, Target};
use super::telemetry::Observation;
use super::upstream::client::{Connection, Deadlines, Outgoing};
use super::upstream::credentials::{Credential, sign};
use super::upstream::router::attempts::Attempts;
use crate::authn::Bearer;
use crate::config::GatewaySettings;
use crate::engine::Permit;

const ANTHROPIC_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// The request to send, prepared before a connection is chosen. The caller's request is unchanged.
pub(super) struct Plan<'d> {
    target: Target<'d>,
    /// The credential of the deployment, if it is no fixed header.
    credential: Option<&'d Credential>,
    /// The header with its token.
    token: Option<(HeaderName, HeaderValue)>,
    /// Headers that are not sent upstream.
    stripped: Vec<HeaderName>,
    /// Replacements for parts of the body. They do not overlap, and the last part comes first.
    edits: credential::Edits,
    deadlines: Deadlines,
}

impl<'d> Plan<'d> {
    pub(super) fn new(
        generation: &'d Generation,
        permit: &Permit,
        head: &Parts,
        body: &SegmentedBody,
        attempts: &Attempts,
    ) -> Result<Self, Refusal> {
        let call = permit.call();
        let config = generation.snapshot().config();
        let credential = Bearer::presented(&head.headers, config.master_key.as_ref()).ok();
        let target = generation.deployments.target(call, head.uri.query(), credential, attempts)?;
        tracing::debug!(model = ?permit.model(), host = target.uri.host(), policies = ?permit.decision().policies, "permitted");
        let renamed = target.model.as_deref().and_then(|model| call.renamed_body(model));
        let mut edits = credential::edits(body, &head.headers, credential, renamed)?;
        // It precedes every other replacement.
        let added = target.defaults.members_for(body.first());
        edits.extend(added.map(|(at, members)| (at..at, members.into())));
        let stripped = headers::not_for_upstream(&head.headers, credential);
        let deadlines = Deadlines::new(&config.gateway.limits, target.timeout, attempts.end());
        let credential = target.credential.and_then(|position| generation.deployments.credential(position));
        Ok(Self { target, credential, token: None, stripped, edits, deadlines })
    }

    /// Whether the deployment's credential has to be exchanged for a token, which may take time.
    pub(super) fn needs_token(&self) -> bool {
        matches!(self.credential, Some(Credential::Token(_)))
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Waits for the token.
    pub(super) async fn fetch_token(&mut self) -> Result<(), Refusal> {
        if let Some(credential) = self.credential {
            self.token = credential.header().await?;
        }
        Ok(())
    }

    /// The destination of the request.
    pub(super) fn uri(&self) -> &Uri {
        &self.target.uri
    }

    /// The deployment that gets the request.
    pub(super) fn served(&self) -> Option<Served> {
        self.target.served
    }

    pub(super) fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// Whether hyper's client chooses the connection.
    pub(super) fn is_secure(&self) -> bool {
        self.target.uri.scheme() != Some(&Scheme::HTTP)
    }

    /// Converts the request into the one that the upstream gets.
    pub(super) fn outgoing(
        self,
        settings: &GatewaySettings,
        head: &mut Parts,
        body: SegmentedBody,
        connection: Connection,
    ) -> Result<Outgoing, Refusal> {
        let body = self.edits.into_iter().fold(body, |body, (range, text)| body.replaced(range, &text));
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = self.target.uri;
        let headers = request.headers_mut();
        *headers = std::mem::take(&mut head.headers);
        headers::remove(headers, self.stripped);
        let is_anthropic = self.target.headers.iter().any(|(name, _)| name == "x-api-key");
        if is_anthropic && !headers.contains_key(&ANTHROPIC_VERSION.0) {
            headers.insert(ANTHROPIC_VERSION.0, ANTHROPIC_VERSION.1);
        }
        for (name, value) in self.target.headers {
            headers.insert(name.clone(), value.clone());
        }
        headers.extend(self.token);
        if let Some(Credential::Aws(keys)) = self.credential {
            // The signature covers the rest of the request, so it comes last.
            let mut headers = std::mem::take(request.headers_mut());
            let head = (request.method(), request.uri());
            let signed = sign(keys, head, &mut headers, request.body(), SystemTime::now());
            signed.ok_or(Refusal::NoUpstreamCredential)?;
            *request.headers_mut() = headers;
        }
        Ok(Outgoing::new(request, self.deadlines, connection, settings.upstream_headers))
    }

    /// Records that the upstream is called next.
    pub(super) fn announce(&self, permit: &Permit, head: &mut Parts, observation: &mut Observation) {
        observation.calls(permit.call(), self.target.called(), &mut head.headers);
    }
}
