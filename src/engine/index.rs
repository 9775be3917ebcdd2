//! Policies, sliced by what their scope can match.
//!
//! Cedar looks at every policy of a set, whatever its scope says. Here a policy whose scope names an entity is kept under
//! that entity, and is only shown to Cedar when the request's principal or resource is that entity or lies below it: in
//! every other case its scope is false, so it could neither decide nor fail.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Effect, Entities, EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint,
    ResourceConstraint,
};

use super::facts::PolicyFacts;

/// What there is of `permit`s, and of `forbid`s.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects<T> {
    pub(super) permits: T,
    pub(super) forbids: T,
}

/// What there is of policies in force, and of those that are tried and not enforced.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing<T> {
    pub(super) live: Effects<T>,
    pub(super) shadow: Effects<T>,
}

/// The policies that can apply to one action.
///
/// The `permit`s are apart from the `forbid`s: together Cedar would not say whether a request that is forbidden was
/// granted at all, and that is the first thing an operator asks. Those that read the context are apart from those that do
/// not: the answers of the others can be kept.
#[derive(Debug)]
pub(super) struct Policies {
    pub(super) action: EntityUid,
    pub(super) settled: Standing<PolicyIndex>,
    pub(super) open: Standing<PolicyIndex>,
}

impl<T> Effects<T> {
    pub(super) fn try_map<U, E>(&self, map: impl Fn(&T) -> Result<U, E>) -> Result<Effects<U>, E> {
        Ok(Effects { permits: map(&self.permits)?, forbids: map(&self.forbids)? })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.permits, &self.forbids].into_iter()
    }
}

impl Policies {
    pub(super) fn new(facts: &[Arc<PolicyFacts>], action: EntityUid) -> Result<Self, Box<PolicySetError>> {
        let of = |open: bool, shadow: bool, effect: Effect| {
            let facts =
                facts.iter().filter(|facts| facts.context.is_empty() != open && facts.shadow == shadow);
            let policies = facts.map(|facts| &facts.policy).filter(|policy| policy.effect() == effect);
            PolicyIndex::new(policies, &action)
        };
        let effects = |open, shadow| {
            Ok::<_, Box<PolicySetError>>(Effects {
                permits: of(open, shadow, Effect::Permit)?,
                forbids: of(open, shadow, Effect::Forbid)?,
            })
        };
        let standing = |open| {
            Ok::<_, Box<PolicySetError>>(Standing {
                live: effects(open, false)?,
                shadow: effects(open, true)?,
            })
        };
        Ok(Self { settled: standing(false)?, open: standing(true)?, action })
    }
}

/// The policies of one effect that can apply to one action.
#[derive(Debug, Default)]
pub(super) struct PolicyIndex {
    /// Their scope names no entity.
    always: PolicySet,
    by_entity: HashMap<EntityUid, PolicySet>,
}

/// Who asks for what, and what they are in.
pub(super) struct Ends<'q> {
    principal: &'q EntityUid,
    resource: &'q EntityUid,
    entities: &'q Entities,
    /// Both, and everything that either is in, each once: a policy must not be shown to Cedar twice.
    places: HashSet<&'q EntityUid>,
}

