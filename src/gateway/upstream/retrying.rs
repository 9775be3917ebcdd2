//! Decides what follows an answer: it goes to the caller, or the request is sent again, to this deployment, to another one
//! of the same model, or for another model that the caller may use.

use std::time::SystemTime;

use http::HeaderMap;
use http::request::Parts;
use tokio::time::Instant;

use super::deployments::Deployments;
use super::peeked_body::peek;
use super::router::attempts::Attempts;
use super::router::outcome::{Cause, Failure};
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
    /// Records whether the deployment succeeded. Also returns the permit of the next attempt, once it is time for it; `None` if the
    /// answer goes to the caller.
    pub(in crate::gateway) async fn next(
        self,
        Routed { permit, served: Served { position, .. } }: Routed,
        mut answered: Result<Answer, Refusal>,
        attempts: &mut Attempts,
        observation: &mut Observation,
    ) -> (Result<Answer, Refusal>, Option<Permit>) {
        let next = match self.outcome(&permit, &mut answered).await {
            Outcome::Succeeded => {
                self.deployments.succeeded(position);
                None
            }
            Outcome::Declined(cause) => {
                self.deployments.succeeded(position);
                attempts.declined();
                if attempts.is_in_time(Instant::now()) {
                    self.fall_back(&permit, cause, attempts, observation)
                } else {
                    None
                }
            }
            Outcome::Failed(failure) => {
                let label = self.deployments.label(position);
                tracing::warn!(
                    deployment = label,
                    attempt = attempts.number(),
                    ?failure,
                    "the deployment failed"
                );
                self.after(failure, (permit, position), attempts, observation).await
            }
            Outcome::Unknown => None,
        };
        (answered, next)
    }

    /// The permit of the attempt after a failed one.
    async fn after(
        self,
        failure: Failure,
        (permit, position): (Permit, usize),
        attempts: &mut Attempts,
        observation: &mut Observation,
    ) -> Option<Permit> {
        let wait = self.deployments.failed(permit.call(), position, failure, attempts);
        match wait.map(|wait| Instant::now() + wait).filter(|at| attempts.is_in_time(*at)) {
            Some(at) => {
                // A wait of nothing would still be one of a millisecond.
                if wait.is_some_and(|wait| !wait.is_zero()) {
                    tokio::time::sleep_until(at).await;
                }
                observation.retries();
                Some(permit)
            }
            None if attempts.is_in_time(Instant::now()) => {
                self.fall_back(&permit, Cause::Failure, attempts, observation)
            }
            None => None,
        }
    }

    /// The permit for the next fallback that the caller may use. Each one is decided like the request itself, as a request for
    /// that model. `log_only` opens none: a fallback that the rules deny is not tried in any mode.
    pub(in crate::gateway) fn fall_back(
        self,
        permit: &Permit,
        cause: Cause,
        attempts: &mut Attempts,
        observation: &mut Observation,
    ) -> Option<Permit> {
        let model = permit.model()?;
        attempts.stand_in(model, self.deployments.fallbacks().of(model, cause));
        while let Some(model) = attempts.next_fallback(self.deployments.max_fallbacks()) {
            if !self.deployments.serves(&model, permit.call()) {
                continue;
            }
            let call = permit.call().clone().for_model(model.clone());
            let permitted = self.snapshot.authorize(self.caller, call);
            let permitted = permitted.ok().filter(|permit| permit.decision().unenforced.is_none());
            observation.falls_back(&model, permitted.is_some());
            if let Some(permit) = permitted {
                attempts.fall_back();
                return Some(permit);
            }
        }
        None
    }

    /// How a call of a deployment ended. An error may have to be read for that.
    async fn outcome(self, permit: &Permit, answered: &mut Result<Answer, Refusal>) -> Outcome {
        let answer = match answered {
            Ok(answer) => answer,
            Err(refusal) => return Failure::of_refusal(refusal).map_or(Outcome::Unknown, Outcome::Failed),
        };
        let status = answer.status();
        if let Some(failure) = Failure::of(status, answer.headers(), SystemTime::now()) {
            return Outcome::Failed(failure);
        }
        if status.is_success() {
            return Outcome::Succeeded;
        }
        let has_fallbacks = permit.model().is_some_and(|model| self.deployments.fallbacks().has(model));
        let cause = match Cause::of(status) {
            _ if !has_fallbacks => None,
            None if Cause::may_be_in_body(status) => Cause::in_body(&peek(answer).await),
            cause => cause,
        };
        cause.map_or(Outcome::Succeeded, Outcome::Declined)
    }
}

/// How a call of a deployment ended.
enum Outcome {
    /// The deployment answered, if only that the request is wrong.
    Succeeded,
    /// The deployment works, and another model may serve the request.
    Declined(Cause),
    Failed(Failure),
    /// The gateway refused the request or the answer.
    Unknown,
}
