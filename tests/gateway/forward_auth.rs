//! The listener that other proxies ask whether to forward a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use modelgate::config::ForwardAuth;
use modelgate::decision_log::{DecisionLog, Line, Verdict};
use modelgate::gateway::ForwardAuthServer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, MASTER_KEY, Message, bearer, read_message, send, soon};

const DENIED: &str = r#"{"model": "openai-gpt-4o"}"#;
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;
const CHAT: &str = "/v1/chat/completions";

/// A gateway whose forward-auth listener is asked.
pub(crate) struct Door {
    pub(crate) fixture: Fixture,
    pub(crate) address: SocketAddr,
    convention: [&'static str; 2],
    _stop: oneshot::Sender<()>,
    _served: JoinHandle<()>,
}

impl Door {
    /// With these settings of the block `modelgate.forward_auth`, and more in the block `modelgate`.
    pub(crate) async fn with(forward_auth: &str, modelgate: &str) -> Self {
        let block = format!("forward_auth: {{listen: '127.0.0.1:0', {forward_auth}}}, {modelgate}");
        let fixture = Fixture::with(&block).await;
        let settings = fixture.gateway.active().snapshot().config().gateway.forward_auth.clone().unwrap();
        let (address, _stop, _served) = Self::listen(&settings, &fixture).await;
        let is_original = forward_auth.contains("x-original");
        let convention = if is_original {
            ["x-original-method", "x-original-uri"]
        } else {
            ["x-forwarded-method", "x-forwarded-uri"]
        };
        Self { fixture, address, convention, _stop, _served }
    }

    async fn listen(
        settings: &ForwardAuth,
        fixture: &Fixture,
    ) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let server = ForwardAuthServer::bind(settings, Arc::clone(&fixture.gateway)).await.unwrap();
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        (address, stop, tokio::spawn(server.run(async { drop(stopped.await) })))
    }

    /// Asks about a request of this caller.
    async fn ask(&self, token: &str, method: &str, uri: &str, body: &str) -> Message {
        let [method_header, uri_header] = self.convention;
        let described = format!("{method_header}: {method}\r\n{uri_header}: {uri}\r\n");
        self.ask_with(&format!("{described}{}", bearer(token)), body).await
    }

    async fn ask_with(&self, headers: &str, body: &str) -> Message {
        soon(read_message(&mut send(self.address, "GET", "/-/authorize", headers, body).await)).await
    }
}

/// Whether the request was denied for its missing body, in the error format of any API.
fn needs_body(answer: &Message) -> bool {
    answer.status() == "403" && answer.body.to_lowercase().contains("\"body_required\"")
}

#[tokio::test]
async fn a_request_with_its_body_is_judged_as_by_the_gateway() {
    let door = Door::with("convention: x-forwarded", "").await;
    let token = door.fixture.token(&["basic_user"]);
    let allowed = door.ask(&token, "POST", CHAT, ALLOWED).await;
    assert_eq!(allowed.status(), "200", "{allowed:?}");
    assert_eq!(allowed.header("x-modelgate-models"), Some("anthropic-claude"));
    assert_eq!(allowed.header("x-modelgate-role"), Some("internal_user"));
    assert_eq!(allowed.header("x-modelgate-team"), Some(""));
    assert!(allowed.header("x-modelgate-policies").unwrap().contains("role_permissions[0].models"));
    let denied = door.ask(&token, "POST", CHAT, DENIED).await;
    assert_eq!((denied.status(), denied.code().as_str()), ("403", "model_not_allowed"));
    assert_eq!(door.ask(&token, "POST", "/key/generate", "{}").await.status(), "403");
    assert_eq!(door.ask(&token, "GET", "/v1/models", "").await.status(), "200");
    let unknown = door.ask("e30.e30.c2ln", "GET", "/v1/models", "").await;
    assert_eq!(unknown.status(), "401");
    assert!(unknown.header("www-authenticate").unwrap().starts_with("Bearer "), "{unknown:?}");
}

#[tokio::test]
async fn a_request_whose_body_may_name_a_model_is_denied_without_it() {
    let door = Door::with("", "").await;
    let deployment = "/openai/deployments/anthropic-claude/chat/completions";
    for token in [door.fixture.token(&["basic_user"]), MASTER_KEY.to_owned()] {
        for path in
            [CHAT, deployment, "/v1/files", "/v1/images/generations", "/v1beta/models/a:generateContent"]
        {
            let answer = door.ask(&token, "POST", path, "").await;
            assert!(needs_body(&answer), "{path} {answer:?}");
            assert!(answer.body.contains("forwardBody"), "{answer:?}");
        }
        let cancel = door.ask(&token, "POST", "/v1/batches/b/cancel", "").await;
        assert_ne!(cancel.code(), "body_required", "{cancel:?}");
    }
    // Nobody knows what runs there, so only a caller without restrictions may call it.
    assert_eq!(door.ask(MASTER_KEY, "POST", "/key/generate", "").await.status(), "200");
}

