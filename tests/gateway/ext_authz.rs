//! The listener that Envoy's filter asks, over HTTP and over gRPC.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use modelgate::gateway::ExtAuthzServer;
use prost::Message as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

use crate::fixture::{Fixture, MASTER_KEY, Message, bearer, read_message, send, soon};

const CHAT: &str = "/v1/chat/completions";
const DENIED: &str = r#"{"model": "openai-gpt-4o"}"#;
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;

/// A gateway whose `ext_authz` listener is asked.
pub(crate) struct Door {
    pub(crate) fixture: Fixture,
    address: Option<SocketAddr>,
    _stop: oneshot::Sender<()>,
}

impl Door {
    pub(crate) async fn with(ext_authz: &str, modelgate: &str) -> Self {
        let fixture = Fixture::with(&format!("ext_authz: {{{ext_authz}}}, {modelgate}")).await;
        let settings = fixture.gateway.active().snapshot().config().gateway.ext_authz.clone().unwrap();
        let server = ExtAuthzServer::bind(&settings, Arc::clone(&fixture.gateway)).await.unwrap();
        let address = server.local_addr().unwrap();
        let (_stop, stopped) = oneshot::channel();
        tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { fixture, address, _stop }
    }

    async fn start() -> Self {
        Self::with("listen: '127.0.0.1:0'", "").await
    }

    fn token(&self) -> String {
        self.fixture.token(&["basic_user"])
    }

    /// Asks over HTTP.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Message {
        soon(read_message(&mut send(self.address.unwrap(), method, path, headers, body).await)).await
    }

    /// Asks over gRPC.
    pub(crate) async fn check(&self, asked: &Asked<'_>) -> Checked {
        let stream = soon(TcpStream::connect(self.address.unwrap())).await.unwrap();
        // Otherwise the kernel holds back the question until the server has acknowledged the beginning of the connection.
        stream.set_nodelay(true).unwrap();
        check_over(stream, asked).await
    }
}

/// What Envoy sends of a request.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

/// What it gets.
#[derive(Debug)]
pub(crate) struct Checked {
    code: i32,
    pub(crate) status: Option<i32>,
    headers: Vec<(String, String)>,
    removed: Vec<String>,
    pub(crate) body: String,
    metadata: Vec<String>,
}

