//! Builds the claims of a token for one kind of caller and one side.

use serde_json::{Map, Value, json};

use super::universe::kinds::{Kind, Name};
use crate::config::JwtAuth;
use crate::names::ClaimPath;

const OTHER: &str = "one-that-nobody-names";

fn text(name: &Name) -> &str {
    match name {
        Name::Named(name) => name,
        Name::Other => OTHER,
    }
}

/// The roles, teams and user of the kind, in the claims that this side reads.
pub(in crate::cli) fn of(kind: &Kind, jwt: &JwtAuth) -> Map<String, Value> {
    let mut claims = Map::new();
    // An entry of `issuers` may name different claims.
    let issuer = kind.issuer.as_deref();
    if let Some(issuer) = issuer {
        claims.insert("iss".to_owned(), issuer.into());
    }
    let fields = jwt.claim_fields(issuer);
    let admin = kind.admin.then_some(jwt.admin_jwt_scope.as_str());
    let scopes: Vec<&str> = kind.scope.as_deref().into_iter().chain(admin).collect();
    if !scopes.is_empty() {
        claims.insert("scope".to_owned(), json!(scopes));
    }
    for role in &kind.roles {
        add(&mut claims, jwt.user_roles_jwt_field.as_ref(), role);
        if jwt.roles_jwt_field != jwt.user_roles_jwt_field {
            add(&mut claims, jwt.roles_jwt_field.as_ref(), role);
        }
    }
    for id in &kind.team.ids {
        add(&mut claims, fields.team_ids, text(id));
    }
    let single = [
        (&kind.team.id, fields.team_id),
        (&kind.team.alias, jwt.team_alias_jwt_field.as_ref()),
        (&kind.team.object, jwt.object_id_jwt_field.as_ref()),
    ];
    for (name, path) in single {
        if let Some(name) = name {
            set(&mut claims, path, text(name));
        }
    }
    if !kind.person.without_user {
        set(&mut claims, fields.user_id, "somebody");
    }
    if let Some(domain) = &kind.person.domain {
        set(&mut claims, fields.user_email, &format!("somebody@{}", text(domain)));
    }
    claims
}

/// Adds a name to a list, which several claims may share.
fn add(claims: &mut Map<String, Value>, path: Option<&ClaimPath>, name: &str) {
    let Some(place) = path.and_then(|path| path.place(claims)) else { return };
    match place {
        Value::Array(names) => names.push(name.into()),
        place => *place = json!([name]),
    }
}

/// Sets a single value. If the claim already has a list, the value becomes its first element.
fn set(claims: &mut Map<String, Value>, path: Option<&ClaimPath>, value: &str) {
    let Some(place) = path.and_then(|path| path.place(claims)) else { return };
    match place {
        Value::Array(names) => names.insert(0, value.into()),
        place => *place = value.into(),
    }
}