#[tokio::test]
async fn a_request_is_judged_by_its_url_where_the_operator_says_so() {
    let door = Door::with("without_body: url", "").await;
    let token = door.fixture.token(&["basic_user"]);
    let path = |model: &str| format!("/openai/deployments/{model}/chat/completions");
    assert_eq!(door.ask(&token, "POST", &path("anthropic-claude"), "").await.status(), "200");
    let denied = door.ask(&token, "POST", &path("openai-gpt-4o"), "").await;
    assert_eq!((denied.status(), denied.code().as_str()), ("403", "model_not_allowed"));
    assert_eq!(door.ask(&token, "POST", CHAT, "").await.code(), "body_required");
    // A body that came along is judged.
    let body = r#"{"fallbacks": ["openai-gpt-4o"]}"#;
    assert_eq!(door.ask(&token, "POST", &path("anthropic-claude"), body).await.code(), "model_not_allowed");
}

#[tokio::test]
async fn nginx_gets_no_other_status_than_it_understands() {
    let door = Door::with("convention: x-original", "").await;
    let token = door.fixture.token(&["basic_user"]);
    assert_eq!(door.ask(&token, "GET", "/v1/models", "").await.status(), "200");
    assert_eq!(door.ask("sk-unknown", "GET", "/v1/models", "").await.status(), "401");
    let malformed = door.ask(&token, "GET", "/v1/../key", "").await;
    assert_eq!((malformed.status(), malformed.header("x-modelgate-status")), ("403", Some("400")));
    let undescribed = door.ask_with(&bearer(&token), "").await;
    assert_eq!((undescribed.status(), undescribed.code().as_str()), ("403", "bad_original_request"));
}

#[tokio::test]
async fn headers_of_the_other_convention_say_nothing() {
    let door = Door::with("convention: x-original", "").await;
    let lie = "x-forwarded-method: GET\r\nx-forwarded-uri: /v1/models\r\n";
    let truth = "x-original-method: POST\r\nx-original-uri: /v1/chat/completions\r\n";
    let headers = format!("{lie}{truth}{}", bearer(&door.fixture.token(&["basic_user"])));
    assert_eq!(door.ask_with(&headers, DENIED).await.code(), "model_not_allowed");
    let twice = format!("x-original-uri: /v1/models\r\n{headers}");
    assert_eq!(door.ask_with(&twice, "").await.code(), "bad_original_request");
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_gets_no_decision() {
    let door = Door::with("", "trusted_proxies: [10.0.0.0/8]").await;
    let answer = door.ask(MASTER_KEY, "GET", "/v1/models", "").await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "untrusted_proxy"));
}

#[tokio::test]
async fn a_websocket_is_judged_by_its_url_and_denied_where_messages_name_the_model() {
    let door = Door::with("", "").await;
    let token = door.fixture.token(&["basic_user"]);
    let realtime = |model: &str| format!("/v1/realtime?model={model}");
    assert_eq!(door.ask(&token, "GET", &realtime("anthropic-claude"), "").await.status(), "200");
    assert_eq!(door.ask(&token, "GET", &realtime("openai-gpt-4o"), "").await.code(), "model_not_allowed");
    let gemini = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
    for path in ["/v1/realtime", "/v1/responses", "/v1/responses?model=anthropic-claude", gemini] {
        let answer = door.ask(&token, "GET", path, "").await;
        assert!(needs_body(&answer), "{path} {answer:?}");
    }
    let protocols = format!(
        "x-forwarded-method: GET\r\nx-forwarded-uri: {}\r\nsec-websocket-protocol: realtime, openai-insecure-api-key.{token}\r\n",
        realtime("anthropic-claude")
    );
    assert_eq!(door.ask_with(&protocols, "").await.status(), "200");
}

#[tokio::test]
async fn a_websocket_is_recognized_however_its_path_is_written() {
    let door = Door::with("", "").await;
    let token = door.fixture.token(&["basic_user"]);
    for path in
        ["/v1/%72esponses", "/v1/responses/", "/v1/%6Cive/sessions", "/vertex_ai/live", "/vertex_ai/liv%65"]
    {
        let answer = door.ask(&token, "GET", path, "").await;
        assert!(needs_body(&answer), "{path} {answer:?}");
    }
    for (model, status) in [("anthropic-claude", "200"), ("openai-gpt-4o", "403")] {
        let answer = door.ask(&token, "GET", &format!("/v1/%72ealtime?model={model}"), "").await;
        assert_eq!(answer.status(), status, "{answer:?}");
    }
    // Nobody knows what this one runs.
    let upgrade = "x-forwarded-method: GET\r\nx-forwarded-uri: /v1/models\r\nupgrade: WebSocket\r\n";
    for (caller, status) in [(token.as_str(), "403"), (MASTER_KEY, "200")] {
        let answer = door.ask_with(&format!("{upgrade}{}", bearer(caller)), "").await;
        assert_eq!(answer.status(), status, "{answer:?}");
    }
}

