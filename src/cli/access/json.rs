//! The rows as JSON.

use serde_json::{Value, json};

use super::rows::{Access, Row};
use crate::cli::diff::json::{grant_json, kind_json};

/// Each caller with its rows. `alike` has the names that a caller's role, team or scope also stands for, as in `diff`.
pub(in crate::cli) fn of(access: &Access<'_>) -> Value {
    let callers: Vec<Value> = access
        .callers
        .iter()
        .map(|caller| {
            let rows: Vec<Value> = caller.rows.iter().map(|row| row_json(access, row)).collect();
            json!({"caller": kind_json(caller.kind), "claims": caller.claims, "access": rows})
        })
        .collect();
    json!({"callers": callers, "alike": access.universe.alike})
}

/// The answers with an example of each, in the input format of `decide` without the claims.
fn row_json(access: &Access<'_>, row: &Row) -> Value {
    let routes = row.grants.iter().filter_map(|(at, grant)| {
        let class = access.universe.routes.get(*at)?;
        let example = class.example(row.example.as_ref());
        let mut answer = grant_json(grant);
        answer
            .as_object_mut()?
            .extend([("routes".to_owned(), json!(class.shown)), ("example".to_owned(), example)]);
        Some(answer)
    });
    json!({"models": row.models, "routes": routes.collect::<Vec<_>>()})
}
