//! Request parameters in `litellm_params`. They are sent if a request does not set them.

use serde_json::{Map, Number, Value as Json};

use crate::config::litellm::keys;
use crate::config::problem::Problem;
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::At;
use crate::config::yaml::environment::{Environment, REFERENCE};
use crate::config::yaml::tree::{Entry, Node, Value};

/// The parameters of an entry, each with its value as JSON. The members of `extra_body` come last.
pub(in crate::config) fn read(cx: &mut Context<'_>, env: &Environment<'_>, at: At) -> Vec<(String, String)> {
    let mut defaults: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: Json| {
        if !value.is_null() && !defaults.iter().any(|(known, _)| known == key) {
            defaults.push((key.to_owned(), value.to_string()));
        }
    };
    let entries = at.parameters(cx);
    let (extra, plain): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.key == "extra_body");
    for entry in plain.into_iter().filter(|entry| keys::is_sent(&entry.key)) {
        add(&entry.key, resolved(cx, env, &entry.value));
    }
    for entry in extra {
        let Value::Mapping(members) = &entry.value.value else { continue };
        members.iter().for_each(|member| add(&member.key, json(&member.value)));
    }
    defaults
}

/// A value, which may be a reference to the environment.
fn resolved(cx: &mut Context<'_>, env: &Environment<'_>, node: &Node) -> Json {
    let Value::String(text) = &node.value else { return json(node) };
    let Some(name) = text.strip_prefix(REFERENCE) else { return json(node) };
    match env.get(name) {
        Ok(Some(value)) => Json::String(value),
        Ok(None) => {
            cx.problems.push((Problem::UnsetVariable { name: name.to_owned() }, Some(node.span())));
            Json::Null
        }
        Err((problem, span)) => {
            cx.problems.push((problem, Some(span)));
            Json::Null
        }
    }
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Integer(value) => {
            let number =
                i64::try_from(*value).map(Number::from).or_else(|_| u64::try_from(*value).map(Number::from));
            number.map_or(Json::Null, Json::Number)
        }
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.clone()),
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping(entries) => {
            let members = entries.iter().map(|entry| (entry.key.clone(), json(&entry.value)));
            Json::Object(members.collect::<Map<_, _>>())
        }
    }
}
