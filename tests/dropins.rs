//! Policy files of operators, and the examples to copy.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::engine::Snapshot;
use modelgate::request::{RequestContext, RequestParts, classify};
use modelgate::sources::Sources;
use serde_json::{Value, json};

const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {roles_jwt_field: roles, user_id_jwt_field: sub, team_ids_jwt_field: groups, enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large]}
teams: [{team_id: red, blocked: true}, {team_id: blue}]
model_list:
  - {model_name: small, litellm_params: {model: gpt-4o-mini}}
  - {model_name: large, litellm_params: {model: gpt-4o}, model_info: {access_groups: [expensive]}}
  - {model_name: extra, litellm_params: {model: o3}}
";

/// A Tuesday, 12:00 UTC.
const TUESDAY_NOON: u64 = 1_795_521_600;

fn load(files: &[(&str, &str)]) -> Result<Snapshot, String> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.yaml"), CONFIG).unwrap();
    let policies = directory.path().join("policies");
    for (name, text) in files {
        let path = policies.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let sources = Sources::new(&directory.path().join("config.yaml"), Some(&policies));
    let shown = |error: &dyn miette::Diagnostic| {
        let mut text = error.to_string();
        for finding in error.related().into_iter().flatten() {
            let help = finding.help().map(|help| format!(" | {help}")).unwrap_or_default();
            text.push_str(&format!("\n{finding}{help}"));
        }
        text.replace(&format!("{}/", policies.display()), "")
    };
    sources.load(&|_| None).map(|loaded| loaded.snapshot).map_err(|error| shown(&error))
}

fn example(name: &str) -> Snapshot {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(name)).unwrap();
    load(&[(name, &text)]).unwrap()
}

struct Ask<'a> {
    claims: Value,
    model: &'a str,
    body: Value,
    request_context: RequestContext,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(TUESDAY_NOON);
        let source = Some([10, 1, 2, 3].into());
        Self {
            claims: json!({"sub": "ada"}),
            model: "small",
            body: json!({}),
            request_context: RequestContext { time: Some(time), source },
        }
    }
}

impl Ask<'_> {
    /// The rule that denies, and the message for the caller.
    fn denied(self, snapshot: &Snapshot) -> Option<(String, String)> {
        let caller =
            snapshot.identify(&VerifiedClaims::dangerous_trust(self.claims.as_object().unwrap().clone()));
        let mut body = self.body;
        body["model"] = json!(self.model);
        let body = body.to_string();
        let (method, headers) = (Method::POST, HeaderMap::new());
        let parts = RequestParts {
            method: &method,
            path: "/v1/chat/completions",
            query: None,
            headers: &headers,
            body: body.as_bytes(),
        };
        let call = classify(&parts).unwrap().with_context(self.request_context);
        snapshot.authorize(&caller, call).err().map(|denied| (denied.rule.to_string(), denied.to_string()))
    }

    fn rule(self, snapshot: &Snapshot) -> Option<String> {
        self.denied(snapshot).map(|(rule, _)| rule)
    }
}

fn denied_by_policy(reason: &str) -> Option<(String, String)> {
    Some(("policy".to_owned(), reason.to_owned()))
}

#[test]
fn a_permit_adds_a_model() {
    let snapshot = load(&[(
        "a.cedar",
        "permit(principal, action == Action::\"use_model\", resource == Model::\"extra\");",
    )])
    .unwrap();
    assert_eq!(Ask { model: "extra", ..Ask::default() }.rule(&snapshot), None);
    assert_eq!(
        Ask { model: "extra", ..Ask::default() }.rule(&load(&[("a.cedar", "")]).unwrap()),
        Some("R2.model".to_owned())
    );
}

#[test]
fn a_permit_steps_over_no_gate() {
    let snapshot = load(&[("a.cedar", "permit(principal, action, resource);")]).unwrap();
    let claims = json!({"sub": "ada", "groups": ["red"]});
    assert_eq!(Ask { claims, ..Ask::default() }.rule(&snapshot), Some("R6.blocked".to_owned()));
}

#[test]
fn a_forbid_wins() {
    let snapshot =
        load(&[("a.cedar", "@reason(\"not today\") forbid(principal, action, resource);")]).unwrap();
    assert_eq!(Ask::default().denied(&snapshot), denied_by_policy("not today"));
}

#[test]
fn a_policy_that_fails_to_evaluate_denies() {
    let text =
        "forbid(principal, action == Action::\"use_model\", resource) when { context.max_tokens > 9 };";
    let refused = load(&[("a.cedar", text)]).unwrap_err();
    assert!(refused.contains("max_tokens"), "strict validation finds most: {refused}");

    // The addition of two huge numbers is well typed, and overflows.
    let text = "forbid(principal, action == Action::\"use_model\", resource) when { context.body_bytes + 9223372036854775807 > 0 };";
    let snapshot = load(&[("a.cedar", text)]).unwrap();
    assert_eq!(Ask::default().rule(&snapshot), Some("evaluation".to_owned()));
}

