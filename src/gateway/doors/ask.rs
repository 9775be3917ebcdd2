//! Asks the gateway about a request that a door has read, and turns a refusal into the answer for the caller.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::json;

use super::decide::Asked;
use super::verdict::Verdict;
use crate::config::GatewaySettings;
use crate::gateway::http::error_response::{Answer, REQUEST_ID, Refusal, json_answer};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::limits::counter::Counter;
use crate::gateway::listener::connection::Common;
use crate::gateway::pipeline::{Gateway, request_id};
use crate::gateway::telemetry::{Observation, ObservedBody};
use crate::gateway::tls::server::ServerTls;
use crate::routes::surface::ErrorShape;

/// The maximum number of headers that a description of a request may have. `HeaderMap` panics at 24,577 names.
pub(super) const MOST_HEADERS: usize = 10_000;

/// The result of a question.
pub(super) struct Answered {
    pub(super) decided: Result<Verdict, Refused>,
    pub(super) request_id: HeaderValue,
    pub(super) observation: Observation,
}

/// A refused request.
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    /// The answer for the caller.
    pub(super) answer: Answer,
}

impl Answered {
    /// The answer over HTTP. Another proxy takes status 200 for a permission, with headers about the request. `add` adds more.
    pub(super) fn over_http(self, add: impl FnOnce(&mut HeaderMap)) -> Answer {
        let mut answer = match self.decided {
            Ok(verdict) => {
                let mut answer = json_answer(StatusCode::OK, &json!({ "decision": true }));
                verdict.write(answer.headers_mut());
                add(answer.headers_mut());
                answer
            }
            Err(refused) => refused.answer,
        };
        answer.headers_mut().insert(REQUEST_ID, self.request_id);
        answer.map(|body| ObservedBody::new(body, self.observation).boxed_unsync())
    }
}

/// Asks about a request, unless the door could not read it. A permission is all that is observed of a permitted request.
pub(super) async fn ask(
    gateway: &Gateway,
    incoming: &mut IncomingRequest,
    asked: &Asked<'_>,
    described: Result<(), Refusal>,
) -> Answered {
    let mut answered = judge(gateway, incoming, asked, described).await;
    if answered.decided.is_ok() {
        answered.observation.answered(StatusCode::OK, None);
    }
    answered
}

/// The same for a door that sees the response too. It tells the observation.
pub(super) async fn judge(
    gateway: &Gateway,
    incoming: &mut IncomingRequest,
    asked: &Asked<'_>,
    described: Result<(), Refusal>,
) -> Answered {
    let request_id = request_id(&incoming.head);
    let mut observation = Observation::begin(gateway.observers(), &incoming.head, &request_id);
    let by_headers = ErrorShape::by_headers(&incoming.head.headers);
    let decided = match described {
        Ok(()) => gateway.decide(incoming, asked, &mut observation).await,
        Err(refusal) => Err(refusal),
    };
    let decided = decided.map_err(|refusal| {
        let answer = gateway.refused(&refusal, incoming, by_headers, &request_id, &mut observation);
        Refused { refusal, answer }
    });
    Answered { decided, request_id, observation }
}

/// What the connections of a door share. Each door counts its own connections.
pub(super) fn common(gateway: &Arc<Gateway>) -> Arc<Common> {
    let configured = Arc::clone(gateway);
    let limits = move || configured.active().snapshot().config().gateway.limits;
    let common = Common::new(limits, Counter::default(), Arc::clone(gateway.observers()));
    Arc::new(common.for_small_answers())
}

/// Whether a peer may ask. If the listener demands certificates, the peer needs one of the authorities that are active now.
/// Otherwise it is trusted by its address. The peer of a Unix socket may ask: the permissions of its file say who connects.
pub(super) fn check_peer(
    incoming: &IncomingRequest,
    trusted: &[IpNet],
    tls: Option<&Arc<ServerTls>>,
) -> Result<(), Refusal> {
    let may_ask = match tls.and_then(|tls| tls.files.client_ca.as_ref()) {
        Some(authorities) => incoming.client_ca.as_ref() == Some(authorities),
        None => incoming.peer.is_none_or(|peer| is_in(trusted, peer)),
    };
    if may_ask { Ok(()) } else { Err(Refusal::UntrustedProxy) }
}

fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address.to_canonical()))
}

/// The addresses of this machine.
static THIS_MACHINE: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

/// The proxies that may ask by their address: `modelgate.trusted_proxies`, or those on this machine.
pub(super) fn networks(settings: &GatewaySettings) -> &[IpNet] {
    if settings.trusted_proxies.is_empty() { &THIS_MACHINE } else { &settings.trusted_proxies }
}

/// The proxies that may ask, and the peer if it has a certificate.
pub(super) fn trusted<'s>(settings: &'s GatewaySettings, incoming: &IncomingRequest) -> Cow<'s, [IpNet]> {
    let networks = networks(settings);
    match incoming.peer.filter(|peer| incoming.client_ca.is_some() && !is_in(networks, *peer)) {
        Some(certified) => networks.iter().copied().chain([IpNet::from(certified.to_canonical())]).collect(),
        None => Cow::Borrowed(networks),
    }
}
