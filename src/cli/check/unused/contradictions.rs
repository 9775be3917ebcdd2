//! Permissions that a denial takes away as a whole.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{
    ActionConstraint, Effect, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint,
};
use serde_json::Value;

use super::warning::{Warning, place};
use crate::config::Config;
use crate::engine::{PolicyView, Rule, Snapshot};
use crate::pattern::Pattern;

/// Warns about each permission whose scope a `forbid` of operators' files covers, and about each model of an entry that the
/// denials of the same role have, too.
pub(super) fn find(snapshot: &Snapshot, impossible: &BTreeSet<String>) -> Vec<Warning> {
    let config = snapshot.config();
    let mut warnings = of_entries(config);
    let is_enforced = |view: &PolicyView<'_>| !view.is_shadow() && !impossible.contains(view.id());
    let written = snapshot.policies().filter(is_enforced).filter(is_written);
    let written: Vec<Scoped<'_>> = written.filter_map(Scoped::new).collect();
    let (permits, others): (Vec<_>, Vec<_>) =
        written.iter().partition(|rule| rule.policy.effect() == Effect::Permit);
    // The denials of the configuration belong to its own permissions.
    let forbids: Vec<_> = others.into_iter().filter(|rule| rule.view.is_dropped_in()).collect();
    for permit in permits {
        let covers = |forbid: &&&Scoped<'_>| forbid.covers(permit, config);
        if let Some(forbid) = forbids.iter().find(covers) {
            let (id, other) = (permit.view.id(), forbid.view.id());
            let at = forbid.view.source().map(|source| format!(" [{source}]")).unwrap_or_default();
            warnings.push(Warning {
                message: format!(
                    "{}`{id}` permits nothing: `{other}`{at} forbids each request that it matches",
                    place(permit.view.source())
                ),
                help:
                    "remove one of them, or make the `forbid` narrower: a `forbid` overrides every `permit`"
                        .to_owned(),
            });
        }
    }
    warnings
}

/// Whether operators wrote the policy, as a drop-in or as an entry of the configuration.
fn is_written(view: &PolicyView<'_>) -> bool {
    match view.rule() {
        Rule::Policy | Rule::Model | Rule::Scope => true,
        // An entry without `routes` permits every route, which nobody wrote.
        Rule::Route => view.id().ends_with(".routes"),
        _ => false,
    }
}

/// A policy with its conditions as data.
struct Scoped<'s> {
    view: PolicyView<'s>,
    policy: &'s Policy,
    conditions: Vec<Value>,
}

impl<'s> Scoped<'s> {
    fn new(view: PolicyView<'s>) -> Option<Self> {
        let policy = view.policy();
        let json = policy.to_json().ok()?;
        let conditions = json.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        Some(Self { view, policy, conditions })
    }

    /// Whether this rule matches each request that the other one matches. If the answer is yes, it is certain.
    fn covers(&self, other: &Self, config: &Config) -> bool {
        self.conditions.iter().all(|condition| other.conditions.contains(condition))
            && principals(&self.policy.principal_constraint(), &other.policy.principal_constraint())
            && actions(&self.policy.action_constraint(), &other.policy.action_constraint())
            && resources(&self.policy.resource_constraint(), &other.policy.resource_constraint(), config)
    }
}

/// A scope, without what principals and resources have of their own.
struct Scope {
    kind: Option<EntityTypeName>,
    within: Option<EntityUid>,
    /// Whether it is this one entity alone.
    is_one: bool,
}

fn principals(all: &PrincipalConstraint, some: &PrincipalConstraint) -> bool {
    let scope = |constraint: &PrincipalConstraint| match constraint {
        PrincipalConstraint::Any => Scope { kind: None, within: None, is_one: false },
        PrincipalConstraint::Is(kind) => Scope { kind: Some(kind.clone()), within: None, is_one: false },
        PrincipalConstraint::In(uid) => Scope { kind: None, within: Some(uid.clone()), is_one: false },
        PrincipalConstraint::IsIn(kind, uid) => {
            Scope { kind: Some(kind.clone()), within: Some(uid.clone()), is_one: false }
        }
        PrincipalConstraint::Eq(uid) => Scope { kind: None, within: Some(uid.clone()), is_one: true },
    };
    let (mut all, some) = (scope(all), scope(some));
    // Every caller is one.
    all.kind = all.kind.filter(|kind| kind.to_string() != "Caller");
    covers(&all, &some, |_, _| false)
}

