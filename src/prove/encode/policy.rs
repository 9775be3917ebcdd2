//! Policies as conditions of a formula.

use cedar_policy::Effect;
use serde_json::{Map, Value, json};

use super::side::Side;
use super::text::every;
use crate::prove::ProveError;
use crate::prove::formula::{Digest, digest};
use crate::prove::vocabulary::{Comparison, compared};

/// One of the two questions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::prove) enum Question {
    /// `call_route`.
    Route,
    /// `use_model`.
    Model,
}

impl Question {
    pub(in crate::prove) const ALL: [Self; 2] = [Self::Route, Self::Model];

    pub(in crate::prove) fn action(self) -> &'static str {
        match self {
            Self::Route => "call_route",
            Self::Model => "use_model",
        }
    }
}

/// A policy as data.
#[derive(Clone, Debug)]
pub(in crate::prove) struct Policy {
    pub(in crate::prove) id: String,
    pub(in crate::prove) effect: Effect,
    pub(in crate::prove) json: Value,
    /// What stands for the policy.
    pub(super) digest: Digest,
}

impl Policy {
    pub(in crate::prove) fn new(policy: &cedar_policy::Policy) -> Result<Self, ProveError> {
        let mut json = policy.to_json().map_err(|error| ProveError::Internal(error.to_string()))?;
        // Annotations, such as the line in the file, decide nothing.
        json.as_object_mut().map(|members| members.remove("annotations"));
        let digest = digest(&json.to_string());
        Ok(Self { id: policy.id().to_string(), effect: policy.effect(), json, digest })
    }

    /// Whether both policies say the same.
    pub(in crate::prove) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Whether the policy answers this question.
    pub(in crate::prove) fn is_about(&self, question: Question) -> bool {
        self.json.get("action").is_some_and(|action| is_about(action, question))
    }

    /// The condition under which the policy matches; `None` if it is about something else. `meant` has what comparisons of the
    /// caller, the model or the route with an entity mean.
    pub(super) fn condition(&self, side: &Side<'_>, question: Question, meant: &Meant<'_>) -> Option<Value> {
        if !is_about(self.json.get("action")?, question) {
            return None;
        }
        let condition = renamed(&self.whole_condition(), side.namespace);
        Some(substituted(&condition, side, question, meant))
    }

    /// The scope and the conditions of the policy as one condition.
    pub(in crate::prove) fn whole_condition(&self) -> Value {
        let scopes = ["principal", "resource"].into_iter();
        let scopes = scopes.filter_map(|variable| scope(self.json.get(variable)?, variable));
        let clauses = self.json.get("conditions").and_then(Value::as_array).into_iter().flatten();
        let clauses = clauses.map(|clause| {
            let body = clause.get("body").cloned().unwrap_or_default();
            let is_unless = clause.get("kind").and_then(Value::as_str) == Some("unless");
            if is_unless { json!({ "!": {"arg": body} }) } else { body }
        });
        every(&scopes.chain(clauses).collect::<Vec<_>>())
    }
}

/// What it means that the caller, or the resource of a question, is an entity or is in it.
pub(super) type Meant<'m> = dyn Fn(Option<Question>, Comparison, &str, &str) -> Option<Value> + 'm;

fn is_about(action: &Value, question: Question) -> bool {
    let is = |entity: &Value| {
        entity.get("type").and_then(Value::as_str) == Some("Action")
            && entity.get("id").and_then(Value::as_str) == Some(question.action())
    };
    let one = action.get("entity").into_iter();
    let several = action.get("entities").and_then(Value::as_array).into_iter().flatten();
    action.get("op").and_then(Value::as_str) == Some("All") || one.chain(several).any(is)
}

fn scope(constraint: &Value, variable: &str) -> Option<Value> {
    let variable = json!({ "Var": variable });
    let entity = || Some(json!({"Value": {"__entity": constraint.get("entity")?}}));
    match constraint.get("op")?.as_str()? {
        "==" => Some(json!({"==": {"left": variable, "right": entity()?}})),
        "in" => Some(json!({"in": {"left": variable, "right": entity()?}})),
        "is" => {
            let mut is = Map::new();
            is.insert("left".to_owned(), variable);
            is.insert("entity_type".to_owned(), constraint.get("entity_type")?.clone());
            if let Some(above) = constraint.pointer("/in/entity") {
                is.insert("in".to_owned(), json!({"Value": {"__entity": above}}));
            }
            Some(json!({ "is": is }))
        }
        _ => None,
    }
}

/// The condition with the types of a side.
pub(super) fn renamed(condition: &Value, namespace: &str) -> Value {
    let qualified = |name: &str| json!(format!("{namespace}::{name}"));
    match condition {
        Value::Object(members) => {
            if let (Some(Value::String(ty)), Some(Value::String(id))) =
                (members.get("type"), members.get("id"))
            {
                return json!({"type": qualified(ty), "id": id});
            }
            let each = members.iter().map(|(key, value)| match (key.as_str(), value) {
                ("entity_type", Value::String(ty)) => (key.clone(), qualified(ty)),
                _ => (key.clone(), renamed(value, namespace)),
            });
            Value::Object(each.collect())
        }
        Value::Array(items) => items.iter().map(|item| renamed(item, namespace)).collect(),
        other => other.clone(),
    }
}

/// The condition with the variables of a formula.
fn substituted(condition: &Value, side: &Side<'_>, question: Question, meant: &Meant<'_>) -> Value {
    let member = |names: &[&str]| {
        names.iter().fold(json!({"Var": "context"}), |left, name| json!({".": {"left": left, "attr": name}}))
    };
    match condition {
        Value::Object(members) => {
            if let Some(Value::String(variable)) = members.get("Var") {
                return match (variable.as_str(), question) {
                    ("principal", _) => member(&[side.member, "caller"]),
                    ("resource", Question::Route) => member(&[side.member, "route"]),
                    ("resource", Question::Model) => member(&[side.member, "model"]),
                    ("context", Question::Route) => member(&["cr"]),
                    ("context", Question::Model) => member(&["um"]),
                    _ => {
                        let uid =
                            json!({"type": format!("{}::Action", side.namespace), "id": question.action()});
                        json!({"Value": {"__entity": uid}})
                    }
                };
            }
            if let Some((variable, comparison, ty, id)) = compared(members)
                && let Some(ty) = ty.strip_prefix(side.namespace).and_then(|ty| ty.strip_prefix("::"))
                && let Some(condition) =
                    meant((variable == "resource").then_some(question), comparison, ty, id)
            {
                return condition;
            }
            let each =
                members.iter().map(|(key, value)| (key.clone(), substituted(value, side, question, meant)));
            Value::Object(each.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| substituted(item, side, question, meant)).collect(),
        other => other.clone(),
    }
}