#[test]
fn without_a_time_a_policy_on_time_denies() {
    let snapshot = example("office_hours.cedar");
    let claims = json!({"sub": "ada", "roles": ["contractor"]});
    let ask = Ask { claims, request_context: RequestContext::default(), ..Ask::default() };
    assert_eq!(ask.rule(&snapshot), Some("evaluation".to_owned()));
}

#[test]
fn a_shadow_policy_is_reported_and_not_enforced() {
    let snapshot =
        load(&[("a.cedar", "@id(\"trial\") @shadow(\"since monday\") forbid(principal, action, resource);")])
            .unwrap();
    let caller = snapshot
        .identify(&VerifiedClaims::dangerous_trust(json!({"sub": "ada"}).as_object().unwrap().clone()));
    let (method, headers) = (Method::POST, HeaderMap::new());
    let body = br#"{"model": "small"}"#;
    let parts =
        RequestParts { method: &method, path: "/v1/chat/completions", query: None, headers: &headers, body };
    let permit = snapshot.authorize(&caller, classify(&parts).unwrap()).unwrap();
    assert_eq!(permit.decision().shadow.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["trial"]);
    assert!(!permit.decision().policies.iter().any(|id| &**id == "trial"));
}

#[test]
fn files_of_subdirectories_count_and_hidden_ones_do_not() {
    let forbid = "forbid(principal, action, resource);";
    let nested = load(&[("deep/er/a.cedar", forbid)]).unwrap();
    assert_eq!(Ask::default().rule(&nested), Some("policy".to_owned()));
    let hidden =
        load(&[("..data/a.cedar", forbid), (".hidden.cedar", forbid), ("notes.txt", forbid)]).unwrap();
    assert_eq!(Ask::default().rule(&hidden), None);
}

#[test]
fn a_syntax_error_has_file_and_line() {
    let refused =
        load(&[("a.cedar", "permit(principal, action, resource);\n\npermit(principal action, resource);\n")])
            .unwrap_err();
    assert!(refused.contains("a.cedar:3"), "{refused}");
}

#[test]
fn a_policy_that_does_not_fit_the_schema_has_file_and_line() {
    let text = "permit(principal, action, resource);\nforbid(principal, action, resource) when { principal.salary > 3 };\n";
    let refused = load(&[("a.cedar", text)]).unwrap_err();
    assert!(refused.contains("a.cedar:2") && refused.contains("salary"), "{refused}");
}

#[test]
fn duplicate_ids_are_refused() {
    let text =
        "@id(\"x\") permit(principal, action, resource);\n@id(\"x\") forbid(principal, action, resource);";
    let refused = load(&[("a.cedar", text)]).unwrap_err();
    assert!(refused.contains("the id `x` is taken by a.cedar:1"), "{refused}");
    let text = "@id(\"general_settings.role_permissions[0].models\") permit(principal, action, resource);";
    assert!(load(&[("a.cedar", text)]).unwrap_err().contains("taken by the configuration"));
}

#[test]
fn a_template_is_refused() {
    let refused = load(&[("a.cedar", "permit(principal == ?principal, action, resource);")]).unwrap_err();
    assert!(refused.contains("slots"), "{refused}");
}

#[test]
fn a_directory_that_is_not_there_is_refused() {
    let sources = Sources::new(Path::new("examples/azure-ad.yaml"), Some(Path::new("/nonexistent/policies")));
    let error = sources.load(&|_| None).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/policies"), "{error}");
}

#[test]
fn files_describe_models_and_teams() {
    let files = [
        ("more.cedarschema", "entity Model { tier?: String };\nentity Division;\nentity Team in [Division];"),
        (
            "org.entities.json",
            r#"[{"uid": {"type": "Model", "id": "large"}, "attrs": {"tier": "gold"}, "parents": []},
                {"uid": {"type": "Team", "id": "blue"}, "attrs": {}, "parents": [{"type": "Division", "id": "east"}]},
                {"uid": {"type": "Division", "id": "east"}, "attrs": {}, "parents": []}]"#,
        ),
        ("a.cedar", "forbid(principal, action == Action::\"use_model\", resource) when { resource has tier && resource.tier == \"gold\" };
                     forbid(principal in Division::\"east\", action == Action::\"call_route\", resource);"),
    ];
    let snapshot = load(&files).unwrap();
    assert_eq!(Ask { model: "large", ..Ask::default() }.rule(&snapshot), Some("policy".to_owned()));
    assert_eq!(Ask::default().rule(&snapshot), None);
    let claims = json!({"sub": "ada", "groups": ["blue"]});
    assert_eq!(Ask { claims, ..Ask::default() }.rule(&snapshot), Some("policy".to_owned()));
}

