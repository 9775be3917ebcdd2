//! The listener and its paths.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Body as _;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::asker::{self, AskerError};
use super::evaluate::{Asking, evaluate};
use super::payload::{self, Members, PayloadError, Question};
use super::search::{self, Found};
use super::{batch, metadata};
use crate::authn::BearerError;
use crate::config::Authzen;
use crate::display::escape;
use crate::gateway::doors::ask::common;
use crate::gateway::http::body::{BodyBudget, BodyReader};
use crate::gateway::http::error_response::{Answer, REQUEST_ID, Refusal, json_answer};
use crate::gateway::http::incoming::{IncomingRequest, UnreadBody};
use crate::gateway::limits::counter::CounterGuard;
use crate::gateway::listener::server::{self, ServerError};
use crate::gateway::listener::tls::{self, TlsSource};
use crate::gateway::pipeline::Gateway;

/// The listener of `modelgate.authzen`.
pub struct AuthzenServer {
    listener: TcpListener,
    tls: Option<TlsSource>,
    gateway: Arc<Gateway>,
}

/// Why a request gets no decision.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Asker(#[from] AskerError),
    #[error("no such path of the AuthZEN listener: {0}")]
    Path(String),
    #[error("the method is not {0}")]
    Method(&'static str),
    #[error("the `Content-Type` is not `application/json`")]
    ContentType,
    #[error("the body has a `Content-Encoding`: send it without")]
    Encoded,
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Body(Refusal),
    #[error("subjects cannot be searched: modelgate does not know who exists")]
    Subjects,
    #[error("routes cannot be searched: ask about one, or search for its actions")]
    Routes,
    #[error("without a `Host`, set `modelgate.authzen.url`")]
    Host,
}

impl AuthzenServer {
    /// Listens on the address of the settings; port 0 selects a free port.
    ///
    /// # Errors
    ///
    /// The address is in use, or does not belong to this machine.
    pub async fn bind(settings: &Authzen, gateway: Arc<Gateway>) -> Result<Self, ServerError> {
        let tls = tls::source(&gateway, |listeners| listeners.authzen.as_ref());
        Ok(Self { listener: server::bind(settings.listen).await?, tls, gateway })
    }

    /// The address of the listener.
    ///
    /// # Errors
    ///
    /// The system cannot return the address.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `shutdown`, then lets questions in flight finish.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, tls, gateway } = self;
        let common = common(&gateway);
        server::serve_until(listener, tls, common, shutdown, move |incoming| {
            let gateway = Arc::clone(&gateway);
            async move { answer(&gateway, incoming).await }
        })
        .await;
    }
}

/// Answers a request, with its own id.
async fn answer(gateway: &Gateway, mut incoming: IncomingRequest) -> Answer {
    let request_id = incoming.head.headers.get(REQUEST_ID).cloned();
    let answered = route(gateway, &mut incoming, request_id.as_ref()).await;
    let mut answer = match answered {
        Ok(body) => json_answer(StatusCode::OK, &body),
        Err(error) => error.answer(),
    };
    if !incoming.body.is_end_stream() {
        answer.extensions_mut().insert(UnreadBody);
    }
    if let Some(id) = request_id {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}

async fn route(
    gateway: &Gateway,
    incoming: &mut IncomingRequest,
    request_id: Option<&HeaderValue>,
) -> Result<Value, AskError> {
    let path = incoming.head.uri.path().to_owned();
    if path == metadata::PATH {
        return described(gateway, &incoming.head);
    }
    asker::check(&gateway.active(), incoming)?;
    let known =
        [metadata::EVALUATION, metadata::EVALUATIONS, metadata::SUBJECTS, search::RESOURCES, search::ACTIONS];
    if !known.contains(&path.as_str()) {
        return Err(AskError::Path(escape(&path).into_owned()));
    }
    if incoming.head.method != Method::POST {
        return Err(AskError::Method("POST"));
    }
    if path == metadata::SUBJECTS {
        return Err(AskError::Subjects);
    }
    // The guard counts the body until the answer is written.
    let (body, _taken) = read(gateway, incoming).await?;
    let asking = Asking { gateway, request_id };
    let found = match path.as_str() {
        metadata::EVALUATION => {
            let question = Question::read(Members::of(&body))?;
            return Ok(evaluate(asking, &question).await?.to_json());
        }
        metadata::EVALUATIONS => return Ok(batch::evaluations(asking, &body).await?),
        search::RESOURCES => search::resources(asking, &body).await?,
        _ => search::actions(asking, &body).await?,
    };
    match found {
        Found::Results(results) => Ok(results),
        Found::Unlistable => Err(AskError::Routes),
    }
}

/// The description is for everybody: it has nothing but paths.
fn described(gateway: &Gateway, head: &Parts) -> Result<Value, AskError> {
    if head.method != Method::GET {
        return Err(AskError::Method("GET"));
    }
    let generation = gateway.active();
    let configured =
        generation.snapshot().config().gateway.authzen.as_ref().and_then(|door| door.url.clone());
    let scheme = if generation.tls.authzen.is_some() { "https" } else { "http" };
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = head.uri.authority().map(http::uri::Authority::as_str).or(host);
    let url = configured.or_else(|| Some(format!("{scheme}://{}", host?))).ok_or(AskError::Host)?;
    Ok(metadata::of(&url, search::RESOURCES, search::ACTIONS))
}

/// Reads the body within the limits for bodies.
async fn read(
    gateway: &Gateway,
    incoming: &mut IncomingRequest,
) -> Result<(Map<String, Value>, CounterGuard), AskError> {
    check_headers(&incoming.head.headers)?;
    let generation = gateway.active();
    let settings = &generation.snapshot().config().gateway;
    let taken = gateway.load().body_bytes.nothing();
    let budget = BodyBudget { limits: &settings.limits, max_body_bytes: settings.max_body_bytes, taken };
    let mut reader = BodyReader::new(incoming, budget).map_err(AskError::Body)?;
    let bytes: Bytes = reader.joined().await.map_err(AskError::Body)?;
    Ok((payload::body(&bytes)?, reader.taken()))
}

fn check_headers(headers: &HeaderMap) -> Result<(), AskError> {
    let mut types = headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
    let is_json = |value: &[u8]| {
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
    };
    if !types.next().is_some_and(is_json) || types.next().is_some() {
        return Err(AskError::ContentType);
    }
    if headers.contains_key(CONTENT_ENCODING) { Err(AskError::Encoded) } else { Ok(()) }
}

impl AskError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Asker(_) => StatusCode::UNAUTHORIZED,
            Self::Path(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType | Self::Encoded | Self::Payload(_) | Self::Host => StatusCode::BAD_REQUEST,
            Self::Body(refusal) => refusal.status(),
            Self::Subjects | Self::Routes => StatusCode::NOT_IMPLEMENTED,
        }
    }

    fn answer(&self) -> Answer {
        let (status, message) = (self.status(), self.to_string());
        tracing::debug!(status = status.as_u16(), "no decision: {message}");
        let error = json!({"error": {"status": status.as_u16(), "message": message}});
        let mut answer = json_answer(status, &error);
        let headers = answer.headers_mut();
        match self {
            Self::Asker(error) => {
                let is_missing = matches!(error, AskerError::Credential(BearerError::Missing));
                let invalid = r#"Bearer realm="modelgate", error="invalid_token""#;
                let challenge = if is_missing { r#"Bearer realm="modelgate""# } else { invalid };
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            Self::Method(allowed) => drop(headers.insert(ALLOW, HeaderValue::from_static(allowed))),
            _ => {}
        }
        answer
    }
}
