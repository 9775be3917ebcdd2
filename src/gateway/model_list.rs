//! Lists models: exactly those that the caller may call, in the format of the client's API.

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::http::error_response::{Answer, Refusal, json_answer};
use crate::config::Model;
use crate::engine::{Permit, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::routes::surface::ErrorShape;

/// OpenAI's `created` must be a time. A configuration has none, so this is the first second of 2024.
const CREATED: u64 = 1_704_067_200;
/// The same time in the format of Anthropic and Ollama.
const CREATED_AT: &str = "2024-01-01T00:00:00Z";

/// The answer to a permitted request for models; `None` for any other request.
pub(super) fn answer(
    snapshot: &Snapshot,
    caller: &Caller,
    permit: &Permit,
    headers: &HeaderMap,
) -> Option<Result<Answer, Refusal>> {
    let call = permit.call();
    if *call.method() != Method::GET {
        return None;
    }
    let callable = || snapshot.callable_models(caller, call.team_header(), call.context());
    // For a member of a list, this is the route of the list.
    let path = call.judged_route();
    if matches!(path, "/model/info" | "/v1/model/info") {
        return Some(Ok(info(snapshot, &callable())));
    }
    let shape = match path {
        "/v1/models" | "/models" => ErrorShape::by_headers(headers),
        "/v1beta/models" | "/v1alpha/models" => ErrorShape::Google,
        "/cursor/models" | "/cursor/v1/models" => ErrorShape::OpenAi,
        "/api/tags" => ErrorShape::Ollama,
        _ => return None,
    };
    let id = call.route().as_str().strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
    let found = match id {
        None => Some(list(shape, &callable())),
        Some(id) => callable().iter().find(|model| model.as_str() == id).map(|model| object(shape, model)),
    };
    Some(found.map(|found| json_answer(StatusCode::OK, &found)).ok_or(Refusal::UnknownModel))
}

fn list(shape: ErrorShape, callable: &[ModelName]) -> Value {
    let models: Vec<Value> = callable.iter().map(|model| object(shape, model)).collect();
    match shape {
        ErrorShape::Anthropic => {
            let id = |model: Option<&ModelName>| model.map(|model| model.as_str().to_owned());
            json!({"data": models, "has_more": false,
                "first_id": id(callable.first()), "last_id": id(callable.last())})
        }
        ErrorShape::Google | ErrorShape::Ollama => json!({"models": models}),
        _ => json!({"object": "list", "data": models}),
    }
}

fn object(shape: ErrorShape, model: &ModelName) -> Value {
    let name = model.as_str();
    match shape {
        ErrorShape::Anthropic => {
            json!({"type": "model", "id": name, "display_name": name, "created_at": CREATED_AT})
        }
        // These are methods of Google's API. Only the upstream knows what the model supports.
        ErrorShape::Google => json!({"name": format!("models/{name}"), "displayName": name, "version": "001",
            "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens", "embedContent"]}),
        ErrorShape::Ollama => {
            json!({"name": name, "model": name, "modified_at": CREATED_AT, "size": 0, "digest": "", "details": {}})
        }
        // Mistral's clients take no entry without these two.
        ErrorShape::Mistral => {
            json!({"id": name, "object": "model", "created": CREATED, "owned_by": "modelgate",
            "type": "base", "capabilities": {"completion_chat": true}})
        }
        _ => json!({"id": name, "object": "model", "created": CREATED, "owned_by": "modelgate"}),
    }
}

/// LiteLLM's list of deployments. It has their names here and at the upstream, but no keys or addresses.
fn info(snapshot: &Snapshot, callable: &[ModelName]) -> Answer {
    let listed = snapshot.config().models.iter().filter(|model| callable.contains(&model.name));
    let deployment = |model: &Model| {
        json!({"model_name": model.name.as_str(), "litellm_params": {"model": model.litellm_model},
            "model_info": {"id": model.name.as_str(), "db_model": false}})
    };
    let data: Vec<Value> = listed.map(deployment).collect();
    json_answer(StatusCode::OK, &json!({"data": data}))
}
