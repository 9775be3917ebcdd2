//! One of the two configurations, as it decides.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{Effect, Policy};
use serde_json::Value;

use super::claims;
use super::universe::{Item, Kind};
use crate::config::Config;
use crate::dropins::{DropIn, DropIns, annotation};
use crate::engine::{Denied, Inquiry, MODEL_ROUTES, Rule, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::sources::LoadError;

/// A configuration with its policies.
pub(super) struct Side {
    pub(super) config: Config,
    pub(super) dropins: DropIns,
    /// By id.
    conditional: BTreeMap<String, Condition>,
    /// What counts whatever the conditions say.
    certain: Snapshot,
    /// The same, with each conditional `permit` as if its conditions held; `None` without any.
    granting: Option<Snapshot>,
    /// And with each conditional `forbid` as if its conditions held, too.
    forbidding: Option<Snapshot>,
}

/// A dropped-in policy whose conditions depend on what is not compared. Its name and place are for people: two with the
/// same effect and text are the same condition.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) permits: bool,
    /// The `when` and `unless` clauses, in Cedar.
    pub(super) text: String,
    pub(super) policy: String,
    pub(super) source: String,
}

impl Ord for Condition {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.permits, &self.text).cmp(&(other.permits, &other.text))
    }
}

impl PartialOrd for Condition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Condition {}

/// Whether somebody may do something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grant {
    No,
    Yes,
    /// By what these policies ask, of which a `permit` must hold if there is one, and no `forbid`.
    If(BTreeSet<Condition>),
}

impl Side {
    pub(super) fn load(path: &Path, policies: Option<&Path>) -> Result<Self, LoadError> {
        let config = Config::load(path, &crate::cli::environment)?;
        let policies = policies.or(config.gateway.policies.as_deref());
        let dropins = policies.map(DropIns::load).transpose()?.unwrap_or_default();
        // As they are, so that what is wrong with them is told.
        Snapshot::with_policies(config.clone(), &dropins)?;

        let enforced = |dropin: &&DropIn| annotation(&dropin.policy, "shadow").is_none();
        let (depending, plain): (Vec<_>, Vec<_>) = dropins
            .policies
            .iter()
            .filter(enforced)
            .cloned()
            .partition(|dropin| is_conditional(&dropin.policy));
        let conditional: BTreeMap<_, _> =
            depending.iter().map(|dropin| (dropin.policy.id().to_string(), Condition::of(dropin))).collect();
        let stripped: Vec<DropIn> = depending.iter().filter_map(without_conditions).collect();
        let only = |policies: Vec<DropIn>| {
            let mut some = dropins.clone();
            some.policies = policies;
            some
        };
        let with = |effect: Option<Effect>| {
            let more =
                stripped.iter().filter(|dropin| effect.is_none_or(|effect| dropin.policy.effect() == effect));
            let policies = plain.iter().chain(more).cloned().collect();
            Snapshot::with_policies(config.clone(), &only(policies))
        };
        let granting = stripped.iter().any(|dropin| dropin.policy.effect() == Effect::Permit);
        let forbidding = stripped.iter().any(|dropin| dropin.policy.effect() == Effect::Forbid);
        Ok(Self {
            certain: Snapshot::with_policies(config.clone(), &only(plain.clone()))?,
            granting: granting.then(|| with(Some(Effect::Permit))).transpose()?,
            forbidding: forbidding.then(|| with(None)).transpose()?,
            conditional,
            dropins,
            config,
        })
    }

    /// The caller of a kind, with a token as this configuration reads it; `None` if nobody gets in like that.
    pub(super) fn caller(&self, kind: &Kind) -> Option<Caller> {
        if kind.master_key {
            return self.config.master_key.is_some().then(Caller::master_key);
        }
        let jwt = self.config.jwt.as_ref()?;
        Some(Caller::identify(&claims::of(kind, jwt), Some(jwt)))
    }

    pub(super) fn grant(&self, caller: &Caller, item: &Item) -> Grant {
        match item {
            Item::Route { path, .. } => {
                let inquiry =
                    Inquiry { method: "POST".to_owned(), route: path.clone(), ..Inquiry::default() };
                self.ask(caller, &inquiry).unwrap_or(Grant::No)
            }
            Item::Model { name, .. } => self.grant_of_model(caller, name),
        }
    }

