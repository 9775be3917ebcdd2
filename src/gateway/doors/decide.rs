//! Decides a request that another proxy forwards.

use ipnet::IpNet;

use super::seen_body::{ModelInBody, SeenBody, has_two_readings};
use super::verdict::Verdict;
use crate::authn::VerifiedClaims;
use crate::config::WithoutBody;
use crate::gateway::http::client_ip;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::http::segmented_body::SegmentedBody;
use crate::gateway::judging::Case;
use crate::gateway::model_list;
use crate::gateway::pipeline::Gateway;
use crate::gateway::telemetry::Observation;
use crate::gateway::websocket::handshake::{self, Described};
use crate::request::{Malformed, ModelUse};

/// What a door knows besides the request.
pub(super) struct Asked<'d> {
    pub(super) seen: SeenBody,
    pub(super) without_body: WithoutBody,
    /// How the operator makes the proxy send the body.
    pub(super) advice: &'static str,
    /// The networks whose `X-Forwarded-For` is trusted.
    pub(super) trusted: &'d [IpNet],
    /// The caller's claims, if a trusted party has verified them. Otherwise the request has a credential.
    pub(super) claims: Option<&'d VerifiedClaims>,
    /// How the request uses its model and the length of its body, if a trusted party states them instead of sending the body.
    pub(super) stated_use: Option<(ModelUse, usize)>,
}

impl Gateway {
    /// Runs the steps of a request up to the decision.
    pub(super) async fn decide(
        &self,
        incoming: &mut IncomingRequest,
        asked: &Asked<'_>,
        observation: &mut Observation,
    ) -> Result<Verdict, Refusal> {
        let generation = self.admit(&incoming.head, observation)?;
        let socket = handshake::described(&mut incoming.head)?;
        if socket.is_some() && !generation.snapshot().config().gateway.websockets {
            return Err(Refusal::WebSocketsOff);
        }
        let by = self.identify(generation, &incoming.head, asked.claims, observation).await?;
        if asked.seen == SeenBody::Whole && has_two_readings(&incoming.head.headers) {
            return Err(Refusal::Encoding);
        }
        let mut body = SegmentedBody::default();
        let (read, is_empty) = match self.read(incoming, by, asked.claims, observation).await {
            Ok((case, received)) => {
                body = received;
                (Ok(case), body.len() == 0)
            }
            Err(refusal) => (Err(refusal), false),
        };
        // A proxy may announce a body with `Transfer-Encoding` and send none of it.
        let seen = if asked.seen == SeenBody::Whole && is_empty { SeenBody::Nothing } else { asked.seen };
        let case = match (socket, seen) {
            (Some(Described::Url), _) => read.and_then(|case| {
                if case.call.model().is_some() { Ok(case) } else { Err(Refusal::MessagesUnseen) }
            })?,
            (Some(Described::Messages), _) => return Err(read.err().unwrap_or(Refusal::MessagesUnseen)),
            (Some(Described::Unknown), _) => {
                let mut case = read?;
                case.call = case.call.with_unseen_body();
                case
            }
            (None, SeenBody::Received | SeenBody::Whole | SeenBody::Empty) => read?,
            (None, SeenBody::Nothing) => asked.without_body(read)?,
            (None, SeenBody::Beginning) => return Err(Refusal::BodyUnseen(asked.advice)),
        };
        let case = match asked.stated_use {
            Some((model_use, body_bytes)) => {
                Case { call: case.call.with_stated_use(model_use, body_bytes), ..case }
            }
            None => case,
        };
        let source =
            incoming.peer.and_then(|peer| client_ip::address(peer, &incoming.head.headers, asked.trusted));
        let (judged, caller, permit) = case.decide(source, observation)?;
        let listing =
            model_list::answer(judged.generation.snapshot(), &caller, &permit, &incoming.head.headers)
                .transpose()?;
        Ok(Verdict { permit, listing, body })
    }
}

impl Asked<'_> {
    /// Whether a request can be judged without its body.
    fn without_body(&self, read: Result<Case, Refusal>) -> Result<Case, Refusal> {
        let unseen = Refusal::BodyUnseen(self.advice);
        let mut case = match read {
            // An empty body lacks the model, or is no form.
            Err(Refusal::Malformed(Malformed::NoModel | Malformed::Body(_))) => return Err(unseen),
            read => read?,
        };
        match ModelInBody::of(case.call.method(), case.call.route().as_str()) {
            ModelInBody::Never => {}
            ModelInBody::Unknown => case.call = case.call.with_unseen_body(),
            ModelInBody::Expected if self.without_body == WithoutBody::Url && case.call.model().is_some() => {
            }
            ModelInBody::Expected => return Err(unseen),
        }
        Ok(case)
    }
}
