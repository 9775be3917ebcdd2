//! Builds the entities of one request from its key. An entity carries all its ancestors, so Cedar does not need the
//! ancestors' entities.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Entity, EntityUid, RestrictedExpression as Value};

use super::candidates::Candidates;
use super::names::uid;
use super::principal_context::PrincipalContext;
use super::world::World;
use crate::engine::policy::reads::Reads;
use crate::identity::TEXTS;

/// Builds the entities of the caller and of its teams.
pub(in crate::engine) fn caller(
    world: &World,
    context: &PrincipalContext<'_>,
) -> Result<(EntityUid, Vec<Entity>), String> {
    let (names, profile) = (&world.names, &*context.key.caller);
    let mut attrs = Attributes::new(&world.reads);
    attrs.add("admin", || Value::new_bool(profile.admin));
    attrs.add("routes", || {
        Value::new_set(
            context
                .candidates
                .routes
                .iter()
                .take(context.own_routes)
                .map(|(id, _)| Value::new_entity_uid(uid(&names.route_group, id))),
        )
    });
    attrs.add("roles", || Value::new_set(profile.role_names.iter().map(|role| text(role))));
    attrs.add("scopes", || {
        Value::new_set(profile.scopes.iter().map(|scope| Value::new_entity_uid(names.scope_uid(scope))))
    });
    attrs.add("teams", || {
        Value::new_set(profile.claimed_teams.iter().map(|id| Value::new_entity_uid(names.team_uid(id))))
    });
    for (name, value) in TEXTS.into_iter().zip(&profile.texts) {
        attrs.add_some(name, value.as_deref().map(text));
    }
    attrs.add_some("team", context.selected_team().map(|id| Value::new_entity_uid(names.team_uid(id))));

    let texts = |texts: &[String]| Value::new_set(texts.iter().map(|value| text(value)));
    let tags = profile.tags.iter().map(|(name, values)| (name.clone(), texts(values))).collect();
    let teams: BTreeSet<&str> = context.teams().collect();
    let entity_uid = context.principal.clone();
    let mut entities = vec![complete(world, entity_uid.clone(), attrs, context.above.clone(), tags)?];
    for id in teams {
        entities.push(team(world, &world.reads, id)?);
    }
    Ok((entity_uid, entities))
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

/// Builds the entity of a team, with its organization.
pub(in crate::engine) fn team(world: &World, reads: &Reads, id: &str) -> Result<Entity, String> {
    let declared = world.teams.get(id);
    // An undeclared team has no model list that could restrict it (R6.2).
    let all_models = declared.is_none() || world.lists.teams.get(id).is_some_and(|models| models.all);
    let mut attrs = Attributes::new(reads);
    attrs.add("declared", || Value::new_bool(declared.is_some()));
    attrs.add("blocked", || Value::new_bool(declared.is_some_and(|team| team.blocked)));
    attrs.add("all_models", || Value::new_bool(all_models));
    attrs.add_some("alias", declared.and_then(|team| team.alias.as_deref()).map(text));
    let entity_uid = world.names.team_uid(id);
    let above = world.above(&entity_uid, &Candidates::default());
    complete(world, entity_uid, attrs, above, Vec::new())
}

/// Builds the entity of a route, with the route lists that match it. Only the requested route has a method.
pub(in crate::engine) fn route(
    world: &World,
    candidates: &Candidates<'_>,
    path: &str,
    method: Option<&str>,
) -> Result<(EntityUid, Entity), String> {
    let entity_uid = uid(&world.names.route, path);
    let mut attrs = Attributes::new(&world.reads);
    attrs.add("path", || text(path));
    attrs.add_some("method", method.map(text));
    let above = world.above(&entity_uid, candidates);
    let entity = complete(world, entity_uid.clone(), attrs, above, Vec::new())?;
    Ok((entity_uid, entity))
}

/// Builds the entity of a model, with its groups and with the candidates that list it.
pub(in crate::engine) fn model(
    world: &World,
    reads: &Reads,
    candidates: &Candidates<'_>,
    name: &str,
) -> Result<(EntityUid, Entity), String> {
    let entity_uid = uid(&world.names.model, name);
    let mut attrs = Attributes::new(reads);
    attrs.add("name", || text(name));
    let above = world.above(&entity_uid, candidates);
    let entity = complete(world, entity_uid.clone(), attrs, above, Vec::new())?;
    Ok((entity_uid, entity))
}

/// Builds an entity that a policy reaches without its being the caller or a requested resource.
pub(in crate::engine) fn other(
    world: &World,
    candidates: &Candidates<'_>,
    entity_uid: &EntityUid,
) -> Result<Entity, String> {
    let (names, ty, id) = (&world.names, entity_uid.type_name(), entity_uid.id().unescaped());
    if *ty == names.team {
        team(world, &world.reads, id)
    } else if *ty == names.model {
        model(world, &world.reads, candidates, id).map(|(_, entity)| entity)
    } else if *ty == names.route {
        route(world, candidates, id, None).map(|(_, entity)| entity)
    } else {
        let above = world.above(entity_uid, candidates);
        complete(world, entity_uid.clone(), Attributes::new(&world.reads), above, Vec::new())
    }
}

/// Builds an entity with attributes that somebody else knows. An operator's file overrides them.
pub(in crate::engine) fn with_attributes(
    world: &World,
    candidates: &Candidates<'_>,
    entity_uid: EntityUid,
    attributes: HashMap<String, Value>,
) -> Result<Entity, String> {
    let above = world.above(&entity_uid, candidates);
    complete(world, entity_uid, Attributes { reads: &world.reads, all: attributes }, above, Vec::new())
}

/// The attributes of an entity that policies read. The others are left out, because Cedar spends time on each.
struct Attributes<'s> {
    reads: &'s Reads,
    all: HashMap<String, Value>,
}

impl<'s> Attributes<'s> {
    fn new(reads: &'s Reads) -> Self {
        Self { reads, all: HashMap::new() }
    }

    fn add(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if self.reads.attribute(name) {
            self.all.insert(name.to_owned(), value());
        }
    }

    fn add_some(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.add(name, || value);
        }
    }
}

/// Builds an entity and adds the attributes and tags from operators' files.
fn complete(
    world: &World,
    entity_uid: EntityUid,
    Attributes { all: mut attrs, .. }: Attributes<'_>,
    above: HashSet<EntityUid>,
    mut tags: Vec<(String, Value)>,
) -> Result<Entity, String> {
    if let Some(described) = world.drop_ins.statics.get(&entity_uid) {
        attrs.extend(described.attributes.clone());
        tags.extend(described.tags.iter().cloned());
    }
    Entity::new_with_tags(entity_uid, attrs, above, tags).map_err(|error| error.to_string())
}
