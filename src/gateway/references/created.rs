//! Finds the requests that create objects with ids, and decides what to remember of their answers.

use std::sync::Arc;

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::ids;
use super::owner::Owner;
use super::parts::Part;
use super::scanner::IdKind;
use super::store::{Lookup, ReferenceStore};
use super::watch::{Chosen, Watch};
use crate::config::{GatewaySettings, References};
use crate::engine::Permit;
use crate::gateway::http::segmented_body::SegmentedBody;
use crate::identity::Caller;
use crate::request::ApiCall;

/// The last segments of the paths where a POST creates an object with an id.
pub(super) const COLLECTIONS: [&str; 25] = [
    "responses",
    "files",
    "batches",
    "assistants",
    "threads",
    "messages",
    "runs",
    "vector_stores",
    "file_batches",
    "cachedContents",
    "conversations",
    "uploads",
    "parts",
    "complete",
    "videos",
    "remix",
    "jobs",
    "evals",
    "containers",
    "interactions",
    "agents",
    "deployments",
    "sessions",
    "fileSearchStores",
    "dreams",
];

/// Google's verbs that start what has an id.
const LONG_RUNNING: [&str; 4] =
    [":batchGenerateContent", ":asyncBatchEmbedContent", ":batchEmbedText", ":predictLongRunning"];

/// The owner and the models to remember for ids in the response.
pub(in crate::gateway) fn watch(
    store: &Arc<ReferenceStore>,
    settings: &GatewaySettings,
    caller: &Caller,
    permit: &Permit,
    (query, body): (Option<&str>, &SegmentedBody),
) -> Option<Box<Watch>> {
    if settings.references != References::Remember {
        return None;
    }
    let call = permit.call();
    let owner = Owner::of(caller)?;
    let kinds = created(store, owner, call, body)?;
    // A partly known object counts as unknown, such as a file that is joined from parts that were not kept.
    let path = call.route().as_str();
    let is_known = call.references().is_empty()
        && !call.is_unnamed()
        && (!path.contains("/uploads") || call.is_joined());
    let part = call.upload_part().and_then(|range| Part::read(body, range)).map(Arc::new);
    Some(Box::new(Watch {
        store: Arc::clone(store),
        owner,
        models: if is_known { call.models().cloned().collect() } else { Arc::default() },
        part,
        collection: path.rsplit('/').next().unwrap_or_default().into(),
        chosen: chosen(query, body),
        kinds,
        capacity: settings.limits.references,
        ttl: settings.limits.reference_ttl,
    }))
}

/// The kinds of new ids in the response to a call. `None` if there are none.
fn created(
    store: &ReferenceStore,
    owner: Owner,
    call: &ApiCall,
    body: &SegmentedBody,
) -> Option<&'static [IdKind]> {
    let path = call.route().as_str();
    let mut segments = path.rsplit('/');
    let (last, before) = (segments.next()?, segments.next()?);
    let is_own = || {
        // An id that its caller chose is stored with its collection.
        let named = format!("{before}/{last}");
        [last, &named].into_iter().any(|id| matches!(store.lookup(id, Some(owner)), Lookup::Own(_)))
    };
    match *call.method() {
        // The output files of a batch belong to its caller too.
        Method::GET if before == "batches" && is_own() => Some(&[IdKind::Output]),
        Method::POST if path.ends_with("/threads/runs") => Some(&[IdKind::Created, IdKind::Thread]),
        // A response to messages is not stored upstream, except in a thread.
        Method::POST if last == "messages" && !path.contains("/threads/") => None,
        // These routes attach an existing file, and the response contains its id.
        Method::POST if last == "files" && !is_root(before) => None,
        Method::POST if (before, last) == ("chat", "completions") => {
            is_stored(body.first()).then_some(&[IdKind::Created])
        }
        Method::POST
            if last == "conversations" || (last == "restart" && path.contains("/conversations/")) =>
        {
            Some(&[IdKind::Created, IdKind::Conversation])
        }
        Method::POST if last == "sessions" => Some(&[IdKind::Created, IdKind::Session]),
        Method::POST if COLLECTIONS.contains(&last) => Some(&[IdKind::Created]),
        // Google's batches, and operations that run for long.
        Method::POST if LONG_RUNNING.iter().any(|verb| last.ends_with(verb)) => Some(&[IdKind::Created]),
        // An update may change the model.
        Method::POST | Method::PUT | Method::PATCH if COLLECTIONS.contains(&before) && is_own() => {
            Some(&[IdKind::Created])
        }
        _ => None,
    }
}

/// Whether files are directly below a segment.
fn is_root(segment: &str) -> bool {
    ["", "v1", "v1beta", "v1alpha", "openai", "anthropic", "mistral", "azure"].contains(&segment)
}

/// Whether the upstream keeps the answer to a chat request. A body that cannot be read here may ask for it.
fn is_stored(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        store: Value,
        #[serde(default)]
        extra_body: Value,
    }
    let request: Result<Request, _> = serde_json::from_slice(body);
    let asks = |store: &Value| !matches!(store, Value::Null | Value::Bool(false));
    request.map_or(true, |request| asks(&request.store) || request.extra_body.get("store").is_some_and(asks))
}

/// The texts of a request that may be ids which the caller chose for what it creates, hashed. They could be words in the
/// requests of others, such as the name of a model.
fn chosen(query: Option<&str>, body: &SegmentedBody) -> Chosen {
    let mut chosen = Chosen::default();
    let mut add = |text: &str| chosen.add(text);
    ids::in_query(query.unwrap_or_default().as_bytes(), &mut add);
    // No API takes an id from a form with a file, which may be large.
    if !body.first().starts_with(b"--") {
        ids::in_body(body.iter().map(|piece| &**piece), &mut add);
    }
    chosen
}
