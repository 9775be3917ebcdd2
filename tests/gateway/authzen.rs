//! The listener for policy enforcement points that speak AuthZEN.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use modelgate::config::Config;
use modelgate::decision_log::{DecisionLog, Line, Verdict};
use modelgate::dropins::DropIns;
use modelgate::engine::Snapshot;
use modelgate::gateway::{AuthzenServer, Gateway, Generation, TokenVerifier};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, MASTER_KEY, Message, in_a_while, read_message, send, soon};

const BEARER: &str = "s3cret";
pub(crate) const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";
pub(crate) const RESOURCES: &str = "/access/v1/search/resource";
pub(crate) const ACTIONS: &str = "/access/v1/search/action";
/// The block of the listener.
pub(crate) const BLOCK: &str = "authzen: {listen: '127.0.0.1:0', bearer: s3cret}";

/// A listener that is asked.
pub(crate) struct Pdp {
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
    _served: JoinHandle<()>,
}

impl Pdp {
    /// The listener of a gateway whose configuration has one.
    pub(crate) async fn of(gateway: &Arc<Gateway>) -> Self {
        let settings = gateway.active().snapshot().config().gateway.authzen.clone().unwrap();
        let server = AuthzenServer::bind(&settings, Arc::clone(gateway)).await.unwrap();
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { address, _stop: stop, _served: served }
    }

    /// The listener of `examples/authzen`.
    async fn of_the_example() -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/authzen");
        let text = std::fs::read_to_string(directory.join("config.yaml")).unwrap();
        let text = text.replace("127.0.0.1:4004", "127.0.0.1:0");
        let variable = |name: &str| (name == "AUTHZEN_BEARER").then(|| BEARER.to_owned());
        let config = Config::parse("config.yaml", &text, &directory, &variable).unwrap();
        let verifier = TokenVerifier::new(&config.jwt.as_ref().unwrap().tokens).unwrap();
        let dropins = DropIns::load(&directory.join("policies")).unwrap();
        let snapshot = Snapshot::with_policies(config, &dropins).unwrap();
        let gateway = Arc::new(Gateway::new(Generation::new(snapshot, Some(verifier))).unwrap());
        Self::of(&gateway).await
    }

    /// The listener of a gateway with these files in its directory of policies.
    pub(crate) async fn with_policies(files: &[(&str, &str)]) -> (Fixture, Self) {
        let fixture = Fixture::with(BLOCK).await;
        let policies = fixture.directory.path().join("policies");
        std::fs::create_dir_all(&policies).unwrap();
        for (name, text) in files {
            std::fs::write(policies.join(name), text).unwrap();
        }
        fixture.drop_in(BLOCK, "");
        let pdp = Self::of(&fixture.gateway).await;
        (fixture, pdp)
    }

    /// Sends a request of a holder of the bearer.
    pub(crate) async fn send(&self, path: &str, headers: &str, body: &str) -> Message {
        let headers =
            format!("authorization: Bearer {BEARER}\r\ncontent-type: application/json\r\n{headers}");
        soon(read_message(&mut send(self.address, "POST", path, &headers, body).await)).await
    }

    /// The answer to a question that gets one.
    pub(crate) async fn ask(&self, path: &str, question: &Value) -> Value {
        let answer = self.send(path, "", &question.to_string()).await;
        assert_eq!(answer.status(), "200", "{question} {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_str(&answer.body).unwrap()
    }

    pub(crate) async fn decides(&self, question: &Value) -> bool {
        self.ask(EVALUATION, question).await["decision"].as_bool().unwrap()
    }

    /// The decisions of a batch.
    pub(crate) async fn all(&self, question: &Value) -> Vec<bool> {
        let answer = self.ask(EVALUATIONS, question).await;
        assert!(answer.get("decision").is_none(), "{answer}");
        let evaluations = answer["evaluations"].as_array().unwrap();
        evaluations.iter().map(|evaluation| evaluation["decision"].as_bool().unwrap()).collect()
    }

    /// What a search finds: ids or names.
    pub(crate) async fn finds(&self, path: &str, question: &Value) -> Vec<String> {
        let answer = self.ask(path, question).await;
        let results = answer["results"].as_array().unwrap();
        let name =
            |found: &Value| found.get("id").or(found.get("name")).unwrap().as_str().unwrap().to_owned();
        results.iter().map(name).collect()
    }
}

