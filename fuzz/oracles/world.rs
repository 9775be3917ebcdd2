//! Policies decide as plain Cedar does when it gets every entity and all policies at once.
//!
//! Each byte of an input makes one choice: first for schema additions, then for entities of operators, policies, the
//! configuration, and requests. If an input ends early, every remaining choice takes the first option.

#[path = "world/entities.rs"]
mod entities;
#[path = "world/naive.rs"]
mod naive;
#[path = "world/plain.rs"]
mod plain;
#[path = "world/policies.rs"]
mod policies;

use std::collections::BTreeSet;

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::gateway::internal;
use modelgate::request::{RequestContext, RequestParts, classify};
use serde_json::{Map, Value, json};

use crate::choices::Choices;
use naive::Naive;

/// Whether the request is allowed (`None` if a policy fails to evaluate), the policies that decide, and the shadow
/// policies that would change the decision.
type Outcome = (Option<bool>, BTreeSet<String>, BTreeSet<String>);

pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    let settings = Settings::choose(&mut choices);
    let additions = entities::Additions::choose(&mut choices);
    let count = 1 + choices.below(8);
    let text: Vec<String> =
        (0..count).map(|number| policies::policy(&mut choices, &additions, number)).collect();
    let text = text.join("\n");
    let files = [
        ("a.cedar", text.as_str()),
        ("a.cedarschema", additions.schema.as_str()),
        ("a.entities.json", additions.json.as_str()),
    ];
    let dropins = internal::dropins(&files).expect("files that can be parsed");
    let config = Config::parse("fuzz.json", &settings.config().to_string(), ".".as_ref(), &|_| None)
        .expect("a valid configuration");
    // Strict validation refuses some policies, and cycles of entities are refused.
    let Ok(snapshot) = Snapshot::with_policies(config, &dropins) else { return };
    let naive = Naive::new(&settings, &additions, &snapshot);
    let mut asked = Asked::choose(&mut choices);
    for _ in 0..6 {
        let expected = naive.decide(&asked);
        for round in 0..2 {
            let decided = decide(&snapshot, &asked);
            assert_eq!(
                decided, expected,
                "round {round}\n{asked:?}\n{settings:?}\n{text}\n{}\n{}",
                additions.schema, additions.json
            );
        }
        // Requests that differ little are the ones that could share a cached answer by mistake.
        if choices.below(4) == 0 {
            asked = Asked::choose(&mut choices);
        } else {
            asked.vary(&mut choices);
        }
    }
}

/// The settings of a configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) team_claim: bool,
    pub(crate) scopes: bool,
    pub(crate) token_roles: bool,
    pub(crate) team_routes: bool,
}

pub(crate) const PERMISSIONS: &str = "general_settings.role_permissions";
pub(crate) const TOKEN_ROLES: &str = "modelgate.role_permissions";
/// The models and routes of each LiteLLM role, in the order of the list.
pub(crate) const ROLES: [(&str, &[&str], &[&str]); 2] =
    [("internal_user", &["small", "large"], &["openai_routes"]), ("team", &["small", "extra"], &["/custom"])];
/// A role by the token's own name: its models, denied models, routes, and the roles that it inherits from.
type TokenRole = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    Option<&'static [&'static str]>,
    &'static [&'static str],
);
pub(crate) const BY_TOKEN: [TokenRole; 3] = [
    ("base", &["small", "cheap"], &["gold", "ext*"], None, &[]),
    ("dev", &["*"], &[], Some(&["openai_routes"]), &["base"]),
    ("ops", &["gold"], &["cheap"], Some(&["/custom", "info_routes"]), &[]),
];
/// The teams: their models, their organization, and whether they are blocked.
pub(crate) const TEAMS: [(&str, &[&str], Option<&str>, bool); 3] = [
    ("red", &["small", "gold"], Some("acme"), false),
    ("blue", &["ext*"], Some("other"), false),
    ("grey", &[], None, true),
];
pub(crate) const SCOPES: [(&str, &[&str]); 2] = [("s.one", &["small", "extra"]), ("s.two", &["large"])];
/// The models with their access groups.
pub(crate) const MODELS: [(&str, &[&str]); 3] = [("small", &["cheap"]), ("large", &["gold"]), ("extra", &[])];

impl Settings {
    fn choose(choices: &mut Choices<'_>) -> Self {
        Self {
            team_claim: choices.yes(),
            scopes: choices.below(4) == 3,
            token_roles: choices.yes(),
            team_routes: choices.below(4) == 3,
        }
    }