fn actions(all: &ActionConstraint, some: &ActionConstraint) -> bool {
    let listed = |constraint: &ActionConstraint| match constraint {
        ActionConstraint::Any => None,
        ActionConstraint::Eq(uid) => Some(vec![uid.clone()]),
        ActionConstraint::In(uids) => Some(uids.clone()),
    };
    match (listed(all), listed(some)) {
        (None, _) => true,
        (Some(all), Some(some)) => some.iter().all(|action| all.contains(action)),
        (Some(_), None) => false,
    }
}

fn resources(all: &ResourceConstraint, some: &ResourceConstraint, config: &Config) -> bool {
    let scope = |constraint: &ResourceConstraint| match constraint {
        ResourceConstraint::Any => Scope { kind: None, within: None, is_one: false },
        ResourceConstraint::Is(kind) => Scope { kind: Some(kind.clone()), within: None, is_one: false },
        ResourceConstraint::In(uid) => Scope { kind: None, within: Some(uid.clone()), is_one: false },
        ResourceConstraint::IsIn(kind, uid) => {
            Scope { kind: Some(kind.clone()), within: Some(uid.clone()), is_one: false }
        }
        ResourceConstraint::Eq(uid) => Scope { kind: None, within: Some(uid.clone()), is_one: true },
    };
    covers(&scope(all), &scope(some), |group, uid| {
        group.type_name().to_string() == "AccessGroup" && in_group(group, uid, config)
    })
}

/// Whether a model is in an access group of the configuration.
fn in_group(group: &EntityUid, uid: &EntityUid, config: &Config) -> bool {
    let of_name = config.models.iter().filter(|model| {
        uid.type_name().to_string() == "Model" && model.name.as_str() == uid.id().unescaped()
    });
    of_name.into_iter().any(|model| model.access_groups.iter().any(|name| name == group.id().unescaped()))
}

/// Whether one scope has everything that the other one has. `is_member` knows members of groups.
fn covers(all: &Scope, some: &Scope, is_member: impl Fn(&EntityUid, &EntityUid) -> bool) -> bool {
    let same_kind = all.kind.as_ref().is_none_or(|kind| {
        let of_one = some.within.as_ref().filter(|_| some.is_one).map(EntityUid::type_name);
        some.kind.as_ref().or(of_one) == Some(kind)
    });
    let within = match (&all.within, &some.within) {
        (None, _) => true,
        // An entity is in itself, and a group has more than itself.
        (Some(all_of), Some(of)) if all_of == of => !all.is_one || some.is_one,
        (Some(group), Some(one)) => !all.is_one && some.is_one && is_member(group, one),
        (Some(_), None) => false,
    };
    same_kind && within
}

/// Models of an entry of `modelgate.role_permissions` that its role is always denied.
fn of_entries(config: &Config) -> Vec<Warning> {
    let entries = config.token_roles.as_deref().unwrap_or_default();
    let by_role: BTreeMap<&str, _> = entries.iter().map(|entry| (entry.role.as_str(), entry)).collect();
    let mut warnings = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let mut denied: Vec<(&str, &str)> = Vec::new();
        let (mut open, mut seen) = (vec![entry.role.as_str()], BTreeSet::new());
        while let Some(role) = open.pop() {
            if let Some(of_role) = by_role.get(role).filter(|_| seen.insert(role)) {
                denied.extend(of_role.deny_models.iter().map(|name| (role, name.as_str())));
                open.extend(of_role.inherits.iter().map(String::as_str));
            }
        }
        for (j, model) in entry.models.iter().enumerate() {
            let is_denied = |denied: &str| {
                denied == model || (!model.contains('*') && Pattern::new(denied).matches(model))
            };
            let Some((role, name)) = denied.iter().find(|(_, name)| is_denied(name)) else { continue };
            let path = format!("modelgate.role_permissions[{i}].models");
            let line = config.lines.get(&format!("{path}[{j}]"));
            let source = line.map(|line| format!("{}:{line}", config.file));
            warnings.push(Warning {
                message: format!(
                    "{}`{model}` in `{path}` is never allowed: `deny_models` of role `{role}` has `{name}`",
                    place(source.as_deref())
                ),
                help: "remove one of them: a denial overrides every grant".to_owned(),
            });
        }
    }
    warnings
}