pub(crate) fn user(id: &str) -> Value {
    json!({"type": "user", "id": id})
}

pub(crate) fn record(id: &str) -> Value {
    json!({"type": "record", "id": id})
}

pub(crate) fn with(mut entity: Value, properties: Value) -> Value {
    entity["properties"] = properties;
    entity
}

pub(crate) fn question(subject: &Value, action: &str, resource: &Value) -> Value {
    json!({"subject": subject, "action": {"name": action}, "resource": resource})
}

/// A question about a model for a caller with the role `basic_user`.
fn about_model(model: &str) -> Value {
    question(&caller(), "use_model", &json!({"type": "model", "id": model}))
}

fn caller() -> Value {
    with(user("u"), json!({"roles": ["basic_user"]}))
}

fn about_route(method: &str, path: &str, properties: Value) -> Value {
    question(&caller(), method, &with(json!({"type": "route", "id": path}), properties))
}

async fn started(modelgate: &str) -> (Fixture, Pdp) {
    let fixture = Fixture::with(&format!("{BLOCK}, {modelgate}")).await;
    let pdp = Pdp::of(&fixture.gateway).await;
    (fixture, pdp)
}

#[tokio::test]
async fn the_eight_decisions_of_the_certification_scenario_are_made() {
    let pdp = Pdp::of_the_example().await;
    let (alice, bob) = (user("alice"), user("bob"));
    let archived = with(record("record-2"), json!({"status": "archived"}));
    let delete = |soft: bool| {
        let mut asked = question(&alice, "delete", &record("record-1"));
        asked["action"]["properties"] = json!({ "soft": soft });
        asked
    };
    let decisions = [
        (question(&alice, "read", &record("record-1")), true),
        (question(&alice, "write", &record("record-1")), true),
        (question(&bob, "read", &record("record-1")), true),
        (question(&bob, "write", &record("record-1")), false),
        (question(&alice, "write", &archived), false),
        (question(&with(bob, json!({"role": "admin"})), "write", &archived), true),
        (delete(true), true),
        (delete(false), false),
    ];
    for (asked, expected) in &decisions {
        for _ in 0..3 {
            assert_eq!(pdp.decides(asked).await, *expected, "{asked}");
        }
        let mut in_context = asked.clone();
        in_context["context"] = json!({"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"});
        in_context["futureField"] = json!({"nested": true});
        assert_eq!(pdp.decides(&in_context).await, *expected, "{in_context}");
    }
    let more = json!({
        "subject": with(user("alice"), json!({"department": "Sales", "role": "manager"})),
        "action": {"name": "read", "properties": {"method": "GET"}},
        "resource": with(record("record-1"), json!({"status": "active", "owner": "bob"})),
    });
    assert!(pdp.decides(&more).await);
}

