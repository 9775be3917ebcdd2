//! Asks the gateway about a request that a door has read, and turns a refusal into the answer for the caller.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderValue, StatusCode};
use hyper::body::Body as _;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::decide::Asked;
use super::verdict::Verdict;
use crate::config::GatewaySettings;
use crate::gateway::http::error_response::{Answer, REQUEST_ID, Refusal};
use crate::gateway::http::incoming::{IncomingRequest, UnreadBody};
use crate::gateway::pipeline::{Gateway, request_id};
use crate::gateway::telemetry::Observation;
use crate::routes::surface::{ErrorShape, error_shape};

/// The result of a question.
pub(super) struct Answered {
    /// The verdict, or the answer for the caller.
    pub(super) decided: Result<Verdict, Answer>,
    pub(super) request_id: HeaderValue,
    pub(super) observation: Observation,
}

/// Asks about a request, unless the door could not read it.
pub(super) async fn ask(
    gateway: &Gateway,
    incoming: &mut IncomingRequest,
    asked: &Asked<'_>,
    described: Result<(), Refusal>,
) -> Answered {
    let request_id = request_id(&incoming.head);
    let mut observation = Observation::begin(gateway.observers(), &incoming.head, &request_id);
    let by_headers = ErrorShape::by_headers(&incoming.head.headers);
    let shape = error_shape(&incoming.head.method, incoming.head.uri.path(), by_headers);
    let decided = match described {
        Ok(()) => gateway.decide(incoming, asked, &mut observation).await,
        Err(refusal) => Err(refusal),
    };
    let decided = match decided {
        Ok(verdict) => {
            observation.answered(StatusCode::OK, None);
            Ok(verdict)
        }
        Err(refusal) => {
            let generation = gateway.active();
            let denied_model = &generation.snapshot().config().gateway.denied_model;
            let mut answer = refusal.answer(&request_id, shape, denied_model);
            if !incoming.body.is_end_stream() {
                answer.extensions_mut().insert(UnreadBody);
            }
            observation.answered(answer.status(), Some(&refusal));
            answer.headers_mut().insert(REQUEST_ID, request_id.clone());
            Err(answer)
        }
    };
    Answered { decided, request_id, observation }
}

/// Whether a peer may ask. The peer of a Unix socket may: the permissions of its file say who connects.
pub(super) fn check_peer(peer: Option<IpAddr>, trusted: &[IpNet]) -> Result<(), Refusal> {
    let is_trusted = |peer: IpAddr| trusted.iter().any(|network| network.contains(&peer.to_canonical()));
    if peer.is_none_or(is_trusted) { Ok(()) } else { Err(Refusal::UntrustedProxy) }
}

/// The proxies that may ask: `modelgate.trusted_proxies`, or those on this machine.
pub(super) fn trusted(settings: &GatewaySettings) -> Vec<IpNet> {
    if settings.trusted_proxies.is_empty() {
        let v4 = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8);
        let v6 = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
        return vec![v4.into(), v6.into()];
    }
    settings.trusted_proxies.clone()
}
