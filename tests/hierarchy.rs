//! Policies reach every entity that operators describe. Grants and denials use the same hierarchy.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::engine::{Decision, Snapshot};
use modelgate::request::{RequestParts, classify};
use modelgate::sources::Sources;
use serde_json::{Value, json};

const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {roles_jwt_field: roles, user_id_jwt_field: sub, user_email_jwt_field: email, team_ids_jwt_field: groups, enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large]}
teams: [{team_id: red, models: [small, large], organization_id: acme}, {team_id: blue, models: [cheap]}]
model_list:
  - {model_name: small, litellm_params: {model: gpt-4o-mini}}
  - {model_name: large, litellm_params: {model: gpt-4o}, model_info: {access_groups: [gold]}}
";

const ROLES: &str = "
modelgate:
  role_permissions:
    - {role: basic, models: [small, large], deny_models: [gold]}
    - {role: viewer, models: [gold], routes: [openai_routes]}
";

/// Rules from a configuration and files, or the error.
fn load(config: &str, files: &[(&str, &str)]) -> Result<Snapshot, String> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.yaml"), config).unwrap();
    let policies = directory.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    for (name, text) in files {
        std::fs::write(policies.join(name), text).unwrap();
    }
    let sources = Sources::new(&directory.path().join("config.yaml"), Some(&policies));
    sources.load(&|_| None).map(|loaded| loaded.snapshot).map_err(|error| {
        let related = miette::Diagnostic::related(&error).into_iter().flatten();
        related.fold(error.to_string(), |text, finding| format!("{text}\n{finding}"))
    })
}

/// Rules from one policy, schema additions, and entities.
fn rules(policy: &str, schema: &str, entities: &Value) -> Snapshot {
    let entities = entities.to_string();
    let files = [("a.cedar", policy), ("a.cedarschema", schema), ("a.entities.json", entities.as_str())];
    load(CONFIG, &files).unwrap_or_else(|error| panic!("{error}\n{policy}"))
}

fn entity(ty: &str, id: &str, attributes: Value, parents: &[(&str, &str)]) -> Value {
    let parents: Vec<Value> = parents.iter().map(|(ty, id)| json!({"type": ty, "id": id})).collect();
    json!({"uid": {"type": ty, "id": id}, "attrs": attributes, "parents": parents})
}

fn refer(ty: &str, id: &str) -> Value {
    json!({"__entity": {"type": ty, "id": id}})
}

/// The decision on a chat with a model, and the rule that denies it.
fn decide(snapshot: &Snapshot, claims: Value, body: Value) -> (Option<String>, Decision) {
    let claims = claims.as_object().unwrap().clone();
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));
    let body = body.to_string();
    let (method, headers) = (Method::POST, HeaderMap::new());
    let path = "/v1/chat/completions";
    let parts = RequestParts { method: &method, path, query: None, headers: &headers, body: body.as_bytes() };
    match snapshot.decide(&caller, &classify(&parts).unwrap()) {
        Ok(decision) => (None, decision),
        Err(denied) => (Some(denied.rule.to_string()), *denied.decision),
    }
}

fn rule(snapshot: &Snapshot, claims: Value, model: &str) -> Option<String> {
    decide(snapshot, claims, json!({"model": model})).0
}

const WORLD: &str = "
entity Zone in [Zone];
entity Vendor { home?: Zone, site: { zone: Zone } } tags Zone;
entity Model in [Zone] { vendor?: Vendor, twin?: Model };
entity Team in [Zone] { home?: Zone, sister?: Team };
entity Caller in [Zone] { vendor?: Vendor, boss?: Caller };
entity Organization { home?: Zone };
";

