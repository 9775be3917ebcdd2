//! `check`, `explain` and `decide`: the accepted arguments, and the correctness of the output.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
    // A refused command reads no input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn explain(claims: &str, more: &[&str]) -> Output {
    let fixed = ["explain", "examples/azure-ad.yaml", "--claims", claims, "--path", "/v1/chat/completions"];
    run(&[&fixed, more].concat(), "")
}

/// The key of RFC 7517, appendix A.1.
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

#[test]
fn a_file_needs_no_flag_and_claims_may_stand_in_place() {
    assert_eq!(run(&["check", "examples/azure-ad.yaml"], "").status.code(), Some(0));
    assert_eq!(run(&["translate", "examples/azure-ad.yaml"], "").status.code(), Some(0));
    assert_eq!(run(&["check"], "").status.code(), Some(3));
    let claims = r#"{"roles": ["basic_user"]}"#;
    let output =
        run(&["explain", "examples/azure-ad.yaml", "--claims", claims, "--model", "anthropic-claude"], "");
    let told = text(&output.stdout);
    assert!(output.status.code() == Some(0) && told.contains("POST /v1/chat/completions\n"), "{output:?}");
    let output = run(&["explain", "examples/azure-ad.yaml", "--claims", "{roles}", "--model", "m"], "");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn a_denial_says_in_words_what_the_rule_means_and_where_it_is_documented() {
    let output = explain(r#"{"roles": ["basic_user"]}"#, &["--model", "openai-gpt-4o"]);
    let told = text(&output.stdout);
    let words = "the rule: a role may use the models that its entry lists, by their exact names (docs/reference/rules.md#r2)\n";
    assert!(told.contains(words), "{told}");
    let output = explain(r#"{"roles": ["basic_user"]}"#, &["--model", "openai-gpt-4o", "--format", "json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["documentation"], "docs/reference/rules.md#r2");
}

/// A policy that reads the hour and the address.
fn by_hour_and_address(directory: &Path) -> String {
    let policy = "@id(\"night\") forbid(principal, action == Action::\"use_model\", resource)
        when { context.weekday == \"sunday\" };
        @id(\"inside\") forbid(principal, action == Action::\"use_model\", resource)
        unless { context has source && context.source.isInRange(ip(\"10.0.0.0/8\")) };";
    std::fs::write(directory.join("a.cedar"), policy).unwrap();
    directory.to_str().unwrap().to_owned()
}

#[test]
fn another_hour_and_another_address_can_be_asked_about() {
    let directory = tempfile::tempdir().unwrap();
    let policies = by_hour_and_address(directory.path());
    let (sunday, monday) = ("2026-11-29T12:00:00Z", "2026-11-30T12:00:00Z");
    let explained = |time: &str, source: &str| {
        let more =
            ["--model", "anthropic-claude", "--policies", &policies, "--time", time, "--source", source];
        explain(r#"{"roles": ["basic_user"]}"#, &more).status.code()
    };
    assert_eq!(explained(monday, "10.1.2.3"), Some(0));
    assert_eq!((explained(sunday, "10.1.2.3"), explained(monday, "192.0.2.1")), (Some(2), Some(2)));
    assert_eq!(explained("yesterday", "10.1.2.3"), Some(3));

    let line = |time: &str, source: &str| {
        format!(
            r#"{{"claims": {{"roles": ["basic_user"]}}, "method": "POST", "path": "/v1/chat/completions",
            "body": {{"model": "anthropic-claude"}}, "time": "{time}", "source": "{source}"}}"#
        )
        .replace('\n', " ")
    };
    let lines = [
        line(monday, "10.1.2.3"),
        line(sunday, "10.1.2.3"),
        line(monday, "192.0.2.1"),
        line("now", "10.1.2.3"),
    ];
    let config = ["decide", "examples/azure-ad.yaml", "--policies", &policies];
    let output = run(&config, &lines.join("\n"));
    let answers: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let allowed: Vec<&Value> = answers.iter().map(|answer| &answer["allow"]).collect();
    assert_eq!(
        allowed,
        [&Value::from(true), &Value::from(false), &Value::from(false), &Value::Null],
        "{answers:?}"
    );
    assert!(answers[3]["error"].as_str().unwrap().contains("`now` is not a time such as"), "{answers:?}");
}

#[test]
fn a_field_that_decide_does_not_know_is_refused_and_a_note_is_none() {
    let line =
        |more: &str| format!(r#"{{"id": 7, "claims": {{}}, "method": "GET", "path": "/v1/models", {more}}}"#);
    let input = [line(r#""sourse": "10.0.0.1""#), line(r#""expect": {"allow": false}"#)].join("\n");
    let output = run(&["decide", "examples/azure-ad.yaml"], &input);
    let answers: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(answers[0]["error"].as_str().unwrap().contains("sourse") && answers[0]["id"] == 7, "{answers:?}");
    assert_eq!(answers[1]["allow"], false, "{answers:?}");
}

#[test]
fn a_claim_path_that_is_mistyped_is_told_with_the_nearest() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    let yaml = include_str!("../../examples/azure-ad.yaml");
    let mistyped = "user_roles_jwt_field: realm_acces.roles";
    std::fs::write(&file, yaml.replace("user_roles_jwt_field: \"roles\"", mistyped)).unwrap();
    let claims = r#"{"realm_access": {"roles": ["basic_user"]}, "resource_access": {}}"#;
    let output =
        run(&["explain", file.to_str().unwrap(), "--claims", claims, "--model", "anthropic-claude"], "");
    let told = text(&output.stdout);
    assert!(
        told.contains("absent in this token; nearest: realm_access.roles\n"),
        "{told}{}",
        text(&output.stderr)
    );
}

#[test]
fn what_is_no_token_is_told_what_to_send() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys.json");
    std::fs::write(&keys, KEYS).unwrap();
    let explain = |token: &str| {
        let output = modelgate(&["explain", "examples/azure-ad.yaml", "--token", token, "--model", "m"])
            .env("JWT_PUBLIC_KEY_URL", format!("file://{}", keys.display()))
            .output();
        text(&output.unwrap().stdout)
    };
    let told = explain("sk-1234");
    assert!(told.contains("malformed JWT: expected three base64url parts"), "{told}");
    assert!(told.contains("virtual keys of LiteLLM are not accepted here"), "{told}");
    assert!(!told.contains("sk-1234"), "{told}");
    // The claims of a refused token are shown, and cannot control the terminal.
    let payload = "eyJpc3MiOiJodHRwczovL1x1MDAxYltKIiwiYXVkIjoib3RoZXIifQ";
    let told = explain(&format!("eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.{payload}.c2lnbmF0dXJl"));
    assert!(told.contains("claim aud: \"other\"") && told.contains("\\u001b[J"), "{told}");
}

#[test]
fn nothing_that_a_caller_chose_moves_the_cursor() {
    let harmful = "\u{1b}[2Jm\u{9b}\u{202e}\u{2028}";
    let is_clean = |output: &Output| {
        let told = text(&output.stdout) + &text(&output.stderr);
        let clean = !told
            .chars()
            .any(|c| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202e}' | '\u{2028}'));
        assert!(clean, "{told:?}");
        told
    };
    let claims = serde_json::json!({"roles": ["basic_user", harmful], "sub": harmful}).to_string();
    let shown = is_clean(&explain(&claims, &["--model", "anthropic-claude"]));
    assert!(shown.contains("\\u001b[2J"), "{shown}");
    let harmful_model = "m\u{9b}2J\u{202e}";
    is_clean(&explain(&claims, &["--model", harmful_model]));
    is_clean(&explain(&claims, &["--model", "\u{202e}m", "--format", "json"]));
    is_clean(&run(&["explain", "examples/azure-ad.yaml", "--claims", harmful, "--model", "m"], ""));
    let line = serde_json::json!({"id": harmful, "claims": {}, "method": "GET", "path": harmful});
    is_clean(&run(&["decide", "examples/azure-ad.yaml"], &line.to_string()));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, "general_settings:\n  \"x\u{202e}y\u{9b}z\": 1\n").unwrap();
    let shown = is_clean(&run(&["check", file.to_str().unwrap()], ""));
    assert!(shown.contains("\\u{202e}"), "{shown}");
}

#[test]
fn an_error_in_a_policy_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let policy =
        "forbid(principal, action == Action::\"use_model\", resource) when { resource like \"claude-*\" };";
    std::fs::write(directory.path().join("a.cedar"), policy).unwrap();
    let policies = directory.path().to_str().unwrap();
    let told = text(&run(&["check", "examples/azure-ad.yaml", "--policies", policies], "").stderr);
    assert_eq!(told.matches("unexpected type").count(), 1, "{told}");
    assert!(told.contains("resource.name like"), "{told}");
}

/// The output of `check` for a file.
fn checked(yaml: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, yaml).unwrap();
    let output = run(&["check", file.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    text(&output.stdout) + &text(&output.stderr)
}

const OURS: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles}
modelgate:
  role_permissions:
    - {role: dev, models: [claude-sonnet]}
    - {role: intern, deny_models: [\"claude-*\"]}
model_list:
  - {model_name: claude-sonnet, litellm_params: {model: claude-sonnet-4-5}}
  - {model_name: gpt-4o, litellm_params: {model: gpt-4o}}
";

#[test]
fn check_says_who_may_use_what_and_where_it_goes() {
    let told = checked(OURS);
    for line in [
        "  claude-sonnet: claude-sonnet-4-5 at https://api.anthropic.com/ (anthropic)\n",
        "role permissions: enforced by the token's own roles (`modelgate.role_permissions`)\n",
        "  role `dev`: claude-sonnet\n",
        "nobody may use: gpt-4o\n",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(!told.contains("every token may use"), "{told}");
    let open = "general_settings: {enable_jwt_auth: true}\nmodel_list:\n  - {model_name: m, litellm_params: {model: gpt-4o}}\n";
    assert!(checked(open).contains(
        "not enforced: every token may use every model, except tokens with the admin scope (R5)\n"
    ));
    let teams = format!("{open}teams: [{{team_id: red, models: [m]}}]\n").replace(
        "{enable_jwt_auth: true}",
        "{enable_jwt_auth: true, litellm_jwtauth: {team_id_jwt_field: t}}",
    );
    let told = checked(&teams);
    assert!(
        told.contains("not enforced: other rules decide") && told.contains("team `red`: all, m\n"),
        "{told}"
    );
}

#[test]
fn a_listed_model_that_is_not_configured_is_warned_about() {
    let told = checked(&OURS.replace("models: [claude-sonnet]", "models: [claud-sonnet, \"gpt-*\"]"));
    assert!(told.contains("`claud-sonnet` in") && told.contains("did you mean `claude-sonnet`?"), "{told}");
    assert!(!told.contains("`gpt-*`"), "{told}");
    assert!(told.contains("warning(s), above"), "{told}");
}
