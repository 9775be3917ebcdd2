//! Picks policies to validate: one of each shape.
//!
//! A large configuration has a policy for each role, which differs from the others only in the ids that its scope names.
//! Cedar's validator reads the types of these entities and not their ids, except for actions and for enumerated types, of
//! which the built-in schema has none. So such policies are all valid, or none is.

use cedar_policy::{
    ActionConstraint, Effect, EntityId, EntityUid, Policy, PrincipalConstraint, ResourceConstraint,
};

/// All that the validator reads of a policy without conditions.
#[derive(PartialEq)]
struct Shape {
    effect: Effect,
    principal: PrincipalConstraint,
    action: ActionConstraint,
    resource: ResourceConstraint,
}

impl Shape {
    /// `None` for a policy with conditions, which has a shape of its own.
    fn of(policy: &Policy) -> Option<Self> {
        if policy.has_non_scope_constraint() {
            return None;
        }
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Eq(uid) => PrincipalConstraint::Eq(without_id(&uid)),
            PrincipalConstraint::In(uid) => PrincipalConstraint::In(without_id(&uid)),
            PrincipalConstraint::IsIn(ty, uid) => PrincipalConstraint::IsIn(ty, without_id(&uid)),
            other @ (PrincipalConstraint::Any | PrincipalConstraint::Is(_)) => other,
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Eq(uid) => ResourceConstraint::Eq(without_id(&uid)),
            ResourceConstraint::In(uid) => ResourceConstraint::In(without_id(&uid)),
            ResourceConstraint::IsIn(ty, uid) => ResourceConstraint::IsIn(ty, without_id(&uid)),
            other @ (ResourceConstraint::Any | ResourceConstraint::Is(_)) => other,
        };
        Some(Self { effect: policy.effect(), principal, action: policy.action_constraint(), resource })
    }
}

fn without_id(uid: &EntityUid) -> EntityUid {
    EntityUid::from_type_name_and_id(uid.type_name().clone(), EntityId::new(""))
}

/// The policies without those that have the shape of an earlier one.
pub(in crate::engine) fn one_of_each<'p>(
    policies: impl Iterator<Item = &'p Policy>,
) -> impl Iterator<Item = &'p Policy> {
    let mut seen: Vec<Shape> = Vec::new();
    policies.filter(move |policy| {
        let Some(shape) = Shape::of(policy) else { return true };
        let is_new = !seen.contains(&shape);
        if is_new {
            seen.push(shape);
        }
        is_new
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::SCHEMA;

    fn picked(texts: &[&str]) -> Vec<usize> {
        let parse = |(i, text): (usize, &&str)| {
            Policy::parse(Some(cedar_policy::PolicyId::new(i.to_string())), text).unwrap()
        };
        let policies: Vec<Policy> = texts.iter().enumerate().map(parse).collect();
        one_of_each(policies.iter()).map(|policy| policy.id().to_string().parse().unwrap()).collect()
    }

    #[test]
    fn policies_that_differ_in_the_ids_of_their_scope_have_one_shape() {
        let role = |id: &str| format!("permit(principal in TokenRole::\"{id}\", action, resource);");
        assert_eq!(picked(&[&role("a"), &role("b"), &role("a")]), [0]);
    }

    #[test]
    fn everything_else_is_a_difference() {
        let all = [
            "permit(principal in TokenRole::\"a\", action, resource);",
            "forbid(principal in TokenRole::\"a\", action, resource);",
            "permit(principal in Role::\"a\", action, resource);",
            "permit(principal == TokenRole::\"a\", action, resource);",
            "permit(principal is Caller in TokenRole::\"a\", action, resource);",
            "permit(principal in TokenRole::\"a\", action == Action::\"use_model\", resource);",
            "permit(principal in TokenRole::\"a\", action == Action::\"call_route\", resource);",
            "permit(principal in TokenRole::\"a\", action, resource in ModelSet::\"a\");",
            "permit(principal in TokenRole::\"a\", action, resource is Model in ModelSet::\"a\");",
            "permit(principal in TokenRole::\"a\", action, resource is Model);",
        ];
        assert_eq!(picked(&all), (0..all.len()).collect::<Vec<_>>());
    }

    #[test]
    fn each_policy_with_conditions_is_picked() {
        let condition = "permit(principal, action, resource) when { principal.admin };";
        assert_eq!(picked(&[condition, condition]), [0, 1]);
    }

    #[test]
    fn the_schema_has_no_enumerated_type_whose_ids_would_matter() {
        assert!(!SCHEMA.split_whitespace().any(|word| word == "enum"));
    }
}
