//! The tower layer, in front of services that are called without a socket.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Request, Response, StatusCode};
use modelgate::decision_log::{DecisionLog, Line, Verdict};
use modelgate::engine::Permit;
use modelgate::gateway::Authorizer;
use modelgate::tower::{AuthorizeLayer, Peer, RequestBody, ResponseBody};
use tower::{Layer as _, Service, ServiceExt, service_fn};

use crate::fixture::{Fixture, soon};

pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;
pub(crate) const DENIED: &str = r#"{"model": "openai-gpt-4o"}"#;

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: StatusCode,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: String,
    /// The request, if the service got it.
    pub(crate) got: Option<Request<Bytes>>,
}

impl Outcome {
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) fn layer(gate: &Fixture) -> AuthorizeLayer {
    AuthorizeLayer::new(Authorizer::new(Arc::clone(&gate.gateway)))
}

/// Sends a request through a layer to a service that keeps it.
pub(crate) async fn through<B>(layer: AuthorizeLayer, request: Request<B>) -> Outcome
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let service = service_fn(move |request: Request<RequestBody>| {
        let keep = keep.clone();
        async move {
            let (head, body) = request.into_parts();
            keep.send(Request::from_parts(head, body.into_bytes())).unwrap();
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"served"))))
        }
    });
    let response = soon(layer.layer(service).oneshot(request)).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Outcome { status: head.status, headers: head.headers, body, got: kept.try_recv().ok() }
}

/// A request with a token.
fn request(gate: &Fixture, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("authorization", format!("Bearer {}", gate.token(&["basic_user"])))
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

fn get(gate: &Fixture, path: &str) -> Request<Full<Bytes>> {
    let mut request = request(gate, path, "");
    *request.method_mut() = hyper::Method::GET;
    request.headers_mut().remove("content-type");
    request
}

#[tokio::test]
async fn a_permitted_request_reaches_the_service_whole_and_with_its_permit() {
    let gate = Fixture::start().await;
    let mut sent = request(&gate, CHAT, ALLOWED);
    sent.headers_mut().insert("x-modelgate-role", "proxy_admin".parse().unwrap());
    sent.extensions_mut().insert("kept");
    let outcome = through(layer(&gate), sent).await;
    assert_eq!((outcome.status, outcome.body.as_str()), (StatusCode::OK, "served"));
    let got = outcome.got.unwrap();
    assert_eq!((got.uri().path(), got.body().as_ref()), (CHAT, ALLOWED.as_bytes()));
    let permit = got.extensions().get::<Arc<Permit>>().unwrap();
    assert_eq!(permit.model().unwrap().as_str(), "anthropic-claude");
    assert_eq!(got.headers()["x-modelgate-role"], "internal_user");
    assert_eq!(got.headers()["x-modelgate-models"], "anthropic-claude");
    assert_eq!(got.headers()["x-request-id"], outcome.headers["x-request-id"]);
    assert_eq!(got.extensions().get::<&str>(), Some(&"kept"));
}

#[tokio::test]
async fn the_service_gets_no_credential_and_no_other_choice_of_a_model() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let sent = || {
        let path = format!("{CHAT}?a=1&api_key={token}&b=2");
        let mut sent = request(&gate, &path, ALLOWED);
        for (name, value) in [
            ("authorization", format!("Bearer {token}")),
            ("x-auth", format!("token={token}")),
            ("x-litellm-tags", "a".to_owned()),
            ("openai-organization", "org".to_owned()),
            ("x-kept", "1".to_owned()),
        ] {
            sent.headers_mut().insert(name, value.parse().unwrap());
        }
        sent
    };
    let got = through(layer(&gate), sent()).await.got.unwrap();
    for name in ["authorization", "x-auth", "x-litellm-tags", "openai-organization"] {
        assert!(!got.headers().contains_key(name), "{name}");
    }
    assert_eq!(got.headers()["x-kept"], "1");
    assert_eq!(got.uri().query(), Some("a=1&b=2"));
    assert!(!format!("{got:?}").contains(&token));
    let got = through(layer(&gate).keep_credential(), sent()).await.got.unwrap();
    assert_eq!(got.headers()["authorization"], format!("Bearer {token}"));
    assert!(got.uri().query().unwrap().contains(&token));
}