fn world() -> Value {
    let vendor = json!({"uid": {"type": "Vendor", "id": "v"}, "parents": [], "tags": {"seat": refer("Zone", "moon")},
        "attrs": {"home": refer("Zone", "moon"), "site": {"zone": refer("Zone", "moon")}}});
    json!([
        entity("Zone", "moon", json!({}), &[("Zone", "orbit")]),
        entity("Zone", "orbit", json!({}), &[("Zone", "closed")]),
        vendor,
        entity(
            "Model",
            "large",
            json!({"vendor": refer("Vendor", "v"), "twin": refer("Model", "small")}),
            &[]
        ),
        entity("Team", "red", json!({"home": refer("Zone", "moon"), "sister": refer("Team", "blue")}), &[]),
        entity(
            "Caller",
            "https://idp#ada",
            json!({"vendor": refer("Vendor", "v"), "boss": refer("Caller", "https://idp#eve")}),
            &[]
        ),
        entity("Caller", "https://idp#eve", json!({}), &[("Zone", "closed")]),
        entity("Organization", "acme", json!({"home": refer("Zone", "moon")}), &[]),
    ])
}

#[test]
fn a_policy_reads_what_only_attributes_reach() {
    let conditions = [
        "resource has vendor && resource.vendor has home && resource.vendor.home in Zone::\"closed\"",
        "resource has vendor && resource.vendor.site.zone in Zone::\"closed\"",
        "resource has vendor && resource.vendor.hasTag(\"seat\") && resource.vendor.getTag(\"seat\") in Zone::\"closed\"",
        "resource has vendor.home && {\"zone\": resource.vendor.home}.zone in [Zone::\"none\", Zone::\"closed\"]",
        "principal has team && principal.team has home && principal.team.home in Zone::\"closed\"",
        "principal has vendor && principal.vendor has home && principal.vendor.home in Zone::\"closed\"",
        "principal has boss && principal.boss in Zone::\"closed\"",
        "Organization::\"acme\" has home && Organization::\"acme\".home in Zone::\"closed\"",
        "principal has team && principal.team has sister && !principal.team.sister.all_models",
        "resource has twin && resource.twin.name == \"small\" && resource.twin in Team::\"red\"",
        "Team::\"red\" in Organization::\"acme\" && Team::\"red\".declared",
        "resource in Organization::\"acme\"",
    ];
    let claims = || json!({"iss": "https://idp", "sub": "ada", "groups": ["red"]});
    for condition in conditions {
        let forbid =
            format!("forbid(principal, action == Action::\"use_model\", resource) when {{ {condition} }};");
        let snapshot = rules(&forbid, WORLD, &world());
        assert_eq!(rule(&snapshot, claims(), "large").as_deref(), Some("policy"), "{condition}");
        let unless =
            format!("forbid(principal, action == Action::\"use_model\", resource) unless {{ {condition} }};");
        let snapshot = rules(&unless, WORLD, &world());
        assert_eq!(rule(&snapshot, claims(), "large"), None, "{condition}");
    }
}

#[test]
fn a_policy_that_caller_and_model_share_an_entity_with_counts_once() {
    let entities = json!([
        entity("Zone", "z", json!({}), &[]),
        entity("Team", "red", json!({}), &[("Zone", "z")]),
        entity("Model", "small", json!({}), &[("Zone", "z")]),
    ]);
    let claims = || json!({"sub": "ada", "groups": ["red"]});
    // The team has both by the configuration, the zone by files.
    for group in ["Team::\"red\"", "Zone::\"z\""] {
        for condition in ["", " when { context.tools == 0 }"] {
            let scope = format!(
                "(principal in {group}, action == Action::\"use_model\", resource in {group}){condition}"
            );
            for (policy, expected) in [
                (format!("permit{scope};"), None),
                (
                    format!(
                        "permit(principal in {group}, action == Action::\"use_model\", resource){condition};"
                    ),
                    None,
                ),
                (
                    format!(
                        "forbid(principal in {group}, action == Action::\"use_model\", resource){condition};"
                    ),
                    Some("policy"),
                ),
                (format!("forbid{scope};"), Some("policy")),
                (format!("@shadow(\"\") forbid{scope};"), None),
            ] {
                let snapshot = rules(&policy, WORLD, &entities);
                assert_eq!(rule(&snapshot, claims(), "small").as_deref(), expected, "{policy}");
            }
        }
    }
}

