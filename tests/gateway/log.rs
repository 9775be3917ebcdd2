//! The content of the decision log. Logging never delays requests.

use std::path::PathBuf;

use modelgate::decision_log::{DecisionLog, Line, Verdict};
use serde_json::{Value, json};

use crate::fixture::{Fixture, MASTER_KEY, answer, bearer, in_a_while, read_message, soon};

const CHAT: &str = "/v1/chat/completions";
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;
const DENIED: &str = r#"{"model": "openai-gpt-4o"}"#;

fn file(gate: &Fixture) -> PathBuf {
    let generation = gate.gateway.active();
    generation.snapshot().config().gateway.decision_log.as_ref().unwrap().file.clone().unwrap()
}

/// A gateway that logs to a file, with additional settings of the block `decision_log`.
async fn logging(settings: &str) -> Fixture {
    let gate = Fixture::with(&format!("decision_log: {{file: log, {settings}}}")).await;
    let generation = gate.gateway.active();
    let settings = generation.snapshot().config().gateway.decision_log.as_ref().unwrap();
    gate.gateway.observers().log_to(DecisionLog::start(settings).unwrap());
    gate
}

/// The log's text, after everything so far is written.
async fn text(gate: &Fixture) -> String {
    let log = gate.gateway.observers().log().unwrap();
    assert!(log.flush(std::time::Duration::from_secs(20)).await);
    std::fs::read_to_string(file(gate)).unwrap()
}

