//! The command as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn modelgate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    for name in ["JWT_PUBLIC_KEY_URL", "JWT_AUDIENCE", "JWT_ISSUER", "LITELLM_MASTER_KEY"] {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str], input: &str) -> Output {
    let mut child =
        modelgate(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn both_examples_are_valid() {
    for example in ["examples/azure-ad.yaml", "examples/keycloak.yaml"] {
        let output = run(&["check", "--config", example], "");
        assert_eq!(output.status.code(), Some(0), "{example}");
        assert!(text(&output.stdout).contains("role internal_user: 1 model(s)"), "{output:?}");
    }
}

#[test]
fn a_bad_file_exits_with_3_and_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.yaml");
    std::fs::write(&file, "general_settings:\n  enforce_rbac: true\n  enforce_rbac: false\n").unwrap();
    let output = run(&["check", "--config", file.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("bad.yaml:3:3"), "{}", text(&output.stderr));
}

#[test]
fn unknown_arguments_exit_with_3_and_help_with_0() {
    assert_eq!(run(&["chekc"], "").status.code(), Some(3));
    let help = run(&["--help"], "");
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Exit codes"));
}

#[test]
fn serving_without_keys_is_refused() {
    let output = run(
        &["serve", "--config", "examples/azure-ad.yaml", "--listen", "127.0.0.1:0", "--admin", "off"],
        "",
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("JWT_PUBLIC_KEY_URL"));
}

#[test]
fn check_says_whose_tokens_are_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    let yaml = "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth:\n    issuers:\n      \
                - {issuer: 'https://a', audience: [x, z]}\n      - {issuer: 'https://b', jwks_url: 'https://k', \
                disable_audience_validation: true}\nmodelgate:\n  introspection: {endpoint: 'https://i', client_id: c, \
                client_secret: hidden}\n";
    std::fs::write(&file, yaml).unwrap();
    let output = modelgate(&["check", "--config", file.to_str().unwrap()])
        .envs([("JWT_ISSUER", "https://g"), ("JWT_AUDIENCE", "y"), ("JWT_PUBLIC_KEY_URL", "https://g/k")])
        .output()
        .unwrap();
    let said = text(&output.stdout);
    for line in [
        "tokens of https://a: audience x or z, keys: https://a/.well-known/openid-configuration\n",
        "tokens of https://b: audience any, keys: https://k/\n",
        "tokens of https://g: audience y, keys: https://g/k\n",
        "opaque tokens: by introspection at https://i/\n",
        "ids at upstreams (files, responses, assistants, …): all callers behind one key share them, so each can read what others created, and lists show all of them",
        "no warnings",
    ] {
        assert!(said.contains(line), "{line}{output:?}");
    }
    assert!(!said.contains("hidden"));
    std::fs::write(&file, yaml.to_owned() + "  references: remember\n").unwrap();
    let output = modelgate(&["check", "--config", file.to_str().unwrap()])
        .envs([("JWT_ISSUER", "https://g"), ("JWT_AUDIENCE", "y"), ("JWT_PUBLIC_KEY_URL", "https://g/k")])
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(
        said.contains("only the caller who created an id may use it; lists show a caller only its own ids"),
        "{said}"
    );
    assert!(!said.contains("share them"), "{said}");
}

#[test]
fn check_says_which_proxies_may_ask_and_what_is_not_judged() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    let check = |modelgate: &str| {
        let yaml =
            format!("general_settings: {{master_key: sk-1}}\nmodel_list: []\nmodelgate: {{{modelgate}}}\n");
        std::fs::write(&file, yaml).unwrap();
        text(&run(&["check", "--config", file.to_str().unwrap()], "").stdout)
    };
    let said = check("forward_auth: {listen: '127.0.0.1:4002', without_body: url}");
    assert!(said.contains("forward-auth on 127.0.0.1:4002, for this machine: judges"), "{said}");
    assert!(said.contains("nobody judges other models in the body"), "{said}");
    let said = check("ext_authz: {listen: '127.0.0.1:4003'}, trusted_proxies: [10.0.0.0/8]");
    assert!(said.contains("ext_authz on 127.0.0.1:4003, for 10.0.0.0/8\n"), "{said}");
    let said = check("authzen: {listen: '127.0.0.1:4004', bearer: s3cret}");
    assert!(
        said.contains("AuthZEN on 127.0.0.1:4004, for holders of its bearer, who say who a caller is\n"),
        "{said}"
    );
    assert!(!check("listen: '127.0.0.1:4000'").contains("for this machine"));
}

