//! No output of the command contains a secret, whatever fails, at the most verbose log level.

mod around;
mod search;

use std::io::Write as _;
use std::net::Shutdown;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::identity::Caller;
use modelgate::sources::SourceFile;
use serde_json::{Value, json};

use crate::key::{Key, in_a_while};
use crate::process::{Answer, Gate, Said, ask, connect, head, nobody, read_until, rest, send_on, until};
use around::{broken, collector, config, provider, upstream};
use search::Secrets;

const CHAT: &str = "/v1/chat/completions";

fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_modelgate"))
        .args(args)
        .env("RUST_LOG", "trace")
        .env_remove("JWT_PUBLIC_KEY_URL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The process may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A gateway, and all outputs that may leak its secrets.
struct Scene {
    secrets: Secrets,
    gate: Gate,
    key: Key,
    traces: Said,
}

impl Scene {
    fn start() -> Self {
        let names = [
            "master key",
            "deployment key",
            "extra header",
            "upstream key",
            "client secret",
            "opaque token",
            "failing token",
            "unknown token",
            "virtual key",
            "cookie",
            "prompt",
            "claim",
            "collector key",
        ];
        let secrets = Secrets::new(names);
        let traces = Said::default();
        let (upstream, collector) = (upstream(), collector(traces.clone()));
        let provider = provider(secrets.get("opaque token"), secrets.get("failing token"));
        let (directory, key) = (tempfile::tempdir().unwrap(), Key::new());
        let yaml = config(&secrets, upstream, provider, directory.path());
        std::fs::write(directory.path().join("config.yaml"), yaml).unwrap();
        std::fs::write(directory.path().join("jwks.json"), key.jwks().to_string()).unwrap();
        let keys = format!("file://{}", directory.path().join("jwks.json").display());
        let collector_key = secrets.get("collector key").to_owned();
        let gate = Gate::at(&[], directory, |command| {
            command
                .env("RUST_LOG", "trace")
                .env("JWT_PUBLIC_KEY_URL", keys)
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
                .env("OTEL_EXPORTER_OTLP_HEADERS", format!("x-collector-key={collector_key}"))
                .env("OTEL_BSP_SCHEDULE_DELAY", "50");
        });
        Self { secrets, gate, key, traces }
    }

    /// A token with a key among its claims. All parts except the first are secret.
    fn token(&mut self, exp: u64, roles: &str, key: Option<&Key>) -> String {
        let claims =
            json!({"sub": "u", "roles": [roles], "exp": exp, "virtual_key": self.secrets.get("claim")});
        let token = key.unwrap_or(&self.key).token(&claims);
        token.split('.').skip(1).for_each(|part| self.secrets.add("a part of a token", part));
        token
    }

    /// Checks for the expected result, which shows that the path was taken.
    fn expect(&self, answer: &Answer, status: u16, code: &str) {
        assert_eq!(answer.told(), (status, code.to_owned()), "{answer:?}\n{}", self.gate.log.so_far().len());
        self.secrets.are_not_in("an answer", &(answer.head.clone() + &answer.body));
    }

    fn chat(&self, credential: &str, body: &Value) -> Answer {
        let cookie = self.secrets.get("cookie");
        let headers = format!("authorization: {credential}\r\ncookie: session={cookie}\r\n");
        ask(self.gate.address, "POST", CHAT, &headers, &body.to_string())
    }

    fn says(&self, what: &str) -> Value {
        json!({"model": "gpt", "say": what, "messages": [{"content": self.secrets.get("prompt")}]})
    }

    /// All output of the process so far.
    fn end(self) {
        let snapshot = self.gate.snapshot().to_string();
        let metrics = self.gate.metrics();
        // The last decision may still be on its way into the log.
        let logged = self.gate.metric("modelgate_request_duration_seconds_count");
        assert!(self.gate.decisions(logged as usize).len() >= logged as usize && logged >= 1.0);
        let decisions = std::fs::read_to_string(self.gate.path("log")).unwrap();
        until(|| self.traces.so_far().contains("modelgate.verdict").then_some(()));
        let (secrets, traces) = (self.secrets, self.traces);
        let said = self.gate.stop();
        assert!(said.contains("TRACE") && said.contains("hyper"), "not everything was logged");
        for (place, text) in [
            ("the log", &said),
            ("the snapshot", &snapshot),
            ("the metrics", &metrics),
            ("the decision log", &decisions),
            ("the traces", &traces.so_far()),
        ] {
            assert!(!text.is_empty());
            secrets.are_not_in(place, text);
        }
    }
}

#[test]
fn no_answer_log_metric_or_trace_has_a_secret_whatever_is_wrong_with_a_request() {
    let mut scene = Scene::start();
    let good = scene.token(in_a_while(), "basic_user", None);
    let bearer = format!("Bearer {good}");
    let strangers = [Key::new(), Key::named("other")];
    let mut refused = vec![scene.token(1, "basic_user", None)];
    refused.extend(strangers.iter().map(|key| scene.token(in_a_while(), "basic_user", Some(key))));
    let guest = scene.token(in_a_while(), "guest", None);
    let scene = scene;
    let get = |headers: &str| ask(scene.gate.address, "GET", "/v1/models", headers, "");
    let secret = |name: &str| scene.secrets.get(name).to_owned();

    // The credential.
    scene.expect(&get(""), 401, "invalid_api_key");
    let two = format!("authorization: {bearer}\r\napi-key: {}\r\n", secret("master key"));
    scene.expect(&get(&two), 400, "bad_credential");
    scene.expect(
        &scene.chat(&format!("Basic {}", secret("virtual key")), &json!({})),
        401,
        "invalid_api_key",
    );
    let long = secret("virtual key").repeat(500);
    scene.expect(&scene.chat(&format!("Bearer {long}"), &json!({})), 431, "bad_credential");
    scene.expect(
        &scene.chat(&format!("Bearer {} x", secret("virtual key")), &json!({})),
        401,
        "invalid_api_key",
    );
    for name in ["virtual key", "unknown token"] {
        scene.expect(&scene.chat(&format!("Bearer {}", secret(name)), &json!({})), 401, "invalid_api_key");
    }
    let sk = format!("sk-{}", secret("virtual key"));
    let named = format!("authorization: Bearer {sk}\r\nx-request-id: {sk}\r\n");
    scene.expect(&get(&named), 401, "invalid_api_key");
    let dotted = format!("Bearer {0}.{0}.{0}", secret("virtual key"));
    scene.expect(&scene.chat(&dotted, &json!({})), 401, "invalid_api_key");
    scene.expect(
        &scene.chat(&format!("Bearer {}", secret("failing token")), &json!({})),
        503,
        "provider_unavailable",
    );
    let known = scene.chat(&format!("Bearer {}", secret("opaque token")), &scene.says("hello"));
    assert_eq!(known.status(), 200);

    // Tokens.
    for token in &refused {
        scene.expect(&scene.chat(&format!("Bearer {token}"), &scene.says("hello")), 401, "invalid_api_key");
    }
    scene.expect(&scene.chat(&format!("Bearer {guest}"), &scene.says("hello")), 403, "permission_denied");
    let mut other = scene.says("hello");
    other["model"] = json!("other");
    scene.expect(&scene.chat(&bearer, &other), 403, "model_not_allowed");

    // The request.
    let headers = format!("authorization: {bearer}\r\n");
    let post = |path: &str, more: &str, body: &str| {
        ask(scene.gate.address, "POST", path, &(headers.clone() + more), body)
    };
    let prompt = secret("prompt");
    scene.expect(&post(&format!("/v1/../{sk}"), "", ""), 400, "invalid_request");
    scene.expect(&post(CHAT, "", &format!("{{\"model\": \"gpt\", {prompt}")), 400, "invalid_request");
    scene.expect(
        &post(CHAT, "", &format!("{{\"model\": \"gpt\", \"Model\": \"{sk}\"}}")),
        400,
        "invalid_request",
    );
    scene.expect(&post(CHAT, "", &prompt.repeat(200)), 413, "request_too_large");
    scene.expect(&post(CHAT, "content-encoding: gzip\r\n", &prompt), 400, "invalid_encoding");
    scene.expect(&post(CHAT, "content-encoding: compress\r\n", &prompt), 415, "unsupported_encoding");
    let traced = ask(scene.gate.address, "TRACE", &format!("/{sk}"), &headers, "");
    scene.expect(&traced, 405, "method_not_supported");
    let mut half = scene.gate.connect();
    let text =
        format!("POST {CHAT} HTTP/1.1\r\nhost: h\r\n{headers}content-length: 999\r\n\r\n{{\"a\": \"{prompt}");
    half.write_all(text.as_bytes()).unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    scene.secrets.are_not_in("an answer", &rest(&mut half));

    // The upstream.
    for (says, status, code) in [
        ("garbage", 502, "upstream_unreachable"),
        ("reset", 502, "upstream_unreachable"),
        ("nothing", 504, "upstream_timeout"),
        ("error", 500, ""),
    ] {
        scene.expect(&scene.chat(&bearer, &scene.says(says)), status, code);
    }
    let mut gone = scene.says("hello");
    gone["model"] = json!("gone");
    scene.expect(&scene.chat(&bearer, &gone), 502, "upstream_unreachable");
    let mut breaks = scene.gate.connect();
    send_on(&mut breaks, "POST", CHAT, &headers, &scene.says("half").to_string());
    let _ = head(&mut breaks) + &read_until(&mut breaks, "hello");
    assert_eq!(rest(&mut breaks), "");
    scene.gate.log.times("the upstream's response ended early", 1);
    // The proxy behind the gateway, which has a key of its own.
    let master = format!("authorization: Bearer {}\r\n", secret("master key"));
    assert_eq!(ask(scene.gate.address, "GET", "/v1/files", &master, "").body, "hello");

    // The same over HTTP/2.
    over_http2(&scene, &bearer);
    assert!(scene.gate.log.so_far().contains("h2::"), "HTTP/2 was logged");
    scene.end();
}

fn over_http2(scene: &Scene, bearer: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<bytes::Bytes>>();
    for (credential, says, status) in
        [(bearer, "hello", 200), (bearer, "garbage", 502), ("Bearer x", "", 401)]
    {
        let request = http::Request::post(format!("http://{}{CHAT}", scene.gate.address))
            .header("authorization", credential)
            .header("cookie", format!("session={}", scene.secrets.get("cookie")))
            .body(Full::from(scene.says(says).to_string()))
            .unwrap();
        let answered = runtime.block_on(async {
            let answer = client.request(request).await.unwrap();
            (answer.status(), format!("{:?}", answer.headers()), answer.into_body().collect().await.unwrap())
        });
        assert_eq!(answered.0, status);
        let body = String::from_utf8_lossy(&answered.2.to_bytes()).into_owned();
        scene.secrets.are_not_in("an answer by HTTP/2", &(answered.1 + &body));
    }
}

#[test]
fn no_refused_reload_shows_the_line_of_a_secret() {
    let scene = Scene::start();
    let yaml = std::fs::read_to_string(scene.gate.path("config.yaml")).unwrap();
    let mut refused = 0;
    for text in broken(&yaml, &scene.secrets) {
        // Writes in two steps, so that the watcher may or may not see a reload. Only the requested reload counts.
        scene.gate.write("config.yaml", &text);
        let told = ask(scene.gate.admin, "POST", "/-/reload", "", "");
        scene.secrets.are_not_in("the answer to a reload", &told.body);
        assert!([200, 422].contains(&told.status()), "{told:?}");
        refused += u32::from(told.status() == 422);
    }
    assert!(refused >= 70, "{refused} of them were refused");
    let failures = scene.gate.snapshot()["failures"].as_u64().unwrap();
    assert!(failures >= u64::from(refused), "{failures}");
    scene.gate.log.times("the old rules stay active", 20);
    scene.gate.write("config.yaml", &yaml);
    assert_eq!(ask(scene.gate.admin, "POST", "/-/reload", "", "").status(), 200);
    let master = scene.secrets.get("master key").to_owned();
    assert_eq!(scene.gate.models_as(&master).status(), 200);
    scene.end();
}

#[test]
fn keys_that_cannot_be_fetched_and_a_bad_private_key_show_nothing() {
    let mut secrets = Secrets::new(["master key", "query"]);
    let (directory, key) = (tempfile::tempdir().unwrap(), Key::new());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (pem, private) = (made.cert.pem(), made.signing_key.serialize_pem());
    private
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .for_each(|line| secrets.add("private key", line));
    let der: String = made.signing_key.serialize_der().iter().map(|byte| format!("{byte:02x}")).collect();
    // The beginning shows the kind of the key.
    secrets.add("private key in hex", &der[70..der.len() - 140]);
    let yaml = format!(
        "general_settings:\n  master_key: {}\n  enable_jwt_auth: true\n  litellm_jwtauth: {{user_id_jwt_field: sub}}\n\
         model_list: []\nmodelgate: {{tls: {{certificate: tls.crt, key: tls.key}}}}\n",
        secrets.get("master key")
    );
    for (name, text) in [("config.yaml", &yaml), ("tls.crt", &pem), ("tls.key", &private)] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let keys = format!("http://{}/keys?code={}", nobody(), secrets.get("query"));
    let gate = Gate::at(&[], directory, |command| {
        command.env("RUST_LOG", "trace").env("JWT_PUBLIC_KEY_URL", keys);
    });
    gate.log.times("fetching keys failed", 1);
    // A connection that is not TLS gets no response, and its content is not logged.
    let token = key.token(&json!({"sub": "u", "exp": in_a_while()}));
    token.split('.').skip(1).for_each(|part| secrets.add("a part of a token", part));
    let mut plain = connect(gate.address);
    send_on(&mut plain, "GET", "/v1/models", &format!("authorization: Bearer {token}\r\n"), "");
    assert!(!rest(&mut plain).starts_with("HTTP"));
    let cut = private.replace("-----END", "----END");
    let shuffled: String = private.lines().rev().fold(String::new(), |text, line| text + line + "\n");
    for (text, why) in [
        (cut, "no private key"),
        (shuffled, "no private key"),
        (private.replacen(['A', 'Q', 'g'], "%", 3), "no private key"),
        (pem.clone(), "no private key"),
        (
            rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap().signing_key.serialize_pem(),
            "cannot be used together",
        ),
    ] {
        gate.write("tls.key", &text);
        let told = ask(gate.admin, "POST", "/-/reload", "", "");
        assert_eq!(told.status(), 422, "{told:?}");
        assert!(told.body.contains(why), "{why}: {told:?}");
        secrets.are_not_in("the answer to a reload", &told.body);
    }
    // The two files are swapped.
    gate.write("tls.crt", &private);
    let told = ask(gate.admin, "POST", "/-/reload", "", "");
    assert_eq!(told.status(), 422);
    secrets.are_not_in("the answer to a reload", &told.body);
    let said = gate.metrics() + &gate.snapshot().to_string() + &gate.stop();
    assert!(said.contains("TRACE"));
    secrets.are_not_in("the log", &said);
}

#[test]
fn no_command_shows_a_secret_whatever_is_wrong() {
    let secrets = Secrets::new([
        "master key",
        "deployment key",
        "extra header",
        "upstream key",
        "client secret",
        "token",
        "claim",
        "query",
        "password",
    ]);
    let directory = tempfile::tempdir().unwrap();
    let yaml = config(&secrets, nobody(), nobody(), directory.path());
    let file = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).unwrap();
        directory.path().join(name).to_str().unwrap().to_owned()
    };
    let good = file("good.yaml", &yaml);
    let other = file(
        "other.yaml",
        &yaml.replace(secrets.get("master key"), secrets.get("password")).replace("[gpt, gone]", "[gpt]"),
    );
    let says = |exit: i32, part: &str, args: &[&str], input: &str| {
        let output = run(args, input);
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        secrets.are_not_in(&args.join(" "), &said);
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
        assert!(said.contains(part), "{part}: {args:?}: {said}");
    };
    let mut refused = 0;
    for text in broken(&yaml, &secrets).iter().step_by(4) {
        let output = run(&["check", "--config", &file("broken.yaml", text)], "");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        secrets.are_not_in("check", &said);
        refused += u32::from(output.status.code() == Some(3) && said.contains("broken.yaml"));
    }
    assert!(refused >= 15, "{refused} of them were refused");

    let claims = file(
        "claims.json",
        &json!({"roles": ["basic_user"], "virtual_key": secrets.get("claim")}).to_string(),
    );
    let question = json!({"id": 1, "claims": {"roles": ["basic_user"], "virtual_key": secrets.get("claim")},
        "method": "POST", "path": CHAT, "headers": {"cookie": secrets.get("token")}, "body": {"model": "gpt"}});
    let bad = directory.path().join("policies");
    std::fs::create_dir(&bad).unwrap();
    std::fs::write(bad.join("bad.cedar"), "forbid (principal, action, resource) when { nonsense").unwrap();
    let (bad, token) = (bad.to_str().unwrap().to_owned(), secrets.get("token"));
    let key = file(
        "key.pem",
        &format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", secrets.get("password")),
    );
    let bare = file("bare.txt", secrets.get("password"));
    says(0, "the configuration is valid", &["check", "--config", &good], "");
    says(3, "bad.cedar", &["check", "--config", &good, "--policies", &bad], "");
    says(3, "key.pem", &["check", "--config", &key], "");
    says(3, "bare.txt", &["check", "--config", &bare], "");
    says(0, "permit", &["translate", "--config", &good], "");
    says(0, "Model", &["translate", "--config", &good, "--entities"], "");
    says(0, "\"allow\":true", &["decide", "--config", &good], &question.to_string());
    says(
        0,
        "\"error\"",
        &["decide", "--config", &good],
        &question.to_string()[..question.to_string().len() - 2],
    );
    says(1, "gone", &["diff", &good, &other], "");
    let explain = ["explain", "--config", good.as_str(), "--path", CHAT, "--model", "gpt"];
    says(0, "allowed", &[&explain[..], &["--claims", &claims]].concat(), "");
    says(3, "could not be asked", &[&explain[..], &["--token", token]].concat(), "");
    says(3, "could not be asked", &[&explain[..], &["--token", "-"]].concat(), token);
    says(2, "401", &[&explain[..], &["--token", &format!("{token}.{token}.{token}")]].concat(), "");
    says(3, "cannot be used with", &[&explain[..], &["--token", token, "--claims", &claims]].concat(), "");
    says(3, "unexpected argument", &[&explain[..], &["--token", token, "--bogus"]].concat(), "");
    says(3, "required", &["explain", "--config", &good, "--token", token], "");
    says(3, "contains invalid characters", &[&explain[..], &["--token", &format!("{token} x")]].concat(), "");
    says(3, "line 1", &["replay", "--config", &good, "-"], &json!({"token": token}).to_string());
    says(3, "line 1", &["replay", "--config", &good, "-"], token);
    says(3, "not", &["verify-log", &bare], "");
    says(3, "", &["test", "--config", &good, &bare], "");
    // A bundle whose URL has credentials.
    let pinned = file(
        "pinned.yaml",
        &yaml.replace("modelgate:\n", &format!("modelgate:\n  policies_key: '{}'\n", "A".repeat(43) + "=")),
    );
    let bundle = format!("http://{}/bundle.tar.gz?signature={}", nobody(), secrets.get("query"));
    says(3, "cannot be fetched", &["check", "--config", &pinned, "--policies", &bundle], "");
    let bundle = format!("http://u:{}@{}/bundle.tar.gz", secrets.get("password"), nobody());
    says(3, "the URL has a user", &["check", "--config", &pinned, "--policies", &bundle], "");
    says(3, "need `https:`", &["check", "--config", &good, "--policies", &bundle], "");
}