impl Checked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The fields of Envoy's messages that the test writes, by their numbers in Envoy's files.
mod wire {
    use std::collections::HashMap;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct CheckRequest {
        #[prost(message, optional, tag = "1")]
        pub(super) attributes: Option<Attributes>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Attributes {
        #[prost(message, optional, tag = "4")]
        pub(super) request: Option<Request>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Request {
        #[prost(message, optional, tag = "2")]
        pub(super) http: Option<Http>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Http {
        #[prost(string, tag = "2")]
        pub(super) method: String,
        #[prost(map = "string, string", tag = "3")]
        pub(super) headers: HashMap<String, String>,
        #[prost(string, tag = "4")]
        pub(super) path: String,
        #[prost(bytes = "vec", tag = "12")]
        pub(super) raw_body: Vec<u8>,
        #[prost(message, optional, tag = "13")]
        pub(super) header_map: Option<HeaderMap>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct HeaderMap {
        #[prost(message, repeated, tag = "1")]
        pub(super) headers: Vec<Header>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct CheckResponse {
        #[prost(message, optional, tag = "1")]
        pub(super) status: Option<Code>,
        #[prost(message, optional, tag = "2")]
        pub(super) denied: Option<Denied>,
        #[prost(message, optional, tag = "3")]
        pub(super) ok: Option<Permitted>,
        #[prost(message, optional, tag = "4")]
        pub(super) metadata: Option<prost_types::Struct>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Code {
        #[prost(int32, tag = "1")]
        pub(super) code: i32,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Denied {
        #[prost(message, optional, tag = "1")]
        pub(super) status: Option<Code>,
        #[prost(message, repeated, tag = "2")]
        pub(super) headers: Vec<Option_>,
        #[prost(string, tag = "3")]
        pub(super) body: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Permitted {
        #[prost(message, repeated, tag = "2")]
        pub(super) headers: Vec<Option_>,
        #[prost(string, repeated, tag = "5")]
        pub(super) removed: Vec<String>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Option_ {
        #[prost(message, optional, tag = "1")]
        pub(super) header: Option<Header>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Header {
        #[prost(string, tag = "1")]
        pub(super) key: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }
}

pub(crate) async fn check_over(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    asked: &Asked<'_>,
) -> Checked {
    let names: HashSet<&str> = asked.headers.iter().map(|(name, _)| *name).collect();
    let mut http = wire::Http {
        method: asked.method.to_owned(),
        path: asked.path.to_owned(),
        headers: HashMap::new(),
        raw_body: asked.body.to_vec(),
        header_map: None,
    };
    let pairs = asked.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    if names.len() == asked.headers.len() {
        http.headers = pairs.collect();
    } else {
        // As Envoy does with `encode_raw_headers`.
        let headers = pairs.map(|(key, value)| wire::Header { key, value }).collect();
        http.header_map = Some(wire::HeaderMap { headers });
    }
    let request = wire::Request { http: Some(http) };
    let message =
        wire::CheckRequest { attributes: Some(wire::Attributes { request: Some(request) }) }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let framed = [&[0], length.as_slice(), &message].concat();
    let executor = TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://modelgate/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(framed)))
        .unwrap();
    let answer = soon(sender.send_request(request)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let collected = soon(answer.into_body().collect()).await.unwrap();
    assert_eq!(collected.trailers().unwrap().get("grpc-status").unwrap(), "0");
    let bytes = collected.to_bytes();
    let answer = wire::CheckResponse::decode(bytes.slice(5..)).unwrap();
    let denied = answer.denied.clone().unwrap_or_default();
    let ok = answer.ok.clone().unwrap_or_default();
    let headers = denied.headers.into_iter().chain(ok.headers).filter_map(|option| option.header);
    Checked {
        code: answer.status.unwrap_or_default().code,
        status: answer.denied.map(|denied| denied.status.unwrap().code),
        headers: headers.map(|header| (header.key, header.value)).collect(),
        removed: ok.removed,
        body: denied.body,
        metadata: answer.metadata.into_iter().flat_map(|metadata| metadata.fields.into_keys()).collect(),
    }
}

#[tokio::test]
async fn envoy_over_http_gets_what_the_gateway_decides() {
    let door = Door::start().await;
    let headers = bearer(&door.token());
    let allowed = door.ask("POST", CHAT, &headers, ALLOWED).await;
    assert_eq!(allowed.status(), "200", "{allowed:?}");
    assert_eq!(allowed.header("x-modelgate-models"), Some("anthropic-claude"));
    assert_eq!(allowed.header("x-envoy-auth-headers-to-remove"), Some("authorization"));
    let denied = door.ask("POST", CHAT, &headers, DENIED).await;
    assert_eq!((denied.status(), denied.code().as_str()), ("403", "model_not_allowed"));
    let unknown = door.ask("POST", CHAT, &bearer("sk-unknown"), ALLOWED).await;
    assert_eq!(unknown.status(), "401");
    assert!(unknown.header("www-authenticate").is_some());
}

#[tokio::test]
async fn envoy_over_grpc_gets_what_the_gateway_decides() {
    let door = Door::start().await;
    let authorization = format!("Bearer {}", door.token());
    let headers =
        [(":authority", "x"), ("authorization", authorization.as_str()), ("x-api-key", "placeholder")];
    let asked =
        |body: &'static str| Asked { method: "POST", path: CHAT, headers: &headers, body: body.as_bytes() };
    let allowed = door.check(&asked(ALLOWED)).await;
    assert_eq!((allowed.code, allowed.status), (0, None), "{allowed:?}");
    assert_eq!(allowed.header("x-modelgate-role"), Some("internal_user"));
    assert_eq!(allowed.header("x-modelgate-team"), Some(""));
    assert_eq!(allowed.removed, ["authorization", "x-api-key"]);
    assert!(
        ["role", "team", "models", "policies"]
            .iter()
            .all(|name| allowed.metadata.contains(&(*name).to_owned()))
    );
    let denied = door.check(&asked(DENIED)).await;
    assert_eq!((denied.code, denied.status), (7, Some(403)), "{denied:?}");
    assert!(
        denied.body.contains("model_not_allowed") && denied.header("x-request-id").is_some(),
        "{denied:?}"
    );
    let unknown = door.check(&Asked { headers: &[], ..asked(ALLOWED) }).await;
    assert_eq!((unknown.code, unknown.status), (16, Some(401)), "{unknown:?}");
    assert!(unknown.header("www-authenticate").is_some());
}

#[tokio::test]
async fn envoy_is_told_how_to_send_the_body_where_it_is_missing_or_cut() {
    let door = Door::start().await;
    let advises = |text: &str| text.contains("body_required") && text.contains("with_request_body");
    for caller in [door.token(), MASTER_KEY.to_owned()] {
        let headers = bearer(&caller);
        let missing = door.ask("POST", CHAT, &headers, "").await;
        assert!(missing.status() == "403" && advises(&missing.body), "{missing:?}");
        let cut = format!("{headers}x-envoy-auth-partial-body: true\r\n");
        let cut = door.ask("POST", CHAT, &cut, ALLOWED).await;
        assert!(cut.status() == "403" && advises(&cut.body), "{cut:?}");
        let authorization = format!("Bearer {caller}");
        let said = ("x-envoy-auth-partial-body", "false");
        for headers in [
            vec![("authorization", authorization.as_str())],
            // A caller may say so itself where Envoy does not send the body.
            vec![("authorization", authorization.as_str()), said],
            vec![("authorization", authorization.as_str()), ("content-length", "30")],
            vec![
                ("authorization", authorization.as_str()),
                ("content-length", "0"),
                ("transfer-encoding", "chunked"),
            ],
        ] {
            let asked = Asked { method: "POST", path: CHAT, headers: &headers, body: b"" };
            let missing = door.check(&asked).await;
            assert!(missing.status == Some(403) && advises(&missing.body), "{headers:?} {missing:?}");
        }
    }
}

#[tokio::test]
async fn a_list_of_models_is_answered_without_the_upstream_over_grpc() {
    let door = Door::start().await;
    let authorization = format!("Bearer {}", door.token());
    let headers = [("authorization", authorization.as_str())];
    let listed = door.check(&Asked { method: "GET", path: "/v1/models", headers: &headers, body: b"" }).await;
    assert_eq!(listed.status, Some(200), "{listed:?}");
    assert!(listed.body.contains("anthropic-claude") && !listed.body.contains("gpt-4o"), "{listed:?}");
}

#[tokio::test]
async fn the_operator_may_keep_the_credential() {
    let door = Door::with("listen: '127.0.0.1:0', remove_credential: false", "").await;
    let allowed = door.ask("POST", CHAT, &bearer(&door.token()), ALLOWED).await;
    assert_eq!((allowed.status(), allowed.header("x-envoy-auth-headers-to-remove")), ("200", None));
}

#[tokio::test]
async fn a_unix_socket_serves_and_replaces_the_one_of_a_process_that_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authz.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let door = Door::with(&format!("listen: 'unix:{}'", path.display()), "").await;
    let authorization = format!("Bearer {}", door.token());
    let headers = [("authorization", authorization.as_str())];
    let stream = soon(UnixStream::connect(&path)).await.unwrap();
    let denied =
        check_over(stream, &Asked { method: "POST", path: CHAT, headers: &headers, body: DENIED.as_bytes() })
            .await;
    assert_eq!(denied.status, Some(403), "{denied:?}");
}

#[tokio::test]
async fn an_envoy_that_is_not_trusted_gets_no_decision() {
    let door = Door::with("listen: '127.0.0.1:0'", "trusted_proxies: [10.0.0.0/8]").await;
    let answer = door.ask("GET", "/v1/models", &bearer(MASTER_KEY), "").await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "untrusted_proxy"));
    let authorization = format!("Bearer {MASTER_KEY}");
    let headers = [("authorization", authorization.as_str())];
    let checked =
        door.check(&Asked { method: "GET", path: "/v1/models", headers: &headers, body: b"" }).await;
    assert!(checked.status == Some(403) && checked.body.contains("untrusted_proxy"), "{checked:?}");
}

#[tokio::test]
async fn headers_that_choose_a_model_or_an_account_do_not_go_upstream() {
    let door = Door::start().await;
    let authorization = format!("Bearer {}", door.token());
    let headers = [
        ("authorization", authorization.as_str()),
        ("x-litellm-tags", "a"),
        ("x-ms-deployment-name", "openai-gpt-4o"),
        ("x-forwarded-for", "192.0.2.1"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let allowed =
        door.check(&Asked { method: "POST", path: CHAT, headers: &headers, body: ALLOWED.as_bytes() }).await;
    assert_eq!(allowed.removed, ["authorization", "x-litellm-tags", "x-ms-deployment-name"], "{allowed:?}");
}

#[tokio::test]
async fn a_credential_among_the_subprotocols_does_not_go_upstream() {
    let door = Door::start().await;
    let path = "/v1/realtime?model=anthropic-claude";
    for (others, left) in [("realtime, ", Some("realtime")), ("", None)] {
        let protocols = format!("{others}openai-insecure-api-key.{}", door.token());
        let headers = [("upgrade", "websocket"), ("sec-websocket-protocol", protocols.as_str())];
        let allowed = door.check(&Asked { method: "GET", path, headers: &headers, body: b"" }).await;
        assert_eq!((allowed.code, allowed.header("sec-websocket-protocol")), (0, left), "{allowed:?}");
        assert_eq!(allowed.removed.contains(&"sec-websocket-protocol".to_owned()), left.is_none());
        let written = format!("sec-websocket-protocol: {protocols}\r\n");
        let allowed = door.ask("GET", path, &written, "").await;
        assert_eq!((allowed.status(), allowed.header("sec-websocket-protocol")), ("200", left));
    }
}

#[tokio::test]
async fn a_preflight_and_a_probe_are_answered_as_by_the_gateway() {
    let door = Door::with("listen: '127.0.0.1:0'", "cors: {origins: ['https://a.example']}").await;
    let origin = ("origin", "https://a.example");
    let preflight = [origin, ("access-control-request-method", "POST")];
    let ask = |method, path, headers| Asked { method, path, headers, body: b"" };
    let only_origin = [origin];
    let answer = door.check(&ask("OPTIONS", CHAT, &preflight)).await;
    assert_eq!(answer.status, Some(204), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
    let other = [("origin", "https://b.example"), ("access-control-request-method", "POST")];
    assert_eq!(door.check(&ask("OPTIONS", CHAT, &other)).await.status, Some(401));
    // The page may read why it was refused.
    let refused = door.check(&ask("GET", "/v1/models", &only_origin)).await;
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://a.example"), "{refused:?}");
    assert_eq!(refused.status, Some(401));
    assert_eq!(door.check(&ask("GET", "/health/readiness", &[])).await.status, Some(200));
}

#[tokio::test]
async fn a_request_to_envoy_with_the_path_of_a_check_is_no_check() {
    let door = Door::start().await;
    let path = "/envoy.service.auth.v3.Authorization/Check";
    let headers = "content-type: application/grpc\r\nte: trailers\r\n";
    assert_eq!(door.ask("POST", path, headers, "\0\0\0\0\0").await.status(), "401");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_a_reason() {
    let door = Door::with("listen: '127.0.0.1:0'", "max_body_bytes: 1024").await;
    let authorization = format!("Bearer {}", door.token());
    let headers = [("authorization", authorization.as_str())];
    for length in [2_000, 2_000_000] {
        let body = format!(r#"{{"model": "anthropic-claude", "x": "{}"}}"#, "x".repeat(length));
        let checked =
            door.check(&Asked { method: "POST", path: CHAT, headers: &headers, body: body.as_bytes() }).await;
        assert!(checked.status == Some(413) && checked.body.contains("larger than"), "{checked:?}");
    }
}

#[tokio::test]
async fn a_message_without_a_request_is_denied() {
    let door = Door::start().await;
    let headers = [("authorization", "Bearer x"), ("bad name", "x")];
    for (method, path, headers) in [
        ("", "", [].as_slice()),
        ("GET", "v1/models", &[]),
        ("G T", "/", &[]),
        ("GET", "/v1/realtime?model=a#&model=b", &[]),
        ("GET", "/v1/models", &headers),
    ] {
        let checked = door.check(&Asked { method, path, headers, body: b"" }).await;
        assert_eq!(checked.status, Some(400), "{method} {path} {checked:?}");
    }
}

#[tokio::test]
async fn more_headers_than_a_request_can_have_are_refused() {
    let door = Door::start().await;
    let names: Vec<String> = (0..40_000).map(|number| format!("x-{number}")).collect();
    let once: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let twice: Vec<(&str, &str)> = once.iter().chain(&once).take(40_001).copied().collect();
    for headers in [&once, &twice] {
        let checked = door.check(&Asked { method: "GET", path: "/v1/models", headers, body: b"" }).await;
        assert!(checked.status == Some(400) && checked.body.contains("too many headers"), "{checked:?}");
    }
}
