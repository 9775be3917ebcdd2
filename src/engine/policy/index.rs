//! Indexes policies by the entities that their scope names.
//!
//! Cedar evaluates every policy of a set, whatever its scope. This index keeps a policy under an entity that its scope
//! names, and passes it to Cedar only if the request's principal or resource is that entity or a descendant of it. In
//! every other case the scope is false, so the policy could neither decide nor fail.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use cedar_policy::{
    ActionConstraint, Effect, Entities, EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint,
    ResourceConstraint,
};
use foldhash::fast::RandomState;

use super::facts::PolicyFacts;

/// A value for `permit`s and a value for `forbid`s.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Effects<T> {
    pub(in crate::engine) permits: T,
    pub(in crate::engine) forbids: T,
}

/// A value for active policies and a value for shadow policies.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct PolicySets<T> {
    pub(in crate::engine) live: Effects<T>,
    pub(in crate::engine) shadow: Effects<T>,
}

/// The policies that can apply to one action.
///
/// `permit`s are separate from `forbid`s. Combined, Cedar would not report whether a forbidden request had a grant,
/// which is the first question of an operator. Policies that read the context are separate too, because only the
/// answers of the others can be cached.
#[derive(Debug)]
pub(in crate::engine) struct Policies {
    pub(in crate::engine) action: EntityUid,
    pub(in crate::engine) context_free: PolicySets<PolicyIndex>,
    pub(in crate::engine) context_dependent: PolicySets<PolicyIndex>,
}

impl<T> Effects<T> {
    pub(in crate::engine) fn try_map<U, E>(&self, map: impl Fn(&T) -> Result<U, E>) -> Result<Effects<U>, E> {
        Ok(Effects { permits: map(&self.permits)?, forbids: map(&self.forbids)? })
    }

    pub(in crate::engine) fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.permits, &self.forbids].into_iter()
    }
}

impl Policies {
    pub(in crate::engine) fn new(facts: &[Arc<PolicyFacts>], action: EntityUid) -> Self {
        let of = |reads_context: bool, shadow: bool, effect: Effect| {
            let is_here = |facts: &&Arc<PolicyFacts>| {
                facts.context.is_empty() != reads_context
                    && facts.shadow == shadow
                    && facts.policy.effect() == effect
            };
            PolicyIndex::new(facts.iter().filter(is_here), &action)
        };
        let effects = |reads_context, shadow| Effects {
            permits: of(reads_context, shadow, Effect::Permit),
            forbids: of(reads_context, shadow, Effect::Forbid),
        };
        let policy_sets = |reads_context| PolicySets {
            live: effects(reads_context, false),
            shadow: effects(reads_context, true),
        };
        Self { context_free: policy_sets(false), context_dependent: policy_sets(true), action }
    }
}

/// The policies of one effect that can apply to one action.
#[derive(Debug, Default)]
pub(in crate::engine) struct PolicyIndex {
    /// Policies whose scope names no entity.
    always: Slice,
    by_entity: HashMap<EntityUid, Slice, RandomState>,
}

/// Policies that are evaluated together.
#[derive(Debug, Default)]
struct Slice {
    policies: Vec<Arc<PolicyFacts>>,
    /// Cedar's set of them, once a question needs it. A set takes more memory than its policies, and most roles of a
    /// large configuration are never asked about by one process.
    set: OnceLock<Box<PolicySet>>,
}

/// The principal and resource of a question, and their ancestors.
pub(in crate::engine) struct QuestionEntities<'q> {
    principal: &'q EntityUid,
    resource: &'q EntityUid,
    entities: &'q Entities,
    /// Principal, resource and their ancestors, each once, so that Cedar sees no policy twice.
    places: HashSet<&'q EntityUid>,
}

impl Slice {
    fn set(&self) -> Result<&PolicySet, Box<PolicySetError>> {
        if let Some(set) = self.set.get() {
            return Ok(set);
        }
        let set = PolicySet::from_policies(self.policies.iter().map(|facts| facts.policy.clone()))?;
        Ok(self.set.get_or_init(|| Box::new(set)))
    }
}

