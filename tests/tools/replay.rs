//! `modelgate replay`.

use serde_json::{Value, json};

use super::{CONFIG, Folder};

/// A line of a decision log for the documented example.
fn line(id: &str, verdict: &str, rule: Option<&str>, model: &str) -> Value {
    json!({"time": "2026-11-24T12:00:00.000000Z", "request_id": id, "verdict": verdict, "status": 200, "code": null,
        "rule": rule, "reason": null, "policies": [], "shadow": [], "generation": 1, "decision_us": 90,
        "caller": {"subject": "ada", "issuer": null, "user_id": null, "role": "internal_user", "team": null, "teams": [],
            "master_key": false},
        "method": "POST", "route": "/v1/chat/completions", "models": [model],
        "input": {"claims": {"sub": "ada", "roles": ["basic_user"]}, "method": "POST", "path": "/v1/chat/completions",
            "team_header": null, "model": model, "additional_models": [],
            "model_use": {"stream": false, "max_tokens": null, "n": null, "temperature": 0.5, "tools": 1, "images": false,
                "audio": false},
            "body_bytes": 90, "source": "10.1.2.3", "time": "2026-11-24T12:00:00.000000Z"}})
}

fn folder(lines: &[Value]) -> Folder {
    let log: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Folder::new(&[("config.yaml", CONFIG), ("log.jsonl", &log)])
}

fn two() -> [Value; 2] {
    [line("a", "allowed", None, "anthropic-claude"), line("b", "denied", Some("R2.model"), "openai-gpt-4o")]
}

const REPLAY: &str = "replay log.jsonl --config config.yaml";

/// The standard output.
fn replay_output(folder: &Folder, args: &str) -> (i32, String) {
    let output = super::run_in(&folder.path("."), args);
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_rules_that_wrote_the_log_change_nothing() {
    let (code, told) = replay_output(&folder(&two()), REPLAY);
    assert_eq!((code, told.as_str()), (0, "2 decisions made again: nothing would have changed\n"));
}

#[test]
fn what_changes_is_grouped_by_what_it_has_in_common() {
    let mut lines = two().to_vec();
    lines.push(line("c", "allowed", None, "anthropic-claude"));
    // Allowed, regardless of the upstream's response at that time.
    lines.push(line("d", "failed", None, "anthropic-claude"));
    let folder = folder(&lines);
    folder.write("config.yaml", &CONFIG.replace("[\"anthropic-claude\"]", "[\"openai-gpt-4o\"]"));
    let (code, told) = replay_output(&folder, REPLAY);
    assert_eq!(code, 1);
    let models = "general_settings.role_permissions[0]";
    assert_eq!(
        told,
        format!(
            "allowed then, denied now: 3\n        3  POST /v1/chat/completions  anthropic-claude  role internal_user  \
             such as a\n           denied by R2.model\n\
             denied then, allowed now: 1\n        1  POST /v1/chat/completions  openai-gpt-4o  role internal_user  \
             such as b\n           was denied by R2.model; allowed by: {models}, {models}.models\n\
             4 decisions made again: 4 would have another answer\n"
        )
    );
}

#[test]
fn policies_see_what_the_request_used_and_when() {
    let folder = folder(&two());
    folder.write(
        "policies/a.cedar",
        "@id(\"no-tools\") forbid(principal, action == Action::\"use_model\", resource) when { context.tools > 0 &&
            context.weekday == \"tuesday\" && context has source && context.source.isInRange(ip(\"10.0.0.0/8\")) };",
    );
    let (code, told) = replay_output(&folder, &format!("{REPLAY} --policies policies --format json"));
    assert_eq!(code, 1);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["now_denied"], &told["now_allowed"], &told["other_rule"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert_eq!(told["groups"][0]["policies"], json!(["no-tools"]));
    assert_eq!(told["groups"][0]["example"], "a");
}

#[test]
fn another_rule_for_the_same_answer_is_told_and_no_change() {
    let mut lines = two();
    lines[1]["rule"] = json!("R3.scope");
    let (code, told) = replay_output(&folder(&lines), REPLAY);
    assert_eq!(code, 0);
    assert!(told.starts_with("denied then and now, by another rule: 1\n"), "{told}");
}

#[test]
fn the_master_key_is_decided_as_such() {
    let mut lines = [line("a", "allowed", None, "openai-gpt-4o")];
    lines[0]["input"]["claims"] = Value::Null;
    let folder = folder(&lines);
    let (code, said) = replay_output(&folder, REPLAY);
    assert!(code == 1 && said.contains("denied by no_master_key"), "{said}");
    folder.write(
        "config.yaml",
        &CONFIG.replace("general_settings:\n", "general_settings:\n  master_key: sk-1234\n"),
    );
    assert_eq!(replay_output(&folder, REPLAY).0, 0);
}

#[test]
fn lines_that_cannot_be_decided_again_are_counted_and_named() {
    let mut lines = vec![line("a", "allowed", None, "openai-gpt-4o"); 4];
    lines[0].as_object_mut().unwrap().remove("input");
    lines[1]["verdict"] = json!("refused");
    lines[1]["input"] = Value::Null;
    lines[2]["input"]["claims"]["roles"] = json!(["***"]);
    lines[3]["input"]["model"] = json!("x…");
    for (line, id) in lines.iter_mut().zip(["w", "x", "y", "z"]) {
        line["request_id"] = json!(id);
    }
    let (code, told) = replay_output(&folder(&lines), REPLAY);
    assert_eq!(code, 0);
    assert_eq!(
        told,
        "0 decisions made again: nothing would have changed\n\
         1 lines left out, such as w: they have no `input`: set `decision_log.replayable: true`\n\
         1 lines left out, such as x: nothing was decided, for example without a valid token\n\
         2 lines left out, such as y: the request is masked or cut\n"
    );
}

#[test]
fn what_is_no_log_ends_with_3_and_its_line() {
    let folder = folder(&two());
    let mut bad = line("c", "denied", Some("R2.model"), "m");
    bad["input"]["source"] = json!("here");
    folder.write("log.jsonl", &format!("{}\n{bad}\n", two()[0]));
    let (code, told) = folder.run(REPLAY);
    assert!(code == 3 && told.contains("line 2: `here` is not an address"), "{told}");
    folder.write("log.jsonl", "{\"time\": 1}\n");
    assert_eq!(folder.run(REPLAY).0, 3);
    assert_eq!(folder.run("replay missing.jsonl --config config.yaml").0, 3);
}
