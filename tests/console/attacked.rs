//! Hostile requests, and hostile names in rules and requests.

use serde_json::{Value, json};

use crate::process::{Gate, RULES, ask};

const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[2J\"'`";

#[test]
fn hostile_names_are_data_in_json() {
    let config = RULES.replace("models: [claude]", "models: [claude, \"<img src=x onerror=alert(1)>\"]");
    let gate = Gate::with(&format!("{config}modelgate: {{policies: policies}}\n"), &[]);
    gate.chat(&["basic_user"], HOSTILE);
    for path in ["/api/v1/decisions", "/api/v1/access", "/api/v1/sources", "/api/v1/snapshot"] {
        let answer = gate.ask("GET", path, "", "");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert!(!answer.text().contains('\u{1b}'), "{path}");
    }
    let shown = gate.get("/api/v1/decisions");
    let model = shown["decisions"][0]["models"][0].as_str().unwrap_or_default().to_owned();
    assert!(model.is_empty() || model == HOSTILE, "{shown}");
    let answer = gate.ask("GET", "/%3Cscript%3E", "", "");
    assert_eq!((answer.status(), answer.header("content-type")), (404, Some("application/json")));
    let csv = gate.ask("GET", "/api/v1/access?format=csv&model=%3DHYPERLINK(1)", "", "").text();
    assert!(csv.contains("'=HYPERLINK(1)") && !csv.contains(",=HYPERLINK"), "{csv}");
}

#[test]
fn bodies_are_limited_and_must_be_json() {
    let gate = Gate::start("");
    let json = "content-type: application/json\r\n";
    let rules = |bytes: usize| format!("{{\"config\": \"{}\"}}", "a".repeat(bytes));
    assert_eq!(gate.ask("POST", "/api/v1/check", json, &rules(5 * 1024 * 1024)).status(), 413);
    assert_eq!(gate.ask("POST", "/api/v1/explain", json, &rules(2 * 1024 * 1024)).status(), 413);
    assert_eq!(gate.ask("GET", "/api/v1/snapshot", json, "a body").status(), 413);
    let question = r#"{"claims": {}, "path": "/v1/models"}"#;
    assert_eq!(gate.ask("POST", "/api/v1/explain", "content-type: text/plain\r\n", question).status(), 415);
    assert_eq!(gate.ask("POST", "/api/v1/explain", "", question).status(), 415);
    assert_eq!(gate.ask("POST", "/api/v1/explain", json, question).status(), 200);
}

#[test]
fn nothing_that_arrives_ends_the_process() {
    let gate = Gate::start("");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!("a: {}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let anchors = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\ne: [*d, *d]\n";
    let cedar = format!(
        "forbid (principal, action, resource) when {{ {}true{} }};",
        "(".repeat(20_000),
        ")".repeat(20_000)
    );
    let rule = |condition: String| {
        let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
        json!({"config": RULES, "policies": [{"name": "a.cedar", "text": text}]}).to_string()
    };
    let schema = format!("entity X {{ a: {}String{} }};", "Set<".repeat(20_000), ">".repeat(20_000));
    // These are slow to compare, so they are only checked.
    let deep_rules = [
        rule(format!("{}true", "true && ".repeat(20_000))),
        rule(format!("{}true", "true && ".repeat(900))),
        rule(format!("{}true{}", "(".repeat(90), ")".repeat(90))),
        rule(format!("principal{} == 1", ".a".repeat(900))),
        rule(format!("{}1 == 1", "1 + ".repeat(900))),
        rule(format!("{}true", "if true then true else ".repeat(1000))),
        json!({"config": RULES, "policies": [{"name": "a.cedarschema", "text": schema}]}).to_string(),
    ];
    for body in &deep_rules {
        let answer = gate.ask("POST", "/api/v1/check", "content-type: application/json\r\n", body);
        assert!(answer.status() < 500, "{} {}", answer.status(), &body[body.len() - 200..]);
    }
    let bodies = [
        deep,
        "null".to_owned(),
        "{}".to_owned(),
        json!({"config": nested}).to_string(),
        json!({"config": anchors}).to_string(),
        json!({"config": "model_list: []", "policies": [{"name": ".cedar", "text": cedar}]}).to_string(),
        json!({"config": "model_list: []", "policies": [{"name": "a.entities.json", "text": "[[["}]}).to_string(),
        json!({"config": "\u{0}\u{feff}", "cases": "\u{0}"}).to_string(),
        json!({"claims": {}, "headers": {"a": "\n"}}).to_string(),
        json!({"claims": {"roles": {"a": {"b": [1, null]}}}, "method": "POST", "path": "/v1/chat/completions", "body": [[]]}).to_string(),
        json!({"claims": {}, "path": "/%00/../é?a=%ff", "time": "9999-12-31T23:59:59Z", "source": "::1"}).to_string(),
    ];
    for path in ["/api/v1/explain", "/api/v1/check", "/api/v1/diff", "/api/v1/test"] {
        for body in &bodies {
            let answer = gate.ask("POST", path, "content-type: application/json\r\n", body);
            assert!(answer.status() < 500, "{path} {} {}", answer.status(), &body[..body.len().min(200)]);
        }
    }
    assert_eq!(gate.ask("GET", "/health/liveness", "", "").status(), 200);
    assert!(!gate.log().contains("panicked"), "{}", gate.log());
}

#[test]
fn nothing_of_the_api_is_on_the_gateway_s_own_listener() {
    let gate = Gate::start("");
    for path in ["/api/v1/snapshot", "/api/v1/sources", "/api/v1/decisions"] {
        let status = ask(gate.gateway, "GET", path, "", "").status();
        assert!(status == 401 || status == 404, "{path} {status}");
    }
}

#[test]
fn the_description_names_every_route_and_no_other() {
    let gate = Gate::start("");
    let described = gate.get("/api/v1/openapi.json");
    let paths: Vec<&String> = described["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 10);
    for path in paths {
        let methods: &Value = &described["paths"][path];
        for method in ["get", "post"] {
            let status = gate.ask(&method.to_uppercase(), path, "", "").status();
            assert_eq!(status == 405, methods[method].is_null(), "{method} {path} {status}");
        }
    }
}
