//! Opens a WebSocket for an authenticated handshake.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};

use super::dial::Dialed;
use super::handshake::{Handshake, judged_headers, opening};
use super::messages::Messages;
use super::session::{Session, UpstreamStream};
use super::shared::Sockets;
use crate::gateway::http::error_response::{Answer, Refusal};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::judged::Judged;
use crate::gateway::judging::{Case, reading};
use crate::gateway::telemetry::Observation;
use crate::identity::Caller;
use crate::request::RequestParser;

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
        let head = judged_head(&incoming.head);
        let RequestParser::Whole(whole) = reading(&head)? else { return Err(Refusal::BodyBroken) };
        let call = whole.finish(b"")?;
        let expires = judged.expires;
        let case = Case { judged, caller, call, time: observation.received_at() };
        let (judged, _, permit) = case.decide(source, observation)?;
        let messages = Messages {
            sockets: Arc::clone(self),
            api: handshake.api,
            request_id: request_id.clone(),
            head,
            source,
            expires: AtomicU64::new(expires.to_bits()),
        };
        let mut session = Session::new(messages, &handshake, incoming.draining.clone());
        let mut protocol = handshake.protocols.first().cloned();
        if permit.call().model().is_some() {
            let dialed =
                session.messages.dial(permit.call(), &judged, &handshake.operation, &handshake.protocols);
            match dialed.await.inspect_err(|refusal| observation.upstream(Err(refusal)))? {
                (Dialed::Refused(answer), _) => {
                    observation.upstream(Ok(answer.status()));
                    return Ok(answer);
                }
                (Dialed::Open { socket, protocol: chosen }, bound) => {
                    observation.upstream(Ok(StatusCode::SWITCHING_PROTOCOLS));
                    protocol = chosen;
                    session.upstream = Some((UpstreamStream::new(socket, self).await, bound));
                }
            }
        }
        session.places = observation.take_places();
        let mut answer = Answer::new(Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *answer.headers_mut() = opening(&handshake.accept, protocol.as_deref());
        tokio::spawn(session.run(handshake.upgrade));
        Ok(answer)
    }
}

/// The head of a handshake, without the headers that describe a body.
fn judged_head(head: &Parts) -> Parts {
    let (mut judged, ()) = Request::new(()).into_parts();
    judged.uri = head.uri.clone();
    judged.headers = judged_headers(&head.headers);
    judged
}
