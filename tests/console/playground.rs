//! The playground: `sources`, `check`, `diff` and `test`.

use serde_json::{Value, json};

use crate::process::{Gate, RULES};

fn rules(gate: &Gate) -> Value {
    let sources = gate.get("/api/v1/sources");
    json!({"config": sources["config"]["text"], "policies": sources["policies"]})
}

fn with_config(rules: &Value, from: &str, to: &str) -> Value {
    let text = rules["config"].as_str().unwrap();
    assert!(text.contains(from), "{text}");
    json!({"config": text.replace(from, to), "policies": rules["policies"]})
}

#[test]
fn texts_are_shown_without_secrets_and_can_be_checked_again() {
    let gate = Gate::start("admin_auth: {token: 0perator}");
    let headers = "authorization: Bearer 0perator\r\n";
    let answer = gate.ask("GET", "/api/v1/sources", headers, "");
    let text = answer.text();
    for secret in ["sk-the-master", "sk-upstream-literal", "0perator", "sk-from-the-environment"] {
        assert!(!text.contains(secret), "{text}");
    }
    let shown = answer.json();
    let config = shown["config"]["text"].as_str().unwrap();
    assert!(config.contains("master_key: \"<secret>\"") && config.contains("os.environ/GPT_KEY"), "{config}");
    let original = std::fs::read_to_string(gate.directory.path().join("config.yaml")).unwrap();
    assert_eq!(config.lines().count(), original.lines().count());
    let body = json!({"config": config, "policies": shown["policies"]}).to_string();
    for path in ["/api/v1/check", "/api/v1/diff"] {
        let answer = gate.ask("POST", path, &format!("{headers}content-type: application/json\r\n"), &body);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(answer.json()["same"].as_bool().unwrap_or(true), "{}", answer.text());
    }
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let gate = Gate::start("");
    let rules = rules(&gate);
    let (status, refused) = gate.post("/api/v1/check", &with_config(&rules, "enforce_rbac", "enforce_rbca"));
    let diagnostic = &refused["diagnostics"][0];
    assert_eq!((status, &diagnostic["line"], &diagnostic["column"]), (422, &json!(7), &json!(5)));
    assert!(diagnostic["help"].as_str().unwrap().contains("enforce_rbac"), "{refused}");
    let policy = json!([{"name": "a.cedar", "text": "\n  forbid (principal, action, resource) when { principal.nope };"}]);
    let body = json!({"config": rules["config"], "policies": policy});
    let (status, refused) = gate.post("/api/v1/check", &body);
    assert_eq!((status, &refused["diagnostics"][0]["file"]), (422, &json!("a.cedar")));
    assert_eq!(refused["diagnostics"][0]["line"], json!(2));
    for policy in [json!([{"name": "a.txt", "text": ""}]), json!([{"name": "a.cedar", "text": "permit ("}])] {
        let body = json!({"config": rules["config"], "policies": policy});
        assert_eq!(gate.post("/api/v1/check", &body).0, 422);
    }
}

#[test]
fn who_gains_and_who_loses_is_shown_and_nothing_is_changed() {
    let gate = Gate::start("");
    let rules = rules(&gate);
    assert_eq!(gate.post("/api/v1/diff", &rules).1["same"], json!(true));
    let hash = gate.get("/api/v1/snapshot")["hash"].clone();
    let wider = with_config(&rules, "models: [claude]", "models: [claude, gpt]");
    let (status, compared) = gate.post("/api/v1/diff", &wider);
    assert_eq!(status, 200);
    assert_eq!(compared["same"], json!(false));
    let change = &compared["changes"][0];
    assert_eq!(
        (&change["name"], &change["old"]["allow"], &change["new"]["allow"]),
        (&json!("gpt"), &json!(false), &json!(true))
    );
    assert_eq!(gate.get("/api/v1/snapshot")["hash"], hash);
    assert_eq!(gate.get("/api/v1/snapshot")["reloads"], json!(0));
    assert_eq!(gate.chat(&["basic_user"], "gpt").0, 403);
    let on_disk = std::fs::read_to_string(gate.directory.path().join("config.yaml")).unwrap();
    assert!(on_disk.contains("models: [claude]\n"));
}

#[test]
fn cases_run_by_the_changed_rules() {
    let gate = Gate::start("");
    let cases = "cases:\n  - note: gpt is denied\n    claims: {roles: [basic_user]}\n    request: {model: gpt}\n    expect: {allow: false}\n";
    let mut rules = rules(&gate);
    rules["cases"] = json!(cases);
    let (status, report) = gate.post("/api/v1/test", &rules);
    assert_eq!((status, &report["total"], &report["failed"]), (200, &json!(1), &json!(0)));
    let mut wider = with_config(&rules, "models: [claude]", "models: [claude, gpt]");
    wider["cases"] = json!(cases);
    let (_, report) = gate.post("/api/v1/test", &wider);
    assert_eq!((&report["failed"], &report["outcomes"][0]["passed"]), (&json!(1), &json!(false)));
    assert_eq!(report["outcomes"][0]["mismatches"][0]["what"], "allow");
    rules["cases"] = json!("cases: [");
    assert_eq!(gate.post("/api/v1/test", &rules).0, 422);
}

#[test]
fn no_variable_of_the_environment_can_be_read() {
    let gate = Gate::start("");
    let rules = rules(&gate);
    let models = "  - model_name: os.environ/GPT_KEY\n    litellm_params: {model: os.environ/GPT_KEY, api_base: os.environ/HOME}\n";
    let text = format!("{}{models}", RULES.replace("UPSTREAM", "127.0.0.1:1"));
    let cases = "cases:\n  - note: a\n    claims: {}\n    request: {model: os.environ/GPT_KEY}\n    expect: {allow: true}\n";
    let body = json!({"config": text, "policies": rules["policies"], "cases": cases});
    let home = std::env::var("HOME").unwrap_or_default();
    for path in ["/api/v1/check", "/api/v1/diff", "/api/v1/test"] {
        let (_, answer) = gate.post(path, &body);
        let answer = answer.to_string();
        assert!(!answer.contains("sk-from-the-environment"), "{answer}");
        assert!(home.len() < 4 || !answer.contains(&format!("\"{home}")), "{answer}");
    }
}

#[test]
fn no_file_of_the_machine_can_be_read() {
    let gate = Gate::start("");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.cedar"), "permit (the-content-of-a-file").unwrap();
    let rules = rules(&gate);
    let named = format!(
        "modelgate: {{invariants: '{0}', tests: ['{0}'], policies: '{0}'}}\n",
        directory.path().display()
    );
    let text = rules["config"].as_str().unwrap().split("modelgate:").next().unwrap().to_owned() + &named;
    for path in ["/api/v1/check", "/api/v1/diff", "/api/v1/test"] {
        let (status, answer) = gate.post(path, &json!({"config": text}));
        assert!(!answer.to_string().contains("the-content-of-a-file"), "{status} {answer}");
    }
}