#[test]
fn a_denial_counts_for_members_that_a_file_gives_to_roles_and_groups() {
    let config = format!("{CONFIG}{ROLES}");
    let with = |entities: Value| {
        let schema =
            "entity Team in [TokenRole]; entity AccessGroup in [AccessGroup]; entity Model in [Model];";
        let entities = entities.to_string();
        load(&config, &[("a.entities.json", entities.as_str()), ("a.cedarschema", schema)]).unwrap()
    };
    let denied = Some("deny_models".to_owned());
    let basic = || json!({"sub": "ada", "roles": ["basic"]});
    let snapshot = with(json!([]));
    assert_eq!(rule(&snapshot, basic(), "large"), denied);
    assert_eq!(rule(&snapshot, basic(), "small"), None);

    // A model in the group, in one step and in two steps.
    let snapshot = with(json!([entity("Model", "small", json!({}), &[("AccessGroup", "gold")])]));
    assert_eq!(rule(&snapshot, basic(), "small"), denied);
    let snapshot = with(json!([
        entity("Model", "small", json!({}), &[("AccessGroup", "new")]),
        entity("AccessGroup", "new", json!({}), &[("AccessGroup", "gold")])
    ]));
    assert_eq!(rule(&snapshot, basic(), "small"), denied);
    let snapshot = with(json!([entity("Model", "small", json!({}), &[("Model", "large")])]));
    assert_eq!(rule(&snapshot, basic(), "small"), denied);

    // A caller in the role: through another role, directly, or through its team.
    let snapshot = with(json!([
        entity("TokenRole", "junior", json!({}), &[("TokenRole", "basic")]),
        entity("Caller", "https://idp#eve", json!({}), &[("TokenRole", "basic")]),
        entity("Team", "red", json!({}), &[("TokenRole", "basic")])
    ]));
    for claims in [
        json!({"sub": "ada", "roles": ["junior"]}),
        json!({"iss": "https://idp", "sub": "eve"}),
        json!({"sub": "ada", "groups": ["red"]}),
    ] {
        assert_eq!(rule(&snapshot, claims.clone(), "large"), denied, "{claims}");
        assert_eq!(rule(&snapshot, claims.clone(), "small"), None, "{claims}");
    }
}

#[test]
fn what_a_file_places_in_a_group_is_in_every_list_that_names_the_group() {
    let entities = |parent: (&str, &str)| json!([entity("Model", "large", json!({}), &[parent])]);
    let claims = || json!({"sub": "ada", "groups": ["blue"]});
    let snapshot = rules("", "", &json!([]));
    assert_eq!(rule(&snapshot, claims(), "large").as_deref(), Some("R6.no_team_with_model"));
    // The team is selected by its models, and then restricts the caller to them.
    for parent in [("AccessGroup", "cheap"), ("Team", "blue")] {
        assert_eq!(rule(&rules("", "", &entities(parent)), claims(), "large"), None, "{parent:?}");
    }
    let chat = json!([entity("Route", "/v1/chat/completions", json!({}), &[("RouteGroup", "special")])]);
    let forbid = "forbid(principal, action == Action::\"call_route\", resource in RouteGroup::\"special\");";
    assert_eq!(rule(&rules(forbid, "", &chat), json!({"sub": "ada"}), "small").as_deref(), Some("policy"));
}