#[test]
fn a_bad_description_is_refused_with_its_place() {
    let cases = [
        ("x.entities.json", "[\n{\"uid\": 3}]", "x.entities.json"),
        ("x.entities.json", "[\n  nonsense]", "x.entities.json:2"),
        (
            "x.entities.json",
            "[\n{\"uid\": {\"type\": \"Model\", \"id\": \"large\"}, \"attrs\": {\"colour\": 1}, \"parents\": []}]",
            "x.entities.json:2",
        ),
        (
            "x.entities.json",
            "[{\"uid\": {\"type\": \"Team\", \"id\": \"blue\"}, \"attrs\": {\"blocked\": false}, \"parents\": []}]",
            "comes from the configuration",
        ),
        ("x.cedarschema", "entity Model { tier: String };", "write `tier?`"),
        ("x.cedarschema", "entity Model { name?: String };", "has an attribute `name` already"),
        ("x.cedarschema", "entity Model {\n tier? String };", "x.cedarschema:2"),
        (
            "x.cedarschema",
            "action use_model appliesTo { principal: Caller, resource: Model };",
            "declared already",
        ),
    ];
    for (name, text, expected) in cases {
        match load(&[(name, text)]) {
            Ok(_) => panic!("accepted: {text}"),
            Err(refused) => assert!(refused.contains(expected), "{refused}"),
        }
    }
}

#[test]
fn contractors_keep_office_hours() {
    let snapshot = example("office_hours.cedar");
    let at = |seconds: u64, role: &str| {
        let time = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let request_context = RequestContext { time, source: None };
        Ask { claims: json!({"sub": "ada", "roles": [role]}), request_context, ..Ask::default() }
            .denied(&snapshot)
    };
    let hour = 3600;
    assert_eq!(at(TUESDAY_NOON, "contractor"), None);
    for closed in [TUESDAY_NOON - 5 * hour, TUESDAY_NOON + 6 * hour, TUESDAY_NOON + 4 * 24 * hour] {
        assert_eq!(
            at(closed, "contractor"),
            denied_by_policy("contractors may use models on working days from 08:00 to 18:00 UTC")
        );
        assert_eq!(at(closed, "employee"), None);
    }
}

#[test]
fn expensive_models_are_for_research() {
    let snapshot = example("expensive_models.cedar");
    let ask = |claims: Value, model: &'static str| Ask { claims, model, ..Ask::default() }.denied(&snapshot);
    assert_eq!(ask(json!({"sub": "ada", "department": "research"}), "large"), None);
    assert_eq!(
        ask(json!({"sub": "ada", "department": "sales"}), "large"),
        denied_by_policy("this model is for the research department")
    );
    assert_eq!(ask(json!({"sub": "ada"}), "small"), None);
}

#[test]
fn contractors_offer_no_tools() {
    let snapshot = example("no_tools_for_contractors.cedar");
    let ask = |role: &str, body: Value| {
        Ask { claims: json!({"sub": "ada", "roles": role}), body, ..Ask::default() }.denied(&snapshot)
    };
    let tools = json!({"tools": [{"type": "function", "function": {"name": "f"}}]});
    assert_eq!(
        ask("contractor", tools.clone()),
        denied_by_policy("contractors may not offer tools to a model")
    );
    assert_eq!(ask("contractor", json!({"tools": []})), None);
    assert_eq!(ask("employee", tools), None);
}

#[test]
fn requests_come_from_the_companys_networks() {
    let snapshot = example("address_range.cedar");
    let from = |source: Option<&str>| {
        let source = source.map(|ip| ip.parse().unwrap());
        let request_context = RequestContext { source, ..Ask::default().request_context };
        Ask { request_context, ..Ask::default() }.denied(&snapshot)
    };
    for inside in ["10.9.8.7", "127.0.0.1", "::1"] {
        assert_eq!(from(Some(inside)), None, "{inside}");
    }
    for outside in [Some("11.0.0.1"), Some("2001:db8::1"), None] {
        assert_eq!(
            from(outside),
            denied_by_policy("this gateway is open to the company's networks only"),
            "{outside:?}"
        );
    }
}

#[test]
fn answers_are_limited_in_tokens() {
    let snapshot = example("token_limit.cedar");
    let ask = |body: Value| Ask { body, ..Ask::default() }.denied(&snapshot);
    assert_eq!(ask(json!({"max_tokens": 4096})), None);
    assert_eq!(ask(json!({"max_completion_tokens": 10})), None);
    for body in
        [json!({}), json!({"max_tokens": 4097}), json!({"max_tokens": 1, "max_completion_tokens": 5000})]
    {
        assert_eq!(ask(body), denied_by_policy("set max_tokens to at most 4096"));
    }
}

#[test]
fn on_call_may_break_the_glass_until_the_day_ends() {
    let snapshot = example("break_glass.cedar");
    let at = |time: u64, role: &str| {
        let request_context =
            RequestContext { time: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(time)), source: None };
        Ask {
            claims: json!({"sub": "ada", "roles": role}),
            model: "extra",
            request_context,
            ..Ask::default()
        }
        .rule(&snapshot)
    };
    assert_eq!(at(TUESDAY_NOON, "on-call"), None);
    assert_eq!(at(TUESDAY_NOON, "employee"), Some("R2.model".to_owned()));
    assert_eq!(at(TUESDAY_NOON + 30 * 24 * 3600, "on-call"), Some("R2.model".to_owned()));
}
