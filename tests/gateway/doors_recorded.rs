//! Every door answers LiteLLM's recorded requests as recorded: each group, by its configuration and its claims.
//!
//! Of each group, these are all requests that name no model, with their body and without one, and the first four that name one
//! in their body. `bindings/python/tests/test_recorded.py` sends all of them in Python, and a sample through LiteLLM's proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use http_body_util::Full;
use hyper::Request;
use modelgate::decision_log::{DecisionLog, Line};
use modelgate::engine::Snapshot;
use modelgate::gateway::{ForwardAuthServer, Server};
use modelgate::names::Role;
use modelgate::offline::Question;
use modelgate::request::RequestContext;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::authzen::{EVALUATION, Pdp};
use crate::doors_agree::{Verdict, answer_everything, clone_of, exchange, question};
use crate::ext_authz::{Asked, Door};
use crate::fixture::in_a_while;
use crate::tower::{layer, through};

const RECORDED: &str = include_str!("../conformance/decisions.jsonl");

/// How many requests of a group that name a model are sent.
const NAMING: usize = 4;

/// The doors. The first two know whether a request has a body.
const DOORS: [&str; 6] = ["gateway", "tower", "grpc", "http", "forward-auth", "authzen"];

/// A gateway with all doors. Each configuration is activated in it.
struct Doors {
    envoy: Door,
    pdp: Pdp,
    gateway: SocketAddr,
    forward_auth: SocketAddr,
    upstream: SocketAddr,
    _stop: [oneshot::Sender<()>; 2],
}

/// A recorded request.
struct Sent<'r> {
    /// The group, the number of the case in it, and whether the body was left out.
    id: String,
    method: &'r str,
    path: &'r str,
    headers: &'r Value,
    body: &'r str,
    token: &'r str,
}

impl Sent<'_> {
    /// The id of the request at this door.
    fn request_id(&self, door: &str) -> String {
        format!("{door}_{}", self.id)
    }

    fn headers(&self, door: &str) -> Vec<(&str, String)> {
        let recorded = self.headers.as_object().into_iter().flatten();
        let mut headers: Vec<_> =
            recorded.map(|(name, value)| (name.as_str(), value.as_str().unwrap().to_owned())).collect();
        headers.push(("authorization", format!("Bearer {}", self.token)));
        headers.push(("x-request-id", self.request_id(door)));
        if !self.body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        headers
    }

    fn lines(&self, door: &str) -> String {
        self.headers(door).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }
}

