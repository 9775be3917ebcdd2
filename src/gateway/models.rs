//! `GET /v1/models`: exactly the models that the caller may call.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::respond::{Answer, Refusal, json_answer};
use crate::engine::{Permit, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;

/// OpenAI's `created` must be a time; ours is the first of 2024, since a configuration records none.
const CREATED: u64 = 1_704_067_200;

/// The answer to a permitted request for models; `None` for any other request.
pub(super) fn answer(
    snapshot: &Snapshot,
    caller: &Caller,
    permit: &Permit,
) -> Option<Result<Answer, Refusal>> {
    let call = permit.call();
    if *call.method() != Method::GET {
        return None;
    }
    let path = call.route().as_str();
    let rest = path.strip_prefix("/v1/models").or_else(|| path.strip_prefix("/models"))?;
    let callable = || snapshot.callable_models(caller, call.team_header());
    if rest.is_empty() {
        let data: Vec<Value> = callable().iter().map(object).collect();
        return Some(Ok(json_answer(StatusCode::OK, &json!({"object": "list", "data": data}))));
    }
    let id = rest.strip_prefix('/')?;
    let found = callable().into_iter().find(|model| model.as_str() == id);
    Some(found.map(|model| json_answer(StatusCode::OK, &object(&model))).ok_or(Refusal::UnknownModel))
}

fn object(model: &ModelName) -> Value {
    json!({"id": model.as_str(), "object": "model", "created": CREATED, "owned_by": "modelgate"})
}
