//! The rows as JSON.

use serde_json::{Value, json};

use super::rows::{Access, Row};
use crate::cli::diff::json::{grant_json, kind_json};

pub(super) fn of(access: &Access<'_>) -> Value {
    let callers: Vec<Value> = access
        .callers
        .iter()
        .map(|caller| {
            let rows: Vec<Value> = caller.rows.iter().map(|row| row_json(access, row)).collect();
            let others = caller.kind.roles.iter().filter_map(|role| access.universe.alike.get(role)).flatten();
            json!({"caller": kind_json(caller.kind), "claims": caller.claims, "roles_alike": others.collect::<Vec<_>>(), "access": rows})
        })
        .collect();
    json!({"callers": callers})
}

/// The answers with an example of each, in the input format of `decide` without the claims.
fn row_json(access: &Access<'_>, row: &Row) -> Value {
    let routes = row.grants.iter().filter_map(|(at, grant)| {
        let class = access.universe.routes.get(*at)?;
        let (method, path) = &class.bare;
        let example = match &row.example {
            Some(model) => {
                json!({"method": "POST", "path": class.with_model, "body": {"model": model.as_str()}})
            }
            None => json!({"method": method.as_str(), "path": path}),
        };
        let mut answer = grant_json(grant);
        answer
            .as_object_mut()?
            .extend([("routes".to_owned(), json!(class.shown)), ("example".to_owned(), example)]);
        Some(answer)
    });
    json!({"models": row.models, "routes": routes.collect::<Vec<_>>()})
}
