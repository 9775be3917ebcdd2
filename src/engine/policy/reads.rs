//! Computes the names that policies can read.
//!
//! Cedar reaches an attribute, a tag or an entity only through a name in a policy, or through a value that it reached
//! before. So policies cannot distinguish two things that no policy names. Every text in a policy counts as a name,
//! wherever it occurs. The exceptions are the few places that are known to read less.

use std::collections::HashSet;

use cedar_policy::pst::{BinaryOp, Clause, EntityUID, Expr, Literal, Policy as PstPolicy, Template, Var};
use cedar_policy::{ActionConstraint, Entities, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use foldhash::fast::RandomState;
use serde_json::Value;

/// A set of names, or all names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Names {
    Some(HashSet<Box<str>, RandomState>),
    All,
}

/// The names that policies can read by.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Reads {
    /// Every text of the policies, except for the names in the other fields.
    named: Names,
    /// Attributes that a policy tests with `has`.
    tested: Names,
    /// The names of tags.
    pub(in crate::engine) tags: Names,
    /// The context attributes that are read.
    pub(in crate::engine) context: Names,
    /// Entities that a policy names in order to ask about their attributes or ancestors, in Cedar's notation.
    subjects: Names,
}

impl Default for Names {
    fn default() -> Self {
        Self::Some(HashSet::default())
    }
}

impl Names {
    pub(in crate::engine) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Some(names) => names.contains(name),
            Self::All => true,
        }
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        matches!(self, Self::Some(names) if names.is_empty())
    }

    fn add(&mut self, name: &str) {
        if let Self::Some(names) = self
            && !names.contains(name)
        {
            names.insert(name.into());
        }
    }

    pub(in crate::engine) fn add_all(&mut self, others: &Self) {
        match others {
            Self::All => *self = Self::All,
            Self::Some(others) => others.iter().for_each(|name| self.add(name)),
        }
    }
}

impl Reads {
    /// The names that one policy reads. If Cedar cannot represent the policy as data, it reads everything.
    pub(in crate::engine) fn of(policy: &Policy) -> Self {
        let mut reads = Self::default();
        reads.add_scope(policy);
        // Converting a policy takes much longer than looking at its scope.
        if policy.has_non_scope_constraint() {
            match policy.to_pst() {
                Ok(PstPolicy::Static(whole)) => reads.add_conditions(whole.body()),
                Ok(PstPolicy::Linked(_)) | Err(_) => reads = Self::everything(),
            }
        }
        reads
    }

    /// Adds the values of attributes and tags in entity files.
    pub(in crate::engine) fn add_values(&mut self, entities: &Entities) {
        if entities.is_empty() {
            return;
        }
        let Ok(Value::Array(all)) = entities.to_json_value() else {
            *self = Self::everything();
            return;
        };
        let values =
            all.iter().flat_map(|entity| ["attrs", "tags"].into_iter().filter_map(|part| entity.get(part)));
        values.for_each(|value| self.add_texts(value));
    }

    /// Adds all names in entity files, because policies may reach entities through them.
    pub(in crate::engine) fn add_entities(&mut self, entities: &Entities) {
        if entities.is_empty() {
            return;
        }
        match entities.to_json_value() {
            Ok(data) => self.add_texts(&data),
            Err(_) => *self = Self::everything(),
        }
    }

    pub(in crate::engine) fn add_all(&mut self, others: &Self) {
        let Self { named, tested, tags, context, subjects } = others;
        self.named.add_all(named);
        self.tested.add_all(tested);
        self.tags.add_all(tags);
        self.context.add_all(context);
        self.subjects.add_all(subjects);
    }

    /// Reads everything.
    pub(in crate::engine) fn everything() -> Self {
        Self {
            named: Names::All,
            tested: Names::All,
            tags: Names::All,
            context: Names::All,
            subjects: Names::All,
        }
    }

    /// Whether a policy may ask about the entity's attributes or ancestors. A policy that only compares other entities
    /// with it does not.
    pub(in crate::engine) fn is_subject(&self, uid: &EntityUid) -> bool {
        match &self.subjects {
            Names::Some(subjects) if subjects.is_empty() => false,
            subjects => subjects.contains(&subject(&uid.clone().into())),
        }
    }