#[tokio::test]
async fn the_batches_of_the_certification_scenario_are_decided() {
    let pdp = Pdp::of_the_example().await;
    let (active, archived) = (
        with(record("record-1"), json!({"status": "active"})),
        with(record("record-2"), json!({"status": "archived"})),
    );
    let (read, write) = (json!({"name": "read"}), json!({"name": "write"}));
    let cases = [
        (
            json!({"subject": user("bob"), "resource": record("record-1"), "evaluations": [{"action": read}, {"action": write}]}),
            vec![true, false],
        ),
        (
            json!({"subject": user("alice"), "action": write, "evaluations": [{"resource": active}, {"resource": archived}]}),
            vec![true, false],
        ),
        (
            json!({"action": write, "resource": archived, "evaluations": [
                {"subject": user("alice")}, {"subject": with(user("bob"), json!({"role": "admin"}))}]}),
            vec![false, true],
        ),
        (
            json!({"evaluations": [question(&user("alice"), "read", &record("record-1")),
                question(&user("bob"), "write", &record("record-1"))]}),
            vec![true, false],
        ),
        (
            json!({"subject": user("alice"), "action": write, "resource": active, "evaluations": [{}, {"resource": archived}]}),
            vec![true, false],
        ),
        (
            json!({"subject": user("alice"), "action": read, "context": {"time": "2025-06-27T18:03-07:00"}, "evaluations": [
                {"resource": record("record-1")},
                {"resource": record("record-2"), "context": {"time": "2025-06-27T19:00-07:00", "source": "batch-override"}}]}),
            vec![true, true],
        ),
        (
            json!({"subject": user("alice"), "action": read, "options": {"evaluations_semantic": "execute_all"},
                "evaluations": [{"resource": record("record-1")}, {}]}),
            vec![true, false],
        ),
    ];
    for (asked, expected) in &cases {
        assert_eq!(pdp.all(asked).await, *expected, "{asked}");
    }
    for evaluations in [Value::Null, json!([])] {
        let mut asked = question(&user("alice"), "read", &record("record-1"));
        asked["evaluations"] = evaluations;
        assert_eq!(pdp.ask(EVALUATIONS, &asked).await["decision"], true);
    }
}

#[tokio::test]
async fn the_searches_of_the_certification_scenario_find_what_files_describe() {
    let pdp = Pdp::of_the_example().await;
    let admin = with(user("bob"), json!({"role": "admin"}));
    let of_type = json!({"type": "record"});
    let archived = with(record("record-2"), json!({"status": "archived"}));
    let search = |subject: &Value, action: &str, resource: &Value| question(subject, action, resource);
    let found = pdp.finds(RESOURCES, &search(&user("alice"), "read", &of_type)).await;
    assert_eq!(found, ["record-1", "record-2"]);
    // An id has no effect.
    assert_eq!(
        pdp.finds(RESOURCES, &search(&user("alice"), "write", &record("record-2"))).await,
        ["record-1"]
    );
    assert!(pdp.finds(RESOURCES, &search(&admin, "write", &of_type)).await.contains(&"record-2".to_owned()));
    let on = |subject: &Value, resource: &Value| json!({"subject": subject, "resource": resource});
    assert_eq!(pdp.finds(ACTIONS, &on(&user("alice"), &record("record-1"))).await, ["read", "write"]);
    assert_eq!(pdp.finds(ACTIONS, &on(&admin, &archived)).await, ["read", "write"]);
    assert!(pdp.finds(ACTIONS, &on(&user("nonexistent-user"), &record("record-1"))).await.is_empty());
    for kind in ["spaceship", "not a type", "Model"] {
        let unknown = json!({"type": kind, "id": "1"});
        assert!(pdp.finds(ACTIONS, &on(&user("alice"), &unknown)).await.is_empty(), "{kind}");
        assert!(pdp.finds(RESOURCES, &search(&user("alice"), "read", &unknown)).await.is_empty(), "{kind}");
    }
    let mut paged = search(&user("alice"), "read", &of_type);
    paged["page"] = json!({"limit": 1});
    let answer = pdp.ask(RESOURCES, &paged).await;
    assert_eq!((answer["results"].as_array().unwrap().len(), answer.get("page")), (2, None));
}

