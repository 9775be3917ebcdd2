//! `envoy.service.auth.v3.Authorization/Check`.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use prost::Message;

use super::plain::{Changes, seen};
use super::proto::{
    self, CheckRequest, CheckResponse, Entry, HeaderAppendAction, HeaderValueOption, Kind, ListValue, Struct,
    Value,
};
use super::{ADVICE, grpc};
use crate::config::WithoutBody;
use crate::gateway::cors;
use crate::gateway::doors::ask::{Answered, MOST_HEADERS, Refused, ask, check_peer, networks};
use crate::gateway::doors::decide::Asked;
use crate::gateway::doors::verdict::Verdict;
use crate::gateway::http::body::{BodyBudget, BodyReader};
use crate::gateway::http::error_response::{Answer, REQUEST_ID, Refusal};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::pipeline::{Gateway, request_id};

/// The path of the method.
pub(super) const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";
/// The room for headers in a message, besides the body.
const HEADERS: usize = 1024 * 1024;
/// `google.rpc.Code`.
const PERMISSION_DENIED: i32 = 7;
const UNAUTHENTICATED: i32 = 16;

/// Answers a question.
pub(super) async fn answer(gateway: &Arc<Gateway>, mut incoming: IncomingRequest) -> Answer {
    let (request, refusal) = match receive(gateway, &mut incoming).await.map(grpc::read) {
        Ok(Ok(request)) => (request, None),
        Ok(Err(error)) => return error.answer(),
        Err(refusal) => (CheckRequest::default(), Some(refusal)),
    };
    grpc::answer(&check(gateway, refusal, request).await)
}

/// Receives the message of a peer that may ask, within the limits for bodies.
async fn receive(gateway: &Gateway, incoming: &mut IncomingRequest) -> Result<Bytes, Refusal> {
    let generation = gateway.active();
    let settings = &generation.snapshot().config().gateway;
    check_peer(incoming, networks(settings), generation.tls.ext_authz.as_ref())?;
    let max_body_bytes = settings.max_body_bytes.saturating_add(HEADERS);
    let taken = gateway.load().body_bytes.nothing();
    let budget = BodyBudget { limits: &settings.limits, max_body_bytes, taken };
    BodyReader::new(incoming, budget)?.joined().await
}

/// Judges the request that a message describes. `refusal`: why the message was not received.
async fn check(gateway: &Arc<Gateway>, refusal: Option<Refusal>, request: CheckRequest) -> CheckResponse {
    let generation = gateway.active();
    let settings = &generation.snapshot().config().gateway;
    let trusted = networks(settings);
    let attributes = request.attributes.unwrap_or_default();
    let source = attributes.source.and_then(|source| source.address?.socket_address?.address.parse().ok());
    let http = attributes.request.and_then(|request| request.http).unwrap_or_default();
    let described = refusal.map_or_else(|| read(http), Err);
    let (described, (head, body)) = match described {
        Ok(read) => (Ok(()), read),
        Err(refusal) => (Err(refusal), (Request::new(()).into_parts().0, Bytes::new())),
    };
    let seen = seen(&head.headers, !body.is_empty(), true);
    let asked = Asked {
        seen,
        without_body: WithoutBody::Deny,
        advice: ADVICE,
        trusted,
        claims: None,
        stated_use: None,
    };
    let mut changes = Changes::of(&head.headers, settings);
    let origin = cors::origin(&head.headers);
    let mut incoming = IncomingRequest::whole(head, body, source);
    let unjudged = match &described {
        Ok(()) => gateway.unjudged(&incoming.head, origin.as_ref()),
        Err(_) => None,
    };
    let (mut answer, request_id) = match unjudged {
        Some(answer) => (answer, request_id(&incoming.head)),
        None => {
            let Answered { decided, request_id, .. } = ask(gateway, &mut incoming, &asked, described).await;
            match decided {
                Ok(Verdict { listing: Some(answer), .. }) | Err(Refused { answer, .. }) => {
                    (answer, request_id)
                }
                Ok(verdict) => {
                    let mut set = verdict.headers().map(|(name, value)| option(name.into(), value)).to_vec();
                    set.push(option(bytes_of(REQUEST_ID.as_str()), text(&request_id)));
                    if let Some((name, value)) = changes.protocols(&incoming.head.headers) {
                        set.push(option(bytes_of(name.as_str()), text(&value)));
                    }
                    return permitted(&verdict, set, &changes.removed);
                }
            }
        }
    };
    if let Some(origin) = origin {
        cors::share(answer.headers_mut(), settings.cors.as_ref(), origin);
    }
    denied(answer, &request_id).await
}

