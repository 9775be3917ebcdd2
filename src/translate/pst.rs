//! Short constructors for Cedar policies as data. No policy is built from pasted text.

use std::sync::{Arc, LazyLock};

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, EntityOrSlot, EntityType, EntityUID, Expr, Literal, Name,
    PrincipalConstraint, PstConstructionError, ResourceConstraint, UnaryOp, Var,
};
use nonempty::NonEmpty;

/// A Cedar expression.
pub(super) type Ex = Arc<Expr>;

/// The entity types of policies. Cedar runs its parser for each name, which takes as long as half of a policy.
static TYPES: LazyLock<Vec<Name>> = LazyLock::new(|| {
    let types = ["Action", "AccessGroup", "Model", "ModelSet", "Refusal", "Role", "RouteGroup", "TokenRole"];
    types.into_iter().filter_map(|ty| Name::unqualified(ty).ok()).collect()
});

pub(super) fn uid(ty: &str, id: &str) -> Result<EntityUID, PstConstructionError> {
    let known = TYPES.iter().find(|name| name.id.as_str() == ty).cloned();
    let name = known.map_or_else(|| Name::unqualified(ty), Ok)?;
    Ok(EntityUID { ty: EntityType(name), eid: id.into() })
}

pub(super) fn principal_in(ty: &str, id: &str) -> Result<PrincipalConstraint, PstConstructionError> {
    Ok(PrincipalConstraint::In(EntityOrSlot::Entity(uid(ty, id)?)))
}

pub(super) fn resource_in(ty: &str, id: &str) -> Result<ResourceConstraint, PstConstructionError> {
    Ok(ResourceConstraint::In(EntityOrSlot::Entity(uid(ty, id)?)))
}

pub(super) fn action(id: &str) -> Result<ActionConstraint, PstConstructionError> {
    Ok(ActionConstraint::Eq(uid("Action", id)?))
}

pub(super) fn when(condition: Ex) -> Clause {
    Clause::When(condition)
}

pub(super) fn unless(condition: Ex) -> Clause {
    Clause::Unless(condition)
}

pub(super) fn principal() -> Ex {
    Arc::new(Expr::Var(Var::Principal))
}

pub(super) fn resource() -> Ex {
    Arc::new(Expr::Var(Var::Resource))
}

pub(super) fn entity(ty: &str, id: &str) -> Result<Ex, PstConstructionError> {
    Ok(Arc::new(Expr::Literal(Literal::EntityUID(uid(ty, id)?))))
}

pub(super) fn string(text: &str) -> Ex {
    Arc::new(Expr::Literal(Literal::String(text.into())))
}

pub(super) fn attr(of: Ex, name: &str) -> Ex {
    Arc::new(Expr::GetAttr { expr: of, attr: name.into() })
}

pub(super) fn has(of: Ex, name: &str) -> Ex {
    Arc::new(Expr::HasAttr { expr: of, attrs: NonEmpty::new(name.into()) })
}

pub(super) fn not(condition: Ex) -> Ex {
    Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr: condition })
}

pub(super) fn and(left: Ex, right: Ex) -> Ex {
    binary(BinaryOp::And, left, right)
}

pub(super) fn or(left: Ex, right: Ex) -> Ex {
    binary(BinaryOp::Or, left, right)
}

pub(super) fn eq(left: Ex, right: Ex) -> Ex {
    binary(BinaryOp::Eq, left, right)
}

pub(super) fn is_in(left: Ex, right: Ex) -> Ex {
    binary(BinaryOp::In, left, right)
}

fn binary(op: BinaryOp, left: Ex, right: Ex) -> Ex {
    Arc::new(Expr::BinaryOp { op, left, right })
}