impl Doors {
    async fn open() -> Self {
        let blocks = "forward_auth: {listen: '127.0.0.1:0'}, authzen: {listen: '127.0.0.1:0', bearer: s3cret}, \
                      decision_log: {file: log}";
        let envoy = Door::with("listen: '127.0.0.1:0'", blocks).await;
        let gateway = &envoy.fixture.gateway;
        let settings = gateway.active().snapshot().config().gateway.clone();
        gateway.observers().log_to(DecisionLog::start(&settings.decision_log.unwrap()).unwrap());
        let (stop_first, stopped) = oneshot::channel::<()>();
        let server = ForwardAuthServer::bind(&settings.forward_auth.unwrap(), Arc::clone(gateway)).await;
        let server = server.unwrap();
        let forward_auth = server.local_addr().unwrap();
        tokio::spawn(server.run(async { drop(stopped.await) }));
        let (stop_second, stopped) = oneshot::channel::<()>();
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), Arc::clone(gateway)).await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(server.run(async { drop(stopped.await) }));
        let upstream = envoy.fixture.upstream.local_addr().unwrap();
        let listener = std::net::TcpListener::from(clone_of(&envoy.fixture.upstream));
        tokio::spawn(answer_everything(TcpListener::from_std(listener).unwrap()));
        let pdp = Pdp::of(gateway).await;
        Self { pdp, gateway: address, forward_auth, upstream, _stop: [stop_first, stop_second], envoy }
    }

    /// Activates the configuration of a group, with all doors. Its models are at the upstream.
    fn activate(&self, config: &Value) {
        let mut config = config.clone();
        for model in config["model_list"].as_array_mut().into_iter().flatten() {
            model["litellm_params"]["api_base"] = json!(format!("http://{}/v1", self.upstream));
            model["litellm_params"]["api_key"] = json!("sk-upstream");
        }
        let listen = json!({"listen": "127.0.0.1:0"});
        config["modelgate"] = json!({
            "ext_authz": listen,
            "forward_auth": listen,
            "authzen": {"listen": "127.0.0.1:0", "bearer": "s3cret"},
            "decision_log": {"file": "log"},
            "upstream": {"api_base": format!("http://{}", self.upstream), "pass": "all"},
        });
        let fixture = &self.envoy.fixture;
        fixture.gateway.activate(fixture.generation_of(&config.to_string()));
    }

    /// The status that each door gives to a request. 200 is a permission.
    async fn answer(&self, sent: &Sent<'_>) -> [String; 6] {
        let (gateway, tower, grpc, http, forward_auth, authzen) = tokio::join!(
            self.by_gateway(sent),
            self.by_tower(sent),
            self.by_grpc(sent),
            self.by_http(sent),
            self.by_forward_auth(sent),
            self.by_authzen(sent),
        );
        [gateway, tower, grpc, http, forward_auth, authzen]
    }

    async fn by_gateway(&self, sent: &Sent<'_>) -> String {
        let head = format!("{} {}", sent.method, sent.path);
        let answer = exchange(self.gateway, &head, &sent.lines("gateway"), sent.body.as_bytes()).await;
        let is_permitted = Verdict::of(answer.status()) == Verdict::Permitted;
        if is_permitted { "200".to_owned() } else { answer.status().to_owned() }
    }

    async fn by_tower(&self, sent: &Sent<'_>) -> String {
        let mut request = Request::builder().method(sent.method).uri(sent.path);
        for (name, value) in sent.headers("tower") {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(sent.body.to_owned().into())).unwrap();
        let outcome = through(layer(&self.envoy.fixture), request).await;
        assert_eq!(outcome.got.is_some(), outcome.status == 200, "{outcome:?}");
        outcome.status.as_str().to_owned()
    }

    async fn by_grpc(&self, sent: &Sent<'_>) -> String {
        let headers = sent.headers("grpc");
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = sent.body.as_bytes();
        let asked = Asked { method: sent.method, path: sent.path, headers: &headers, body };
        let checked = self.envoy.check(&asked).await;
        checked.status.map_or_else(|| "200".to_owned(), |status| status.to_string())
    }

    async fn by_http(&self, sent: &Sent<'_>) -> String {
        let answer = self.envoy.ask(sent.method, sent.path, &sent.lines("http"), sent.body).await;
        answer.status().to_owned()
    }

    async fn by_forward_auth(&self, sent: &Sent<'_>) -> String {
        let described = format!("x-forwarded-method: {}\r\nx-forwarded-uri: {}\r\n", sent.method, sent.path);
        let headers = described + &sent.lines("forward-auth");
        let answer = exchange(self.forward_auth, "GET /-/authorize", &headers, sent.body.as_bytes()).await;
        answer.status().to_owned()
    }

    async fn by_authzen(&self, sent: &Sent<'_>) -> String {
        let headers = sent.headers("authzen");
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let asked = question(sent.token, sent.method, sent.path, &headers, sent.body.as_bytes());
        let id = format!("x-request-id: {}\r\n", sent.request_id("authzen"));
        let answer = self.pdp.send(EVALUATION, &id, &asked.to_string()).await;
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        let reasons = answer["context"]["reason_user"].as_object();
        assert_eq!(reasons.is_none(), answer["decision"] == true, "{answer}");
        reasons.map_or_else(|| "200".to_owned(), |reasons| reasons.keys().next().unwrap().clone())
    }

    /// The logged lines, by their request ids. A line may come after the answer.
    async fn logged(&self, count: usize) -> BTreeMap<String, Line> {
        let fixture = &self.envoy.fixture;
        let log = fixture.gateway.observers().log().unwrap();
        loop {
            assert!(log.flush(Duration::from_secs(20)).await);
            let text = std::fs::read_to_string(fixture.directory.path().join("log")).unwrap();
            if text.lines().count() == count {
                let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
                return lines.map(|line| (line.request_id.clone(), line)).collect();
            }
            tokio::task::yield_now().await;
        }
    }
}

/// A decision as it is recorded.
fn recorded(case: &Value) -> Value {
    let expect = &case["expect"];
    if expect["allow"] == true {
        return json!({"role": expect["role"], "user": expect["user_id"], "team": expect["team_id"]});
    }
    json!({"status": expect["status"], "rule": expect["rule"]})
}

/// The same of a logged decision.
fn decided(line: &Line) -> Value {
    let caller = line.caller.clone().unwrap_or_default();
    match &line.code {
        None => json!({"role": caller.role, "user": caller.user_id, "team": caller.team}),
        // No rule denies: the request cannot be judged.
        Some(_) if line.status == Some(400) => json!({"status": 400, "rule": "D2.no_model"}),
        Some(_) => json!({"status": line.status, "rule": line.rule}),
    }
}

