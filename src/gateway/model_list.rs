//! `GET /v1/models`, `/v1/models/{id}`, `/model/info`: exactly the models that the caller may call.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::http::error_response::{Answer, Refusal, json_answer};
use crate::config::Model;
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
    let callable = || snapshot.callable_models(caller, call.team_header(), call.context());
    let path = call.route().as_str();
    match path {
        "/model/info" | "/v1/model/info" => return Some(Ok(info(snapshot, &callable()))),
        "/v1/models" | "/models" | "/cursor/models" | "/cursor/v1/models" => {
            let data: Vec<Value> = callable().iter().map(object).collect();
            return Some(Ok(json_answer(StatusCode::OK, &json!({"object": "list", "data": data}))));
        }
        _ => {}
    }
    let id = path.strip_prefix("/v1/models/").or_else(|| path.strip_prefix("/models/"))?;
    let found = callable().into_iter().find(|model| model.as_str() == id);
    Some(found.map(|model| json_answer(StatusCode::OK, &object(&model))).ok_or(Refusal::UnknownModel))
}

/// LiteLLM's list of deployments: what they are called here and at the upstream, and neither keys nor addresses.
fn info(snapshot: &Snapshot, callable: &[ModelName]) -> Answer {
    let listed = snapshot.config().models.iter().filter(|model| callable.contains(&model.name));
    let deployment = |model: &Model| {
        json!({"model_name": model.name.as_str(), "litellm_params": {"model": model.litellm_model},
            "model_info": {"id": model.name.as_str(), "db_model": false}})
    };
    let data: Vec<Value> = listed.map(deployment).collect();
    json_answer(StatusCode::OK, &json!({"data": data}))
}

fn object(model: &ModelName) -> Value {
    json!({"id": model.as_str(), "object": "model", "created": CREATED, "owned_by": "modelgate"})
}
