//! Decides what follows an answer: it goes to the caller, or the request is sent again, to this deployment, to another one
//! of the same model, or for another model that the caller may use.

use std::time::SystemTime;

use http::HeaderMap;
use http::request::Parts;
use tokio::time::Instant;

use super::deployments::Deployments;
use super::router::attempts::Attempts;
use super::router::outcome::Failure;
use crate::engine::{Permit, Snapshot};
use crate::gateway::http::error_response::{Answer, Refusal};
use crate::gateway::http::segmented_body::SegmentedBody;
use crate::gateway::target::Served;
use crate::gateway::telemetry::Observation;
use crate::identity::Caller;

/// What is needed to send a request again.
pub(in crate::gateway) struct Spare {
    pub(in crate::gateway) headers: HeaderMap,
    pub(in crate::gateway) body: SegmentedBody,
    /// `None`: the request is sent again only if it was not sent.
    pub(in crate::gateway) routed: Option<Routed>,
}

/// A permitted request, and the deployment that it was sent to.
pub(in crate::gateway) struct Routed {
    pub(in crate::gateway) permit: Permit,
    pub(in crate::gateway) served: Served,
}

impl Spare {
    /// A copy of the request. It shares the body's bytes.
    pub(in crate::gateway) fn of(head: &Parts, body: &mut SegmentedBody, routed: Option<Routed>) -> Self {
        Self { headers: head.headers.clone(), body: body.spare(), routed }
    }

    /// Puts the request back.
    pub(in crate::gateway) fn restore(self, head: &mut Parts, body: &mut SegmentedBody) -> Option<Routed> {
        head.headers = self.headers;
        *body = self.body;
        self.routed
    }
}

/// The rules by which a request is sent again.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Retrying<'r> {
    pub(in crate::gateway) snapshot: &'r Snapshot,
    pub(in crate::gateway) deployments: &'r Deployments,
    pub(in crate::gateway) caller: &'r Caller,
}

impl Retrying<'_> {
    /// Records how the deployment fared. Returns the permit of the next attempt, once it is time for it; `None` if the answer
    /// goes to the caller.
    pub(in crate::gateway) async fn next(
        self,
        routed: Routed,
        outcome: Outcome,
        attempts: &mut Attempts,
        observation: &mut Observation,
    ) -> Option<Permit> {
        let Routed { permit, served: Served { position, .. } } = routed;
        let failure = match outcome {
            Outcome::Failed(failure) => failure,
            Outcome::Succeeded => {
                self.deployments.succeeded(position);
                return None;
            }
            Outcome::Unknown => return None,
        };
        let label = self.deployments.label(position);
        tracing::warn!(deployment = label, attempt = attempts.number(), ?failure, "the deployment failed");
        let wait = self.deployments.failed(permit.call(), position, failure, attempts);
        let is_in_time = |at: Instant| attempts.end().is_none_or(|end| at < end);
        match wait.map(|wait| Instant::now() + wait).filter(|at| is_in_time(*at)) {
            Some(at) => {
                // A wait of nothing would still be one of a millisecond.
                if wait.is_some_and(|wait| !wait.is_zero()) {
                    tokio::time::sleep_until(at).await;
                }
                observation.retries();
                Some(permit)
            }
            None if is_in_time(Instant::now()) => self.fall_back(&permit, attempts, observation),
            None => None,
        }
    }

    /// The permit for the next fallback that the caller may use. Each one is decided like the request itself, as a request for
    /// that model. `log_only` opens none: a fallback that the rules deny is not tried in any mode.
    pub(in crate::gateway) fn fall_back(
        self,
        permit: &Permit,
        attempts: &mut Attempts,
        observation: &mut Observation,
    ) -> Option<Permit> {
        let asked = attempts.asked(permit.model()?).clone();
        while let Some(model) = self.deployments.next_fallback(&asked, permit.call(), attempts) {
            let call = permit.call().clone().for_model(model.clone());
            let permitted = self.snapshot.authorize(self.caller, call);
            let permitted = permitted.ok().filter(|permit| permit.decision().unenforced.is_none());
            observation.falls_back(model, permitted.is_some());
            if let Some(permit) = permitted {
                attempts.fall_back(asked);
                return Some(permit);
            }
        }
        None
    }
}

/// How a call of a deployment ended.
#[derive(Clone, Copy)]
pub(in crate::gateway) enum Outcome {
    /// The deployment answered, if only that the request is wrong.
    Succeeded,
    Failed(Failure),
    /// The gateway refused the request or the answer.
    Unknown,
}

impl Outcome {
    pub(in crate::gateway) fn of(answered: &Result<Answer, Refusal>) -> Self {
        match answered {
            Ok(answer) => Failure::of(answer.status(), answer.headers(), SystemTime::now())
                .map_or(Self::Succeeded, Self::Failed),
            Err(
                Refusal::UpstreamDown
                | Refusal::UpstreamConnectTimeout
                | Refusal::UpstreamTimeout
                | Refusal::NoUpstreamCredential,
            ) => Self::Failed(Failure::Unreachable),
            Err(_) => Self::Unknown,
        }
    }
}