#[tokio::test]
async fn a_uri_with_a_fragment_is_refused() {
    for (convention, name) in [("x-forwarded", "x-forwarded"), ("x-original", "x-original")] {
        let door = Door::with(&format!("convention: {convention}"), "").await;
        let uri = "/v1/realtime?model=anthropic-claude#&model=openai-gpt-4o";
        let headers = format!("{name}-method: GET\r\n{name}-uri: {uri}\r\n{}", bearer(MASTER_KEY));
        assert_eq!(door.ask_with(&headers, "").await.code(), "bad_original_request");
    }
}

#[tokio::test]
async fn a_body_that_is_announced_and_empty_counts_as_missing() {
    let door = Door::with("", "").await;
    let path = "/openai/deployments/anthropic-claude/chat/completions";
    let head = format!(
        "GET /-/authorize HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nx-forwarded-method: POST\r\n\
         x-forwarded-uri: {path}\r\n{}\r\n0\r\n\r\n",
        bearer(&door.fixture.token(&["basic_user"]))
    );
    let mut stream = soon(TcpStream::connect(door.address)).await.unwrap();
    soon(stream.write_all(head.as_bytes())).await.unwrap();
    let answer = soon(read_message(&mut stream)).await;
    assert!(needs_body(&answer), "{answer:?}");
}

#[tokio::test]
async fn an_encoded_body_that_another_reader_may_read_otherwise_is_refused() {
    let door = Door::with("", "").await;
    let token = door.fixture.token(&["basic_user"]);
    let described = format!("x-forwarded-method: POST\r\nx-forwarded-uri: {CHAT}\r\n{}", bearer(&token));
    for kind in [
        "content-type: application/x-www-form-urlencoded\r\ncontent-encoding: gzip\r\n",
        "content-type: multipart/form-data; boundary=b\r\ncontent-encoding: identity, zstd\r\n",
        "content-type: application/json\r\ncontent-encoding: BR\r\n",
    ] {
        let answer = door.ask_with(&format!("{described}{kind}"), ALLOWED).await;
        assert_eq!((answer.status(), answer.code().as_str()), ("415", "unsupported_encoding"), "{kind}");
    }
    let identity = format!("{described}content-encoding: identity\r\n");
    assert_eq!(door.ask_with(&identity, ALLOWED).await.status(), "200");
}

#[tokio::test]
async fn a_model_that_the_caller_may_not_list_is_not_shown_by_the_upstream() {
    let door = Door::with("", "").await;
    let token = door.fixture.token(&["basic_user"]);
    assert_eq!(door.ask(&token, "GET", "/v1/models/anthropic-claude", "").await.status(), "200");
    let hidden = door.ask(&token, "GET", "/v1/models/openai-gpt-4o", "").await;
    assert!(["403", "404"].contains(&hidden.status()), "{hidden:?}");
}

#[tokio::test]
async fn a_question_is_answered_by_the_rules_of_its_time() {
    let door = Door::with("", "").await;
    let token = door.fixture.token(&["basic_user"]);
    assert_eq!(door.ask(&token, "POST", CHAT, DENIED).await.status(), "403");
    door.fixture.gateway.activate(door.fixture.generation(r#"["openai-gpt-4o"]"#));
    assert_eq!(door.ask(&token, "POST", CHAT, DENIED).await.status(), "200");
    assert_eq!(door.ask(&token, "POST", CHAT, ALLOWED).await.status(), "403");
}

#[tokio::test]
async fn the_listener_has_one_route() {
    let door = Door::with("", "").await;
    for path in ["/", "/v1/models", "/-/authorize/", "/metrics"] {
        let answer = soon(read_message(&mut send(door.address, "GET", path, "", "").await)).await;
        assert_eq!(answer.status(), "404", "{path}");
    }
}

#[tokio::test]
async fn a_question_counts_and_is_logged_like_a_request() {
    let door = Door::with("", "decision_log: {file: log}").await;
    let generation = door.fixture.gateway.active();
    let settings = generation.snapshot().config().gateway.decision_log.as_ref().unwrap();
    door.fixture.gateway.observers().log_to(DecisionLog::start(settings).unwrap());
    let token = door.fixture.token(&["basic_user"]);
    door.ask(&token, "POST", CHAT, DENIED).await;
    assert!(door.fixture.gateway.observers().log().unwrap().flush(Duration::from_secs(20)).await);
    let text = std::fs::read_to_string(settings.file.as_ref().unwrap()).unwrap();
    let line: Line = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((line.verdict, line.method.as_str(), line.route.as_str()), (Verdict::Denied, "POST", CHAT));
    assert_eq!(line.models, ["openai-gpt-4o"]);
}