    /// The best answer of the routes on which a model is asked for.
    fn grant_of_model(&self, caller: &Caller, model: &ModelName) -> Grant {
        let mut best = Grant::No;
        for route in MODEL_ROUTES {
            let inquiry = Inquiry {
                method: "POST".to_owned(),
                route: route.to_owned(),
                models: vec![model.clone()],
                ..Inquiry::default()
            };
            match self.ask(caller, &inquiry) {
                Ok(Grant::Yes) => return Grant::Yes,
                Ok(grant) if best == Grant::No => best = grant,
                Ok(_) => {}
                Err(denied) if depends_on_route(denied.rule) => {}
                Err(_) => return best,
            }
        }
        best
    }

    fn ask(&self, caller: &Caller, inquiry: &Inquiry) -> Result<Grant, Box<Denied>> {
        let mut asked = BTreeSet::new();
        if let Err(denied) = self.certain.inquire(caller, inquiry) {
            let Some(granting) = &self.granting else { return Err(denied) };
            let decision = granting.inquire(caller, inquiry)?;
            asked.extend(self.conditions(&decision.policies));
        }
        if let Some(Err(denied)) = self.forbidding.as_ref().map(|snapshot| snapshot.inquire(caller, inquiry))
        {
            asked.extend(self.conditions(&denied.decision.policies));
        }
        Ok(if asked.is_empty() { Grant::Yes } else { Grant::If(asked) })
    }

    fn conditions(&self, ids: &[Arc<str>]) -> impl Iterator<Item = Condition> {
        ids.iter().filter_map(|id| self.conditional.get(&**id)).cloned()
    }
}

/// Whether another route may be answered otherwise.
fn depends_on_route(rule: Rule) -> bool {
    match rule {
        Rule::Policy
        | Rule::Route
        | Rule::AdminRoute
        | Rule::TeamRoute
        | Rule::NoTeamWithModel
        | Rule::Floor => true,
        Rule::Evaluation
        | Rule::MasterKey
        | Rule::Overage
        | Rule::Unmatched
        | Rule::Model
        | Rule::DeniedModel
        | Rule::Scope
        | Rule::TeamHeader
        | Rule::UnknownTeam
        | Rule::NoTeam
        | Rule::Blocked
        | Rule::TeamModel
        | Rule::EmailDomain
        | Rule::Identity => false,
    }
}

impl Condition {
    fn of(dropin: &DropIn) -> Self {
        let policy = &dropin.policy;
        // Cedar's own spelling, so that a change of layout is no change.
        let text = policy.to_json().ok().and_then(|json| Policy::from_json(None, json).ok()?.to_cedar());
        let text = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let clauses = [") when {", ") unless {"].iter().filter_map(|word| text.find(word)).min();
        let clauses = clauses.and_then(|at| text.get(at + 2..)).unwrap_or(&text);
        Self {
            policy: policy.id().to_string(),
            permits: policy.effect() == Effect::Permit,
            source: dropin.source(),
            text: clauses.trim_end_matches(';').to_owned(),
        }
    }
}

/// Whether a condition reads an attribute, a tag or the context.
fn is_conditional(policy: &Policy) -> bool {
    let Ok(json) = policy.to_json() else { return true };
    json.get("conditions").is_some_and(reads)
}

fn reads(expression: &Value) -> bool {
    const READING: [&str; 4] = [".", "has", "getTag", "hasTag"];
    match expression {
        Value::Object(object) => {
            object.keys().any(|key| READING.contains(&key.as_str()))
                || object.get("Var").is_some_and(|var| var == "context")
                || object.values().any(reads)
        }
        Value::Array(list) => list.iter().any(reads),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The policy as if its conditions held.
fn without_conditions(dropin: &DropIn) -> Option<DropIn> {
    let mut json = dropin.policy.to_json().ok()?;
    *json.get_mut("conditions")? = Value::Array(Vec::new());
    let policy = Policy::from_json(Some(dropin.policy.id().clone()), json).ok()?;
    Some(DropIn { parsed: policy.clone(), policy, ..dropin.clone() })
}
