//! `modelgate.references: remember`: remembers which caller created an id, and with which models.
//!
//! `watch` reads responses to requests that create something, and `scanner` finds the ids in them. `store`
//! keeps a limited number of ids. [`resolve`] handles later requests: `ids` finds the ids in them, and the
//! call gets the models of these ids, or is marked as using another caller's id.
//! [`listing`] removes other callers' objects from lists, by `filter`.
//! [`resolve_message`] does the same for messages of WebSockets, and `messages` remembers the ids in the
//! upstream's messages.

mod created;
mod filter;
mod ids;
mod lists;
mod messages;
mod owner;
mod parts;
mod scanner;
mod store;
mod watch;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::http::segmented_body::SegmentedBody;
use crate::config::{GatewaySettings, References};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::{ApiCall, Resolved};
use crate::routes::surface::{self, ModelUse, Place, Route};

use owner::Owner;
use store::Lookup;

pub(super) use created::watch;
pub(super) use lists::listing;
pub(super) use messages::SessionModels;
pub(super) use store::ReferenceStore;
pub(super) use watch::Watch;

/// Replaces the references in a call by the models of their ids.
pub(super) fn resolve(
    store: &ReferenceStore,
    settings: &GatewaySettings,
    caller: &Caller,
    head: &Parts,
    body: &SegmentedBody,
    call: ApiCall,
) -> ApiCall {
    if !may_have_ids(store, settings, caller) {
        return call;
    }
    let owner = Owner::of(caller);
    let lookup = |id: &str| store.lookup(id, owner);
    let method = call.method();
    let path = call.route().as_str();
    let route = surface::lookup(method, path);
    let runs = matches!(*method, Method::POST | Method::PUT | Method::PATCH)
        && route.is_some_and(|route| route.model_use() != ModelUse::None);
    let mut found = Found::new(&lookup, runs);
    let mut visit = |id: &str| found.visit(id);
    ids::in_path(path, &mut visit);
    ids::in_query(head.uri.query().unwrap_or_default().as_bytes(), &mut visit);
    ids::in_body(body.iter().map(|piece| &**piece), &mut visit);
    if is_urlencoded(&head.headers) {
        ids::in_query(body.first(), &mut visit);
    }
    let mut joined = None;
    if *method == Method::POST
        && path.contains("/uploads/")
        && path.ends_with("/complete")
        && let Some(owner) = owner
    {
        joined = store.parts.join(owner, body.first());
    }
    if let Some(joined) = &joined {
        ids::in_body(std::iter::once(joined.fragments.as_slice()), &mut visit);
    }
    let mut resolved = found.finish(&call);
    if let Some(joined) = joined {
        resolved.is_joined = joined.is_known;
        resolved.models.extend(joined.models);
    }
    let is_known = |id: &str| is_known(&lookup(id));
    // A known reference is replaced by its own models only. Other references stay.
    resolved.is_unnamed = call.models().all(|name| resolved.known.contains(name))
        && route.is_some_and(|route| {
            route.model_use().runs_unnamed() && !is_resolved(route, path, body.first(), is_known)
        });
    call.resolved(resolved)
}

/// Replaces the references in the handshake or in a message of a WebSocket by the models of their ids. `head` is the head of
/// the handshake.
pub(super) fn resolve_message(
    store: &ReferenceStore,
    settings: &GatewaySettings,
    caller: &Caller,
    head: &Parts,
    text: &[u8],
    call: ApiCall,
) -> ApiCall {
    if !may_have_ids(store, settings, caller) {
        return call;
    }
    let owner = Owner::of(caller);
    let lookup = |id: &str| store.lookup(id, owner);
    // A WebSocket runs models, although its handshake is a GET.
    let mut found = Found::new(&lookup, true);
    let mut visit = |id: &str| found.visit(id);
    ids::in_path(call.route().as_str(), &mut visit);
    ids::in_query(head.uri.query().unwrap_or_default().as_bytes(), &mut visit);
    ids::in_body(std::iter::once(text), &mut visit);
    let mut resolved = found.finish(&call);
    let route = surface::lookup(call.method(), call.route().as_str());
    resolved.is_unnamed = call.models().all(|name| resolved.known.contains(name))
        && route.is_some_and(|route| route.model_use().runs_unnamed());
    call.resolved(resolved)
}

/// Whether ids have to be looked up for this caller. The master key may use every id.
fn may_have_ids(store: &ReferenceStore, settings: &GatewaySettings, caller: &Caller) -> bool {
    settings.references == References::Remember && !caller.membership.master_key && store.len() > 0
}

/// The models and the owners of the ids in a request, collected while the request is read.
struct Found<'s> {
    lookup: &'s dyn Fn(&str) -> Lookup,
    /// Whether the request runs the models of its ids.
    runs: bool,
    resolved: Resolved,
}

impl<'s> Found<'s> {
    fn new(lookup: &'s dyn Fn(&str) -> Lookup, runs: bool) -> Self {
        Self { lookup, runs, resolved: Resolved::default() }
    }

    fn visit(&mut self, id: &str) {
        match (self.lookup)(id) {
            Lookup::Foreign => self.resolved.has_foreign_id = true,
            Lookup::Own(models) if self.runs => {
                for model in models.iter() {
                    if !self.resolved.models.contains(model) {
                        self.resolved.models.push(model.clone());
                    }
                }
            }
            Lookup::Own(_) | Lookup::Unknown => {}
        }
    }

    /// Returns the result, with those references of the call whose models are known.
    fn finish(mut self, call: &ApiCall) -> Resolved {
        let id_is_known = |name: &&ModelName| {
            name.as_str().split_once(':').is_some_and(|(_, id)| is_known(&(self.lookup)(id)))
        };
        self.resolved.known = call.references().iter().filter(id_is_known).cloned().collect();
        self.resolved
    }
}

/// Whether an id is the caller's own and its models are known.
fn is_known(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Own(models) if !models.is_empty())
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