#[test]
fn serving_begins_to_fetch_keys_and_does_not_wait_for_them() {
    // A provider that accepts the request and never responds.
    let provider = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let keys = format!("http://{}/keys", provider.local_addr().unwrap());
    let (asked, ask) = std::sync::mpsc::channel();
    std::thread::spawn(move || asked.send(provider.accept()));

    let mut serve = modelgate(&[
        "serve",
        "--config",
        "examples/azure-ad.yaml",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "off",
    ]);
    let serve = serve.env("JWT_PUBLIC_KEY_URL", keys).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut serve = Running(serve.spawn().unwrap());
    let connection =
        ask.recv_timeout(std::time::Duration::from_secs(20)).expect("nobody asks for keys").unwrap();
    let mut lines = BufReader::new(serve.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned())).unwrap();
    let answer = send(&address, "GET", "/health/readiness", None, "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(connection);
}

#[test]
fn an_admin_port_that_is_taken_exits_with_3_and_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = modelgate(&["serve", "--config", "examples/azure-ad.yaml", "--listen", "127.0.0.1:0"])
        .args(["--admin", &address])
        .env("JWT_PUBLIC_KEY_URL", "http://127.0.0.1:9/keys")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("the admin listener: cannot listen on `{address}`")), "{said}");
}

