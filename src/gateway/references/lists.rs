//! Removes other callers' objects from the lists that an upstream answers.

use std::sync::Arc;

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, ETAG, HeaderName, LAST_MODIFIED};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;

use super::created::COLLECTIONS;
use super::filter::{Filter, Keep};
use super::owner::Owner;
use super::store::{Lookup, ReferenceStore};
use crate::config::{GatewaySettings, Mode, References};
use crate::engine::Permit;
use crate::gateway::http::body::Codings;
use crate::gateway::http::error_response::{Answer, Refusal, body_of};
use crate::gateway::limits::counter::CounterGuard;
use crate::identity::Caller;
use crate::request::ApiCall;

/// Lists inside an object. An object of the caller contains only what is the caller's.
const INNER: [&str; 8] =
    ["items", "input_items", "output_items", "steps", "documents", "checkpoints", "events", "versions"];

/// Headers that describe the body before it is filtered.
const ABOUT_THE_WHOLE: [HeaderName; 6] = [
    CONTENT_LENGTH,
    ETAG,
    LAST_MODIFIED,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("digest"),
];

/// How to filter the answer to a request for a list.
pub(in crate::gateway) struct Listing {
    store: Arc<ReferenceStore>,
    owner: Option<Owner>,
    keep: Keep,
    /// The last segment of the path, such as `files`.
    collection: Box<str>,
    capacity: usize,
    ttl: std::time::Duration,
    limit: usize,
    in_flight: usize,
}

/// Returns how to filter the answer to a call. `None` if the call asks for no list, or if the caller may see all of it.
pub(in crate::gateway) fn listing(
    store: &Arc<ReferenceStore>,
    settings: &GatewaySettings,
    caller: &Caller,
    permit: &Permit,
) -> Option<Box<Listing>> {
    // `mode: log_only` denies nothing, so it hides nothing either.
    if settings.references != References::Remember
        || caller.membership.master_key
        || settings.mode == Mode::LogOnly
    {
        return None;
    }
    let owner = Owner::of(caller);
    let keep = listed(permit.call(), |id| matches!(store.lookup(id, owner), Lookup::Own(_)))?;
    let path = permit.call().route().as_str().trim_end_matches('/');
    Some(Box::new(Listing {
        store: Arc::clone(store),
        owner,
        keep,
        collection: path.rsplit('/').next().unwrap_or_default().into(),
        capacity: settings.limits.references,
        ttl: settings.limits.reference_ttl,
        limit: settings.max_body_bytes,
        in_flight: settings.limits.body_bytes_in_flight,
    }))
}

/// What a call that asks for a list may show. `None` if it asks for none, or for one inside the caller's own object.
fn listed(call: &ApiCall, is_own: impl Fn(&str) -> bool) -> Option<Keep> {
    if *call.method() != Method::GET {
        return None;
    }
    let mut segments = call.route().as_str().trim_end_matches('/').rsplit('/');
    let last = segments.next()?;
    let (before, above) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    // Some upstreams compare paths without regard to case.
    let is_in = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let is_collection = |name: &str| is_in(&COLLECTIONS, name);
    let is_stored_chat = |before: &str, last: &str| is_in(&["chat"], before) && is_in(&["completions"], last);
    // LiteLLM's list of vector stores, which its administrators create.
    if is_in(&["vector_store"], before) && is_in(&["list"], last) {
        return Some(Keep::NotForeign);
    }
    let is_root_list = is_collection(last) || is_stored_chat(before, last);
    let is_inner = (is_collection(above) || is_in(&["completions"], above)) && !is_collection(before);
    match (is_root_list, is_inner) {
        (true, false) => Some(Keep::Own),
        (true, true) => (!is_own(before)).then_some(Keep::NotForeign),
        (false, true) if is_in(&INNER, last) => (!is_own(before)).then_some(Keep::NotForeign),
        (false, _) => None,
    }
}