#[tokio::test]
async fn a_batch_ends_where_its_semantic_says() {
    let pdp = Pdp::of_the_example().await;
    let batch = |semantic: &str, actions: &[&str]| {
        let actions: Vec<_> = actions.iter().map(|name| json!({"action": {"name": name}})).collect();
        json!({"subject": user("bob"), "resource": record("record-1"), "evaluations": actions,
            "options": {"evaluations_semantic": semantic, "another_option": 1}})
    };
    let asked = ["read", "write", "read", "delete"];
    assert_eq!(pdp.all(&batch("execute_all", &asked)).await, [true, false, true, false]);
    assert_eq!(pdp.all(&batch("deny_on_first_deny", &asked)).await, [true, false]);
    assert_eq!(pdp.all(&batch("permit_on_first_permit", &asked)).await, [true]);
    assert_eq!(
        pdp.all(&batch("permit_on_first_permit", &["write", "delete", "read", "read"])).await,
        [false, false, true]
    );
    assert_eq!(pdp.all(&batch("deny_on_first_deny", &["", "read"])).await, [false]);
    let unknown = pdp.send(EVALUATIONS, "", &batch("first", &asked).to_string()).await;
    assert_eq!(unknown.status(), "400");
    assert!(unknown.body.contains("options.evaluations_semantic"), "{unknown:?}");
    let many = vec![json!({}); 1_001];
    let answer = pdp.send(EVALUATIONS, "", &json!({ "evaluations": many }).to_string()).await;
    assert_eq!((answer.status(), answer.body.contains("1000 members")), ("400", true), "{answer:?}");
}