#[test]
fn a_policy_may_name_any_list_whoever_asks() {
    let config = format!("{CONFIG}{ROLES}");
    for list in [
        "ModelSet::\"modelgate.role_permissions[0].deny_models\"",
        "ModelSet::\"modelgate.role_permissions[1].models\"",
    ] {
        let forbid = format!("forbid(principal, action == Action::\"use_model\", resource in {list});");
        let snapshot = load(&config, &[("a.cedar", &forbid)]).unwrap();
        assert_eq!(rule(&snapshot, json!({"sub": "ada"}), "large").as_deref(), Some("policy"), "{list}");
    }
    let routes = "RouteGroup::\"modelgate.role_permissions[1].routes\"";
    let forbid = format!("forbid(principal, action == Action::\"call_route\", resource in {routes});");
    let snapshot = load(&config, &[("a.cedar", &forbid)]).unwrap();
    assert_eq!(rule(&snapshot, json!({"sub": "ada"}), "small").as_deref(), Some("policy"));
}

#[test]
fn a_route_has_a_method() {
    for condition in ["resource has method", "resource.method == \"POST\"", "resource has path"] {
        let forbid =
            format!("forbid(principal, action == Action::\"call_route\", resource) when {{ {condition} }};");
        let snapshot = load(CONFIG, &[("a.cedar", &forbid)]).unwrap();
        assert_eq!(rule(&snapshot, json!({"sub": "ada"}), "small").as_deref(), Some("policy"), "{condition}");
    }
}

#[test]
fn a_callers_entity_is_named_by_issuer_and_subject_and_by_no_other_claim() {
    let forbidden = |id: &str, claims: Value| {
        let forbid = format!("forbid(principal == Caller::\"{id}\", action, resource);");
        let snapshot = load(CONFIG, &[("a.cedar", &forbid)]).unwrap();
        rule(&snapshot, claims, "small").is_some_and(|rule| rule == "policy")
    };
    let boss = |issuer: &str| json!({"iss": issuer, "sub": "boss"});
    assert!(forbidden("https://idp#boss", boss("https://idp")));
    assert!(forbidden("#boss", json!({"sub": "boss"})));
    assert!(forbidden("https://idp%23a#boss", boss("https://idp#a")));
    assert!(forbidden("https://idp#", json!({"iss": "https://idp", "email": "boss"})));
    for claims in [
        boss("https://other"),
        boss("https://idp#"),
        json!({"sub": "boss"}),
        json!({"iss": ["https://idp"], "sub": "boss"}),
        json!({"iss": "https://idp", "sub": ["boss"]}),
        json!({"iss": "https://idp", "email": "boss"}),
        json!({"iss": "https://idp", "user_id": "boss", "client_id": "boss", "azp": "boss", "email": "boss"}),
    ] {
        assert!(!forbidden("https://idp#boss", claims.clone()), "{claims}");
        assert!(!forbidden("boss", claims.clone()), "{claims}");
        assert!(!forbidden("anybody", claims.clone()), "{claims}");
    }
}

