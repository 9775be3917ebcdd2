//! Opens the upstream's WebSocket for a permitted call, at another deployment if one fails.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::dial::Dialed;
use super::messages::{Bound, Messages};
use crate::authn::Bearer;
use crate::gateway::clock::Timestamp;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::http::headers;
use crate::gateway::judged::Judged;
use crate::gateway::telemetry::Observation;
use crate::gateway::upstream::deployments::sockets::SocketTarget;
use crate::gateway::upstream::router::attempts::Attempts;
use crate::gateway::upstream::router::outcome::Failure;
use crate::request::ApiCall;

type Opened = (Dialed, Bound);

impl Messages {
    /// Opens a WebSocket to a deployment of a permitted call, unless `opened` already leads there. Returns `false` if the
    /// rules changed meanwhile. The call must then be judged again.
    pub(super) async fn dial(
        &self,
        call: &ApiCall,
        judged: &Judged,
        (operation, protocols): (&str, &[String]),
        opened: &mut Option<Opened>,
        observation: &mut Observation,
    ) -> Result<bool, Refusal> {
        let deployments = &judged.generation.deployments;
        let model = call.model().ok_or(Refusal::NoUpstream)?;
        let counts = || judged.counts(&self.sockets.active, Timestamp::now().wall);
        let limits = &judged.generation.snapshot().config().gateway.limits;
        let mut attempts = Attempts::default();
        let end = Instant::now() + limits.upstream_total_timeout;
        attempts.ends_at(end);
        // What the deployment that was tried last answered.
        let mut failed = None;
        // The loop repeats only if a deployment failed and another attempt may succeed.
        loop {
            let mut target = match self.target(call, judged, operation, &attempts) {
                Ok(target) => target,
                Err(refusal) => {
                    *opened = Some(failed.unwrap_or(Err(refusal))?);
                    return Ok(counts());
                }
            };
            let leads_there = |bound: &Bound| {
                *model == bound.model
                    && (target.place == bound.place || deployments.leads_to(model, &bound.place))
            };
            if opened.as_ref().is_some_and(|(_, bound)| leads_there(bound)) {
                return Ok(counts());
            }
            *opened = None;
            let time = target.timeout.unwrap_or(limits.upstream_first_byte_timeout);
            target.timeout = Some(time.min(end.saturating_duration_since(Instant::now())));
            let served = target.served.filter(|served| served.is_routed);
            let (place, attempt) = (target.place.clone(), attempts.number());
            let dialed = match self.dial_once(target, call, judged, protocols, observation).await {
                Err(Refusal::Overtaken) => return Ok(false),
                dialed => dialed,
            };
            observation.upstream(dialed.as_ref().map(|dialed| match dialed {
                Dialed::Refused(answer) => answer.status(),
                Dialed::Open { .. } => StatusCode::SWITCHING_PROTOCOLS,
            }));
            let wait = served.and_then(|served| {
                let Some(failure) = failure(&dialed) else {
                    deployments.succeeded(served.position);
                    return None;
                };
                let label = deployments.label(served.position);
                tracing::warn!(deployment = label, attempt, ?failure, "the deployment failed");
                deployments.socket_failed((self.api, call), served.position, failure, &mut attempts)
            });
            let served = served.map(|served| (served.position, attempt));
            let dialed = dialed.map(|dialed| (dialed, Bound { model: model.clone(), place, served }));
            let next = wait.map(|wait| Instant::now() + wait).filter(|at| attempts.is_in_time(*at));
            let (Some(wait), Some(next)) = (wait, next) else {
                *opened = Some(dialed?);
                return Ok(counts());
            };
            failed = Some(dialed);
            if !wait.is_zero() {
                tokio::time::sleep_until(next).await;
            }
            if !counts() {
                return Ok(false);
            }
            self.sockets.observers.metrics().retried();
        }
    }

    fn target(
        &self,
        call: &ApiCall,
        judged: &Judged,
        operation: &str,
        attempts: &Attempts,
    ) -> Result<SocketTarget, Refusal> {
        let config = judged.generation.snapshot().config();
        let credential = Bearer::presented(&self.head.headers, config.master_key.as_ref()).ok();
        let deployments = &judged.generation.deployments;
        deployments.socket((self.api, operation), call, self.head.uri.query(), credential, attempts)
    }

    async fn dial_once(
        &self,
        mut target: SocketTarget,
        call: &ApiCall,
        judged: &Judged,
        protocols: &[String],
        observation: &mut Observation,
    ) -> Result<Dialed, Refusal> {
        let config = judged.generation.snapshot().config();
        let credential = Bearer::presented(&self.head.headers, config.master_key.as_ref()).ok();
        let deployments = &judged.generation.deployments;
        if let Some(credential) = target.credential.and_then(|position| deployments.credential(position)) {
            target.headers.extend(credential.header().await?);
        }
        let mut headers: HeaderMap = self.head.headers.clone();
        let stripped = headers::not_for_upstream(&headers, credential);
        headers::remove(&mut headers, stripped);
        observation.calls(call, target.called(), &mut headers);
        let time = target.timeout.unwrap_or(config.gateway.limits.upstream_first_byte_timeout);
        let may_be_sent = || judged.counts(&self.sockets.active, Timestamp::now().wall);
        self.sockets.dialer.dial(&target, headers, protocols, time, may_be_sent).await
    }
}

/// Why another deployment may accept the WebSocket.
fn failure(dialed: &Result<Dialed, Refusal>) -> Option<Failure> {
    match dialed {
        Ok(Dialed::Open { .. }) => None,
        Ok(Dialed::Refused(answer)) => Failure::of(answer.status(), answer.headers(), SystemTime::now()),
        Err(refusal) => Failure::of_refusal(refusal),
    }
}