#[tokio::test]
async fn only_a_holder_of_the_bearer_gets_a_decision() {
    let (fixture, pdp) = started("").await;
    let body = about_model("anthropic-claude").to_string();
    let token = fixture.token(&["basic_user"]);
    for path in [EVALUATION, EVALUATIONS, RESOURCES, ACTIONS, "/access/v1/search/subject", "/access/v1/other"]
    {
        for credential in [
            "",
            "authorization: Bearer other\r\n",
            "authorization: Basic s3cret\r\n",
            "x-api-key: s3cret\r\n",
        ]
        .into_iter()
        .map(str::to_owned)
        .chain([MASTER_KEY, &token].map(|known| format!("authorization: Bearer {known}\r\n")))
        {
            let headers = format!("content-type: application/json\r\nx-request-id: 7\r\n{credential}");
            let answer =
                soon(read_message(&mut send(pdp.address, "POST", path, &headers, &body).await)).await;
            assert_eq!(answer.status(), "401", "{path} {credential} {answer:?}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer realm="), "{answer:?}");
            assert_eq!(answer.header("x-request-id"), Some("7"));
        }
    }
    // A reload may remove the listener, which goes on until a restart.
    fixture.gateway.activate(fixture.generation_as("", r#"["anthropic-claude"]"#));
    assert_eq!(pdp.send(EVALUATION, "", &body).await.status(), "401");
}

#[tokio::test]
async fn a_model_is_decided_for_a_token_and_for_claims_as_by_the_gateway() {
    let (fixture, pdp) = started("").await;
    let token = fixture.token(&["basic_user"]);
    let subjects = [
        json!({"type": "token", "id": token}),
        with(json!({"type": "token", "id": "u"}), json!({ "token": token })),
        caller(),
        with(user("u"), json!({"claims": {"roles": ["basic_user"], "sub": "u"}, "roles": []})),
        json!({"type": "token", "id": MASTER_KEY}),
    ];
    for subject in &subjects {
        for (model, expected) in [("anthropic-claude", true), ("openai-gpt-4o", false), ("unknown", false)] {
            let asked = question(subject, "use_model", &json!({"type": "model", "id": model}));
            let is_master = subject["id"] == MASTER_KEY;
            let answer = pdp.ask(EVALUATION, &asked).await;
            assert_eq!(answer["decision"], expected || is_master, "{answer}");
        }
    }
    let answer = pdp.ask(EVALUATION, &about_model("anthropic-claude")).await;
    let context = &answer["context"];
    assert_eq!(
        (&context["role"], &context["models"]),
        (&json!("internal_user"), &json!(["anthropic-claude"]))
    );
    assert!(context["policies"].to_string().contains("role_permissions[0].models"), "{answer}");
    let answer = pdp.ask(EVALUATION, &about_model("openai-gpt-4o")).await;
    let context = &answer["context"];
    assert_eq!((&context["rule"], &context["code"]), (&json!("R2.model"), &json!("model_not_allowed")));
    assert_eq!(context["reason_user"], json!({"403": "the caller's role may not use this model"}));
    assert!(context["reason_admin"]["403"].as_str().unwrap().starts_with("R2.model"), "{answer}");
}

#[tokio::test]
async fn a_token_that_is_not_valid_and_an_unknown_type_of_subject_are_denied() {
    let (fixture, pdp) = started("").await;
    let expired = fixture.token_of(&json!({"sub": "u", "roles": ["basic_user"], "exp": 1}));
    let other = json!({"type": "token", "id": crate::key::Key::new().token(&json!({"roles": ["basic_user"], "exp": in_a_while()}))});
    for subject in
        [json!({"type": "token", "id": expired}), other, json!({"type": "token", "id": "sk-other"})]
    {
        for (action, resource) in
            [("use_model", json!({"type": "model", "id": "anthropic-claude"})), ("read", record("1"))]
        {
            let answer = pdp.ask(EVALUATION, &question(&subject, action, &resource)).await;
            assert_eq!(answer["decision"], false);
            assert!(answer["context"]["reason_user"]["401"].is_string(), "{answer}");
        }
    }
    for kind in ["group", "service", "User"] {
        let subject = with(json!({"type": kind, "id": "u"}), json!({"roles": ["basic_user"]}));
        let asked = question(&subject, "use_model", &json!({"type": "model", "id": "anthropic-claude"}));
        let answer = pdp.ask(EVALUATION, &asked).await;
        assert_eq!(
            (&answer["decision"], &answer["context"]["code"]),
            (&json!(false), &json!("unknown_subject"))
        );
    }
}

#[tokio::test]
async fn a_route_is_decided_with_its_body_and_denied_without_it() {
    let (_fixture, pdp) = started("").await;
    let chat = "/v1/chat/completions";
    let body = |model: &str| json!({"body": {"model": model}});
    let headers = json!({"content-type": "application/json", "x-more": ["1", "2"]});
    for (asked, expected) in [
        (about_route("POST", chat, body("anthropic-claude")), true),
        (
            about_route(
                "POST",
                chat,
                json!({"body": r#"{"model": "anthropic-claude"}"#, "headers": headers}),
            ),
            true,
        ),
        (about_route("POST", chat, json!({"body_base64": "eyJtb2RlbCI6ICJhbnRocm9waWMtY2xhdWRlIn0="})), true),
        (about_route("POST", chat, body("openai-gpt-4o")), false),
        (about_route("POST", chat, json!({})), false),
        (about_route("POST", chat, json!({"body": ""})), false),
        (about_route("GET", "/v1/models", json!({})), true),
        (about_route("DELETE", "/key/delete", json!({})), false),
        (
            about_route("POST", "/openai/deployments/openai-gpt-4o/chat/completions", json!({"body": "{}"})),
            false,
        ),
        (about_route("read", "/v1/models", json!({})), false),
        (about_route("get", "/v1/models", json!({})), false),
    ] {
        assert_eq!(pdp.decides(&asked).await, expected, "{asked}");
    }
    let answer = pdp.ask(EVALUATION, &about_route("POST", chat, json!({}))).await;
    assert_eq!(answer["context"]["code"], "body_required");
    let malformed = pdp.ask(EVALUATION, &about_route("GET", "/v1/../key", json!({}))).await;
    assert!(malformed["context"]["reason_user"]["400"].is_string(), "{malformed}");
    let mut by_name = about_route("call_route", "/v1/models", json!({}));
    assert_eq!(pdp.send(EVALUATION, "", &by_name.to_string()).await.status(), "400");
    by_name["action"]["properties"] = json!({"method": "GET"});
    assert!(pdp.decides(&by_name).await);
    // The second credential in a header is one too many, as at the gateway.
    let mut two =
        about_route("GET", "/v1/models", json!({"headers": {"authorization": "Bearer e30.e30.c2ln"}}));
    two["subject"] = json!({"type": "token", "id": "e30.e30.ZGlm"});
    assert_eq!(pdp.ask(EVALUATION, &two).await["context"]["code"], "bad_credential");
}

#[tokio::test]
async fn policies_see_the_circumstances_that_the_enforcement_point_states() {
    let (fixture, pdp) = started("").await;
    let policy = r#"
        @id("limit") forbid (principal, action == Action::"use_model", resource)
        when { context.stream || context.tools > 2 || context.images || context.body_bytes > 100 ||
               (context has max_tokens && context.max_tokens > 10) || (context has n && context.n > 1) ||
               (context has temperature && context.temperature.greaterThan(decimal("1.0"))) ||
               context.route == "/v1/embeddings" };
        @id("outside") forbid (principal, action, resource)
        when { context has source && !context.source.isInRange(ip("10.0.0.0/8")) };"#;
    fixture.drop_in(BLOCK, policy);
    for (context, expected) in [
        (json!({}), true),
        (
            json!({"stream": false, "tools": 2, "max_tokens": 10, "n": 1, "temperature": 1, "source": "10.1.2.3"}),
            true,
        ),
        (json!({"stream": true}), false),
        (json!({"tools": 3}), false),
        (json!({"images": true}), false),
        (json!({"max_tokens": 11}), false),
        (json!({"n": 2}), false),
        (json!({"temperature": 1.5}), false),
        (json!({"body_bytes": 101}), false),
        (json!({"route": "/v1/embeddings"}), false),
        (json!({"route": "/v1/responses", "method": "POST"}), true),
        (json!({"source": "192.0.2.1"}), false),
        (json!({"ip": "192.0.2.1", "time": "1985-10-26T01:22-07:00"}), true),
    ] {
        let mut asked = about_model("anthropic-claude");
        asked["context"] = context;
        assert_eq!(pdp.decides(&asked).await, expected, "{asked}");
    }
    for (name, value) in [
        ("stream", json!("yes")),
        ("tools", json!(1.5)),
        ("source", json!("here")),
        ("route", json!("chat")),
        ("method", json!("P ST")),
    ] {
        let mut asked = about_model("anthropic-claude");
        asked["context"] = json!({ name: value });
        let answer = pdp.send(EVALUATION, "", &asked.to_string()).await;
        assert_eq!(answer.status(), "400", "{asked}");
        assert!(answer.body.contains(&format!("`context.{name}`")), "{answer:?}");
    }
}

#[tokio::test]
async fn a_search_finds_the_models_of_the_callers_list_and_the_actions_that_are_permitted() {
    let (_fixture, pdp) = started("").await;
    let search = |subject: Value, action: &str, kind: &str| json!({"subject": subject, "action": {"name": action}, "resource": {"type": kind}});
    assert_eq!(pdp.finds(RESOURCES, &search(caller(), "use_model", "model")).await, ["anthropic-claude"]);
    let master = json!({"type": "token", "id": MASTER_KEY});
    let all = pdp.finds(RESOURCES, &search(master, "use_model", "model")).await;
    assert_eq!(all, ["anthropic-claude", "openai-gpt-4o"]);
    assert!(pdp.finds(RESOURCES, &search(caller(), "read", "model")).await.is_empty());
    assert!(pdp.finds(RESOURCES, &search(user("nobody"), "use_model", "model")).await.is_empty());
    let on = |resource: Value| json!({"subject": caller(), "resource": resource});
    assert_eq!(
        pdp.finds(ACTIONS, &on(json!({"type": "model", "id": "anthropic-claude"}))).await,
        ["use_model"]
    );
    assert!(pdp.finds(ACTIONS, &on(json!({"type": "model", "id": "openai-gpt-4o"}))).await.is_empty());
    let route = with(json!({"type": "route", "id": "/v1/models"}), json!({}));
    assert!(pdp.finds(ACTIONS, &on(route)).await.contains(&"GET".to_owned()));
    for (path, asked) in [
        ("/access/v1/search/subject", search(caller(), "use_model", "model")),
        (RESOURCES, search(caller(), "GET", "route")),
    ] {
        assert_eq!(pdp.send(path, "", &asked.to_string()).await.status(), "501", "{path}");
    }
}

#[tokio::test]
async fn a_malformed_question_is_400_and_says_what_is_wrong() {
    let pdp = Pdp::of_the_example().await;
    let whole = question(&user("alice"), "read", &record("record-1"));
    let mut changed = Vec::new();
    for member in ["subject", "action", "resource"] {
        let mut without = whole.clone();
        without.as_object_mut().unwrap().remove(member);
        changed.push((EVALUATION, without.clone(), format!("`{member}` is missing")));
        changed.push((EVALUATIONS, without.clone(), format!("`{member}` is missing")));
        if member != "action" {
            changed.push((ACTIONS, without.clone(), format!("`{member}` is missing")));
        }
        changed.push((RESOURCES, without, format!("`{member}` is missing")));
        let mut text = whole.clone();
        text[member] = json!("alice");
        changed.push((EVALUATION, text.clone(), format!("`{member}` must be an object")));
        text["evaluations"] = json!([whole]);
        changed.push((EVALUATIONS, text, format!("`{member}` must be an object")));
    }
    for (at, member, name) in [
        ("subject", "subject", "type"),
        ("subject", "subject", "id"),
        ("action", "action", "name"),
        ("resource", "resource", "type"),
        ("resource", "resource", "id"),
    ] {
        let mut without = whole.clone();
        without[member].as_object_mut().unwrap().remove(name);
        changed.push((EVALUATION, without.clone(), format!("`{at}.{name}` is missing")));
        without[member][name] = json!(1);
        changed.push((EVALUATION, without, format!("`{at}.{name}` must be a string")));
    }
    let mut evaluations = whole.clone();
    evaluations["evaluations"] = json!({});
    changed.push((EVALUATIONS, evaluations, "`evaluations` must be a list".to_owned()));
    let other =
        question(&with(user("alice"), json!({"claims": {"sub": "bob"}})), "read", &record("record-1"));
    changed.push((EVALUATION, other, "`sub`".to_owned()));
    for (path, asked, message) in &changed {
        let answer = pdp.send(path, "", &asked.to_string()).await;
        assert_eq!(answer.status(), "400", "{path} {asked} {answer:?}");
        assert!(answer.body.contains(message), "{message}: {answer:?}");
        assert!(answer.body.starts_with(r#"{"error":{"status":400,"message":"#), "{answer:?}");
    }
    for body in ["", "[]", "null", "{", "{} {}", r#"{"subject": {}, "subject": {}}"#, "\u{feff}{}"] {
        let answer = pdp.send(EVALUATION, "", body).await;
        assert_eq!(
            (answer.status(), answer.body.contains("not a JSON object")),
            ("400", true),
            "{body} {answer:?}"
        );
    }
    for content_type in ["", "content-type: text/plain\r\n", "content-type: application/jsonp\r\n"] {
        let headers = format!("authorization: Bearer {BEARER}\r\n{content_type}");
        let sent = &mut send(pdp.address, "POST", EVALUATION, &headers, &whole.to_string()).await;
        assert_eq!(soon(read_message(sent)).await.status(), "400", "{content_type}");
    }
    let headers =
        format!("authorization: Bearer {BEARER}\r\ncontent-type: Application/JSON; charset=utf-8\r\n");
    let sent = &mut send(pdp.address, "POST", EVALUATION, &headers, &whole.to_string()).await;
    assert_eq!(soon(read_message(sent)).await.status(), "200");
    assert_eq!(pdp.send(EVALUATION, "content-encoding: gzip\r\n", "{}").await.status(), "400");
    assert_eq!(pdp.send("/access/v1/other", "", "{}").await.status(), "404");
    let got = &mut send(pdp.address, "GET", EVALUATION, &headers, "").await;
    let got = soon(read_message(got)).await;
    assert_eq!((got.status(), got.header("allow")), ("405", Some("POST")));
}

#[tokio::test]
async fn a_batch_names_the_question_that_is_malformed_and_decides_the_others() {
    let pdp = Pdp::of_the_example().await;
    let asked = json!({"subject": user("alice"), "action": {"name": "read"}, "evaluations": [
        {}, {"resource": "record-1"}, 7, {"resource": record("record-1")},
        {"resource": record("record-1"), "subject": with(user("alice"), json!({"sub": "bob"}))}]});
    let answer = pdp.ask(EVALUATIONS, &asked).await;
    let errors: Vec<_> = answer["evaluations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["context"]["error"]["status"].as_i64())
        .collect();
    assert_eq!(errors, [Some(400), Some(400), Some(400), None, Some(400)]);
    assert_eq!(answer["evaluations"][0]["context"]["error"]["message"], "`resource` is missing");
    assert_eq!(answer["evaluations"][3]["decision"], true);
}

#[tokio::test]
async fn the_id_of_a_request_comes_back_and_the_listener_describes_itself() {
    let pdp = Pdp::of_the_example().await;
    let asked = question(&user("alice"), "read", &record("record-1")).to_string();
    let answer = pdp.send(EVALUATION, "x-request-id: bfe9eb29-ab87 {x}\r\n", &asked).await;
    assert_eq!(answer.header("x-request-id"), Some("bfe9eb29-ab87 {x}"));
    let answer = pdp.send(EVALUATION, "x-request-id: bfe9eb29\r\n", &asked).await;
    assert!(answer.body.contains(r#""request_id":"bfe9eb29""#), "{answer:?}");
    assert_eq!(pdp.send(EVALUATION, "", &asked).await.status(), "200");
    let described = &mut send(pdp.address, "GET", "/.well-known/authzen-configuration", "", "").await;
    let described = soon(read_message(described)).await;
    let metadata: Value = serde_json::from_str(&described.body).unwrap();
    assert_eq!((described.status(), &metadata["policy_decision_point"]), ("200", &json!("http://localhost")));
    assert_eq!(metadata["search_action_endpoint"], "http://localhost/access/v1/search/action");
    assert!(metadata.get("search_subject_endpoint").is_none());

    let fixture =
        Fixture::with("authzen: {listen: '127.0.0.1:0', bearer: b, url: 'https://pdp.example.com/a/'}").await;
    let pdp = Pdp::of(&fixture.gateway).await;
    let described = &mut send(pdp.address, "GET", "/.well-known/authzen-configuration", "", "").await;
    let metadata: Value = serde_json::from_str(&soon(read_message(described)).await.body).unwrap();
    assert_eq!(metadata["access_evaluation_endpoint"], "https://pdp.example.com/a/access/v1/evaluation");
}

#[tokio::test]
async fn every_question_counts_and_is_logged_like_a_request() {
    let (fixture, pdp) = started("decision_log: {file: log}").await;
    let generation = fixture.gateway.active();
    let settings = generation.snapshot().config().gateway.decision_log.as_ref().unwrap();
    let observers = fixture.gateway.observers();
    observers.log_to(DecisionLog::start(settings).unwrap());
    assert!(pdp.decides(&about_model("anthropic-claude")).await);
    assert!(!pdp.decides(&question(&caller(), "read", &record("r-1"))).await);
    assert!(observers.log().unwrap().flush(Duration::from_secs(20)).await);
    let text = std::fs::read_to_string(settings.file.as_ref().unwrap()).unwrap();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [of_model, of_record] = lines.as_slice() else { panic!("{text}") };
    assert_eq!(
        (of_model.verdict, of_model.models.as_slice()),
        (Verdict::Allowed, &["anthropic-claude".to_owned()][..])
    );
    assert_eq!((of_record.verdict, of_record.rule.as_deref()), (Verdict::Denied, Some("policy")));
    let access = of_record.access.as_ref().unwrap();
    assert_eq!([&access.action, &access.resource_type, &access.resource], ["read", "record", "r-1"]);
    assert_eq!(of_record.caller.as_ref().unwrap().subject.as_deref(), Some("u"));
}