impl Listing {
    /// Reads the answer, and removes what is not the caller's. `taken` counts its bytes while they are here.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unfiltered`] if the answer cannot be read, or is too large.
    pub(in crate::gateway) async fn over(
        self,
        answer: Answer,
        mut taken: CounterGuard,
    ) -> Result<Answer, Refusal> {
        let (mut head, mut body) = answer.into_parts();
        if !head.status.is_success() || head.status == StatusCode::NO_CONTENT {
            return Ok(Answer::from_parts(head, body));
        }
        let unread = Refusal::Unfiltered("it is compressed, and cannot be decoded");
        let Ok(codings) = Codings::take(&mut head.headers) else { return Err(unread) };
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::UpstreamDown)?;
            let Some(data) = frame.data_ref() else { continue };
            if whole.len() + data.len() > self.limit {
                return Err(Refusal::Unfiltered("it is larger than `max_body_bytes`: ask for fewer objects"));
            }
            if !taken.grow(data.len(), self.in_flight) {
                return Err(Refusal::NoRoom);
            }
            whole.extend_from_slice(data);
        }
        let mut whole = whole.freeze();
        if let Some(codings) = codings {
            let decoded = codings.decode(whole, self.limit).await.map_err(|_| unread)?;
            whole = decoded.concat().into();
            head.headers.remove(CONTENT_LENGTH);
        }
        if whole.is_empty() {
            return Ok(Answer::from_parts(head, body_of(whole)));
        }
        // An id that its caller chose is stored with its collection.
        let lookup = |id: &str| match self.store.lookup(id, self.owner) {
            Lookup::Unknown => self.store.lookup(&format!("{}/{id}", self.collection), self.owner),
            known => known,
        };
        let mut filter = Filter { keep: self.keep, lookup: &lookup, outputs: Vec::new() };
        let filtered = filter.list(&whole).ok_or(Refusal::Unfiltered("it is not a JSON list"))?;
        let outputs = std::mem::take(&mut filter.outputs);
        // The output files of the caller's batches are the caller's too.
        if let Some(owner) = self.owner.filter(|_| &*self.collection == "batches") {
            for id in outputs {
                self.store.remember(&id, owner, &Arc::default(), self.capacity, self.ttl);
            }
        }
        if let Some(text) = filtered {
            ABOUT_THE_WHOLE.iter().for_each(|name| drop(head.headers.remove(name)));
            whole = text.into();
        }
        Ok(Answer::from_parts(head, body_of(whole)))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::request::{RequestParts, classify};

    fn kept(path: &str) -> Option<Keep> {
        let (method, headers) = (Method::GET, HeaderMap::new());
        let parts = RequestParts { method: &method, path, query: None, headers: &headers, body: b"" };
        listed(&classify(&parts).unwrap(), |id| id == "own")
    }

    #[test]
    fn lists_of_objects_show_what_is_the_callers() {
        for path in [
            "/v1/files",
            "/v1/files/",
            "/files",
            "/openai/v1/files",
            "/azure/openai/files",
            "/v1/batches",
            "/v1/messages/batches",
            "/v1/fine_tuning/jobs",
            "/v1/batch/jobs",
            "/v1/assistants",
            "/v1/threads",
            "/v1/vector_stores",
            "/v1/chat/completions",
            "/v1/Chat/Completions",
            "/v1/conversations",
            "/v1/containers",
            "/v1/evals",
            "/v1/videos",
            "/v1beta/files",
            "/v1beta/cachedContents",
            "/v1/projects/p/locations/l/cachedContents",
            "/v1beta/batches",
        ] {
            assert_eq!(kept(path), Some(Keep::Own), "{path}");
        }
    }

    #[test]
    fn a_list_inside_an_object_hides_what_is_known_to_be_others_unless_the_object_is_the_callers() {
        for inner in [
            "/v1/threads/ID/messages",
            "/v1/threads/ID/runs",
            "/v1/responses/ID/input_items",
            "/v1/vector_stores/ID/files",
            "/v1/fine_tuning/jobs/ID/events",
            "/v1/chat/completions/ID/messages",
            "/v1/conversations/ID/items",
            "/v1/responses/ID/Input_Items",
            "/v1/Chat/Completions/ID/Messages",
        ] {
            assert_eq!(kept(&inner.replace("ID", "other1")), Some(Keep::NotForeign), "{inner}");
            assert_eq!(kept(&inner.replace("ID", "own")), None, "{inner}");
        }
    }

    #[test]
    fn an_object_and_its_content_are_no_list() {
        assert_eq!(kept("/vector_store/list"), Some(Keep::NotForeign));
        for path in [
            "/v1/files/file-1",
            "/v1/files/file-1/content",
            "/v1/models",
            "/v1/batches/batch_1",
            "/health",
            "/",
        ] {
            assert_eq!(kept(path), None, "{path}");
        }
    }
}
