//! `modelgate.references: remember`: remembers which caller created an id, and with which models.
//!
//! `watch` reads responses to requests that create something, and `scanner` finds the ids in them. `store`
//! keeps a limited number of ids. [`resolve`] handles later requests: `ids` finds the ids in them, and the
//! call gets the models of these ids, or is marked as using another caller's id.

mod ids;
mod scanner;
mod store;
mod watch;

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::http::segmented_body::SegmentedBody;
use crate::config::{GatewaySettings, References};
use crate::engine::Permit;
use crate::identity::Caller;
use crate::request::{ApiCall, Resolved};
use crate::routes::surface::{self, ModelUse, Place, Route};

use scanner::IdKind;
use store::{Lookup, Owner};

pub(super) use store::ReferenceStore;
pub(super) use watch::Watch;

/// The last segments of the paths where a POST creates an object with an id.
const COLLECTIONS: [&str; 25] = [
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

/// Replaces the references in a call by the models of their ids.
pub(super) fn resolve(
    store: &ReferenceStore,
    settings: &GatewaySettings,
    caller: &Caller,
    head: &Parts,
    body: &SegmentedBody,
    call: ApiCall,
) -> ApiCall {
    // The master key may use every id.
    if settings.references != References::Remember || caller.master_key || store.len() == 0 {
        return call;
    }
    let owner = Owner::of(caller);
    let method = call.method();
    let path = call.route().as_str();
    let route = surface::lookup(method, path);
    let runs = matches!(*method, Method::POST | Method::PUT | Method::PATCH)
        && route.is_some_and(|route| route.model_use() != ModelUse::None);
    let mut resolved = Resolved::default();
    let mut visit = |id: &str| match store.lookup(id, owner) {
        Lookup::Unknown => {}
        Lookup::Foreign => resolved.has_foreign_id = true,
        Lookup::Own(models) if runs => {
            let new: Vec<_> =
                models.iter().filter(|model| !resolved.models.contains(model)).cloned().collect();
            resolved.models.extend(new);
        }
        Lookup::Own(_) => {}
    };
    ids::in_path(path, &mut visit);
    ids::in_query(head.uri.query().unwrap_or_default().as_bytes(), &mut visit);
    ids::in_body(body.iter(), &mut visit);
    if is_urlencoded(&head.headers) {
        ids::in_query(body.first(), &mut visit);
    }
    let is_known = |id: &str| matches!(store.lookup(id, owner), Lookup::Own(models) if !models.is_empty());
    let names = call.references().iter();
    let known =
        |name: &&crate::names::ModelName| name.as_str().split_once(':').is_some_and(|(_, id)| is_known(id));
    resolved.known = names.filter(known).cloned().collect();
    // A known reference is replaced by its own models only. Other references stay.
    resolved.is_unnamed = call.models().all(|name| resolved.known.contains(name))
        && route.is_some_and(|route| {
            route.model_use().runs_unnamed() && !is_resolved(route, path, body.first(), is_known)
        });
    call.resolved(resolved)
}

/// Whether the ids of all objects are known whose models a request to this route runs.
fn is_resolved(route: &Route, path: &str, body: &[u8], is_known: impl Fn(&str) -> bool) -> bool {
    if route.model_use() != ModelUse::Reference {
        return false;
    }
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let in_body = |place: &str| place.split('.').try_fold(&json, |at, key| at.get(key)).cloned();
    let mut ids = Vec::new();
    for place in route.references() {
        match place {
            Place::Path(name) => ids.push(in_template(route.path(), path, name).map(str::to_owned)),
            Place::Body(place) => match in_body(place) {
                // If there are several places, a request uses those of its API.
                None | Some(Value::Null) => {}
                Some(Value::Array(all)) => ids.extend(all.iter().map(|id| id.as_str().map(str::to_owned))),
                Some(id) => ids.push(id.as_str().map(str::to_owned)),
            },
            _ => ids.push(None),
        }
    }
    !ids.is_empty() && ids.iter().all(|id| id.as_deref().is_some_and(&is_known))
}

/// The segment of a path at a parameter of its template. Both are compared from the end, because the path may
/// have a prefix.
fn in_template<'p>(template: &str, path: &'p str, name: &str) -> Option<&'p str> {
    let parameter = format!("{{{name}}}");
    let at = template.rsplit('/').position(|segment| segment.starts_with(&parameter))?;
    let segment = path.rsplit('/').nth(at)?;
    Some(segment.split_once(':').map_or(segment, |(id, _)| id))
}

fn is_urlencoded(headers: &HeaderMap) -> bool {
    const FORM: &str = "application/x-www-form-urlencoded";
    let written = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    written.and_then(|text| text.get(..FORM.len())).is_some_and(|kind| kind.eq_ignore_ascii_case(FORM))
}

/// The owner and the models to remember for ids in the response.
pub(super) fn watch(
    store: &Arc<ReferenceStore>,
    settings: &GatewaySettings,
    caller: &Caller,
    permit: &Permit,
) -> Option<Box<Watch>> {
    if settings.references != References::Remember {
        return None;
    }
    let call = permit.call();
    let owner = Owner::of(caller)?;
    let kinds = created(store, owner, call)?;
    // A partly known object counts as unknown. For example, the parts of an uploaded file were not judged
    // together.
    let path = call.route().as_str();
    let is_known = call.references().is_empty() && !call.is_unnamed() && !path.contains("/uploads");
    Some(Box::new(Watch {
        store: Arc::clone(store),
        owner,
        models: if is_known { call.models().cloned().collect() } else { Arc::default() },
        kinds,
        capacity: settings.limits.references,
        ttl: settings.limits.reference_ttl,
    }))
}

/// Which ids in the response to a call are new. `None` if there are none.
fn created(store: &ReferenceStore, owner: Owner, call: &ApiCall) -> Option<&'static [IdKind]> {
    let path = call.route().as_str();
    let mut segments = path.rsplit('/');
    let (last, before) = (segments.next()?, segments.next()?);
    let is_own = || matches!(store.lookup(last, Some(owner)), Lookup::Own(_));
    match *call.method() {
        // The output files of a batch belong to its caller too.
        Method::GET if before == "batches" && is_own() => Some(&[IdKind::Output]),
        Method::POST if path.ends_with("/threads/runs") => Some(&[IdKind::Created, IdKind::Thread]),
        // A response to messages is not stored upstream, except in a thread.
        Method::POST if last == "messages" && !path.contains("/threads/") => None,
        // These routes attach an existing file, and the response contains its id.
        Method::POST if last == "files" && !is_root(before) => None,
        Method::POST if COLLECTIONS.contains(&last) => Some(&[IdKind::Created]),
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
