//! Judges the messages of a caller, each by the rules that are in force when it comes.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::Message;

use super::dial::Dialed;
use super::shared::Sockets;
use crate::authn::Bearer;
use crate::config::GatewaySettings;
use crate::gateway::clock::Moment;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::http::headers;
use crate::gateway::judged::Judged;
use crate::gateway::judging::{Case, authenticate, reading};
use crate::gateway::loading::generation::InForce;
use crate::gateway::references::{self, SessionModels};
use crate::gateway::telemetry::Observation;
use crate::gateway::upstream::deployments::sockets::{SocketApi, SocketPlace};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::{ApiCall, Frame, Malformed, RequestHead, RequestParser, Socket};

/// How often the rules may change while a handshake or a message is judged.
pub(super) const ATTEMPTS: usize = 8;

/// What all messages of a caller's WebSocket have in common.
pub(super) struct Messages {
    pub(super) sockets: Arc<Sockets>,
    pub(super) api: SocketApi,
    /// The head of the handshake, with its credential.
    pub(super) head: Parts,
    pub(super) request_id: HeaderValue,
    pub(super) source: Option<IpAddr>,
    /// When the token ends, in seconds since 1970, as the bits of the number.
    pub(super) expires: AtomicU64,
    /// The models that permitted messages named, which ids of the upstream's messages stand for.
    pub(super) named: SessionModels,
}

/// The model and the deployment that a WebSocket is open for.
pub(super) struct Bound {
    pub(super) model: ModelName,
    pub(super) place: SocketPlace,
}

/// A message that may pass on.
pub(super) struct Permitted {
    /// What was decided, for the first message of a connection that is not bound yet.
    pub(super) call: ApiCall,
    pub(super) judged: Judged,
    pub(super) frame: Frame,
}

impl Messages {
    /// Judges a message.
    pub(super) async fn judge(&self, text: &[u8], bound: Option<&Bound>) -> Result<Permitted, Refusal> {
        let mut seen = Observation::begin(&self.sockets.observers, &self.head, &self.request_id);
        let judged = self.steps(text, bound, &mut seen).await;
        let has_line = judged.as_ref().is_ok_and(|permitted| !permitted.frame.is_media());
        seen.message_judged(judged.as_ref().err(), has_line);
        judged
    }

    async fn steps(
        &self,
        text: &[u8],
        bound: Option<&Bound>,
        seen: &mut Observation,
    ) -> Result<Permitted, Refusal> {
        for _ in 0..ATTEMPTS {
            let in_force = self.sockets.active.load_full();
            let snapshot = in_force.snapshot();
            let settings = &snapshot.config().gateway;
            seen.judged_by(snapshot);
            if !settings.websockets {
                return Err(Refusal::WebSocketsOff);
            }
            if text.len() > settings.max_body_bytes {
                return Err(Refusal::BodyTooLarge { limit: settings.max_body_bytes });
            }
            let now = Moment::now();
            let verified = authenticate(&self.sockets.observers, &in_force, &self.head.headers, now).await;
            seen.authenticated(verified.as_ref().ok().map(|(caller, _)| &**caller));
            let (caller, expires) = verified?;
            self.expires.store(expires.to_bits(), Ordering::Relaxed);
            let frame = self.read(text, bound, settings.limits.json_depth)?;
            if frame.call().model().is_none() {
                return Err(Malformed::NoModelYet.into());
            }
            let time = seen.has_read();
            let judged = Judged { in_force: Arc::clone(&in_force), expires };
            let call = self.resolved(settings, &caller, text, frame.call().clone());
            let case = Case { judged, caller, call, time };
            let (judged, caller, permit) = case.decide(self.source, seen)?;
            // To verify the token may have taken a while.
            if !judged.counts(&self.sockets.active, Moment::now().wall) {
                seen.judged_again();
                continue;
            }
            if let Some(bound) = bound {
                check_deployment(&in_force, &frame, bound)?;
            }
            self.named.add(settings, &caller, permit.call());
            return Ok(Permitted { call: permit.call().clone(), judged, frame });
        }
        Err(Refusal::Overtaken)
    }

    /// Remembers the ids in a message of the upstream, before the caller has it.
    pub(super) fn upstream_said(&self, message: &Message) {
        let in_force = self.sockets.active.load();
        let settings = &in_force.snapshot().config().gateway;
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
    /// Opens a WebSocket to the deployment of a permitted call, unless `opened` leads there already. `false`: the rules changed
    /// meanwhile, and the call must be judged again.
    pub(super) async fn dial(
        &self,
        call: &ApiCall,
        judged: &Judged,
        operation: &str,
        protocols: &[String],
        opened: &mut Option<(Dialed, Bound)>,
    ) -> Result<bool, Refusal> {
        let config = judged.in_force.snapshot().config();
        let credential = Bearer::presented(&self.head.headers, config.master_key.as_ref()).ok();
        let query = self.head.uri.query();
        let deployments = &judged.in_force.deployments;
        let target = deployments.socket(self.api, operation, call, query, credential)?;
        let model = call.model().ok_or(Refusal::NoUpstream)?;
        let may_be_sent = || judged.counts(&self.sockets.active, Moment::now().wall);
        let is_open = opened.as_ref().is_some_and(|(_, bound)| {
            *model == bound.model
                && (target.place == bound.place || deployments.leads_to(model, &bound.place))
        });
        if !is_open {
            *opened = None;
            let mut headers: HeaderMap = self.head.headers.clone();
            let stripped = headers::not_for_upstream(&headers, credential);
            headers::remove(&mut headers, stripped);
            let time = config.gateway.limits.upstream_first_byte_timeout;
            let dialed = self.sockets.dialer.dial(&target, headers, protocols, time, may_be_sent).await;
            match dialed {
                Ok(dialed) => *opened = Some((dialed, Bound { model: model.clone(), place: target.place })),
                Err(Refusal::Overtaken) => return Ok(false),
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(may_be_sent())
    }

    /// Authenticates and judges the handshake again, by the active rules.
    pub(super) async fn handshake_again(&self, seen: &mut Observation) -> Result<Case, Refusal> {
        let in_force = self.sockets.active.load_full();
        let settings = &in_force.snapshot().config().gateway;
        seen.judged_again();
        seen.judged_by(in_force.snapshot());
        if !settings.websockets {
            return Err(Refusal::WebSocketsOff);
        }
        if self.head.headers.len() > settings.limits.headers {
            return Err(Refusal::TooManyHeaders { limit: settings.limits.headers });
        }
        let verified = authenticate(&self.sockets.observers, &in_force, &self.head.headers, seen.now()).await;
        seen.authenticated(verified.as_ref().ok().map(|(caller, _)| &**caller));
        let (caller, expires) = verified?;
        self.expires.store(expires.to_bits(), Ordering::Relaxed);
        let call = self.handshake_call(settings, &caller)?;
        let time = seen.now().wall;
        Ok(Case { judged: Judged { in_force, expires }, caller, call, time })
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

/// Refuses a message that asks for a model of another deployment: the connection would give it to its own.
fn check_deployment(in_force: &InForce, frame: &Frame, bound: &Bound) -> Result<(), Refusal> {
    let deployments = &in_force.deployments;
    deployments.check_message(&bound.place, frame.call())?;
    let leads_there = |model: &ModelName| match bound.place.model() {
        Some(_) => *model == bound.model || deployments.leads_to(model, &bound.place),
        None => *model == bound.model,
    };
    if frame.asked().is_none_or(leads_there) { Ok(()) } else { Err(Refusal::OtherDeployment) }
}
