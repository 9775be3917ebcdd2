//! `GET /api/v1/access` and `GET /api/v1/snapshot`.

use serde_json::{Value, json};

use crate::process::{Gate, RULES};

const FORBID: &str = r#"@id("night")
forbid (principal, action == Action::"use_model", resource) when { context has time && context.time < datetime("2020-01-01") };
"#;

fn gate() -> Gate {
    let config = format!("{RULES}modelgate: {{policies: policies}}\n");
    Gate::with(&config, &[("night.cedar", FORBID)])
}

#[test]
fn everybody_s_access_is_shown_with_the_conditions_and_their_lines() {
    let gate = gate();
    let shown = gate.get("/api/v1/access?role=basic_user&model=claude");
    let callers = shown["callers"].as_array().unwrap();
    assert_eq!(callers[0]["caller"]["roles"], json!(["basic_user"]));
    let routes = callers[0]["access"][0]["routes"].as_array().unwrap();
    let chat = routes.iter().find(|route| route["routes"].as_str().unwrap().starts_with("/v1/chat")).unwrap();
    assert_eq!(chat["allow"], Value::Null);
    let condition = &chat["conditions"][0];
    assert_eq!((&condition["policy"], &condition["effect"]), (&json!("night"), &json!("forbid")));
    assert!(condition["source"].as_str().unwrap().ends_with("night.cedar:1"), "{condition}");
    assert!(condition["condition"].as_str().unwrap().contains("datetime(\"2020-01-01\")"));
    let denied = gate.get("/api/v1/access?role=basic_user&model=gpt");
    let routes = denied["callers"][0]["access"][0]["routes"].as_array().unwrap();
    assert!(routes.iter().any(|route| route["allow"] == json!(false)));
}

#[test]
fn callers_come_in_pages() {
    let gate = gate();
    let all = gate.get("/api/v1/access");
    let total = usize::try_from(all["total"].as_u64().unwrap()).unwrap();
    assert_eq!(all["callers"].as_array().unwrap().len(), total);
    assert!(total > 2, "{total}");
    let second = gate.get("/api/v1/access?offset=1&limit=1");
    assert_eq!(second["callers"], json!([all["callers"][1]]));
    assert_eq!(second["total"], json!(total));
    assert_eq!(gate.get("/api/v1/access?offset=1000")["callers"], json!([]));
}

#[test]
fn csv_has_a_line_for_each_class() {
    let gate = gate();
    let answer = gate.ask("GET", "/api/v1/access?format=csv&role=basic_user", "", "");
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = answer.text();
    assert!(text.starts_with("caller,model,routes,access,conditions\n"), "{text}");
    assert!(text.lines().any(|line| line.contains(",conditional,") && line.contains("night [")), "{text}");
}

#[test]
fn wrong_parameters_are_refused() {
    let gate = gate();
    for query in
        ["limit=0", "limit=a", "limit=99999999", "format=xml", "model=", "x=1", "role=a&role=b", "offset=-1"]
    {
        let answer = gate.ask("GET", &format!("/api/v1/access?{query}"), "", "");
        assert_eq!(answer.status(), 400, "{query}");
        assert!(answer.json()["error"].is_string());
    }
    assert_eq!(gate.ask("POST", "/api/v1/access", "", "").status(), 405);
}

#[test]
fn the_snapshot_says_what_is_in_force_and_what_each_reload_changed() {
    let gate = gate();
    let before = gate.get("/api/v1/snapshot");
    assert_eq!(before["mode"], "enforce");
    assert_eq!(before["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(before["deployments"].as_array().unwrap().len(), 2);
    assert_eq!(before["keys"][0]["keys"], json!(1));
    assert_eq!(before["reloads_recent"], json!([]));
    std::fs::write(gate.directory.path().join("policies/more.cedar"), FORBID.replace("night", "day"))
        .unwrap();
    assert_eq!(gate.ask("POST", "/-/reload", "", "").status(), 200);
    std::fs::write(gate.directory.path().join("policies/more.cedar"), "forbid (").unwrap();
    assert_eq!(gate.ask("POST", "/-/reload", "", "").status(), 422);
    let after = gate.get("/api/v1/snapshot");
    let [loaded, refused] = after["reloads_recent"].as_array().unwrap().as_slice() else { panic!("{after}") };
    let changes = loaded["changes"].to_string();
    assert!(changes.contains("file added: `") && changes.contains("policy added: `day`"), "{changes}");
    assert_eq!((&loaded["outcome"], &loaded["hash"]), (&json!("loaded"), &after["hash"]));
    assert_eq!((&refused["outcome"], &refused["hash"]), (&json!("refused"), &after["hash"]));
    assert!(refused["error"].as_str().unwrap().contains("more.cedar"), "{refused}");
}
