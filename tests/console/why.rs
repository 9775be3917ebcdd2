//! `POST /api/v1/explain`.

use serde_json::{Value, json};

use crate::process::{Gate, until};

fn texts(explained: &Value) -> Vec<&str> {
    explained["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["text"].as_str().unwrap().trim())
        .collect()
}

#[test]
fn a_denial_is_explained_with_the_lines_behind_it() {
    let gate = Gate::start("");
    let question = json!({"claims": {"roles": ["basic_user"]}, "body": {"model": "gpt"}});
    let (status, explained) = gate.post("/api/v1/explain", &question);
    assert_eq!((status, &explained["allow"], &explained["rule"]), (200, &json!(false), &json!("R2.model")));
    assert!(texts(&explained).contains(&"models: [claude]"), "{explained}");
    let question = json!({"claims": {"roles": ["basic_user"]}, "body": {"model": "claude"}});
    assert_eq!(gate.post("/api/v1/explain", &question).1["allow"], json!(true));
}

#[test]
fn a_token_is_verified_by_the_keys_in_force() {
    let gate = Gate::start("");
    let token = gate.token(&["basic_user"]);
    let ask =
        |token: &str| gate.post("/api/v1/explain", &json!({"token": token, "body": {"model": "claude"}})).1;
    assert_eq!(ask(&token)["allow"], json!(true));
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let refused = ask(&forged);
    assert_eq!((&refused["allow"], &refused["status"]), (&json!(false), &json!(401)));
    assert_eq!(ask("sk-the-master")["allow"], json!(true));
    assert_eq!(ask("sk-another")["status"], json!(401));
}

#[test]
fn a_pasted_token_is_in_no_log_and_in_no_answer() {
    let gate = Gate::start("decision_log: {file: log}");
    let token = gate.token(&["basic_user", "a-secret-role"]);
    let bodies = [
        json!({"token": token, "body": {"model": "claude"}}).to_string(),
        json!({"token": token, "nonsense": token}).to_string(),
        json!({"token": [token]}).to_string(),
        json!({"token": token, "headers": {"a b": token}}).to_string(),
        json!({"token": token, "path": "/v1/models", "time": token}).to_string(),
        json!({"token": format!("{token}é")}).to_string(),
        format!("{{\"token\": \"{token}\""),
    ];
    let payload = token.split('.').nth(1).unwrap();
    for body in &bodies {
        let answer = gate.ask("POST", "/api/v1/explain", "content-type: application/json\r\n", body);
        assert!(!answer.text().contains(payload), "{}", answer.text());
    }
    // The log is at its most verbose level. What follows is logged after what was asked before.
    gate.ask("GET", "/marker", "host: evil\r\n", "");
    gate.chat(&["basic_user"], "claude");
    until(|| {
        std::fs::read_to_string(gate.directory.path().join("log")).unwrap().contains("claude").then_some(())
    });
    let log = gate.log() + &std::fs::read_to_string(gate.directory.path().join("log")).unwrap();
    assert!(!log.contains(payload) && !log.contains("a-secret-role"), "the token was logged");
}

#[test]
fn a_recent_decision_is_explained_by_its_id() {
    let gate = Gate::start("decision_log: {file: log, replayable: true}");
    let (status, id) = gate.chat(&["basic_user"], "gpt");
    assert_eq!(status, 403);
    let (status, explained) = gate.post("/api/v1/explain", &json!({"id": id}));
    assert_eq!(
        (status, &explained["recorded"], &explained["rule"]),
        (200, &json!(false), &json!("R2.model"))
    );
    assert_eq!(explained["caller"]["roles"][0]["role"], "internal_user");
    assert!(texts(&explained).contains(&"models: [claude]"), "{explained}");
    assert_eq!(gate.post("/api/v1/explain", &json!({"id": "unknown"})).0, 404);
    assert_eq!(gate.post("/api/v1/explain", &json!({"id": id, "claims": {}})).0, 400);
}

#[test]
fn a_decision_without_its_input_is_explained_as_it_was_recorded() {
    let policy = "@id(\"nobody\") @reason(\"closed\")\nforbid (principal, action == Action::\"use_model\", resource);\n";
    let config = format!("{}modelgate: {{policies: policies}}\n", crate::process::RULES);
    let gate = Gate::with(&config, &[("nobody.cedar", policy)]);
    let (_, id) = gate.chat(&["basic_user"], "claude");
    let (_, explained) = gate.post("/api/v1/explain", &json!({"id": id}));
    assert_eq!((&explained["recorded"], &explained["allow"]), (&json!(true), &json!(false)));
    assert_eq!(explained["policies"], json!(["nobody"]));
    assert_eq!(texts(&explained), ["@id(\"nobody\") @reason(\"closed\")"]);
    assert!(!explained.to_string().contains("basic_user"), "no claim is kept");
}

#[test]
fn secrets_in_the_lines_are_replaced() {
    let policy = "@id(\"x\") permit (principal, action, resource == Model::\"claude\");";
    let config =
        crate::process::RULES.replace("  enable_jwt_auth: true", "  enable_jwt_auth: true # sk-not-a-secret");
    let gate = Gate::with(&format!("{config}modelgate: {{policies: policies}}\n"), &[("x.cedar", policy)]);
    let (_, explained) =
        gate.post("/api/v1/explain", &json!({"token": "sk-the-master", "body": {"model": "claude"}}));
    assert_eq!(explained["allow"], json!(true));
    assert!(!explained.to_string().contains("sk-the-master"), "{explained}");
    assert!(!explained.to_string().contains("sk-upstream"), "{explained}");
}
