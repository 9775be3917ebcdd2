//! Sends a permitted request to its upstream, and to others if that one fails.

use std::sync::Arc;

use http::Response;
use http::request::Parts;

use crate::engine::Permit;
use crate::gateway::clock::Timestamp;
use crate::gateway::http::error_response::{Answer, Refusal};
use crate::gateway::http::segmented_body::SegmentedBody;
use crate::gateway::judged::{self, Active, Judged};
use crate::gateway::limits::admission::AdmissionControl;
use crate::gateway::outgoing::Plan;
use crate::gateway::references::{self, ReferenceStore, Watch};
use crate::gateway::telemetry::{Observation, Observers};
use crate::gateway::upstream::client::{Connection, Forwarder};
use crate::gateway::upstream::retrying::{Retrying, Routed, Spare};
use crate::gateway::upstream::router::attempts::Attempts;
use crate::gateway::upstream::router::outcome::Cause;
use crate::identity::Caller;

/// What sends requests.
#[derive(Clone, Copy)]
pub(super) struct Sender<'g> {
    pub(super) active: &'g Active,
    pub(super) forwarder: &'g Forwarder,
    pub(super) observers: &'g Arc<Observers>,
    pub(super) references: &'g Arc<ReferenceStore>,
    pub(super) load: &'g AdmissionControl,
}

/// A request that was judged, with its whole body.
pub(super) struct Sending<'r> {
    pub(super) judged: &'r Judged,
    pub(super) caller: &'r Arc<Caller>,
    pub(super) head: &'r mut Parts,
    pub(super) body: &'r mut SegmentedBody,
}

impl<'r> Sender<'r> {
    /// Sends a request. `None`: the judgment is no longer valid, and the request is as it was.
    #[expect(clippy::manual_async_fn, reason = "an async function has room for its arguments twice")]
    pub(super) fn send(
        self,
        request: Sending<'r>,
        mut permit: Permit,
        attempts: &'r mut Attempts,
        observation: &'r mut Observation,
    ) -> impl Future<Output = Option<Result<Answer, Refusal>>> + Send + 'r {
        async move {
            let Sending { judged, caller, head, body } = request;
            let generation = &*judged.generation;
            let (snapshot, deployments) = (generation.snapshot(), &generation.deployments);
            let retrying = Retrying { snapshot, deployments, caller };
            // The answer of a deployment that failed, until another one is found.
            let mut failed: Option<Box<Result<Answer, Refusal>>> = None;
            // The loop repeats only if a deployment failed and something else may be tried.
            loop {
                let mut plan = match Plan::new(generation, &permit, head, body, attempts) {
                    Ok(plan) => plan,
                    Err(refusal) => {
                        let may_fall_back = failed.is_some()
                            || attempts.is_fallback()
                            || matches!(refusal, Refusal::CoolingDown { .. });
                        if may_fall_back
                            && let Some(next) =
                                retrying.fall_back(&permit, Cause::Failure, attempts, observation)
                        {
                            permit = next;
                            continue;
                        }
                        return Some(failed.map_or(Err(refusal), |failed| *failed));
                    }
                };
                drop(failed);
                plan.announce(&permit, head, observation);
                let settings = &snapshot.config().gateway;
                let created = (head.uri.query(), &*body);
                let watch = references::watch(self.references, settings, caller, &permit, created);
                let listing = references::listing(self.references, settings, caller, &permit);
                if watch.is_some() || listing.is_some() {
                    Watch::ask_for_plain(&mut head.headers);
                }
                let routed = plan.served().filter(|served| served.is_routed || attempts.is_fallback());
                let routed = match routed {
                    Some(served) => {
                        attempts.ends_at(plan.deadlines().end());
                        let label = deployments.label(served.position);
                        observation.served(label, &permit, attempts.number(), attempts.is_fallback());
                        Some(Routed { permit, served })
                    }
                    None => {
                        drop(permit);
                        None
                    }
                };
                let fetched = if plan.needs_token() { Box::pin(plan.fetch_token()).await } else { Ok(()) };
                let spare =
                    (routed.is_some() || plan.is_secure()).then(|| Box::new(Spare::of(head, body, routed)));
                let (is_whole, answered) = match fetched {
                    Ok(()) => self.attempt(plan, judged, (&mut *head, &mut *body), observation).await,
                    Err(refusal) => (true, Err(refusal)),
                };
                if matches!(answered, Err(Refusal::Overtaken)) && (is_whole || spare.is_some()) {
                    if let Some(spare) = spare {
                        spare.restore(head, body);
                    }
                    return None;
                }
                observation.upstream(answered.as_ref().map(Response::status));
                let answered = match spare.and_then(|spare| spare.restore(head, body)) {
                    None => answered,
                    Some(routed) => {
                        let next = Box::pin(retrying.next(routed, answered, attempts, observation));
                        match next.await {
                            (_, Some(_)) if !judged.counts(self.active, observation.now().wall) => {
                                return None;
                            }
                            (answered, Some(next)) => {
                                failed = Some(Box::new(answered));
                                permit = next;
                                continue;
                            }
                            (answered, None) => answered,
                        }
                    }
                };
                return Some(match (watch, listing, answered) {
                    (Some(watch), _, answered) => answered.map(|answer| watch.over(answer)),
                    (None, Some(listing), Ok(answer)) => {
                        Box::pin(listing.over(answer, self.load.body_bytes.nothing())).await
                    }
                    (None, _, answered) => answered,
                });
            }
        }
    }

    /// Sends a request once. Also tells whether the request is still whole, because nothing of it was sent.
    #[expect(clippy::manual_async_fn, reason = "an async function has room for its arguments twice")]
    fn attempt(
        self,
        plan: Plan<'r>,
        judged: &'r Judged,
        (head, body): (&'r mut Parts, &'r mut SegmentedBody),
        observation: &'r Observation,
    ) -> impl Future<Output = (bool, Result<Answer, Refusal>)> + Send + 'r {
        async move {
            let counts = || judged.counts(self.active, observation.now().wall);
            // Getting a token may have taken long.
            if plan.has_token() && !counts() {
                return (true, Err(Refusal::Overtaken));
            }
            let connection = if plan.is_secure() {
                let (gate, shut) = judged::gate(self.active, judged);
                *body = std::mem::take(body).behind(gate);
                Connection::Secure(shut)
            } else if let Some(link) = self.forwarder.idle(plan.uri()) {
                Connection::Plain(link)
            } else {
                // This is boxed, so that a request with a ready connection does not reserve memory for it.
                match Box::pin(self.forwarder.connect(plan.uri(), plan.deadlines())).await {
                    Ok(_) if !counts() => return (true, Err(Refusal::Overtaken)),
                    Ok(link) => Connection::Plain(link),
                    Err(refusal) => return (true, Err(refusal)),
                }
            };
            let settings = &judged.generation.snapshot().config().gateway;
            let outgoing = match plan.outgoing(settings, head, std::mem::take(body), connection) {
                Ok(outgoing) => outgoing,
                Err(refusal) => return (false, Err(refusal)),
            };
            let may_be_sent = || judged.counts(self.active, Timestamp::now().wall);
            (false, self.forwarder.relay(outgoing, &may_be_sent, self.observers).await)
        }
    }
}