impl PolicyIndex {
    /// Indexes the policies that apply to `action`.
    pub(in crate::engine) fn new<'p>(
        policies: impl Iterator<Item = &'p Arc<PolicyFacts>>,
        action: &EntityUid,
    ) -> Self {
        let policies: Vec<_> = policies.filter(|facts| applies(&facts.policy, action)).collect();
        // A policy is kept under the entity of its scope with the fewest policies. For "this role, that model" this is
        // usually the model.
        let mut mentions: HashMap<EntityUid, usize, RandomState> = HashMap::default();
        for uid in policies.iter().flat_map(|facts| scope_entities(&facts.policy)) {
            *mentions.entry(uid).or_default() += 1;
        }
        let mut index = Self::default();
        for facts in policies {
            let rarest = scope_entities(&facts.policy).min_by_key(|uid| mentions.get(uid).copied());
            let slice = match rarest {
                Some(uid) => index.by_entity.entry(uid).or_default(),
                None => &mut index.always,
            };
            slice.policies.push(Arc::clone(facts));
        }
        index
    }

    /// The sets that contain every policy whose scope can match the request, and others.
    pub(in crate::engine) fn relevant<'i>(
        &'i self,
        question_entities: &'i QuestionEntities<'_>,
    ) -> impl Iterator<Item = Result<&'i PolicySet, Box<PolicySetError>>> {
        self.slices(question_entities).map(Slice::set)
    }

    fn slices<'i>(&'i self, question_entities: &'i QuestionEntities<'_>) -> impl Iterator<Item = &'i Slice> {
        let places = question_entities.places.iter().filter(|_| !self.by_entity.is_empty());
        let indexed = places.filter_map(|uid| self.by_entity.get(*uid));
        std::iter::once(&self.always).filter(|slice| !slice.policies.is_empty()).chain(indexed)
    }

    /// Exactly the policies whose scope matches the request.
    pub(in crate::engine) fn matching(
        &self,
        question_entities: &QuestionEntities<'_>,
    ) -> Result<PolicySet, Box<PolicySetError>> {
        let relevant = self.slices(question_entities).flat_map(|slice| &slice.policies);
        let mut set = PolicySet::new();
        for facts in relevant.filter(|facts| question_entities.are_in_scope(&facts.policy)) {
            set.add(facts.policy.clone())?;
        }
        Ok(set)
    }
}

impl<'q> QuestionEntities<'q> {
    pub(in crate::engine) fn new(
        principal: &'q EntityUid,
        resource: &'q EntityUid,
        entities: &'q Entities,
    ) -> Self {
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
pub(in crate::engine) fn applies(policy: &Policy, action: &EntityUid) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Eq(uid) => uid == *action,
        // A group of actions may contain this one.
        ActionConstraint::Any | ActionConstraint::In(_) => true,
    }
}

/// The entities that the policy's scope names, except for the action.
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

    use super::super::reads::Names;
    use super::*;
    use crate::rules::Rule;

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
        // The role `r` contains the model `x` too.
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

    fn facts(policy: &Policy) -> Arc<PolicyFacts> {
        Arc::new(PolicyFacts {
            id: Arc::from(policy.id().to_string()),
            rule: Rule::Policy,
            policy: policy.clone(),
            source: None,
            reason: None,
            shadow: false,
            context: Names::default(),
        })
    }

    fn uid(text: &str) -> EntityUid {
        text.parse().unwrap()
    }

    /// Cedar's answer: the ids of the policies that hold, and whether any failed.
    fn answer(request: &Request, set: &PolicySet, entities: &Entities) -> (BTreeSet<String>, bool) {
        let response = Authorizer::new().is_authorized(request, set, entities);
        let matched = response.diagnostics().reason().map(ToString::to_string).collect();
        (matched, response.diagnostics().errors().next().is_some())
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

            let facts: Vec<_> = policies.iter().map(facts).collect();
            let index = PolicyIndex::new(facts.iter(), &action);
            let (principal, resource) = (uid(principal), uid(resource));
            let question_entities = QuestionEntities::new(&principal, &resource, &entities);
            let sliced = index.relevant(&question_entities).map(|set| answer(&request, set.unwrap(), &entities))
                .reduce(|mut all, (matched, failed)| { all.0.extend(matched); (all.0, all.1 | failed) });
            let matching = answer(&request, &index.matching(&question_entities).unwrap(), &entities);
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
        let facts: Vec<_> = policies.iter().map(facts).collect();
        let index = PolicyIndex::new(facts.iter(), &uid("Action::\"use\""));
        assert!(
            index.by_entity.keys().all(|uid| uid.type_name().to_string() == "Model"),
            "{:?}",
            index.by_entity.keys()
        );
    }
}