impl PolicyIndex {
    /// Slices those of `policies` that apply to `action`.
    pub(super) fn new<'p>(
        policies: impl Iterator<Item = &'p Policy>,
        action: &EntityUid,
    ) -> Result<Self, Box<PolicySetError>> {
        let policies: Vec<&Policy> = policies.filter(|policy| applies(policy, action)).collect();
        // A policy goes where it has the fewest neighbours: "this role, that model" is rarer under the model.
        let mut mentions: HashMap<EntityUid, usize> = HashMap::new();
        for uid in policies.iter().flat_map(|policy| scope_entities(policy)) {
            *mentions.entry(uid).or_default() += 1;
        }
        let mut index = Self::default();
        for policy in policies {
            let rarest = scope_entities(policy).min_by_key(|uid| mentions.get(uid).copied());
            let set = match rarest {
                Some(uid) => index.by_entity.entry(uid).or_default(),
                None => &mut index.always,
            };
            set.add(policy.clone())?;
        }
        Ok(index)
    }

    /// The sets that hold every policy whose scope the request can match.
    pub(super) fn relevant<'i>(&'i self, ends: &'i Ends<'_>) -> impl Iterator<Item = &'i PolicySet> {
        let places = ends.places.iter().filter(|_| !self.by_entity.is_empty());
        let indexed = places.filter_map(|uid| self.by_entity.get(*uid));
        std::iter::once(&self.always).filter(|set| !set.is_empty()).chain(indexed)
    }

    /// Every policy whose scope the request does match, and no other.
    pub(super) fn matching(&self, ends: &Ends<'_>) -> Result<PolicySet, Box<PolicySetError>> {
        let relevant = self.relevant(ends).flat_map(PolicySet::policies);
        let mut set = PolicySet::new();
        for policy in relevant.filter(|policy| ends.are_in_scope(policy)) {
            set.add(policy.clone())?;
        }
        Ok(set)
    }
}

impl<'q> Ends<'q> {
    pub(super) fn new(principal: &'q EntityUid, resource: &'q EntityUid, entities: &'q Entities) -> Self {
        let both = [principal, resource].into_iter();
        let above = both.clone().filter_map(|uid| entities.ancestors(uid)).flatten();
        Self { principal, resource, entities, places: both.chain(above).collect() }
    }

    fn are_in_scope(&self, policy: &Policy) -> bool {
        let is_in =
            |uid: &EntityUid, group: &EntityUid| uid == group || self.entities.is_ancestor_of(group, uid);
        let is_principal_in_scope = match policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Is(ty) => ty == *self.principal.type_name(),
            PrincipalConstraint::Eq(uid) => uid == *self.principal,
            PrincipalConstraint::In(group) => is_in(self.principal, &group),
            PrincipalConstraint::IsIn(ty, group) => {
                ty == *self.principal.type_name() && is_in(self.principal, &group)
            }
        };
        is_principal_in_scope
            && match policy.resource_constraint() {
                ResourceConstraint::Any => true,
                ResourceConstraint::Is(ty) => ty == *self.resource.type_name(),
                ResourceConstraint::Eq(uid) => uid == *self.resource,
                ResourceConstraint::In(group) => is_in(self.resource, &group),
                ResourceConstraint::IsIn(ty, group) => {
                    ty == *self.resource.type_name() && is_in(self.resource, &group)
                }
            }
    }
}

/// Whether a policy can apply to the action.
pub(super) fn applies(policy: &Policy, action: &EntityUid) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Eq(uid) => uid == *action,
        // A group of actions may hold this one.
        ActionConstraint::Any | ActionConstraint::In(_) => true,
    }
}

