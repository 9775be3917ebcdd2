//! Judges each message of a caller by the rules that are active when it arrives.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::dial::Dialed;
use super::shared::Sockets;
use crate::authn::Bearer;
use crate::gateway::clock::Timestamp;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::http::headers;
use crate::gateway::judged::Judged;
use crate::gateway::judging::{Case, authenticate};
use crate::gateway::loading::generation::Generation;
use crate::gateway::telemetry::Observation;
use crate::gateway::upstream::deployments::sockets::{SocketApi, SocketPlace};
use crate::names::ModelName;
use crate::request::{ApiCall, Frame, Malformed, RequestHead, Socket};

/// The number of rule changes to tolerate while one message is judged.
const ATTEMPTS: usize = 8;

/// The state that all messages of a caller's WebSocket share.
pub(super) struct Messages {
    pub(super) sockets: Arc<Sockets>,
    pub(super) api: SocketApi,
    /// The head of the handshake, with its credential.
    pub(super) head: Parts,
    pub(super) request_id: HeaderValue,
    pub(super) source: Option<IpAddr>,
    /// The expiry of the token in seconds since 1970, as the bits of an `f64`.
    pub(super) expires: AtomicU64,
}

/// The model and the deployment of an open WebSocket.
pub(super) struct Bound {
    pub(super) model: ModelName,
    pub(super) place: SocketPlace,
}

/// A permitted message.
pub(super) struct Permitted {
    /// The decision, for the first message of a connection that has no deployment yet.
    pub(super) call: ApiCall,
    pub(super) judged: Judged,
    pub(super) frame: Frame,
}

impl Messages {
    /// Judges a message.
    pub(super) async fn judge(&self, text: &[u8], bound: Option<&Bound>) -> Result<Permitted, Refusal> {
        let mut observation = Observation::begin(&self.sockets.observers, &self.head, &self.request_id);
        let judged = self.steps(text, bound, &mut observation).await;
        let has_line = judged.as_ref().is_ok_and(|permitted| !permitted.frame.is_media());
        observation.message_judged(judged.as_ref().err(), has_line);
        judged
    }

    async fn steps(
        &self,
        text: &[u8],
        bound: Option<&Bound>,
        observation: &mut Observation,
    ) -> Result<Permitted, Refusal> {
        for _ in 0..ATTEMPTS {
            let generation = self.sockets.active.load_full();
            let snapshot = generation.snapshot();
            let settings = &snapshot.config().gateway;
            observation.record_snapshot(snapshot);
            if !settings.websockets {
                return Err(Refusal::WebSocketsOff);
            }
            if text.len() > settings.max_body_bytes {
                return Err(Refusal::BodyTooLarge { limit: settings.max_body_bytes });
            }
            let now = Timestamp::now();
            let verified = authenticate(&self.sockets.observers, &generation, &self.head.headers, now).await;
            observation.authenticated(verified.as_ref().ok().map(|(caller, _)| &**caller));
            let (caller, expires) = verified?;
            self.expires.store(expires.to_bits(), Ordering::Relaxed);
            let frame = self.read(text, bound, settings.limits.json_depth)?;
            if frame.call().model().is_none() {
                return Err(Malformed::NoModelYet.into());
            }
            let time = observation.received_at();
            let judged = Judged { generation: Arc::clone(&generation), expires };
            let case = Case { judged, caller, call: frame.call().clone(), time };
            let (judged, _, permit) = case.decide(self.source, observation)?;
            // Verifying the token may have taken time.
            if !judged.counts(&self.sockets.active, Timestamp::now().wall) {
                observation.judged_again();
                continue;
            }
            if let Some(bound) = bound {
                check_deployment(&generation, &frame, bound)?;
            }
            return Ok(Permitted { call: permit.call().clone(), judged, frame });
        }
        Err(Refusal::Overtaken)
    }

    fn read(&self, text: &[u8], bound: Option<&Bound>, depth: usize) -> Result<Frame, Malformed> {
        let Parts { method, uri, headers, .. } = &self.head;
        let head = RequestHead { method, path: uri.path(), query: None, headers };
        let names_each = self.api == SocketApi::Responses;
        Frame::read(&Socket { head, model: bound.map(|bound| &bound.model), names_each }, text, depth)
    }
}

impl Messages {
    /// Opens a WebSocket to the deployment of a permitted call.
    pub(super) async fn dial(
        &self,
        call: &ApiCall,
        judged: &Judged,
        operation: &str,
        protocols: &[String],
    ) -> Result<(Dialed, Bound), Refusal> {
        let config = judged.generation.snapshot().config();
        let credential = Bearer::presented(&self.head.headers, config.master_key.as_ref()).ok();
        let query = self.head.uri.query();
        let deployments = &judged.generation.deployments;
        let mut target = deployments.socket(self.api, operation, call, query, credential)?;
        if let Some(credential) = target.credential.and_then(|position| deployments.credential(position)) {
            target.headers.extend(credential.header().await?);
        }
        let mut headers: HeaderMap = self.head.headers.clone();
        let stripped = headers::not_for_upstream(&headers, credential);
        headers::remove(&mut headers, stripped);
        let may_be_sent = || judged.counts(&self.sockets.active, Timestamp::now().wall);
        let time = config.gateway.limits.upstream_first_byte_timeout;
        let dialed = self.sockets.dialer.dial(&target, headers, protocols, time, may_be_sent).await?;
        let model = call.model().cloned().ok_or(Refusal::NoUpstream)?;
        Ok((dialed, Bound { model, place: target.place }))
    }
}

/// Refuses a message for a model of another deployment, because this connection would send it to its own
/// deployment.
fn check_deployment(generation: &Generation, frame: &Frame, bound: &Bound) -> Result<(), Refusal> {
    let deployments = &generation.deployments;
    deployments.check_message(&bound.place, frame.call())?;
    let leads_there = |model: &ModelName| match bound.place.model() {
        Some(_) => *model == bound.model || deployments.leads_to(model, &bound.place),
        None => *model == bound.model,
    };
    if frame.asked().is_none_or(leads_there) { Ok(()) } else { Err(Refusal::OtherDeployment) }
}
