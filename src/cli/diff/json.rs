//! The changes as JSON.

use serde_json::{Value, json};

use super::changes::{Changed, Item};
use super::side::{Grant, Side};
use super::text::{names, what, words};
use super::universe::kinds::{Kind, Name};
use super::universe::{RouteClass, Universe};

pub(super) fn of(universe: &Universe, changed: &[Changed], unseen: &[String], sides: [&Side; 2]) -> Value {
    let mut changes = Vec::new();
    for Changed { kinds, changes: of_kinds } in changed {
        for kind in kinds {
            for change in of_kinds {
                for name in names(universe, change.item) {
                    changes.push(json!({"caller": kind_json(kind), "what": what(change.item), "name": name,
                        "change": words(change), "old": grant_json(&change.old), "new": grant_json(&change.new),
                        "example": example(universe, kind, change.item, sides)}));
                }
            }
        }
    }
    let breadth = match (universe.limit, universe.roles_at_once) {
        (None, None) => json!("all"),
        (limit, roles) => json!({"at_most": limit, "roles": roles}),
    };
    json!({"same": changed.is_empty() && unseen.is_empty(), "changes": changes, "not_compared": unseen,
        "compared": {"named": universe.named, "callers": universe.kinds.len(), "combinations": breadth,
            "only_changed_names": universe.focused, "alike": universe.alike}})
}

pub(in crate::cli) fn kind_json(kind: &Kind) -> Value {
    let name = |name: &Option<Name>| {
        name.as_ref().map(|name| match name {
            Name::Named(name) => json!({"name": name}),
            Name::Other => json!({"other": true}),
        })
    };
    let only_role = kind.roles.iter().next().filter(|_| kind.roles.len() == 1);
    let teams: Vec<Value> = kind.team.ids.iter().map(|id| json!(name(&Some(id.clone())))).collect();
    json!({"master_key": kind.master_key, "issuer": kind.issuer, "roles": kind.roles,
        "role": only_role.map(|role| json!({"name": role})), "team_id": name(&kind.team.id), "teams": teams,
        "team_alias": name(&kind.team.alias), "object_id": name(&kind.team.object), "team_header": kind.team.header,
        "scope": kind.scope, "admin": kind.admin, "email_domain": name(&kind.person.domain),
        "user_id": !kind.person.without_user})
}

pub(in crate::cli) fn grant_json(grant: &Grant) -> Value {
    match grant {
        Grant::No => json!({"allow": false}),
        Grant::Yes => json!({"allow": true}),
        Grant::If(conditions) => {
            let conditions = conditions.iter().map(|condition| {
                json!({"policy": condition.policy, "effect": condition.effect(),
                    "source": condition.source, "condition": condition.text})
            });
            json!({"allow": null, "conditions": conditions.collect::<Vec<_>>()})
        }
    }
}

/// An example request of the change, in the input format of `decide`, with the claims for each side. The
/// claims are `null` for the master key, and for a token that a side does not accept.
fn example(universe: &Universe, kind: &Kind, item: Item, sides: [&Side; 2]) -> Value {
    let model = |at: usize| universe.models.get(at).map(|class| &class.name);
    let differs = |class: &&RouteClass, asked: usize| {
        let Some(query) = class.query(model(asked), kind.team.header.as_deref()) else { return false };
        let [old, new] = sides.map(|side| side.caller(kind).map(|caller| side.grant(&caller, &query)));
        old != new
    };
    let (class, asked) = match item {
        Item::Route(at) | Item::RouteAlone(at) => (universe.routes.get(at), None),
        Item::ModelOnRoute { model: asked, route } => (universe.routes.get(route), model(asked)),
        Item::Model(asked) => (universe.routes.iter().find(|class| differs(class, asked)), model(asked)),
    };
    let mut example = class.map_or(json!({}), |class| class.example(asked));
    let headers = kind.team.header.as_ref().map_or(json!({}), |team| json!({"x-litellm-team-id": team}));
    let [old, new] = sides.map(|side| side.claims(kind));
    if let Some(fields) = example.as_object_mut() {
        fields.insert("headers".to_owned(), headers);
        fields.insert("claims".to_owned(), json!({"old": old, "new": new}));
    }
    example
}
