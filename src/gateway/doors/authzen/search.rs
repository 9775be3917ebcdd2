//! Finds what a caller may do. Every result is one page.

use http::{HeaderMap, Method, Uri};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};

use super::evaluate::{Asking, credential, evaluate};
use super::llm::{Described, METHODS, MODEL, ROUTE};
use super::own::{self, Find, OwnQuestion};
use super::payload::{Action, Members, PayloadError, Question};
use super::subject::Subject;
use crate::gateway::http::error_response::Answer;

/// The list of models, whose steps find the models of a caller.
const MODELS: &str = "/v1/models";
/// The paths of searches, as the decision log shows them.
pub(super) const RESOURCES: &str = "/access/v1/search/resource";
pub(super) const ACTIONS: &str = "/access/v1/search/action";

/// The result of a search.
pub(super) enum Found {
    Results(Value),
    /// Such things cannot be listed.
    Unlistable,
}

/// The resources of a type that the subject may access.
pub(super) async fn resources(asking: Asking<'_>, body: &Map<String, Value>) -> Result<Found, PayloadError> {
    let members = Members::of(body);
    let question = Question {
        subject: members.subject()?,
        action: members.action()?,
        resource: members.sought_resource()?,
        context: members.context()?,
    };
    let subject = Subject::of(&question.subject)?;
    let kind = question.resource.kind.as_str();
    let ids = if kind == ROUTE.0 {
        return Ok(Found::Unlistable);
    } else if (kind, question.action.name.as_str()) == MODEL {
        models(asking, &subject).await
    } else {
        own(asking, RESOURCES, (&subject, &question), own::resources).await
    };
    let entity = |id: String| json!({"type": kind, "id": id});
    Ok(Found::Results(json!({"results": ids.into_iter().map(entity).collect::<Vec<_>>()})))
}

/// The actions that the subject may take on a resource.
pub(super) async fn actions(asking: Asking<'_>, body: &Map<String, Value>) -> Result<Found, PayloadError> {
    let members = Members::of(body);
    let action = |name: &str| Action { name: name.to_owned(), properties: Map::new() };
    let mut question = Question {
        subject: members.subject()?,
        action: action(""),
        resource: members.resource()?,
        context: members.context()?,
    };
    let subject = Subject::of(&question.subject)?;
    let names = match question.resource.kind.as_str() {
        kind if kind == MODEL.0 || kind == ROUTE.0 => {
            let candidates: Vec<&str> =
                if kind == MODEL.0 { vec![MODEL.1] } else { METHODS.iter().map(Method::as_str).collect() };
            let mut names = Vec::new();
            for name in candidates {
                question.action = action(name);
                if evaluate(asking, &question).await?.is_permitted {
                    names.push(name.to_owned());
                }
            }
            names
        }
        _ => own(asking, ACTIONS, (&subject, &question), own::actions).await,
    };
    let action = |name: String| json!({ "name": name });
    Ok(Found::Results(json!({"results": names.into_iter().map(action).collect::<Vec<_>>()})))
}

/// Searches among what operators declare.
async fn own(
    asking: Asking<'_>,
    path: &'static str,
    (subject, question): (&Subject, &Question),
    find: Find,
) -> Vec<String> {
    let head = asking.head(Method::POST, Uri::from_static(path), credential(subject));
    OwnQuestion { gateway: asking.gateway, head: &head, subject, question }.search(find).await
}

/// The models in the list that the gateway answers to this caller. A caller that may not ask for it gets none.
async fn models(asking: Asking<'_>, subject: &Subject) -> Vec<String> {
    let described = Described {
        method: Method::GET,
        uri: Uri::from_static(MODELS),
        headers: HeaderMap::new(),
        body: None,
        stated_use: None,
        source: None,
    };
    let answered = asking.ask(described, subject).await;
    let Ok(verdict) = answered.decided else { return Vec::new() };
    let Some(list) = verdict.listing else { return Vec::new() };
    let list = json_of(list).await.unwrap_or_default();
    let ids = list.get("data").and_then(Value::as_array).into_iter().flatten();
    ids.filter_map(|model| model.get("id")?.as_str().map(str::to_owned)).collect()
}

/// The body of an answer of ours, which is in memory.
async fn json_of(answer: Answer) -> Option<Value> {
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    serde_json::from_slice(&body).ok()
}
