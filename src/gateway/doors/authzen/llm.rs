//! The request that a question about a model or a route stands for.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::{Map, Value, json};

use super::payload::{PayloadError, Question};
use super::subject::Subject;
use crate::gateway::doors::ask::MOST_HEADERS;
use crate::gateway::doors::seen_body::SeenBody;
use crate::request::ModelUse;

/// The resource type of models, and the action on them.
pub(super) const MODEL: (&str, &str) = ("model", "use_model");
/// The resource type of routes, and the action on them with the method in its properties. The methods are actions too.
pub(super) const ROUTE: (&str, &str) = ("route", "call_route");
/// The methods that are names of actions.
pub(super) const METHODS: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
const DEFAULT_ROUTE: &str = "/v1/chat/completions";

/// A request that exists only in a question.
pub(super) struct Described {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    pub(super) stated_use: Option<(ModelUse, usize)>,
    pub(super) source: Option<IpAddr>,
}

impl Described {
    /// The request of a question about a model or a route; `None` for other questions.
    pub(super) fn of(question: &Question) -> Result<Option<Self>, PayloadError> {
        let (kind, action) = (question.resource.kind.as_str(), question.action.name.as_str());
        if (kind, action) == MODEL {
            return Self::of_model(question).map(Some);
        }
        if kind != ROUTE.0 {
            return Ok(None);
        }
        let method = if action == ROUTE.1 {
            let method = member(&question.action.properties, "method").and_then(Value::as_str);
            let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
            method.ok_or_else(|| wrong("action.properties.method", "an HTTP method"))?
        } else {
            match METHODS.into_iter().find(|method| method.as_str() == action) {
                Some(method) => method,
                None => return Ok(None),
            }
        };
        Self::of_route(question, method).map(Some)
    }

    /// A request of the route that the context names, for this model alone.
    fn of_model(question: &Question) -> Result<Self, PayloadError> {
        let context = Context(&question.context);
        let route = context.text("route")?.unwrap_or(DEFAULT_ROUTE);
        let uri = target(route).ok_or_else(|| wrong("context.route", "a path"))?;
        let method = context.text("method")?.unwrap_or("POST");
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| wrong("context.method", "an HTTP method"))?;
        let body = Bytes::from(json!({"model": question.resource.id}).to_string());
        let mut headers = headers(&question.resource.properties)?;
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        let stated = context.model_use()?;
        let body_bytes = context.long("body_bytes")?.map(|bytes| usize::try_from(bytes).unwrap_or(0));
        let stated_use = Some((stated, body_bytes.unwrap_or(body.len())));
        Ok(Self { method, uri, headers, body: Some(body), stated_use, source: context.source()? })
    }

    /// The request itself, with what the properties say about its headers and its body.
    fn of_route(question: &Question, method: Method) -> Result<Self, PayloadError> {
        let properties = &question.resource.properties;
        let uri = target(&question.resource.id).ok_or_else(|| wrong("resource.id", "a path"))?;
        let text = member(properties, "body").map(|body| match body {
            Value::String(text) => Bytes::from(text.clone()),
            json => Bytes::from(json.to_string()),
        });
        let encoded = member(properties, "body_base64").map(|body| {
            let decoded = body.as_str().and_then(|body| STANDARD.decode(body).ok());
            decoded.map(Bytes::from).ok_or_else(|| wrong("resource.properties.body_base64", "base64"))
        });
        let body = match (text, encoded.transpose()?) {
            (Some(_), Some(_)) => {
                return Err(wrong("resource.properties.body_base64", "absent beside `body`"));
            }
            (text, encoded) => text.or(encoded),
        };
        let source = Context(&question.context).source()?;
        Ok(Self { method, uri, headers: headers(properties)?, body, stated_use: None, source })
    }

    /// Adds the credential of the subject, and the id of the question.
    pub(super) fn headers_for(&self, subject: &Subject) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Subject::Token(token) = subject {
            // A second one is refused, as by the gateway, unless both are equal.
            let is_there = headers.get_all(AUTHORIZATION).iter().any(|known| known == token);
            if !is_there {
                headers.append(AUTHORIZATION, token.clone());
            }
        }
        headers
    }

    /// What is known of the body.
    pub(super) fn seen(&self) -> SeenBody {
        match &self.body {
            None => SeenBody::Nothing,
            Some(body) if body.is_empty() => SeenBody::Empty,
            Some(_) => SeenBody::Whole,
        }
    }
}

/// The circumstances that an enforcement point states about a use of a model, with the names and types of the schema.
struct Context<'c>(&'c Map<String, Value>);

impl<'c> Context<'c> {
    fn model_use(&self) -> Result<ModelUse, PayloadError> {
        Ok(ModelUse {
            stream: self.flag("stream")?,
            max_tokens: self.long("max_tokens")?,
            n: self.long("n")?,
            temperature: self.read("temperature", "a number", Value::as_f64)?,
            tools: self.long("tools")?.unwrap_or(0),
            images: self.flag("images")?,
            audio: self.flag("audio")?,
        })
    }

    fn source(&self) -> Result<Option<IpAddr>, PayloadError> {
        self.read("source", "an IP address", |source| source.as_str()?.parse().ok())
    }

    fn flag(&self, name: &str) -> Result<bool, PayloadError> {
        self.read(name, "a boolean", Value::as_bool).map(Option::unwrap_or_default)
    }

    fn long(&self, name: &str) -> Result<Option<i64>, PayloadError> {
        self.read(name, "an integer", Value::as_i64)
    }

    fn text(&self, name: &str) -> Result<Option<&'c str>, PayloadError> {
        self.read(name, "a string", Value::as_str)
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&'c Value) -> Option<T>,
    ) -> Result<Option<T>, PayloadError> {
        let Some(value) = member(self.0, name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| wrong(&format!("context.{name}"), expected))
    }
}

/// The path with its query. The parser would drop a fragment.
fn target(text: &str) -> Option<Uri> {
    let is_path = text.starts_with('/') && !text.contains('#');
    is_path.then(|| text.parse::<PathAndQuery>().ok()).flatten().map(Uri::from)
}

/// `properties.headers`: each a string or a list of strings.
fn headers(properties: &Map<String, Value>) -> Result<HeaderMap, PayloadError> {
    const AT: &str = "resource.properties.headers";
    let mut headers = HeaderMap::new();
    let Some(given) = member(properties, "headers") else { return Ok(headers) };
    for (name, values) in given.as_object().ok_or_else(|| wrong(AT, "an object"))? {
        let wrong_header = || PayloadError::Type { at: format!("{AT}.{name}"), expected: "a header" };
        let parsed: HeaderName = name.parse().map_err(|_| wrong_header())?;
        let values = match values {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            if headers.len() == MOST_HEADERS {
                return Err(PayloadError::TooMany { at: AT, most: MOST_HEADERS });
            }
            let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
            headers.append(parsed.clone(), value.ok_or_else(wrong_header)?);
        }
    }
    Ok(headers)
}

fn member<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn wrong(at: &str, expected: &'static str) -> PayloadError {
    PayloadError::Type { at: at.to_owned(), expected }
}
