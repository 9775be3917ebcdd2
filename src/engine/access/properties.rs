//! Turns properties in JSON into Cedar's values, by the schema. What the schema does not declare is left out, because no
//! policy can read it.

use std::collections::HashMap;

use cedar_policy::{Context, Entities, Entity, EntityUid};
use serde_json::{Map, Value, json};

use super::query::AccessQuery;
use crate::engine::entities::build;
use crate::engine::entities::candidates::Candidates;
use crate::engine::entities::world::World;
use crate::engine::policy::context::clock;

/// The member of the context with the properties of the action.
const ACTION: &str = "action";

/// The entity of a resource. Only the configuration and entity files describe entities of modelgate's own types.
pub(super) fn resource(
    world: &World,
    candidates: &Candidates<'_>,
    uid: EntityUid,
    properties: &Map<String, Value>,
) -> Result<Entity, String> {
    let (kind, drop_ins) = (uid.type_name(), &world.drop_ins);
    if drop_ins.declared.is_built_in(kind) {
        return build::other(world, candidates, &uid);
    }
    let declared = drop_ins.declared.entity(kind).map(|record| record.only_declared(properties));
    let attributes = match declared {
        Some(attributes) if !attributes.is_empty() => {
            let json = json!([{
                "uid": {"type": kind.to_string(), "id": uid.id().unescaped()},
                "attrs": attributes,
                "parents": [],
            }]);
            let parsed = Entities::from_json_value(json, Some(&drop_ins.for_entities)).map_err(causes)?;
            parsed.get(&uid).map(|entity| entity.clone().into_inner().1).unwrap_or_default()
        }
        _ => HashMap::new(),
    };
    build::with_attributes(world, candidates, uid, attributes)
}

/// The context of an action: the given members, the properties of the action, and the time.
pub(super) fn context(world: &World, action: &EntityUid, query: &AccessQuery<'_>) -> Result<Context, String> {
    let drop_ins = &world.drop_ins;
    let Some(record) = drop_ins.declared.context(action) else { return Ok(Context::empty()) };
    let mut given = query.context.clone();
    given.remove(ACTION);
    if !query.action_properties.is_empty() {
        given.insert(ACTION.to_owned(), Value::Object(query.action_properties.clone()));
    }
    let mut members = record.only_declared(&given);
    // Rules about the time follow this machine's clock, as for LLM requests.
    let clock = query.time.map(clock);
    for (name, cedar_type, value) in [
        ("time", "datetime", clock.as_ref().map(|(time, _)| time.as_str())),
        ("weekday", "String", clock.as_ref().map(|(_, weekday)| *weekday)),
    ] {
        if record.has(name, cedar_type) {
            members.remove(name);
            members.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        }
    }
    Context::from_json_value(Value::Object(members), Some((&drop_ins.schema, action))).map_err(causes)
}

/// An error with its causes, which say what does not fit.
fn causes(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
