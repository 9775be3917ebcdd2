//! Judges each message of a caller by the rules that are active when it arrives.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use http::request::Parts;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::shared::Sockets;
use crate::config::GatewaySettings;
use crate::engine::Permit;
use crate::gateway::clock::Timestamp;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::judged::Judged;
use crate::gateway::judging::{Case, authenticate, reading};
use crate::gateway::loading::generation::Generation;
use crate::gateway::references::{self, SessionModels};
use crate::gateway::telemetry::Observation;
use crate::gateway::upstream::deployments::sockets::{SocketApi, SocketPlace};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::{ApiCall, Frame, Malformed, RequestHead, RequestParser, Socket};

/// The number of rule changes to tolerate while one handshake or message is judged.
pub(super) const ATTEMPTS: usize = 8;

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
    /// The models that permitted messages named, which ids of the upstream's messages stand for.
    pub(super) named: SessionModels,
}

/// The model and the deployment of an open WebSocket.
pub(super) struct Bound {
    pub(super) model: ModelName,
    pub(super) place: SocketPlace,
    /// The position of the deployment and the number of the attempt, if there was a choice.
    pub(super) served: Option<(usize, u32)>,
}

/// A permitted message.
pub(super) struct Permitted {
    pub(super) permit: Permit,
    pub(super) judged: Judged,
    pub(super) frame: Frame,
    /// Observes the call of the upstream, if the message opens the connection.
    pub(super) observation: Option<Box<Observation>>,
}

impl Messages {
    /// Judges a message.
    pub(super) async fn judge(&self, text: &[u8], bound: Option<&Bound>) -> Result<Permitted, Refusal> {
        let mut observation = Observation::begin(&self.sockets.observers, &self.head, &self.request_id);
        let mut judged = self.steps(text, bound, &mut observation).await;
        let has_line = judged.as_ref().is_ok_and(|permitted| !permitted.frame.is_media());
        observation.message_judged(judged.as_ref().err(), has_line);
        if let (Ok(permitted), None) = (&mut judged, bound) {
            permitted.observation = Some(Box::new(observation));
        }
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
            let (caller, expires) = self.authenticate(&generation, now, observation).await?;
            let frame = self.read(text, bound, settings.limits.json_depth)?;
            if frame.call().model().is_none() {
                return Err(Malformed::NoModelYet.into());
            }
            let time = observation.received_at();
            let judged = Judged { generation: Arc::clone(&generation), expires };
            let call = self.resolved(settings, &caller, text, frame.call().clone());
            let case = Case { judged, caller, call, time };
            let (judged, caller, permit) = case.decide(self.source, observation)?;
            // Verifying the token may have taken time.
            if !judged.counts(&self.sockets.active, Timestamp::now().wall) {
                observation.judged_again();
                continue;
            }
            if let Some(bound) = bound {
                check_deployment(&generation, &frame, bound)?;
            }
            self.named.add(settings, &caller, permit.call());
            return Ok(Permitted { permit, judged, frame, observation: None });
        }
        Err(Refusal::Overtaken)
    }

    /// Verifies the credential of the handshake by these rules. Returns the caller and the expiry of the token.
    async fn authenticate(
        &self,
        generation: &Generation,
        now: Timestamp,
        observation: &mut Observation,
    ) -> Result<(Arc<Caller>, f64), Refusal> {
        let verified = authenticate(&self.sockets.observers, generation, &self.head.headers, None, now).await;
        observation.authenticated(verified.as_ref().ok().map(|(caller, _)| &**caller));
        let (caller, expires) = verified?;
        self.expires.store(expires.to_bits(), Ordering::Relaxed);
        Ok((caller, expires))
    }

    /// Remembers the ids in a message of the upstream, before the caller has it.
    pub(super) fn upstream_said(&self, message: &Message) {
        let generation = self.sockets.active.load();
        let settings = &generation.snapshot().config().gateway;
        match message {
            Message::Text(text) => {
                self.named.remember(&self.sockets.references, settings, text.as_bytes());
            }
            Message::Binary(bytes) => self.named.remember(&self.sockets.references, settings, bytes),
            _ => {}
        }
    }

    fn resolved(&self, settings: &GatewaySettings, caller: &Caller, text: &[u8], call: ApiCall) -> ApiCall {
        references::resolve_message(&self.sockets.references, settings, caller, &self.head, text, call)
    }

    fn read(&self, text: &[u8], bound: Option<&Bound>, depth: usize) -> Result<Frame, Malformed> {
        let Parts { method, uri, headers, .. } = &self.head;
        let head = RequestHead { method, path: uri.path(), query: None, headers };
        let names_each = self.api == SocketApi::Responses;
        Frame::read(&Socket { head, model: bound.map(|bound| &bound.model), names_each }, text, depth)
    }
}

impl Messages {
    /// Authenticates and judges the handshake again, by the active rules.
    pub(super) async fn handshake_again(&self, observation: &mut Observation) -> Result<Case, Refusal> {
        let generation = self.sockets.active.load_full();
        let settings = &generation.snapshot().config().gateway;
        observation.judged_again();
        observation.record_snapshot(generation.snapshot());
        if !settings.websockets {
            return Err(Refusal::WebSocketsOff);
        }
        if self.head.headers.len() > settings.limits.headers {
            return Err(Refusal::TooManyHeaders { limit: settings.limits.headers });
        }
        let (caller, expires) = self.authenticate(&generation, observation.now(), observation).await?;
        let call = self.handshake_call(settings, &caller)?;
        let time = observation.now().wall;
        Ok(Case { judged: Judged { generation, expires }, caller, call, time })
    }

    /// The call that the handshake makes.
    pub(super) fn handshake_call(
        &self,
        settings: &GatewaySettings,
        caller: &Caller,
    ) -> Result<ApiCall, Refusal> {
        let RequestParser::Whole(whole) = reading(&self.head)? else { return Err(Refusal::BodyBroken) };
        Ok(self.resolved(settings, caller, b"", whole.finish(b"")?))
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