    fn config(&self) -> Value {
        let mut jwt = json!({"roles_jwt_field": "roles", "user_id_jwt_field": "sub", "team_ids_jwt_field": "groups",
            "user_email_jwt_field": "email", "enforce_rbac": true});
        if self.team_claim {
            jwt["team_id_jwt_field"] = json!("team");
        }
        if self.team_routes {
            jwt["team_allowed_routes"] = json!(["openai_routes"]);
        }
        if self.scopes {
            jwt["enforce_scope_based_access"] = json!(true);
            jwt["scope_mappings"] =
                SCOPES.iter().map(|(scope, models)| json!({"scope": scope, "models": models})).collect();
        }
        let roles: Vec<Value> = ROLES
            .iter()
            .map(|(role, models, routes)| json!({"role": role, "models": models, "routes": routes}))
            .collect();
        let teams: Vec<Value> = TEAMS
            .iter()
            .map(|(id, models, organization, blocked)| {
                json!({"team_id": id, "team_alias": id, "models": models, "organization_id": organization, "blocked": blocked})
            })
            .collect();
        let models: Vec<Value> = MODELS
            .iter()
            .map(|(name, groups)| {
                json!({"model_name": name, "litellm_params": {"model": "openai/x"}, "model_info": {"access_groups": groups}})
            })
            .collect();
        let mut config = json!({"general_settings": {"enable_jwt_auth": true, "litellm_jwtauth": jwt, "role_permissions": roles},
            "teams": teams, "model_list": models});
        if self.token_roles {
            let entry = |(role, models, denied, routes, inherits): &TokenRole| {
                let mut entry =
                    json!({"role": role, "models": models, "deny_models": denied, "inherits": inherits});
                if let Some(routes) = routes {
                    entry["routes"] = json!(routes);
                }
                entry
            };
            config["modelgate"] = json!({"role_permissions": BY_TOKEN.iter().map(entry).collect::<Vec<_>>()});
        }
        config
    }
}

/// A request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) claims: Map<String, Value>,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) models: Vec<&'static str>,
    pub(crate) body: Map<String, Value>,
    pub(crate) source: Option<[u8; 4]>,
}

impl Asked {
    fn choose(choices: &mut Choices<'_>) -> Self {
        let mut claims = Map::new();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                claims.insert(name.to_owned(), json!(value));
            }
        };
        put("sub", choices.one(&["ada", "eve", "boss", ""]));
        put("iss", choices.one(&["https://a", "https://b", "https://a#ada", ""]));
        put("team", choices.one(&["red", "blue", "grey", "ghost", ""]));
        put("scope", choices.one(&["s.one s.two", "s.one", "s.two", ""]));
        put("email", choices.one(&["", "boss", "ada@a.com"]));
        put("department", choices.one(&["", "north", "south"]));
        claims.insert("roles".to_owned(), json!(choices.some(&["dev", "base", "ops", "other"])));
        claims.insert("groups".to_owned(), json!(choices.some(&["red", "blue", "ghost"])));
        let path = choices.one(&["/v1/chat/completions", "/v1/embeddings", "/custom", "/model/info"]);
        let source = [None, Some([10, 1, 2, 3]), Some([192, 0, 2, 1])][choices.below(3)];
        if choices.below(8) == 7 {
            return Self {
                claims,
                method: Method::GET,
                path: "/v1/models",
                models: Vec::new(),
                body: Map::new(),
                source,
            };
        }
        let names = ["small", "large", "extra", "openai/x", "gpt-9"];
        let first = choices.one(&names);
        let mut models = vec![first];
        let mut body = Map::from_iter([("model".to_owned(), json!(first))]);
        if choices.below(4) == 3 {
            let other = choices.one(&names);
            body.insert("fallbacks".to_owned(), json!([other]));
            models.extend((other != first).then_some(other));
        }
        if choices.yes() {
            body.insert("max_tokens".to_owned(), json!(choices.below(20)));
        }
        Self { claims, method: Method::POST, path, models, body, source }
    }

    /// Changes one thing.
    fn vary(&mut self, choices: &mut Choices<'_>) {
        let other = Self::choose(choices);
        let changed =
            ["sub", "iss", "team", "scope", "email", "department", "roles", "groups", "source", "path"];
        match choices.one(&changed) {
            "source" => self.source = other.source,
            "path" if self.method == other.method => self.path = other.path,
            claim => match other.claims.get(claim) {
                Some(value) => _ = self.claims.insert(claim.to_owned(), value.clone()),
                None => _ = self.claims.remove(claim),
            },
        }
    }

    /// The body of the request.
    pub(crate) fn text(&self) -> String {
        if self.method == Method::GET { String::new() } else { Value::Object(self.body.clone()).to_string() }
    }
}

fn decide(snapshot: &Snapshot, asked: &Asked) -> Outcome {
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(asked.claims.clone()));
    let (body, headers) = (asked.text(), HeaderMap::new());
    let parts = RequestParts {
        method: &asked.method,
        path: asked.path,
        query: None,
        headers: &headers,
        body: body.as_bytes(),
    };
    let request_context = RequestContext { time: None, source: asked.source.map(Into::into) };
    let call = classify(&parts).expect("a plain request").with_context(request_context);
    let decided = snapshot.decide(&caller, &call);
    let allow = match &decided {
        Ok(_) => Some(true),
        Err(denied) if denied.error.is_some() => return (None, BTreeSet::new(), BTreeSet::new()),
        Err(_) => Some(false),
    };
    let decision = decided.as_ref().unwrap_or_else(|denied| &denied.decision);
    let ids = |ids: &[std::sync::Arc<str>]| ids.iter().map(ToString::to_string).collect();
    (allow, ids(&decision.policies), ids(&decision.shadow))
}