    /// Whether policies can distinguish an entity or a text with this name from others.
    pub(in crate::engine) fn names(&self, name: &str) -> bool {
        self.named.contains(name)
    }

    /// Whether policies can read the value of an attribute.
    pub(in crate::engine) fn value_of(&self, attribute: &str) -> bool {
        self.named.contains(attribute)
    }

    /// Whether policies can read an attribute, or at least test for it.
    pub(in crate::engine) fn attribute(&self, attribute: &str) -> bool {
        self.value_of(attribute) || self.tested.contains(attribute)
    }

    /// Adds the names in a policy's scope.
    fn add_scope(&mut self, policy: &Policy) {
        match policy.principal_constraint() {
            PrincipalConstraint::Any => {}
            PrincipalConstraint::Is(ty) => self.add_type(&ty),
            PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) => self.add_entity(&uid),
            PrincipalConstraint::IsIn(ty, uid) => {
                self.add_type(&ty);
                self.add_entity(&uid);
            }
        }
        match policy.action_constraint() {
            ActionConstraint::Any => {}
            ActionConstraint::Eq(uid) => self.add_entity(&uid),
            ActionConstraint::In(uids) => uids.iter().for_each(|uid| self.add_entity(uid)),
        }
        match policy.resource_constraint() {
            ResourceConstraint::Any => {}
            ResourceConstraint::Is(ty) => self.add_type(&ty),
            ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) => self.add_entity(&uid),
            ResourceConstraint::IsIn(ty, uid) => {
                self.add_type(&ty);
                self.add_entity(&uid);
            }
        }
    }

    /// Adds the names in a policy's conditions. Its annotations are no names, because Cedar does not evaluate them.
    fn add_conditions(&mut self, policy: &Template) {
        for clause in policy.clauses() {
            let (Clause::When(condition) | Clause::Unless(condition)) = clause;
            self.add(condition);
        }
    }

    fn add(&mut self, expression: &Expr) {
        match expression {
            Expr::Literal(Literal::String(text)) => self.named.add(text),
            Expr::Literal(Literal::EntityUID(uid)) => {
                self.add_uid(uid);
                self.subjects.add(&subject(uid));
            }
            Expr::Literal(Literal::Bool(_) | Literal::Long(_)) => {}
            Expr::Var(Var::Context) => self.context = Names::All,
            Expr::Var(Var::Principal | Var::Action | Var::Resource) => {}
            Expr::GetAttr { expr, attr } if is_context(expr) => self.context.add(attr),
            Expr::GetAttr { expr, attr } => {
                self.named.add(attr);
                self.add(expr);
            }
            Expr::HasAttr { expr, attrs } if attrs.tail.is_empty() && is_context(expr) => {
                self.context.add(&attrs.head);
            }
            Expr::HasAttr { expr, attrs } if attrs.tail.is_empty() => {
                self.tested.add(&attrs.head);
                self.add(expr);
            }
            Expr::HasAttr { expr, attrs } => {
                attrs.iter().for_each(|attr| self.named.add(attr));
                self.add(expr);
            }
            Expr::BinaryOp { op, left, right } => self.add_operation(*op, left, right),
            // A pattern only applies to a text that was reached through another name.
            Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => self.add(expr),
            Expr::Is { expr, entity_type, in_expr } => {
                self.add_type(entity_type);
                self.add(expr);
                in_expr.iter().for_each(|group| self.add_group(group));
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                [cond, then_expr, else_expr].into_iter().for_each(|part| self.add(part));
            }
            Expr::Set(members) => members.iter().for_each(|member| self.add(member)),
            Expr::Record(members) => members.iter().for_each(|(name, member)| {
                self.named.add(name);
                self.add(member);
            }),
            // Unknown values and unknown forms of expressions.
            _ => *self = Self::everything(),
        }
    }

    fn add_operation(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        if matches!(op, BinaryOp::GetTag | BinaryOp::HasTag) {
            if let Expr::Literal(Literal::String(tag)) = right {
                self.tags.add(tag);
                return self.add(left);
            }
            self.tags = Names::All;
        }
        self.add(left);
        if op == BinaryOp::In {
            self.add_group(right);
        } else {
            self.add(right);
        }
    }

    /// Adds the right side of `in`. No attribute of an entity that is named here is read.
    fn add_group(&mut self, group: &Expr) {
        match group {
            Expr::Literal(Literal::EntityUID(uid)) => self.add_uid(uid),
            Expr::Set(members) => members.iter().for_each(|member| self.add_group(member)),
            other => self.add(other),
        }
    }

    fn add_entity(&mut self, uid: &EntityUid) {
        self.add_type(uid.type_name());
        self.named.add(uid.id().unescaped());
    }

    fn add_uid(&mut self, uid: &EntityUID) {
        self.add_type(&uid.ty);
        self.named.add(&uid.eid);
    }

    fn add_type(&mut self, ty: &impl ToString) {
        self.named.add(&ty.to_string());
    }

    fn add_texts(&mut self, data: &Value) {
        match data {
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                self.named.add(name);
                self.add_texts(member);
            }),
            Value::Array(items) => items.iter().for_each(|item| self.add_texts(item)),
            Value::String(text) => self.named.add(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn subject(uid: &EntityUID) -> String {
    format!("{}::{}", uid.ty, uid.eid)
}

fn is_context(expression: &Expr) -> bool {
    matches!(expression, Expr::Var(Var::Context))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(condition: &str) -> Reads {
        let text = format!("@reason(\"secret\") permit(principal, action, resource) when {{ {condition} }};");
        Reads::of(&Policy::parse(None, text).unwrap())
    }

    fn some(names: &[&str]) -> Names {
        Names::Some(names.iter().map(|name| Box::from(*name)).collect())
    }

    #[test]
    fn an_attribute_is_read_by_its_name_however_it_is_written() {
        for condition in [
            "principal.email == \"a\"",
            "principal[\"email\"] == \"a\"",
            "principal[\"\\u{65}mail\"] == \"a\"",
            "if true then (if principal.admin then principal else principal).email == \"a\" else false",
            "principal has email.length",
            "principal has email && {\"x\": principal.email} == {\"x\": \"y\"}",
        ] {
            assert!(reads(condition).value_of("email"), "{condition}");
            assert!(!reads(condition).attribute("user_id"), "{condition}");
        }
    }

    #[test]
    fn asking_after_an_attribute_does_not_read_what_it_holds() {
        let reads = reads("principal has email");
        assert!(reads.attribute("email") && !reads.value_of("email"));
    }

    #[test]
    fn annotations_read_nothing() {
        assert!(!reads("true").names("secret"));
    }

    #[test]
    fn entities_and_texts_are_named_wherever_they_stand() {
        let reads = reads(
            "principal in [Team::\"red\"] || principal.subject like \"a*\" || [\"blue\"].contains(\"green\")",
        );
        assert!(["red", "blue", "green"].iter().all(|name| reads.names(name)) && !reads.names("yellow"));
        let scope =
            Policy::parse(None, "permit(principal == Caller::\"ada\", action, resource in Set::\"s\");")
                .unwrap();
        assert!(Reads::of(&scope).names("ada") && Reads::of(&scope).names("s"));
    }

    #[test]
    fn a_tag_is_read_by_its_name_and_any_tag_by_a_name_that_is_computed() {
        let named = reads("principal.hasTag(\"a\") && principal.getTag(\"b\").contains(\"c\")");
        assert_eq!(named.tags, some(&["a", "b"]));
        let computed = reads("principal has email && principal.hasTag(principal.email)");
        assert_eq!(computed.tags, Names::All);
        assert!(computed.value_of("email"));
        assert!(reads("principal.admin").tags.is_empty());
    }

    #[test]
    fn the_context_is_read_by_attributes_or_as_a_whole() {
        let some_of = reads("context has max_tokens && context.max_tokens > 3 && context.tools == 0");
        assert_eq!(some_of.context, some(&["max_tokens", "tools"]));
        for condition in
            ["context == {\"a\": 1}", "(if true then context else context).tools == 0", "context has a.b"]
        {
            assert_eq!(reads(condition).context, Names::All, "{condition}");
        }
        assert!(reads("principal.admin").context.is_empty());
    }
}