#[tokio::test]
async fn a_model_is_denied_wherever_it_stands() {
    let gate = Fixture::start().await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nopenai-gpt-4o\r\n--b--\r\n";
    let mut multipart = request(&gate, "/v1/audio/transcriptions", form);
    let kind = "multipart/form-data; boundary=b".parse().unwrap();
    multipart.headers_mut().insert("content-type", kind);
    for sent in [
        request(&gate, CHAT, DENIED),
        request(&gate, "/openai/deployments/openai-gpt-4o/chat/completions", "{}"),
        request(&gate, CHAT, r#"{"model": "anthropic-claude", "fallbacks": ["openai-gpt-4o"]}"#),
        request(&gate, &format!("{CHAT}?model=openai-gpt-4o"), "{}"),
        multipart,
    ] {
        let described = format!("{sent:?}");
        let outcome = through(layer(&gate), sent).await;
        assert_eq!(outcome.status, StatusCode::FORBIDDEN, "{described} {outcome:?}");
        assert!(outcome.got.is_none(), "{described}");
    }
}

#[tokio::test]
async fn a_refusal_has_the_format_of_the_clients_api() {
    let gate = Fixture::start().await;
    let outcome = through(layer(&gate), request(&gate, "/v1/messages", DENIED)).await;
    let body: serde_json::Value = serde_json::from_str(&outcome.body).unwrap();
    assert_eq!((body["type"].as_str(), outcome.status), (Some("error"), StatusCode::FORBIDDEN));
    let outcome = through(layer(&gate), request(&gate, CHAT, DENIED)).await;
    assert_eq!(outcome.code(), "model_not_allowed");
    assert!(outcome.headers.contains_key("x-request-id"));
    let anonymous = Request::post(CHAT).body(Full::<Bytes>::from(ALLOWED)).unwrap();
    let outcome = through(layer(&gate), anonymous).await;
    assert_eq!(outcome.status, StatusCode::UNAUTHORIZED);
    assert!(outcome.headers.contains_key("www-authenticate") && outcome.got.is_none());
}

#[tokio::test]
async fn the_layer_answers_lists_probes_and_preflights_itself() {
    let gate = Fixture::with(r#"cors: {origins: ["https://chat.example.com"]}"#).await;
    let outcome = through(layer(&gate), get(&gate, "/v1/models")).await;
    assert_eq!(outcome.status, StatusCode::OK);
    assert!(outcome.body.contains("anthropic-claude") && !outcome.body.contains("openai-gpt-4o"));
    assert!(outcome.got.is_none());
    let probe = Request::get("/health/readiness").body(Full::<Bytes>::default()).unwrap();
    let outcome = through(layer(&gate), probe).await;
    assert!(outcome.status == StatusCode::OK && outcome.got.is_none());
    let preflight = Request::options(CHAT)
        .header("origin", "https://chat.example.com")
        .header("access-control-request-method", "POST")
        .body(Full::<Bytes>::default());
    let outcome = through(layer(&gate), preflight.unwrap()).await;
    assert!(outcome.status == StatusCode::NO_CONTENT && outcome.got.is_none());
    let mut sent = request(&gate, CHAT, ALLOWED);
    sent.headers_mut().insert("origin", "https://chat.example.com".parse().unwrap());
    let outcome = through(layer(&gate), sent).await;
    assert!(outcome.got.is_some());
    assert_eq!(outcome.headers["access-control-allow-origin"], "https://chat.example.com");
}

#[tokio::test]
async fn a_websocket_is_judged_by_its_url_or_not_at_all() {
    let gate = Fixture::start().await;
    let opening = |path: &str| {
        let mut sent = get(&gate, path);
        for (name, value) in [("upgrade", "websocket"), ("connection", "upgrade")] {
            sent.headers_mut().insert(name, value.parse().unwrap());
        }
        sent
    };
    let outcome = through(layer(&gate), opening("/v1/realtime?model=anthropic-claude")).await;
    let got = outcome.got.unwrap();
    assert_eq!(got.headers()["upgrade"], "websocket", "the service answers the handshake");
    for (path, code) in [
        ("/v1/realtime?model=openai-gpt-4o", "model_not_allowed"),
        ("/v1/realtime", "body_required"),
        ("/v1/responses", "body_required"),
        ("/a/socket", "model_not_allowed"),
    ] {
        let outcome = through(layer(&gate), opening(path)).await;
        assert!(outcome.got.is_none(), "{path}");
        assert_eq!((outcome.status, outcome.code().as_str()), (StatusCode::FORBIDDEN, code), "{path}");
    }
}

#[tokio::test]
async fn a_credential_among_subprotocols_ends_at_the_layer() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let sent = Request::get("/v1/realtime?model=anthropic-claude")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-protocol", format!("realtime, openai-insecure-api-key.{token}"))
        .body(Full::<Bytes>::default());
    let got = through(layer(&gate), sent.unwrap()).await.got.unwrap();
    assert_eq!(got.headers()["sec-websocket-protocol"], "realtime");
    assert!(!format!("{got:?}").contains(&token));
}

#[tokio::test]
async fn an_encoded_body_is_judged_and_passed_on_without_its_coding() {
    let gate = Fixture::start().await;
    let encoded = |text: &str| {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        let body = encoder.finish().unwrap();
        let length = body.len();
        let mut sent = request(&gate, CHAT, body);
        sent.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        sent.headers_mut().insert("content-length", length.into());
        sent
    };
    assert_eq!(through(layer(&gate), encoded(DENIED)).await.status, StatusCode::FORBIDDEN);
    for layer in [layer(&gate), layer(&gate).keep_credential()] {
        let got = through(layer, encoded(ALLOWED)).await.got.unwrap();
        assert_eq!(got.body().as_ref(), ALLOWED.as_bytes());
        assert!(!got.headers().contains_key("content-encoding"));
        assert_eq!(got.headers()["content-length"], ALLOWED.len().to_string());
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_breaks_off_reaches_nobody() {
    let gate = Fixture::with("max_body_bytes: 1024").await;
    let large = format!("{ALLOWED}{}", " ".repeat(1024));
    let outcome = through(layer(&gate), request(&gate, CHAT, large.clone())).await;
    assert!(outcome.status == StatusCode::PAYLOAD_TOO_LARGE && outcome.got.is_none());
    let pieces = |pieces: Vec<Result<Bytes, std::io::Error>>| {
        let frames = pieces.into_iter().map(|piece| piece.map(Frame::data));
        let (head, _) = request(&gate, CHAT, "").into_parts();
        Request::from_parts(head, StreamBody::new(futures_util::stream::iter(frames)))
    };
    let outcome = through(layer(&gate), pieces(vec![Ok(large.into())])).await;
    assert_eq!(outcome.status, StatusCode::PAYLOAD_TOO_LARGE, "without an announced length");
    let (first, second) = ALLOWED.split_at(9);
    let outcome = through(layer(&gate), pieces(vec![Ok(first.into()), Ok(second.into())])).await;
    assert_eq!(outcome.got.unwrap().into_body(), ALLOWED);
    let broken = pieces(vec![Ok(ALLOWED.into()), Err(std::io::Error::other("reset"))]);
    let outcome = through(layer(&gate), broken).await;
    assert!(outcome.status == StatusCode::BAD_REQUEST && outcome.got.is_none());
}

#[tokio::test]
async fn a_policy_reads_the_address_that_the_server_sets() {
    let gate = Fixture::start().await;
    gate.drop_in(
        "",
        r#"@reason("office only")
        forbid (principal, action, resource) unless { context has source && context.source.isInRange(ip("10.0.0.0/8")) };"#,
    );
    let from = |peer: Option<&str>| {
        let mut sent = request(&gate, CHAT, ALLOWED);
        sent.extensions_mut().extend(
            peer.map(|peer| {
                let mut extensions = hyper::http::Extensions::new();
                extensions.insert(Peer(peer.parse().unwrap()));
                extensions
            })
            .unwrap_or_default(),
        );
        sent
    };
    assert_eq!(through(layer(&gate), from(Some("10.1.2.3"))).await.status, StatusCode::OK);
    assert_eq!(through(layer(&gate), from(Some("192.0.2.1"))).await.status, StatusCode::FORBIDDEN);
    assert_eq!(through(layer(&gate), from(None)).await.status, StatusCode::FORBIDDEN);
    let mut sent = from(None);
    sent.extensions_mut().insert::<IpAddr>("10.9.9.9".parse().unwrap());
    let by_another = layer(&gate).with_peer(|extensions| extensions.get::<IpAddr>().copied());
    assert_eq!(through(by_another, sent).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_is_in_flight_until_its_response_has_ended() {
    let gate = Fixture::with("limits: {requests_per_caller: 1}").await;
    let served = service_fn(|_: Request<RequestBody>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"served"))))
    });
    let service = layer(&gate).layer(served);
    let ask = || service.clone().oneshot(request(&gate, CHAT, ALLOWED));
    let first: Response<ResponseBody> = soon(ask()).await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(soon(ask()).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    drop(first);
    assert_eq!(soon(ask()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_decision_log_has_the_status_of_the_service() {
    let gate = Fixture::with("decision_log: {file: log}").await;
    let settings = gate.gateway.active().snapshot().config().gateway.decision_log.clone().unwrap();
    gate.gateway.observers().log_to(DecisionLog::start(&settings).unwrap());
    let busy = service_fn(|_: Request<RequestBody>| async {
        let mut response = Response::new(Full::<Bytes>::default());
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        Ok::<_, Infallible>(response)
    });
    let answered = layer(&gate).layer(busy).oneshot(request(&gate, CHAT, ALLOWED)).await.unwrap();
    assert_eq!(answered.status(), StatusCode::IM_A_TEAPOT);
    through(layer(&gate), request(&gate, CHAT, DENIED)).await;
    Authorizer::new(Arc::clone(&gate.gateway)).flush().await;
    let text = std::fs::read_to_string(settings.file.unwrap()).unwrap();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| (line.verdict, line.status)).collect();
    assert_eq!(told, [(Verdict::Allowed, Some(418)), (Verdict::Denied, Some(403))]);
}

/// A service whose clones are not ready, as tower allows.
struct OnceReady {
    is_ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for OnceReady {
    fn clone(&self) -> Self {
        Self { is_ready: false, calls: Arc::clone(&self.calls) }
    }
}

impl Service<Request<RequestBody>> for OnceReady {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "nobody asked whether it is ready");
        self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(Response::default()) })
    }
}

#[tokio::test]
async fn the_service_that_said_it_is_ready_gets_the_request() {
    let gate = Fixture::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let mut service = layer(&gate).layer(OnceReady { is_ready: false, calls: Arc::clone(&calls) });
    for body in [ALLOWED, DENIED, ALLOWED] {
        let ready = ServiceExt::<Request<Full<Bytes>>>::ready(&mut service).await.unwrap();
        soon(ready.call(request(&gate, CHAT, body))).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_error_of_the_service_is_the_services_own() {
    let gate = Fixture::start().await;
    let failing = service_fn(|_: Request<RequestBody>| async {
        Err::<Response<Full<Bytes>>, _>(std::io::Error::other("broken"))
    });
    let error = soon(layer(&gate).layer(failing).oneshot(request(&gate, CHAT, ALLOWED))).await.unwrap_err();
    assert_eq!(error.to_string(), "broken");
}