async fn lines(gate: &Fixture) -> Vec<Line> {
    text(gate).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A chat that the upstream answers.
async fn allowed(gate: &Fixture, token: &str, body: &str) {
    let mut client = gate.chat(token, body).await;
    let (mut upstream, _) = gate.arriving().await;
    answer(&mut upstream, "hello").await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");
}

#[tokio::test]
async fn an_allowed_request_has_a_line_with_who_what_and_why() {
    let gate = logging("").await;
    let claims = json!({"sub": "ada", "iss": "https://issuer", "roles": ["basic_user"], "exp": in_a_while()});
    allowed(&gate, &gate.token_of(&claims), ALLOWED).await;
    let [line] = <[Line; 1]>::try_from(lines(&gate).await).unwrap();
    assert_eq!((line.verdict, line.status), (Verdict::Allowed, Some(200)));
    assert_eq!((&line.code, &line.rule, &line.reason), (&None, &None, &None));
    assert_eq!((line.method.as_str(), line.route.as_str()), ("POST", CHAT));
    assert_eq!(line.models, ["anthropic-claude"]);
    assert_eq!(line.generation, gate.gateway.active().snapshot().generation());
    assert!(
        line.policies.iter().any(|id| &**id == "general_settings.role_permissions[0].models"),
        "{line:?}"
    );
    assert!(line.decision_us.is_some() && line.shadow.is_empty() && line.input.is_none());
    let caller = line.caller.unwrap();
    assert_eq!((caller.subject.as_deref(), caller.issuer.as_deref()), (Some("ada"), Some("https://issuer")));
    assert_eq!((caller.role.as_deref(), caller.master_key), (Some("internal_user"), false));
}

#[tokio::test]
async fn a_denial_has_its_rule_and_the_id_that_the_caller_got() {
    let gate = logging("").await;
    let headers = bearer(&gate.token(&["basic_user"])) + "x-request-id: mine-1\r\n";
    assert_eq!(gate.refused("POST", CHAT, &headers, DENIED).await.status(), "403");
    let [line] = <[Line; 1]>::try_from(lines(&gate).await).unwrap();
    assert_eq!((line.verdict, line.status, line.request_id.as_str()), (Verdict::Denied, Some(403), "mine-1"));
    assert_eq!((line.rule.as_deref(), line.code.as_deref()), (Some("R2.model"), Some("model_not_allowed")));
}

#[tokio::test]
async fn a_refusal_has_no_caller_and_says_what_was_wrong_with_the_token() {
    let gate = logging("").await;
    let expired = gate.token_of(&json!({"sub": "u", "exp": 1}));
    gate.refused("POST", CHAT, &bearer(&expired), ALLOWED).await;
    gate.refused("POST", "/v1/../x", &bearer(MASTER_KEY), ALLOWED).await;
    let [token, path] = <[Line; 2]>::try_from(lines(&gate).await).unwrap();
    assert_eq!((token.verdict, token.status, token.caller), (Verdict::Refused, Some(401), None));
    assert_eq!((token.reason.as_deref(), token.decision_us), (Some("token_expired"), None));
    assert_eq!((path.verdict, path.status, path.reason), (Verdict::Refused, Some(400), None));
    assert!(path.caller.unwrap().master_key);
}

#[tokio::test]
async fn a_request_that_no_upstream_answers_has_failed_although_it_was_allowed() {
    let gate = logging("").await;
    let mut client = gate.chat(&gate.token(&["basic_user"]), ALLOWED).await;
    let (upstream, _) = gate.arriving().await;
    drop(upstream);
    assert_eq!(soon(read_message(&mut client)).await.status(), "502");
    let [line] = <[Line; 1]>::try_from(lines(&gate).await).unwrap();
    assert_eq!((line.verdict, line.status), (Verdict::Failed, Some(502)));
    assert_eq!(line.code.as_deref(), Some("upstream_unreachable"));
    assert!(!line.policies.is_empty());
}

#[tokio::test]
async fn a_caller_that_goes_away_is_logged_with_what_was_decided() {
    let gate = logging("").await;
    let client = gate.chat(&gate.token(&["basic_user"]), ALLOWED).await;
    let (mut upstream, _) = gate.arriving().await;
    drop(client);
    // The gateway cancels the upstream's call when it notices that the caller has disconnected.
    let mut byte = [0];
    soon(tokio::io::AsyncReadExt::read(&mut upstream, &mut byte)).await.unwrap_or_default();
    let line = soon(async {
        loop {
            if let [line] = &lines(&gate).await[..] {
                break line.clone();
            }
            tokio::task::yield_now().await;
        }
    });
    let line = line.await;
    assert_eq!((line.verdict, line.status), (Verdict::Allowed, None));
}

#[tokio::test]
async fn allowed_requests_alone_are_sampled() {
    let gate = logging("sample_allowed: 0").await;
    let token = gate.token(&["basic_user"]);
    allowed(&gate, &token, ALLOWED).await;
    gate.refused("POST", CHAT, &bearer(&token), DENIED).await;
    gate.refused("POST", CHAT, "", ALLOWED).await;
    let verdicts: Vec<_> = lines(&gate).await.iter().map(|line| (line.verdict, line.sample)).collect();
    assert_eq!(verdicts, [(Verdict::Denied, None), (Verdict::Refused, None)]);
}

#[tokio::test]
async fn a_sampled_line_says_for_how_many_it_stands() {
    let gate = logging("sample_allowed: 0.999999").await;
    allowed(&gate, &gate.token(&["basic_user"]), ALLOWED).await;
    assert!(lines(&gate).await.iter().all(|line| line.sample == Some(0.999_999)));
}

#[tokio::test]
async fn no_token_key_or_body_is_ever_logged() {
    let gate = logging("replayable: true").await;
    let mark = "s3cret";
    let claims =
        json!({"sub": "u", "roles": ["basic_user"], "exp": in_a_while(), "virtual_key": "sk-s3cret"});
    let token = gate.token_of(&claims);
    let body = r#"{"model": "anthropic-claude", "messages": [{"content": "s3cret"}], "s3cret": 1}"#;
    allowed(&gate, &token, body).await;
    let path = format!("{CHAT}?key=s3cret");
    let more = "x-private: s3cret\r\ncookie: s3cret\r\nx-request-id: sk-s3cret\r\n";
    let denied = body.replace("anthropic-claude", "openai-gpt-4o");
    assert_eq!(gate.refused("POST", &path, &(bearer(&token) + more), &denied).await.status(), "403");
    assert_eq!(gate.refused("POST", &path, &bearer("s3cret"), body).await.status(), "401");
    assert_eq!(gate.refused("POST", CHAT, &bearer("sk-s3cret"), body).await.status(), "401");
    let broken = r#"{"model": "anthropic-claude", "s3cret""#;
    assert_eq!(gate.refused("POST", CHAT, &bearer(&token), broken).await.status(), "400");
    for key in ["sk-s3cret", "%73k%2Ds3cret", &token] {
        let path = format!("/key/{key}/regenerate");
        gate.refused("POST", &path, "", "").await;
        gate.refused("POST", &path, &bearer(MASTER_KEY), r#"{"model": "sk-s3cret"}"#).await;
    }
    let text = text(&gate).await;
    assert_eq!(text.lines().count(), 11, "{text}");
    for secret in [mark, &token, MASTER_KEY, "sk-upstream"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_long_name_of_a_model_does_not_fill_the_log() {
    let gate = logging("replayable: true").await;
    let body = format!(r#"{{"model": "{}"}}"#, "m".repeat(1 << 20));
    gate.refused("POST", CHAT, &bearer(&gate.token(&["basic_user"])), &body).await;
    assert!(text(&gate).await.len() < 8 * 1024);
}

#[tokio::test]
async fn a_replayable_line_has_what_was_decided_on() {
    let gate = logging("replayable: true, mask: [input.claims.email]").await;
    let claims = json!({"sub": "u", "email": "ada@example.org", "n": [1], "exp": in_a_while()});
    let headers = bearer(&gate.token_of(&claims)) + "x-litellm-team-id: red\r\n";
    let body = r#"{"model": "a", "fallbacks": ["b"], "stream": true, "max_tokens": 5, "tools": [{}]}"#;
    assert_eq!(gate.refused("POST", "/v1/chat%2Dcompletions", &headers, body).await.status(), "403");
    let text = text(&gate).await;
    let line: Value = serde_json::from_str(text.trim()).unwrap();
    let input = line.get("input").unwrap();
    assert_eq!(input.get("claims").and_then(|claims| claims.get("email")), Some(&json!("***")));
    assert_eq!(input.pointer("/claims/n"), Some(&json!([1])));
    let expected = json!({"method": "POST", "path": "/v1/chat-completions", "team_header": "red", "model": "a",
        "additional_models": ["b"], "body_bytes": body.len()});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(input.get(field), Some(value), "{field}");
    }
    let used = json!({"stream": true, "max_tokens": 5, "n": null, "temperature": null, "tools": 1, "images": false,
        "audio": false});
    assert_eq!(input.get("model_use"), Some(&used));
}

#[tokio::test]
async fn what_waits_is_written_before_the_end() {
    let gate = logging("").await;
    gate.refused("POST", CHAT, "", ALLOWED).await;
    let path = file(&gate);
    gate.stop.send(()).unwrap();
    soon(gate.served).await.unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_sink_that_stalls_holds_up_no_request() {
    let gate = Fixture::with("decision_log: {file: pipe}").await;
    let generation = gate.gateway.active();
    let settings = generation.snapshot().config().gateway.decision_log.as_ref().unwrap();
    let pipe = settings.file.clone().unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // A process has the pipe open, and never reads.
    let _reader = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    gate.gateway.observers().log_to(DecisionLog::with_queue(settings, 2).unwrap());
    let log = gate.gateway.observers().log().unwrap();
    // A line of a refusal has about 300 bytes, and a pipe holds 64 KiB.
    let path = format!("/{}", "p".repeat(500));
    let mut answered = 0;
    while log.dropped() < 5 {
        assert_eq!(gate.refused("POST", &path, "", "").await.status(), "401");
        answered += 1;
        assert!(answered < 5_000, "the pipe never fills up");
    }
    assert_eq!(gate.refused("POST", &path, "", "").await.status(), "401");
}

#[tokio::test]
async fn what_is_not_enforced_is_logged_whatever_the_sample() {
    let gate = Fixture::with("mode: log_only, decision_log: {file: log, sample_allowed: 0}").await;
    let generation = gate.gateway.active();
    let settings = generation.snapshot().config().gateway.decision_log.as_ref().unwrap();
    gate.gateway.observers().log_to(DecisionLog::start(settings).unwrap());
    let token = gate.token(&["basic_user"]);
    allowed(&gate, &token, ALLOWED).await;
    let mut client = gate.chat(&token, DENIED).await;
    let mut upstream = gate.arriving().await.0;
    answer(&mut upstream, "hello").await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");
    gate.refused("POST", CHAT, "", ALLOWED).await;
    let [denied, refused] = <[Line; 2]>::try_from(lines(&gate).await).unwrap();
    assert_eq!((denied.verdict, denied.unenforced.as_deref()), (Verdict::Allowed, Some("R2.model")));
    assert!([&denied, &refused].iter().all(|line| line.mode.as_deref() == Some("log_only")));
}

#[tokio::test]
async fn rules_under_trial_are_compared_and_not_enforced() {
    let gate = logging("sample_allowed: 0").await;
    let path = file(&gate);
    let stricter = gate.with_policy(
        "",
        "@id(\"trial\") forbid(principal, action, resource == Model::\"anthropic-claude\");",
    );
    gate.gateway.activate(gate.generation(r#"["anthropic-claude"]"#).with_shadow(stricter));
    allowed(&gate, &gate.token(&["basic_user"]), ALLOWED).await;
    gate.refused("POST", CHAT, &bearer(&gate.token(&["basic_user"])), DENIED).await;

    assert!(gate.gateway.observers().log().unwrap().flush(std::time::Duration::from_secs(20)).await);
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shadow = lines[0].shadow_config.as_ref().unwrap();
    assert_eq!((lines[0].verdict, shadow.verdict), (Verdict::Allowed, Verdict::Denied), "never sampled away");
    assert_eq!((shadow.rule.as_deref(), &*shadow.policies[0]), (Some("policy"), "trial"));
    assert_eq!((lines[1].verdict, &lines[1].shadow_config), (Verdict::Denied, &None), "they agree");
}

#[tokio::test]
async fn no_answer_or_line_shows_what_a_caller_chose_unescaped() {
    let gate = logging("replayable: true").await;
    let subject = "u\u{85}\u{202e}\u{2028}";
    let claims = json!({"sub": subject, "roles": ["basic_user"], "exp": in_a_while()});
    let headers = bearer(&gate.token_of(&claims));
    let model = "gpt\u{202e}\u{2066}\u{200f}";
    let body = json!({ "model": model }).to_string();
    let answers = [
        gate.refused("POST", CHAT, &headers, &body).await,
        gate.refused("GET", "/v1/models/a\u{202e}", &headers, "").await,
        gate.refused("POST", &format!("{CHAT}?model={model}"), &headers, ALLOWED).await,
        gate.refused("POST", CHAT, &bearer("a.b\u{9b}"), ALLOWED).await,
    ];
    let is_shown = |c: char| c.is_control() && c != '\n' || "\u{200f}\u{2028}\u{202e}\u{2066}".contains(c);
    for answer in answers {
        assert!(!answer.body.contains(is_shown) && answer.status().starts_with('4'), "{answer:?}");
    }
    assert!(!text(&gate).await.contains(is_shown), "{}", text(&gate).await);
    let first = lines(&gate).await.into_iter().next().unwrap();
    assert_eq!(
        (first.models, first.caller.unwrap().subject.unwrap().as_str()),
        (vec![model.to_owned()], subject)
    );
}