/// The original request in a message.
fn read(http: proto::HttpRequest) -> Result<(Parts, Bytes), Refusal> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::from_bytes(&http.method).map_err(|_| Refusal::Original("its method is none"))?;
    let path = http.path;
    if !path.starts_with(b"/") {
        return Err(Refusal::Original("its path does not begin with a slash"));
    }
    // The parser would drop a fragment, which Envoy may forward.
    if path.contains(&b'#') {
        return Err(Refusal::Original("its path has a fragment"));
    }
    head.uri = Uri::from_maybe_shared(path).map_err(|_| Refusal::Original("its path cannot be read"))?;
    let described = http.header_map.unwrap_or_default().headers;
    let count = described.len() + http.headers.len();
    if count > MOST_HEADERS {
        return Err(Refusal::Original("it has too many headers"));
    }
    head.headers.reserve(count);
    for proto::HeaderValue { key, value, raw_value } in described {
        let value = if raw_value.is_empty() { value } else { raw_value };
        if let Some((name, value)) = header(&key, value)? {
            head.headers.append(name, value);
        }
    }
    for (name, value) in http.headers {
        // A message has its headers in one of the two forms. If it has both, the same header counts once.
        let Some((name, value)) = header(name.as_bytes(), value.into())? else { continue };
        if !head.headers.get_all(&name).iter().any(|known| *known == value) {
            head.headers.append(name, value);
        }
    }
    let body = if http.raw_body.is_empty() { http.body } else { http.raw_body };
    Ok((head, body))
}

/// A header; `None` for those that have the method, the path and the host.
fn header(name: &[u8], value: Bytes) -> Result<Option<(HeaderName, HeaderValue)>, Refusal> {
    if name.starts_with(b":") {
        return Ok(None);
    }
    let name = HeaderName::from_bytes(name).ok();
    let pair = name.zip(HeaderValue::from_maybe_shared(value).ok());
    pair.map(Some).ok_or(Refusal::Original("a header cannot be read"))
}

fn permitted(verdict: &Verdict, headers: Vec<HeaderValueOption>, removed: &[HeaderName]) -> CheckResponse {
    let headers_to_remove =
        removed.iter().map(|name| Bytes::copy_from_slice(name.as_str().as_bytes())).collect();
    CheckResponse {
        status: Some(proto::Status::default()),
        denied: None,
        ok: Some(encoded(&proto::OkHttpResponse { headers, headers_to_remove })),
        dynamic_metadata: Some(encoded(&metadata(verdict))),
    }
}

/// The answer for the caller, which Envoy sends instead of forwarding the request.
async fn denied(answer: Answer, request_id: &HeaderValue) -> CheckResponse {
    let (mut head, body) = answer.into_parts();
    head.headers.insert(REQUEST_ID, request_id.clone());
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let code = if head.status == StatusCode::UNAUTHORIZED { UNAUTHENTICATED } else { PERMISSION_DENIED };
    let option_of = |(name, value): (&HeaderName, &HeaderValue)| option(bytes_of(name.as_str()), text(value));
    let denied = proto::DeniedHttpResponse {
        status: Some(proto::HttpStatus { code: i32::from(head.status.as_u16()) }),
        headers: head.headers.iter().map(option_of).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    CheckResponse {
        status: Some(proto::Status { code, message: String::new() }),
        denied: Some(encoded(&denied)),
        ok: None,
        dynamic_metadata: None,
    }
}

fn encoded(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

/// A header that replaces those of the same name.
fn option(key: Bytes, value: Bytes) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(proto::HeaderValue { key, value, raw_value: Bytes::new() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: true,
    }
}

/// A header's value as a text of a message.
fn text(value: &HeaderValue) -> Bytes {
    bytes_of(value.to_str().unwrap_or_default())
}

fn bytes_of(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The facts of the decision, in the filter's namespace: for rate limits, routing and access logs.
fn metadata(verdict: &Verdict) -> Struct {
    let decision = verdict.permit.decision();
    let text = |text: Option<&str>| Value { kind: Some(Kind::Text(bytes_of(text.unwrap_or_default()))) };
    let list = |values: Vec<Value>| Value { kind: Some(Kind::List(ListValue { values })) };
    let models = verdict.permit.call().models().map(|model| text(Some(model.as_str()))).collect();
    let policies = decision.policies.iter().map(|id| text(Some(id))).collect();
    let fields = [
        ("role", text(decision.role.map(|role| role.as_str()))),
        ("user", text(decision.user_id.as_deref())),
        ("team", text(decision.team_id.as_deref())),
        ("model", text(verdict.permit.model().map(|model| model.as_str()))),
        ("models", list(models)),
        ("policies", list(policies)),
    ];
    let entry = |(name, value): (&'static str, Value)| Entry {
        key: Bytes::from_static(name.as_bytes()),
        value: Some(value),
    };
    Struct { fields: fields.into_iter().map(entry).collect() }
}
