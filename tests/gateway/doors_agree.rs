//! Whoever asks for a decision gets the one that the gateway makes: each case file, through each door.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use modelgate::gateway::{ForwardAuthServer, Server};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::authzen::{self, Pdp};
use crate::cases::{self, Case};
use crate::ext_authz::{Asked, Door};
use crate::fixture::{Message, read_message, soon};

/// The models that the caller of the cases may use are `a` and names below `team/`.
pub(crate) const MODELS: &str = r#"["a", "team/*"]"#;

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Permitted,
    Denied,
    Refused,
}

impl Verdict {
    /// By a status of the gateway. After the decision, it may still find no deployment.
    pub(crate) fn of(status: &str) -> Self {
        match status {
            "200" | "404" | "501" => Self::Permitted,
            "403" => Self::Denied,
            _ => Self::Refused,
        }
    }

    /// By the decision and the status in its context.
    fn of_evaluation(evaluated: &Value) -> Self {
        if evaluated["decision"] == true {
            return Self::Permitted;
        }
        let reasons = evaluated["context"]["reason_user"].as_object().unwrap();
        Self::of(reasons.keys().next().unwrap())
    }
}

/// The question of an enforcement point about a request with these headers, except for its credential.
pub(crate) fn question(
    token: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Value {
    let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != "authorization") {
        lists.entry(name).or_default().push(value);
    }
    let mut properties = json!({ "headers": lists });
    if !body.is_empty() {
        properties["body_base64"] = json!(STANDARD.encode(body));
    }
    json!({
        "subject": {"type": "token", "id": token},
        "action": {"name": "call_route", "properties": {"method": method}},
        "resource": {"type": "route", "id": target, "properties": properties},
    })
}

/// Sends a request with these headers and this body, and reads the answer.
pub(crate) async fn exchange(
    address: std::net::SocketAddr,
    head: &str,
    headers: &str,
    body: &[u8],
) -> Message {
    let mut stream = soon(TcpStream::connect(address)).await.unwrap();
    let length = body.len();
    let text = format!("{head} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n");
    soon(stream.write_all(&[text.as_bytes(), body].concat())).await.unwrap();
    soon(read_message(&mut stream)).await
}

/// Whether a request can be written over HTTP/1.1 with a length of its own.
pub(crate) fn is_plain(case: &Case) -> bool {
    let frames = ["content-length", "transfer-encoding", "expect", "connection", "host", "te", "upgrade"];
    case.with(|head| {
        let is_ascii = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        !frames.iter().any(|name| head.headers.contains_key(*name))
            && head.headers.values().all(|value| value.to_str().is_ok())
            && is_ascii(head.path)
            && head.path.starts_with('/')
            && !head.path.contains(['?', '#'])
            && head.query.is_none_or(|query| is_ascii(query) && !query.contains('#'))
    })
}

#[tokio::test]
async fn every_case_has_one_verdict_at_every_door() {
    let settings = format!(
        "forward_auth: {{listen: '127.0.0.1:0'}}, upstream: {{api_base: 'http://UPSTREAM', pass: all}}, {}",
        authzen::BLOCK
    );
    let door = Door::with("listen: '127.0.0.1:0'", &settings).await;
    let fixture = &door.fixture;
    let listen = fixture.gateway.active().snapshot().config().gateway.forward_auth.clone().unwrap();
    let blocks = format!("ext_authz: {{listen: '127.0.0.1:0'}}, {settings}");
    fixture.gateway.activate(fixture.generation_as(&blocks, MODELS));
    let forward_auth = ForwardAuthServer::bind(&listen, Arc::clone(&fixture.gateway)).await.unwrap();
    let subrequests = forward_auth.local_addr().unwrap();
    let (_stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(forward_auth.run(async { drop(stopped.await) }));
    let pdp = Pdp::of(&fixture.gateway).await;
    let gateway = Server::bind("127.0.0.1:0".parse().unwrap(), Arc::clone(&fixture.gateway)).await.unwrap();
    let address = gateway.local_addr().unwrap();
    let (_end, ended) = oneshot::channel::<()>();
    tokio::spawn(gateway.run(async { drop(ended.await) }));
    let upstream = TcpListener::from_std(std::net::TcpListener::from(clone_of(&fixture.upstream))).unwrap();
    tokio::spawn(answer_everything(upstream));

    let token = fixture.token(&["basic_user"]);
    let (mut compared, mut permitted) = (0, 0);
    for (file, case) in cases::all() {
        let body = case.body();
        let is_without_body =
            body.is_empty() && case.with(|head| ![Method::GET, Method::HEAD].contains(head.method));
        if !is_plain(&case) || is_without_body {
            continue;
        }
        let (method, target, mut pairs) = case.with(|head| {
            let query = head.query.map(|query| format!("?{query}")).unwrap_or_default();
            let pairs = head.headers.iter().map(|(name, value)| {
                (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
            });
            (head.method.to_string(), format!("{}{query}", head.path), pairs.collect::<Vec<_>>())
        });
        pairs.push(("authorization".to_owned(), format!("Bearer {token}")));
        let headers: String = pairs.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();

        let answer = exchange(address, &format!("{method} {target}"), &headers, &body).await;
        let by_gateway = Verdict::of(answer.status());
        assert_eq!(
            (case.models.is_some(), case.refused.is_none()),
            (case.classify().is_ok(), case.classify().is_ok())
        );
        assert!(
            case.refused.is_some() || by_gateway != Verdict::Refused,
            "{file}: {}: {answer:?}",
            case.name
        );
        let described = format!("x-forwarded-method: {method}\r\nx-forwarded-uri: {target}\r\n{headers}");
        let answer = exchange(subrequests, "GET /-/authorize", &described, &body).await;
        let by_subrequest = Verdict::of(answer.status());
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let checked =
            door.check(&Asked { method: &method, path: &target, headers: &pairs, body: &body }).await;
        let by_check = checked.status.map_or(Verdict::Permitted, |status| Verdict::of(&status.to_string()));
        let evaluated =
            pdp.ask("/access/v1/evaluation", &question(&token, &method, &target, &pairs, &body)).await;
        assert_eq!(by_subrequest, by_gateway, "forward-auth, {file}: {}: {answer:?}", case.name);
        assert_eq!(by_check, by_gateway, "ext_authz, {file}: {}: {checked:?}", case.name);
        let by_evaluation = Verdict::of_evaluation(&evaluated);
        assert_eq!(by_evaluation, by_gateway, "AuthZEN, {file}: {}: {evaluated}", case.name);
        compared += 1;
        permitted += usize::from(by_gateway == Verdict::Permitted);
    }
    assert!(compared > 300 && permitted > 50 && permitted < compared, "{permitted} of {compared}");
}

/// Another handle of the same socket.
pub(crate) fn clone_of(listener: &TcpListener) -> std::os::fd::OwnedFd {
    use std::os::fd::AsFd as _;
    listener.as_fd().try_clone_to_owned().unwrap()
}

/// Answers every request with 200.
pub(crate) async fn answer_everything(upstream: TcpListener) {
    while let Ok((mut stream, _)) = upstream.accept().await {
        tokio::spawn(async move {
            loop {
                read_message(&mut stream).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
            }
        });
    }
}