#[test]
fn without_keys_and_without_an_upstream_nothing_is_shown_either() {
    let mut secrets = Secrets::new(["master key", "query", "claim"]);
    let (key, master) = (Key::new(), secrets.get("master key").to_owned());
    let keys = format!("http://{}/keys?code={}", nobody(), secrets.get("query"));
    let yaml = format!(
        "general_settings:\n  master_key: {master}\n  enable_jwt_auth: true\n  \
         litellm_jwtauth: {{user_id_jwt_field: sub}}\nmodel_list: []\n"
    );
    let gate = Gate::with(&[], &yaml, |command| {
        command.env("RUST_LOG", "trace").env("JWT_PUBLIC_KEY_URL", keys);
    });
    let token = key.token(&json!({"sub": "u", "exp": in_a_while(), "virtual_key": secrets.get("claim")}));
    token.split('.').skip(1).for_each(|part| secrets.add("a part of a token", part));
    let mut said = String::new();
    for (credential, path, told) in [
        (&token, "/v1/models", (503, "keys_unavailable")),
        (&master, CHAT, (404, "model_not_found")),
        (&master, "/v1/files", (404, "unknown_route")),
    ] {
        let (method, body) = if path == CHAT { ("POST", r#"{"model": "gpt"}"#) } else { ("GET", "") };
        let answer =
            ask(gate.address, method, path, &format!("authorization: Bearer {credential}\r\n"), body);
        assert_eq!(answer.told(), (told.0, told.1.to_owned()), "{path}");
        said += &(answer.head + &answer.body);
    }
    said += &(gate.metrics() + &gate.snapshot().to_string() + &gate.stop());
    assert!(said.contains("TRACE") && said.contains("fetching keys failed"));
    secrets.are_not_in("what was said", &said);
}

#[test]
fn what_holds_secrets_does_not_show_them_in_debug_output() {
    let secrets = Secrets::new([
        "master key",
        "deployment key",
        "extra header",
        "upstream key",
        "client secret",
        "claim",
    ]);
    let yaml = config(&secrets, nobody(), nobody(), Path::new("/"));
    let parsed = Config::parse("config.yaml", &yaml, Path::new("/"), &|_| None).unwrap();
    let claims = json!({"sub": "u", "virtual_key": secrets.get("claim")});
    let verified = VerifiedClaims::dangerous_trust(claims.as_object().unwrap().clone());
    let caller = Caller::identify(&verified, parsed.jwt.as_ref());
    let file = SourceFile { path: "config.yaml".into(), content: yaml.as_bytes().into() };
    let shown = format!("{parsed:?} {verified:?} {caller:?} {file:?}");
    for part in ["gpt", "VerifiedClaims(2 claims)", "config.yaml"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    secrets.are_not_in("debug output", &shown);
}
