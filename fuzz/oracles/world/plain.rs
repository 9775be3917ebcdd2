//! The lists of the configuration, and the request without its caller, in the simplest form.

use cedar_policy::{Context, EntityUid, RestrictedExpression as Expression};
use http::Method;
use serde_json::Value;

use super::naive::{ADMIN_ROUTES, TEAM_ROUTES, text, texts, uid};
use super::{Asked, BY_TOKEN, PERMISSIONS, ROLES, SCOPES, Settings, TEAMS, TOKEN_ROLES};

/// A list of models or routes, and its entity.
pub(super) type List = (EntityUid, Vec<&'static str>);

/// The lists of models, each with its members.
pub(super) fn model_lists(settings: &Settings) -> Vec<List> {
    let mut lists: Vec<List> = Vec::new();
    for (i, (_, models, _)) in ROLES.iter().enumerate() {
        // R2's lists contain only names of models, without wildcards. None of these names has one.
        lists.push((uid("ModelSet", &format!("{PERMISSIONS}[{i}].models")), models.to_vec()));
    }
    lists.extend(TEAMS.iter().map(|(id, models, ..)| (uid("Team", id), models.to_vec())));
    if settings.scopes {
        lists.extend(SCOPES.iter().map(|(scope, models)| (uid("Scope", scope), models.to_vec())));
    }
    if settings.token_roles {
        for (i, (_, models, denied, ..)) in BY_TOKEN.iter().enumerate() {
            lists.push((uid("ModelSet", &format!("{TOKEN_ROLES}[{i}].models")), models.to_vec()));
            lists.push((uid("ModelSet", &format!("{TOKEN_ROLES}[{i}].deny_models")), denied.to_vec()));
        }
    }
    lists
}

/// The lists of routes, each with its members.
pub(super) fn route_lists(settings: &Settings) -> Vec<List> {
    let mut lists: Vec<List> = Vec::new();
    for (i, (.., routes)) in ROLES.iter().enumerate() {
        lists.push((uid("RouteGroup", &format!("{PERMISSIONS}[{i}].routes")), routes.to_vec()));
    }
    if settings.token_roles {
        for (i, (_, _, _, routes, _)) in BY_TOKEN.iter().enumerate() {
            lists.extend(
                routes.map(|routes| {
                    (uid("RouteGroup", &format!("{TOKEN_ROLES}[{i}].routes")), routes.to_vec())
                }),
            );
        }
    }
    let admin = ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"];
    lists.push((uid("RouteGroup", ADMIN_ROUTES), admin.to_vec()));
    if settings.team_routes {
        lists.push((uid("RouteGroup", TEAM_ROUTES), vec!["openai_routes"]));
    }
    lists
}

/// Every claim that is not an attribute.
pub(super) fn tags_of(asked: &Asked) -> impl Iterator<Item = (String, Expression)> {
    let others = asked.claims.iter().filter(|(name, _)| !["iss", "sub", "scope"].contains(&name.as_str()));
    others.map(|(name, value)| {
        let values: Vec<&str> = match value {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            value => value.as_str().into_iter().collect(),
        };
        (name.clone(), texts(values))
    })
}

/// The complete context, including what no policy reads.
pub(super) fn context(asked: &Asked, of_model: bool) -> Context {
    let mut pairs = vec![
        ("method", text(asked.method.as_str())),
        ("route", text(asked.path)),
        ("body_bytes", Expression::new_long(i64::try_from(asked.text().len()).expect("a short body"))),
    ];
    let source = asked.source.map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}"));
    pairs.extend(source.map(|source| ("source", Expression::new_ip(source))));
    if of_model {
        pairs.push(("stream", Expression::new_bool(false)));
        pairs.push(("tools", Expression::new_long(0)));
        pairs.push(("images", Expression::new_bool(false)));
        pairs.push(("audio", Expression::new_bool(asked.method == Method::TRACE)));
        let tokens = asked.body.get("max_tokens").and_then(Value::as_i64);
        pairs.extend(tokens.map(|tokens| ("max_tokens", Expression::new_long(tokens))));
    }
    Context::from_pairs(pairs.into_iter().map(|(name, value)| (name.to_owned(), value))).expect("a context")
}