#[test]
fn a_hangup_reloads_and_does_not_end_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, "general_settings: {master_key: sk-1}\nmodel_list: []\n").unwrap();
    let child = modelgate(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut serve = Running(child.unwrap());
    let mut lines = BufReader::new(serve.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut after = |text: &str| {
        lines.find_map(|line| Some(line.split_once(text)?.1.to_owned())).expect("it says so before it ends")
    };
    let admin = after("the admin listener is on http://");
    let address = after("listening on http://");
    let hang_up =
        || Command::new("sh").args(["-c", &format!("kill -HUP {}", serve.0.id())]).status().unwrap();
    assert!(hang_up().success());
    assert!(after("reloaded at SIGHUP").contains("Unchanged"));

    let next = "general_settings: {master_key: sk-2}\nmodel_list: []\n";
    std::fs::write(&file, next).unwrap();
    after("new rules are active");
    assert!(send(&address, "GET", "/v1/models", Some("sk-1"), "").starts_with("HTTP/1.1 401"));
    assert!(send(&address, "GET", "/v1/models", Some("sk-2"), "").starts_with("HTTP/1.1 200"));

    std::fs::write(&file, "general_settings: {master_key: [}\n").unwrap();
    after("the old rules stay active");
    let report = send(&admin, "GET", "/health/readiness?verbose", None, "");
    assert!(report.contains("config.yaml") && report.contains("\"last_error\":{"), "{report}");
    assert!(send(&address, "GET", "/v1/models", Some("sk-2"), "").starts_with("HTTP/1.1 200"));
}

#[test]
fn the_translation_is_cedar_and_the_same_each_time() {
    let translate = || text(&run(&["translate", "--config", "examples/azure-ad.yaml"], "").stdout);
    let policies: cedar_policy::PolicySet = translate().parse().unwrap();
    let schema = run(&["translate", "--config", "examples/azure-ad.yaml", "--schema"], "");
    let (schema, _) = cedar_policy::Schema::from_cedarschema_str(&text(&schema.stdout)).unwrap();
    let outcome =
        cedar_policy::Validator::new(schema).validate(&policies, cedar_policy::ValidationMode::Strict);
    assert!(outcome.validation_passed());
    assert_eq!(translate(), translate());
    assert!(translate().contains("@source(\"examples/azure-ad.yaml:"));
}

#[test]
fn the_entities_fit_the_schema() {
    let output = run(&["translate", "--config", "examples/azure-ad.yaml", "--entities"], "");
    let (schema, _) = cedar_policy::Schema::from_cedarschema_str(modelgate::translate::SCHEMA).unwrap();
    let entities = cedar_policy::Entities::from_json_str(&text(&output.stdout), Some(&schema)).unwrap();
    assert_eq!(entities.iter().filter(|entity| entity.uid().type_name().to_string() == "Model").count(), 2);
}

#[test]
fn decisions_come_in_order_and_a_bad_line_stops_nothing() {
    let input = r#"{"id": 1, "claims": {"roles": ["basic_user"]}, "method": "POST", "path": "/v1/chat/completions", "body": {"model": "anthropic-claude"}}
{"id": 2, "claims": {"roles": ["basic_user"]}, "method": "POST", "path": "/v1/chat/completions", "body": {"model": "openai-gpt-4o"}}
{"id": 3, "claims": {}, "method": "POST"}
not json
{"id": 4, "claims": {}, "method": "POST", "path": "/v1/chat/completions", "body": {"model": "anthropic-claude"}}
{"id": 5, "claims": {}, "method": "POST", "path": "/v1/chat/completions", "body": "{\"model\": \"a\", \"model\": \"b\"}"}
"#;
    let output = run(&["decide", "--config", "examples/azure-ad.yaml"], input);
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at =
        |line: usize, key: &str| lines.get(line).and_then(|line| line.get(key)).cloned().unwrap_or_default();
    assert_eq!(lines.len(), 6);
    assert_eq!(
        (at(0, "allow"), at(0, "status"), at(0, "role")),
        (true.into(), 200.into(), "internal_user".into())
    );
    assert_eq!(
        at(0, "policies"),
        serde_json::json!([
            "general_settings.role_permissions[0]",
            "general_settings.role_permissions[0].models"
        ])
    );
    assert_eq!(
        (at(1, "allow"), at(1, "status"), at(1, "rule")),
        (false.into(), 403.into(), "R2.model".into())
    );
    assert!(at(2, "id") == 3 && at(2, "error").is_string());
    assert!(at(3, "id").is_null() && at(3, "error").is_string());
    assert_eq!(at(4, "rule"), Value::from("R2.unmatched"));
    assert_eq!(at(5, "status"), Value::from(400));
}

/// A server process, killed by its process id.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // This fails if the process has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends the request of a `curl` line of the demo over a plain socket.
fn send(address: &str, method: &str, path: &str, token: Option<&str>, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{bearer}content-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_the_demo_prints_does_what_it_says() {
    let child =
        modelgate(&["demo", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut demo = Running(child.unwrap());
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let printed: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("# 8.")).collect();
    let after = |beginning: &str| {
        printed.iter().find_map(|line| line.strip_prefix(beginning)).expect("a printed line")
    };
    let (token, other) = (after("export TOKEN="), after("export OTHER_TOKEN="));
    let address = after("# modelgate runs examples/azure-ad.yaml on http://");
    let bodies: Vec<&str> =
        printed.iter().filter_map(|line| line.trim().strip_prefix("-d '")?.strip_suffix('\'')).collect();
    let [allowed, denied, streamed] = bodies.as_slice() else { panic!("{bodies:?}") };

    let chat = |body| send(address, "POST", "/v1/chat/completions", Some(token), body);
    assert!(chat(allowed).contains("Hello from behind the gate."));
    assert!(chat(denied).starts_with("HTTP/1.1 403"));
    assert!(chat(streamed).contains("data: [DONE]"));
    let models = send(address, "GET", "/v1/models", Some(token), "");
    assert!(models.contains("anthropic-claude") && !models.contains("openai-gpt-4o"), "{models}");
    assert!(send(address, "GET", "/v1/models", Some(other), "").starts_with("HTTP/1.1 403"));
    assert!(send(address, "GET", "/v1/models", None, "").starts_with("HTTP/1.1 401"));

    // Runs the lines that change a policy in a shell.
    let edits: Vec<&String> = printed.iter().filter(|line| line.starts_with("echo ")).collect();
    let [closing, breaking] = edits.as_slice() else { panic!("{edits:?}") };
    let shell = |line: &str| assert!(Command::new("sh").args(["-c", line]).status().unwrap().success());
    shell(closing);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !chat(allowed).contains("closed by hand") {
        assert!(Instant::now() < deadline, "the new policy does not count");
    }
    shell(breaking);
    assert!(chat(allowed).contains("closed by hand"));
}

fn explain(claims: &str, more: &[&str]) -> Output {
    let fixed =
        ["explain", "--config", "examples/azure-ad.yaml", "--claims", "-", "--path", "/v1/chat/completions"];
    run(&[&fixed, more].concat(), claims)
}

#[test]
fn a_denial_is_explained_with_the_line_that_denies() {
    let output = explain(r#"{"roles": ["basic_user"]}"#, &["--model", "openai-gpt-4o"]);
    assert_eq!(output.status.code(), Some(2));
    let report = text(&output.stdout);
    for part in [
        "denied (403, R2.model)",
        "the token has the role `basic_user`, which is allowed",
        "NO  model openai-gpt-4o: general_settings.role_permissions[0].models  [examples/azure-ad.yaml:15]",
        "to allow it: list the model under `models`",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
}

#[test]
fn an_allowed_request_is_explained_for_machines() {
    let output =
        explain(r#"{"roles": ["basic_user"]}"#, &["--model", "anthropic-claude", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let decided = ["general_settings.role_permissions[0]", "general_settings.role_permissions[0].models"];
    assert_eq!(report["policies"], serde_json::json!(decided));
    assert_eq!(report["caller"]["roles"][0]["source"], "examples/azure-ad.yaml:11");
    assert!(report["checks"].as_array().unwrap().iter().all(|check| check["holds"] == false), "{report}");
}

#[test]
fn a_closed_gate_is_explained() {
    let output = explain(
        r#"{"roles": ["basic_user"], "_claim_names": {"roles": "src1"}}"#,
        &["--model", "anthropic-claude"],
    );
    assert!(text(&output.stdout).contains("NO  route: overage:"), "{output:?}");
}

/// The key of RFC 7517, appendix A.1.
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

#[test]
fn a_refused_token_is_explained_by_the_check_that_failed() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys.json");
    std::fs::write(&keys, KEYS).unwrap();
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
    let output = modelgate(&[
        "explain",
        "--config",
        "examples/azure-ad.yaml",
        "--token",
        token,
        "--path",
        "/v1/models",
    ])
    .env("JWT_PUBLIC_KEY_URL", format!("file://{}", keys.display()))
    .output()
    .unwrap();
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        report.starts_with("denied (401, token_unknown_key): no key is known for key id `k1`"),
        "{report}"
    );
    assert!(!report.contains("c2lnbmF0dXJl"), "the signature is never shown");
}

#[test]
fn an_opaque_token_is_explained_by_what_its_provider_says() {
    let provider = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = provider.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = provider.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let known =
            lines.by_ref().take_while(|line| !line.is_empty()).any(|line| line.contains("Bearer opaque-1"));
        let body = format!(r#"{{"sub": "u", "roles": ["{}"]}}"#, if known { "basic_user" } else { "" });
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    let yaml = std::fs::read_to_string("examples/azure-ad.yaml").unwrap();
    let more = format!(
        "litellm_jwtauth:\n    oidc_userinfo_enabled: true\n    oidc_userinfo_endpoint: 'http://{endpoint}/me'\n"
    );
    std::fs::write(&file, yaml.replace("litellm_jwtauth:\n", &more)).unwrap();
    let config = file.to_str().unwrap();
    let output = run(&["explain", "--config", config, "--token", "opaque-1", "--path", "/v1/models"], "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("the token has the role `basic_user`"), "{output:?}");
}

#[test]
fn an_empty_policy_directory_is_warned_about() {
    let directory = tempfile::tempdir().unwrap();
    let policies = directory.path().to_str().unwrap();
    let output = run(&["check", "--config", "examples/azure-ad.yaml", "--policies", policies], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("there is no policy in"), "{}", text(&output.stderr));
}

/// A decision log of two lines with a chain, made with `sha256sum`'s idea of SHA-256.
fn chained_log(directory: &std::path::Path) -> String {
    let mut log = String::new();
    let mut prev = "0".repeat(64);
    for id in ["a", "b"] {
        let line = format!(r#"{{"request_id":"{id}","prev":"{prev}""#);
        let mut child =
            Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        prev = text(&child.wait_with_output().unwrap().stdout).split(' ').next().unwrap().to_owned();
        log += &format!("{line},\"hash\":\"{prev}\"}}\n");
    }
    std::fs::write(directory.join("log"), &log).unwrap();
    log
}

fn verify_log(file: &std::path::Path) -> (Option<i32>, String) {
    let output = run(&["verify-log", file.to_str().unwrap()], "");
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn an_intact_log_verifies_and_a_changed_one_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let (file, log) = (directory.path().join("log"), chained_log(directory.path()));
    let (code, said) = verify_log(&file);
    assert!(code == Some(0) && said.contains("intact: 2 lines, the last hash is "), "{said}");

    std::fs::write(&file, log.replace("\"b\"", "\"c\"")).unwrap();
    let (code, said) = verify_log(&file);
    assert!(code == Some(2) && said.contains("log:2: the line was changed"), "{said}");

    let second = log.lines().nth(1).unwrap();
    std::fs::write(&file, format!("{second}\n{second}\n")).unwrap();
    let (code, said) = verify_log(&file);
    assert!(code == Some(2) && said.contains("log:2: the line does not follow the one before"), "{said}");
}

#[test]
fn what_is_no_chained_log_is_invalid() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log");
    assert_eq!(verify_log(&file).0, Some(3), "there is no file");
    for content in ["", "{}\n", "text"] {
        std::fs::write(&file, content).unwrap();
        assert_eq!(verify_log(&file).0, Some(3), "{content}");
    }
}

#[test]
fn check_sorts_what_has_no_effect_and_says_where_models_go() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    let yaml = "model_list:\n  - {model_name: a, litellm_params: {model: gpt-4o, api_key: k}}\n  - {model_name: b, \
                litellm_params: {model: bedrock/x}}\nlitellm_settings: {drop_params: true, set_verbose: true}\nrouter_settings: \
                {model_group_alias: {fast: a}}\nmodelgate: {upstream: {api_base: 'http://litellm:4000'}}\n";
    std::fs::write(&file, yaml).unwrap();
    let file = file.to_str().unwrap();
    let said = text(&run(&["check", "--config", file], "").stdout);
    for line in [
        "  a: gpt-4o at https://api.openai.com/v1 (openai)\n",
        "  fast: gpt-4o at https://api.openai.com/v1 (openai)\n",
        "  b: to http://litellm:4000 (modelgate.upstream)\n",
        "everything else goes to http://litellm:4000 (modelgate.upstream); ",
        "`modelgate.upstream.for: all` sends those above there, too\n",
        "alias fast: opens a to those who may use `fast`\n",
        "ignored (changes answers): litellm_settings.drop_params, line 4: parameters are forwarded as they are\n",
        "ignored (harmless): litellm_settings.set_verbose\n",
    ] {
        assert!(said.contains(line), "{line}{said}");
    }
    let json: Value =
        serde_json::from_slice(&run(&["check", "--config", file, "--format", "json"], "").stdout).unwrap();
    assert_eq!(
        (&json["valid"], &json["ignored"][0]["kind"]),
        (&Value::Bool(true), &"ignored (changes answers)".into())
    );
    assert_eq!(json["models"][2]["alias_of"], "a");

    std::fs::write(file, "guardrails: [{guardrail_name: g, litellm_params: {default_on: true}}]\n").unwrap();
    let output = run(&["check", "--config", file, "--format", "json"], "");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["valid"]), (Some(3), &Value::Bool(false)));
    assert_eq!(json["problems"][0]["kind"], "refused (would allow more)");
    assert_eq!(json["problems"][0]["line"], 1);
}