/// The entities that the policy's scope names, beside the action.
fn scope_entities(policy: &Policy) -> impl Iterator<Item = EntityUid> {
    let principal = match policy.principal_constraint() {
        PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
            Some(uid)
        }
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
    };
    let resource = match policy.resource_constraint() {
        ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => {
            Some(uid)
        }
        ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
    };
    principal.into_iter().chain(resource)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cedar_policy::{Authorizer, Context, Entity, Request};
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn scope(variable: &'static str, entities: &'static [&'static str]) -> impl Strategy<Value = String> {
        let of = move |operator| select(entities).prop_map(move |uid| format!("{variable} {operator} {uid}"));
        let ty = if variable == "principal" { "Caller" } else { "Model" };
        prop_oneof![
            Just(variable.to_owned()),
            Just(format!("{variable} is {ty}")),
            of("=="),
            of("in"),
            of(if variable == "principal" { "is Caller in" } else { "is Model in" }),
        ]
    }

    fn policy() -> impl Strategy<Value = String> {
        let principal = scope(
            "principal",
            &["Caller::\"a\"", "Caller::\"b\"", "Role::\"r\"", "Role::\"top\"", "Role::\"s\""],
        );
        // The role `r` holds the model `x` too.
        let resource =
            scope("resource", &["Model::\"x\"", "Model::\"y\"", "Set::\"1\"", "Set::\"2\"", "Role::\"r\""]);
        let actions = [
            "action",
            "action == Action::\"use\"",
            "action == Action::\"call\"",
            "action in [Action::\"use\"]",
        ];
        // The last condition fails to evaluate for every caller but one.
        let conditions = ["", "when { resource in Set::\"1\" }", "unless { principal.missing }"];
        (principal, select(Vec::from(actions)), resource, select(Vec::from(conditions))).prop_map(
            |(principal, action, resource, condition)| {
                format!("permit({principal}, {action}, {resource}) {condition};")
            },
        )
    }

    fn uid(text: &str) -> EntityUid {
        text.parse().unwrap()
    }

    /// What Cedar says of the request: the ids of the policies that hold, and whether any failed.
    fn answer(request: &Request, set: &PolicySet, entities: &Entities) -> (BTreeSet<String>, bool) {
        let response = Authorizer::new().is_authorized(request, set, entities);
        let holding = response.diagnostics().reason().map(ToString::to_string).collect();
        (holding, response.diagnostics().errors().next().is_some())
    }

    proptest! {
        #[test]
        fn a_slice_decides_as_the_whole_set_does(
            policies in proptest::collection::vec(policy(), 0..12),
            principal in select(&["Caller::\"a\"", "Caller::\"c\""][..]),
            resource in select(&["Model::\"x\"", "Model::\"z\""][..]),
        ) {
            let policies: Vec<Policy> = policies.iter().enumerate()
                .map(|(i, text)| Policy::parse(Some(cedar_policy::PolicyId::new(format!("p{i}"))), text).unwrap())
                .collect();
            let parents = |of: &str, parents: &[&str]| Entity::new_no_attrs(uid(of), parents.iter().map(|p| uid(p)).collect());
            let entities = Entities::from_entities([
                parents("Caller::\"a\"", &["Role::\"r\""]),
                parents("Role::\"r\"", &["Role::\"top\""]),
                parents("Model::\"x\"", &["Set::\"1\"", "Role::\"r\""]),
            ], None).unwrap();
            let action = uid("Action::\"use\"");
            let request = Request::new(uid(principal), action.clone(), uid(resource), Context::empty(), None).unwrap();

            let index = PolicyIndex::new(policies.iter(), &action).unwrap();
            let (principal, resource) = (uid(principal), uid(resource));
            let ends = Ends::new(&principal, &resource, &entities);
            let sliced = index.relevant(&ends).map(|set| answer(&request, set, &entities))
                .reduce(|mut all, (holding, failed)| { all.0.extend(holding); (all.0, all.1 | failed) });
            let matching = answer(&request, &index.matching(&ends).unwrap(), &entities);
            let whole = answer(&request, &PolicySet::from_policies(policies).unwrap(), &entities);
            prop_assert_eq!(&matching, &whole);
            prop_assert_eq!(sliced.unwrap_or_default(), whole);
        }
    }

    #[test]
    fn a_policy_is_kept_under_the_rarer_of_its_entities() {
        let texts: Vec<String> = (0..3)
            .map(|i| format!("permit(principal in Role::\"all\", action, resource == Model::\"{i}\");"))
            .collect();
        let policies: Vec<Policy> = texts
            .iter()
            .enumerate()
            .map(|(i, text)| Policy::parse(Some(cedar_policy::PolicyId::new(format!("p{i}"))), text).unwrap())
            .collect();
        let index = PolicyIndex::new(policies.iter(), &uid("Action::\"use\"")).unwrap();
        assert!(
            index.by_entity.keys().all(|uid| uid.type_name().to_string() == "Model"),
            "{:?}",
            index.by_entity.keys()
        );
    }
}
