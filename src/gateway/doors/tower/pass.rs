//! Decides a request, and prepares it for the service that gets it.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::BodyExt as _;
use secrecy::SecretString;

use crate::authn::Bearer;
use crate::config::WithoutBody;
use crate::gateway::cors;
use crate::gateway::doors::ask::{Answered, Refused, judge};
use crate::gateway::doors::authorizer::Authorizer;
use crate::gateway::doors::decide::Asked;
use crate::gateway::doors::seen_body::SeenBody;
use crate::gateway::doors::verdict::{Verdict, to_remove};
use crate::gateway::http::credential::clean_query;
use crate::gateway::http::error_response::{Answer, REQUEST_ID};
use crate::gateway::http::headers::{remove, repeating};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::http::segmented_body::SegmentedBody;
use crate::gateway::pipeline::request_id;
use crate::gateway::telemetry::{Observation, ObservedBody};

/// A permitted request, and what is to be done with the response.
pub(super) struct Passed {
    pub(super) request: Request<SegmentedBody>,
    pub(super) follow_up: FollowUp,
}

/// Observes the response, and completes its headers.
pub(super) struct FollowUp {
    authorizer: Authorizer,
    origin: Option<HeaderValue>,
    request_id: HeaderValue,
    observation: Observation,
}

/// Decides a request. Returns the gateway's own answer for one that the service does not get.
pub(super) async fn pass(
    authorizer: &Authorizer,
    mut incoming: IncomingRequest,
    keeps_credential: bool,
) -> Result<Passed, Answer> {
    let gateway = authorizer.gateway();
    let origin = cors::origin(&incoming.head.headers);
    if let Some(answer) = gateway.unjudged(&incoming.head, origin.as_ref()) {
        let request_id = request_id(&incoming.head);
        return Err(own(authorizer, answer, origin, request_id));
    }
    let generation = gateway.active();
    let config = generation.snapshot().config();
    let asked = Asked {
        seen: SeenBody::Received,
        without_body: WithoutBody::Deny,
        advice: "",
        trusted: &config.gateway.trusted_proxies,
        claims: None,
        stated_use: None,
    };
    let kept = keeps_credential.then(|| (incoming.head.uri.clone(), incoming.head.headers.clone()));
    let Answered { decided, request_id, observation } = judge(gateway, &mut incoming, &asked, Ok(())).await;
    let verdict = match decided {
        Ok(Verdict { listing: Some(answer), .. }) | Err(Refused { answer, .. }) => {
            let mut observation = observation;
            observation.answered(answer.status(), None);
            let answer = answer.map(|body| ObservedBody::new(body, observation).boxed_unsync());
            return Err(own(authorizer, answer, origin, request_id));
        }
        Ok(verdict) => verdict,
    };
    let mut head = incoming.head;
    match kept {
        Some((uri, mut headers)) => {
            if !head.headers.contains_key(CONTENT_ENCODING) {
                headers.remove(CONTENT_ENCODING);
            }
            (head.uri, head.headers) = (uri, headers);
        }
        None => remove_credential(&mut head, config.master_key.as_ref()),
    }
    if head.headers.contains_key(CONTENT_LENGTH) {
        // Without its codings, the body has another length.
        head.headers.insert(CONTENT_LENGTH, verdict.body.len().into());
    }
    verdict.write(&mut head.headers);
    head.headers.insert(REQUEST_ID, request_id.clone());
    let Verdict { permit, body, .. } = verdict;
    head.extensions.insert(Arc::new(permit));
    let follow_up = FollowUp { authorizer: authorizer.clone(), origin, request_id, observation };
    Ok(Passed { request: Request::from_parts(head, body), follow_up })
}

impl FollowUp {
    /// Completes the response of the service.
    pub(super) fn answer(self, answer: Answer) -> Answer {
        let Self { authorizer, origin, request_id, mut observation } = self;
        observation.answered(answer.status(), None);
        let mut answer = answer.map(|body| ObservedBody::new(body, observation).boxed_unsync());
        // Without `modelgate.cors`, the service itself says which pages may read.
        if authorizer.gateway().active().snapshot().config().gateway.cors.is_some() {
            share(&authorizer, answer.headers_mut(), origin);
        }
        answer.headers_mut().entry(REQUEST_ID).or_insert(request_id);
        answer
    }
}

/// Completes an answer of the gateway.
fn own(
    authorizer: &Authorizer,
    mut answer: Answer,
    origin: Option<HeaderValue>,
    request_id: HeaderValue,
) -> Answer {
    share(authorizer, answer.headers_mut(), origin);
    answer.headers_mut().insert(REQUEST_ID, request_id);
    answer
}

/// Lets the pages of `modelgate.cors` read an answer.
fn share(authorizer: &Authorizer, headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    if let Some(origin) = origin {
        let generation = authorizer.gateway().active();
        cors::share(headers, generation.snapshot().config().gateway.cors.as_ref(), origin);
    }
}

/// Removes the caller's credential from the headers and the query, and the headers that choose a model or an account.
fn remove_credential(head: &mut Parts, master_key: Option<&SecretString>) {
    let credential = Bearer::presented(&head.headers, master_key).ok().map(<[u8]>::to_vec);
    let credential = credential.as_deref();
    let repeated = repeating(&head.headers, credential);
    for name in to_remove(&head.headers) {
        head.headers.remove(name);
    }
    remove(&mut head.headers, repeated);
    let Some(query) = head.uri.query() else { return };
    let cleaned = match clean_query(Cow::Borrowed(query), credential, false) {
        Some(Cow::Borrowed(_)) => return,
        Some(Cow::Owned(cleaned)) => format!("{}?{cleaned}", head.uri.path()),
        None => head.uri.path().to_owned(),
    };
    let mut parts = head.uri.clone().into_parts();
    // A part of a valid query is valid. If it were not, the service would get no path at all.
    parts.path_and_query = Some(PathAndQuery::try_from(cleaned).unwrap_or(PathAndQuery::from_static("/")));
    head.uri = Uri::from_parts(parts).unwrap_or_default();
}