/// The same without a door, as `Rules`, `modelgate decide` and `modelgate test` decide.
fn in_process(snapshot: &Snapshot, sent: &Sent<'_>, claims: &Value) -> Value {
    let mut headers = HeaderMap::new();
    for (name, value) in sent.headers.as_object().into_iter().flatten() {
        headers.insert(HeaderName::try_from(name).unwrap(), value.as_str().unwrap().parse().unwrap());
    }
    let question = Question {
        claims: claims.as_object().unwrap().clone(),
        method: sent.method.parse().unwrap(),
        path: sent.path.to_owned(),
        headers,
        body: sent.body.as_bytes().to_vec(),
        request_context: RequestContext::now(),
    };
    let answer = question.answer(snapshot);
    match answer.decision.filter(|_| answer.allow) {
        Some(decision) => {
            let role = decision.role.map(Role::as_str);
            json!({"role": role, "user": decision.user_id, "team": decision.team_id})
        }
        None => json!({"status": answer.status, "rule": answer.rule}),
    }
}

/// A request, the recorded decision, and the statuses of the doors.
struct Case {
    id: String,
    expected: Value,
    statuses: [String; 6],
}

#[tokio::test]
async fn every_door_answers_recorded_requests_as_recorded() {
    let doors = Doors::open().await;
    let gateway = &doors.envoy.fixture.gateway;
    let (mut whole, mut without_body) = (Vec::new(), Vec::new());
    for line in RECORDED.lines() {
        let group: Value = serde_json::from_str(line).unwrap();
        doors.activate(&group["config"]);
        let mut naming = 0;
        for case in group["cases"].as_array().unwrap() {
            let names_a_model = case["body"] != json!({});
            naming += usize::from(names_a_model);
            if names_a_model && naming > NAMING {
                continue;
            }
            let mut claims = case["claims"].clone();
            claims["exp"] = json!(in_a_while());
            let token = doors.envoy.fixture.token_of(&claims);
            let body = case["body"].to_string();
            let mut sent = Sent {
                id: format!("{}_{}", group["group"].as_str().unwrap(), case["id"]),
                method: case["method"].as_str().unwrap(),
                path: case["path"].as_str().unwrap(),
                headers: &case["headers"],
                body: &body,
                token: &token,
            };
            let expected = recorded(case);
            assert_eq!(in_process(gateway.active().snapshot(), &sent, &claims), expected, "{case}");
            let statuses = doors.answer(&sent).await;
            whole.push(Case { id: sent.id.clone(), expected: expected.clone(), statuses });
            if !names_a_model {
                sent.id.push_str("_empty");
                sent.body = "";
                assert_eq!(in_process(gateway.active().snapshot(), &sent, &claims), expected, "{case}");
                let statuses = doors.answer(&sent).await;
                without_body.push(Case { id: sent.id, expected, statuses });
            }
        }
    }
    let logged = doors.logged((whole.len() + without_body.len()) * DOORS.len()).await;
    let line = |door: &str, case: &Case| &logged[&format!("{door}_{}", case.id)];

    for case in &whole {
        let by_gateway = line("gateway", case);
        for (door, status) in DOORS.iter().zip(&case.statuses) {
            let found = line(door, case);
            assert_is_recorded(door, case, status, found);
            assert_eq!(
                (&found.code, &found.policies, &found.models, &found.caller),
                (&by_gateway.code, &by_gateway.policies, &by_gateway.models, &by_gateway.caller),
                "{door}, {}",
                case.id
            );
        }
    }
    let rules: BTreeSet<_> = whole.iter().map(|case| case.expected["rule"].as_str()).collect();
    let permitted = whole.iter().filter(|case| case.expected.get("rule").is_none()).count();
    assert_eq!((whole.len(), without_body.len(), permitted, rules.len()), (1195, 555, 138, 17), "{rules:?}");

    // A proxy does not show whether there is a body. So its door may deny more, but permits nothing else.
    let mut permitted = 0;
    for case in &without_body {
        let (own, of_proxies) = DOORS.split_at(2);
        for (door, status) in own.iter().zip(&case.statuses) {
            assert_is_recorded(door, case, status, line(door, case));
        }
        let by_envoy = line("grpc", case);
        for (door, status) in of_proxies.iter().zip(&case.statuses[2..]) {
            let found = line(door, case);
            assert_eq!((&found.code, &found.rule), (&by_envoy.code, &by_envoy.rule), "{door}, {}", case.id);
            if status == "200" {
                assert_is_recorded(door, case, status, found);
                permitted += 1;
            } else {
                assert_eq!(status, "403", "{door}, {}: {found:?}", case.id);
            }
        }
    }
    assert_eq!(permitted, 22 * 4);
}

fn assert_is_recorded(door: &str, case: &Case, status: &str, line: &Line) {
    let Case { id, expected, .. } = case;
    assert_eq!(&decided(line), expected, "{door}, {id}: {line:?}");
    assert_eq!(status, expected["status"].as_u64().unwrap_or(200).to_string(), "{door}, {id}: {line:?}");
}
