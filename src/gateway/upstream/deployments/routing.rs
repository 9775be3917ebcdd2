//! Chooses among the deployments of a name, records their health, and decides what is tried next.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::entry::{Entry, Prepared};
use super::{Chosen, Deployments, speaks};
use crate::gateway::http::error_response::Refusal;
use crate::gateway::target::Served;
use crate::gateway::telemetry::DeploymentSample;
use crate::gateway::upstream::router::attempts::Attempts;
use crate::gateway::upstream::router::choice::{Candidate, Choice, choose};
use crate::gateway::upstream::router::fallbacks::Fallbacks;
use crate::gateway::upstream::router::health::Calls;
use crate::gateway::upstream::router::outcome::Failure;
use crate::names::ModelName;
use crate::request::ApiCall;

/// The health of a deployment, for operators.
pub(in crate::gateway) struct DeploymentHealth<'d> {
    pub(in crate::gateway) model: &'d str,
    pub(in crate::gateway) label: &'d str,
    /// The host and port of its address; `None` if nothing can be sent.
    pub(in crate::gateway) host: Option<&'d str>,
    pub(in crate::gateway) cooling: Option<Duration>,
    pub(in crate::gateway) calls: Calls,
}

impl Deployments {
    /// A deployment of the model that was not `tried`, and the model's name there. An exact name overrides a wildcard, and
    /// a longer wildcard before a shorter one. Of several deployments, only those that `serve` the request count.
    pub(super) fn choose(
        &self,
        model: &ModelName,
        tried: &[usize],
        serve: impl Fn(&Prepared) -> bool,
    ) -> Result<Option<Chosen<'_>>, Refusal> {
        let positions = self.positions(model);
        if let [only] = *positions {
            return Ok(if tried.contains(&only) { None } else { self.chosen(model, only, true) });
        }
        let serving = self.deployed(&positions, model).filter(|(_, _, deployment)| serve(deployment));
        let serving: Vec<_> = serving.map(|(position, entry, _)| (position, entry)).collect();
        if let [(only, _)] = *serving {
            return Ok(if tried.contains(&only) { None } else { self.chosen(model, only, true) });
        }
        let turn = match self.exact.get(model) {
            Some(shared) => Some(&shared.turn),
            None => self.turn_below_wildcards(model),
        };
        let turn = turn.map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed));
        let untried = serving.iter().filter(|(position, _)| !tried.contains(position));
        match choose(untried.clone().map(|(_, entry)| entry.candidate()), turn, Instant::now()) {
            Choice::Chosen(index) => {
                Ok(untried.clone().nth(index).and_then(|(position, _)| self.chosen(model, *position, false)))
            }
            Choice::AllCooling(rest) => Err(Refusal::CoolingDown { seconds: rest.as_secs() + 1 }),
            Choice::Nothing => Ok(None),
        }
    }

    /// `is_only`: no other deployment serves the request.
    fn chosen(&self, model: &ModelName, position: usize, is_only: bool) -> Option<Chosen<'_>> {
        let entry = self.entries.get(position)?;
        let (deployment, without_provider) = entry.deployment(model)?;
        let is_routed = !is_only
            || self.rules.may_repeat(model, entry.routing.num_retries)
            || self.rules.fallbacks.has(model);
        let name = entry.name_at_upstream(model, deployment, without_provider);
        Some(Chosen { served: Served { position, is_routed }, deployment, name })
    }

    /// Positions of the entries that have the model's name, or the longest wildcards that fit.
    pub(super) fn positions(&self, model: &ModelName) -> Cow<'_, [usize]> {
        match self.exact.get(model) {
            Some(shared) => Cow::Borrowed(shared.positions.as_slice()),
            None => Cow::Owned(self.fitting(model.as_str())),
        }
    }

    /// The entries at these positions that have a deployment for the model, with their positions.
    pub(super) fn deployed<'d>(
        &'d self,
        positions: &'d [usize],
        model: &'d ModelName,
    ) -> impl Iterator<Item = (usize, &'d Entry, &'d Prepared)> + Clone {
        positions.iter().filter_map(|position| {
            let entry = self.entries.get(*position)?;
            Some((*position, entry, entry.deployment(model)?.0))
        })
    }

    /// Whether some deployment serves the call.
    pub(in crate::gateway) fn serves(&self, model: &ModelName, call: &ApiCall) -> bool {
        let positions = self.positions(model);
        self.deployed(&positions, model).any(|(_, _, deployment)| speaks(deployment, call))
    }

    /// Records that a deployment answered.
    pub(in crate::gateway) fn succeeded(&self, position: usize) {
        if let Some(entry) = self.entries.get(position) {
            entry.health.succeed(Instant::now());
        }
    }

    /// Records that a deployment failed to serve the call. Returns after how long the request is sent again, to it or to
    /// another.
    pub(in crate::gateway) fn failed(
        &self,
        call: &ApiCall,
        position: usize,
        failure: Failure,
        attempts: &mut Attempts,
    ) -> Option<Duration> {
        let serve = |deployment: &Prepared| speaks(deployment, call);
        self.failed_to_serve(call.model()?, position, failure, attempts, serve)
    }

    /// The same for a request that these deployments `serve`.
    pub(super) fn failed_to_serve(
        &self,
        model: &ModelName,
        position: usize,
        failure: Failure,
        attempts: &mut Attempts,
        serve: impl Fn(&Prepared) -> bool,
    ) -> Option<Duration> {
        let entry = self.entries.get(position)?;
        let now = Instant::now();
        let positions = self.positions(model);
        let serving = self.deployed(&positions, model).filter(|(_, _, deployment)| serve(deployment));
        let serving: Vec<_> = serving.collect();
        let is_only = serving.len() < 2;
        if !failure.counts() {
            entry.health.succeed(now);
        } else if is_only {
            entry.health.fail_alone(now);
        } else {
            entry.health.fail(failure, &self.rules, entry.routing.cooldown_time, now);
        }
        let failures = attempts.failed(position);
        if failures > self.rules.retries(model, entry.routing.num_retries, failure) {
            return None;
        }
        let mut healthy =
            serving.iter().filter(|(_, entry, _)| is_only || entry.health.cooling(now).is_none());
        if healthy.clone().any(|(position, _, _)| !attempts.tried().contains(position)) {
            return Some(Duration::ZERO);
        }
        if !self.rules.repeats(model, entry.routing.num_retries, failure) || healthy.next().is_none() {
            return None;
        }
        attempts.repeat();
        self.rules.wait(failures, failure.retry_after())
    }

    /// The models that stand in for others. Whether a caller may use them is not decided here.
    pub(in crate::gateway) fn fallbacks(&self) -> &Fallbacks {
        &self.rules.fallbacks
    }

    /// How many fallbacks are tried at most.
    pub(in crate::gateway) fn max_fallbacks(&self) -> usize {
        self.rules.max_fallbacks
    }

    /// How a deployment is named in logs, in metrics and on the admin listener.
    pub(in crate::gateway) fn label(&self, position: usize) -> &str {
        self.entries.get(position).map_or("", |entry| &entry.label)
    }

    /// The health of the deployments whose calls are counted, for metrics.
    pub(in crate::gateway) fn samples(&self, now: Instant) -> impl Iterator<Item = DeploymentSample<'_>> {
        let counted = self.health(now).filter(|one| one.calls.succeeded + one.calls.failed > 0);
        counted.map(|DeploymentHealth { label, cooling, calls, .. }| DeploymentSample {
            label,
            is_cooling: cooling.is_some(),
            succeeded: calls.succeeded,
            failed: calls.failed,
        })
    }

    /// The health of every deployment. Aliases have none of their own.
    pub(in crate::gateway) fn health(&self, now: Instant) -> impl Iterator<Item = DeploymentHealth<'_>> {
        self.entries.iter().filter(|entry| entry.alias_of.is_none()).filter_map(move |entry| {
            let deployment = entry.deployment.as_ref().or_else(|| entry.by_provider.values().next())?;
            let base = deployment.base.as_deref();
            Some(DeploymentHealth {
                model: entry.name.as_str(),
                label: &entry.label,
                // A base URL has neither a user nor a password.
                host: base.map(|base| base.authority.as_str()),
                cooling: entry.health.cooling(now),
                calls: entry.health.calls(),
            })
        })
    }
}

impl Entry {
    fn candidate(&self) -> Candidate<'_> {
        Candidate { routing: &self.routing, health: &self.health }
    }
}