#[test]
fn an_addition_that_redefines_a_type_is_refused_with_its_line() {
    let redefining = [
        "type Team = { id: Long };",
        "type ipaddr = String;",
        "type datetime = Long;",
        "entity decimal;",
        "entity duration;",
        "entity Circumstances;",
        "type Circumstances = { a: Long };",
        "entity Caller tags Set<Long>;",
        "entity Role enum [\"a\"];",
        "entity Caller { subject?: Long };",
        "action call_route appliesTo { principal: Caller, resource: Route };",
    ];
    for text in redefining {
        let text = format!("// Team, Caller, datetime, ipaddr\nentity Division;\n{text}\n");
        match load(CONFIG, &[("a.cedar", ""), ("b.cedarschema", &text), ("a.cedarschema", "entity Other;")]) {
            Ok(_) => panic!("accepted: {text}"),
            Err(refused) => assert!(refused.contains("b.cedarschema:3"), "{text}: {refused}"),
        }
    }
    for text in ["namespace Acme { type ipaddr = String; entity Thing; }", "entity Model tags String;"] {
        load(CONFIG, &[("b.cedarschema", text)]).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn entities_that_the_configuration_would_place_in_themselves_are_refused_with_their_line() {
    let config = format!("{CONFIG}{ROLES}")
        .replace("deny_models: [gold]}", "deny_models: [gold], inherits: [viewer]}");
    let cases = [
        ("entity Organization in [Team];", entity("Organization", "acme", json!({}), &[("Team", "red")])),
        ("entity Team in [Team];", entity("Team", "red", json!({}), &[("Team", "red")])),
        ("", entity("TokenRole", "viewer", json!({}), &[("TokenRole", "basic")])),
        ("entity AccessGroup in [Model];", entity("AccessGroup", "gold", json!({}), &[("Model", "large")])),
        ("entity Provider in [Model];", entity("Provider", "openai", json!({}), &[("Model", "openai/new")])),
        ("entity Team in [Model];", entity("Team", "red", json!({}), &[("Model", "large")])),
        (
            "entity RouteGroup in [Route];",
            entity("RouteGroup", "openai_routes", json!({}), &[("Route", "/v1/files")]),
        ),
        (
            "entity TokenRole in [Caller];",
            entity("TokenRole", "any", json!({}), &[("Caller", "https://idp#ada")]),
        ),
        (
            "entity Organization in [Caller];",
            entity("Organization", "acme", json!({}), &[("Caller", "https://idp#ada")]),
        ),
    ];
    for (schema, entity) in cases {
        let entities = format!("[\n{entity}\n]");
        match load(&config, &[("a.cedarschema", schema), ("a.entities.json", &entities)]) {
            Ok(_) => panic!("accepted: {entities}"),
            Err(refused) => assert!(refused.contains("a.entities.json:2"), "{refused}"),
        }
    }
    let family = json!([entity("Model", "small", json!({}), &[("Model", "large")])]).to_string();
    let files = [("a.cedarschema", "entity Model in [Model];"), ("a.entities.json", family.as_str())];
    load(&config, &files).unwrap();
}

#[test]
fn a_file_gives_no_caller_the_tags_of_a_token() {
    let entities = "[{\"uid\": {\"type\": \"Caller\", \"id\": \"#ada\"}, \"attrs\": {}, \"parents\": [], \"tags\": {\"department\": [\"x\"]}}]";
    let refused = load(CONFIG, &[("a.entities.json", entities)]).err();
    assert!(refused.is_some_and(|refused| refused.contains("come from its token")));
}

#[test]
fn a_shadow_policy_changes_no_answer_whatever_it_does() {
    let shadows = [
        "forbid(principal, action, resource) when { context.body_bytes + 9223372036854775807 > 0 };",
        "forbid(principal, action, resource) when { principal.admin || 9223372036854775807 + 1 > 0 };",
        "forbid(principal, action == Action::\"use_model\", resource) when { context has temperature && context.temperature.greaterThan(decimal(\"1.0\")) };",
        "forbid(principal in Team::\"red\", action == Action::\"use_model\", resource in Team::\"red\") when { context.stream };",
        "permit(principal, action, resource) when { Team::\"blue\" in Organization::\"acme\" || context == context };",
        "forbid(principal, action, resource) when { Caller::\"https://idp#eve\".admin };",
        "forbid(principal, action, resource) when { context.time < datetime(\"2026-01-01\") };",
    ];
    let claims = [json!({"sub": "ada", "groups": ["red"]}), json!({"sub": "ada", "roles": ["r"]})];
    let bodies = [
        json!({"model": "small"}),
        json!({"model": "other"}),
        // It cannot be written as a decimal.
        json!({"model": "large", "temperature": 1e300}),
    ];
    let without = load(CONFIG, &[]).unwrap();
    for shadow in shadows {
        let snapshot = load(CONFIG, &[("a.cedar", &format!("@shadow(\"\") {shadow}"))]).unwrap();
        for (claims, body) in claims.iter().flat_map(|claims| bodies.iter().map(move |body| (claims, body))) {
            let (rule, decision) = decide(&snapshot, claims.clone(), body.clone());
            let (expected, of_live) = decide(&without, claims.clone(), body.clone());
            assert_eq!((rule, decision.policies), (expected, of_live.policies), "{shadow} {claims} {body}");
        }
    }
}
