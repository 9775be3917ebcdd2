//! A token for a kind of caller, as one configuration would read it.

use serde_json::{Map, Value, json};

use super::universe::{Kind, Name};
use crate::authn::VerifiedClaims;
use crate::config::JwtAuth;
use crate::names::ClaimPath;

const OTHER: &str = "one-that-nobody-names";

/// The same role, team and user, each in the claims that the configuration reads it from.
pub(super) fn of(kind: &Kind, jwt: &JwtAuth) -> VerifiedClaims {
    let mut claims = Map::new();
    // With issuers, the token is of the first: an entry may read claims of its own.
    let issuer = jwt.tokens.issuers.first().map(|entry| entry.issuer.as_str());
    if let Some(issuer) = issuer {
        claims.insert("iss".to_owned(), issuer.into());
    }
    let fields = jwt.claim_fields(issuer);
    let text = |name: &Option<Name>| {
        name.as_ref().map(|name| match name {
            Name::Named(name) => name.clone(),
            Name::Other => OTHER.to_owned(),
            Name::Admin => jwt.admin_jwt_scope.clone(),
        })
    };
    if let Some(scope) = text(&kind.scope) {
        claims.insert("scope".to_owned(), json!([scope]));
    }
    if let Some(role) = text(&kind.role) {
        add(&mut claims, jwt.user_roles_jwt_field.as_ref(), &role);
        if jwt.roles_jwt_field != jwt.user_roles_jwt_field {
            add(&mut claims, jwt.roles_jwt_field.as_ref(), &role);
        }
    }
    if let Some(team) = text(&kind.team) {
        add(&mut claims, fields.team_ids, &team);
        set(&mut claims, fields.team_id, &team);
        if fields.team_ids.is_none() && fields.team_id.is_none() {
            set(&mut claims, jwt.team_alias_jwt_field.as_ref(), &team);
        }
    }
    if !kind.without_user {
        set(&mut claims, fields.user_id, "somebody");
    }
    let domain = text(&kind.domain).unwrap_or_else(|| OTHER.to_owned());
    set(&mut claims, fields.user_email, &format!("somebody@{domain}"));
    VerifiedClaims::dangerous_trust(claims)
}

/// A name in a list of names, which another list may share.
fn add(claims: &mut Map<String, Value>, path: Option<&ClaimPath>, name: &str) {
    let Some(place) = path.and_then(|path| path.place(claims)) else { return };
    match place {
        Value::Array(names) => names.push(name.into()),
        place => *place = json!([name]),
    }
}

/// A value of its own, unless it is the first of a list that is there.
fn set(claims: &mut Map<String, Value>, path: Option<&ClaimPath>, value: &str) {
    let Some(place) = path.and_then(|path| path.place(claims)) else { return };
    match place {
        Value::Array(names) => names.insert(0, value.into()),
        place => *place = value.into(),
    }
}
