//! Opens a WebSocket for an authenticated handshake.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode};

use super::dial::Dialed;
use super::handshake::{Handshake, judged_headers, opening};
use super::messages::{ATTEMPTS, Bound, Messages};
use super::relay::UpstreamStream;
use super::session::Session;
use super::shared::Sockets;
use crate::gateway::http::error_response::{Answer, Refusal, body_of};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::judged::Judged;
use crate::gateway::judging::Case;
use crate::gateway::references::SessionModels;
use crate::gateway::telemetry::Observation;
use crate::identity::Caller;

impl Sockets {
    /// Judges a handshake, and answers it. If the handshake names the model, the upstream is connected first.
    pub(in crate::gateway) async fn open(
        self: &Arc<Self>,
        handshake: Box<Handshake>,
        incoming: &mut IncomingRequest,
        (source, request_id): (Option<IpAddr>, &HeaderValue),
        (judged, caller): (Judged, Arc<Caller>),
        observation: &mut Observation,
    ) -> Result<Answer, Refusal> {
        let expires = AtomicU64::new(judged.expires.to_bits());
        let messages = Messages {
            sockets: Arc::clone(self),
            api: handshake.api,
            request_id: request_id.clone(),
            head: judged_head(&incoming.head),
            source,
            expires,
            named: SessionModels::default(),
        };
        let settings = &judged.generation.snapshot().config().gateway;
        let call = messages.handshake_call(settings, &caller)?;
        let case = Case { judged, caller, call, time: observation.received_at() };
        let (protocol, upstream) = match dialed(&messages, &handshake, case, observation).await? {
            None => (handshake.protocols.first().cloned(), None),
            Some((Dialed::Refused(answer), _)) => return Ok(answer),
            Some((Dialed::Open { socket, protocol }, bound)) => {
                (protocol, Some((UpstreamStream::new(socket, self).await, bound)))
            }
        };
        let mut session = Session::new(messages, &handshake, incoming.draining.clone());
        session.upstream = upstream;
        session.places = observation.take_places();
        let mut answer = Answer::new(body_of(Bytes::new()));
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *answer.headers_mut() = opening(&handshake.accept, protocol.as_deref());
        tokio::spawn(session.run(handshake.upgrade));
        Ok(answer)
    }
}

/// Judges a handshake, and connects to the upstream if the handshake names the model. If the rules change meanwhile,
/// it judges again. It connects to another upstream only if the new rules lead there.
async fn dialed(
    messages: &Messages,
    handshake: &Handshake,
    mut case: Case,
    observation: &mut Observation,
) -> Result<Option<(Dialed, Bound)>, Refusal> {
    let mut opened = None;
    for _ in 0..ATTEMPTS {
        let (judged, caller, permit) = case.decide(messages.source, observation)?;
        if permit.call().model().is_none() {
            return Ok(None);
        }
        let asked = (handshake.operation.as_str(), handshake.protocols.as_slice());
        if messages.dial(permit.call(), &judged, asked, &mut opened, observation).await? {
            let settings = &judged.generation.snapshot().config().gateway;
            messages.named.add(settings, &caller, permit.call());
            if let Some((position, attempt)) = opened.as_ref().and_then(|(_, bound)| bound.served) {
                let label = judged.generation.deployments.label(position);
                observation.served(label, &permit, attempt, false);
            }
            return Ok(opened);
        }
        case = messages.handshake_again(observation).await?;
    }
    Err(Refusal::Overtaken)
}

/// The head of a handshake, without the headers that describe a body.
fn judged_head(head: &Parts) -> Parts {
    let (mut judged, ()) = Request::new(()).into_parts();
    judged.uri = head.uri.clone();
    judged.headers = judged_headers(&head.headers);
    judged
}
