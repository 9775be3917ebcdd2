//! Envoy's HTTP service: the question is the original request itself, with a part of its headers.

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::body::Body as _;

use super::ADVICE;
use crate::config::{GatewaySettings, WithoutBody};
use crate::gateway::doors::ask::{ask, check_peer, trusted};
use crate::gateway::doors::decide::Asked;
use crate::gateway::doors::seen_body::SeenBody;
use crate::gateway::doors::verdict::to_remove;
use crate::gateway::http::error_response::Answer;
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::pipeline::Gateway;
use crate::gateway::websocket::handshake;

/// Set by Envoy if it sends the body: whether only the beginning came along.
pub(super) const PARTIAL: &str = "x-envoy-auth-partial-body";
/// Envoy removes these headers from the request that it forwards.
const TO_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Answers a question.
pub(super) async fn answer(gateway: &Arc<Gateway>, mut incoming: IncomingRequest) -> Answer {
    let generation = gateway.active();
    let settings = &generation.snapshot().config().gateway;
    let trusted = trusted(settings, &incoming);
    let described = check_peer(&incoming, &trusted, generation.tls.ext_authz.as_ref());
    let has_body = !incoming.body.is_end_stream();
    let seen = seen(&incoming.head.headers, has_body, false);
    let asked = Asked {
        seen,
        without_body: WithoutBody::Deny,
        advice: ADVICE,
        trusted: &trusted,
        claims: None,
        stated_use: None,
    };
    let mut changes = Changes::of(&incoming.head.headers, settings);
    let answered = ask(gateway, &mut incoming, &asked, described).await;
    answered.over_http(|headers| {
        headers.extend(changes.protocols(&incoming.head.headers));
        let names: Vec<_> = changes.removed.iter().map(HeaderName::as_str).collect();
        if !names.is_empty()
            && let Ok(names) = HeaderValue::try_from(names.join(","))
        {
            headers.insert(TO_REMOVE, names);
        }
    })
}

/// What of the body came along. `is_of_the_caller`: whether `Content-Length` is the caller's own.
pub(super) fn seen(headers: &HeaderMap, has_body: bool, is_of_the_caller: bool) -> SeenBody {
    // Envoy overwrites the caller's own header if it sends the body. If it does not, the header can only add a denial.
    let is_partial = headers.get_all(PARTIAL).iter().any(|value| value != "false");
    if is_partial {
        SeenBody::Beginning
    } else if has_body {
        SeenBody::Whole
    } else if is_of_the_caller && has_no_body(headers) {
        SeenBody::Empty
    } else {
        SeenBody::Nothing
    }
}

/// Whether the caller's own headers say that there is no body (RFC 9112 section 6.3).
fn has_no_body(headers: &HeaderMap) -> bool {
    headers.get("content-length").is_some_and(|length| length == "0")
        && !headers.contains_key("transfer-encoding")
}

/// Changes to the headers of a permitted request.
pub(super) struct Changes {
    /// The names of headers that Envoy removes.
    pub(super) removed: Vec<HeaderName>,
    has_protocol_credential: bool,
}

impl Changes {
    /// The changes to a request with these headers, which Envoy sent. Nothing is removed if the operator keeps credentials.
    pub(super) fn of(headers: &HeaderMap, settings: &GatewaySettings) -> Self {
        let removes = settings.ext_authz.as_ref().is_none_or(|door| door.removes_credential);
        let removed = if removes { to_remove(headers) } else { Vec::new() };
        Self { removed, has_protocol_credential: removes && handshake::has_protocol_credential(headers) }
    }

    /// The subprotocols that the decision left in `judged`, if one of them had a credential. They replace the caller's.
    pub(super) fn protocols(&mut self, judged: &HeaderMap) -> Option<(HeaderName, HeaderValue)> {
        if !self.has_protocol_credential {
            return None;
        }
        let protocols = judged.get(SEC_WEBSOCKET_PROTOCOL).cloned();
        if protocols.is_none() {
            self.removed.push(SEC_WEBSOCKET_PROTOCOL);
        }
        Some((SEC_WEBSOCKET_PROTOCOL, protocols?))
    }
}
